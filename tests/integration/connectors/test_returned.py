"""What the provider took and could not deliver for now is sent again, a few times, and never beside one that arrived."""

from __future__ import annotations

from typing import Any

import pytest

from hub.channels.model import Delivery, DeliveryStatus
from hub.messages.delivery import RETURN_MINUTES
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.messaging import PHONE, shown, worker, write


async def sids(hub: Hub) -> list[str]:
    """What the provider was asked to send, in order."""
    return [m.sid for m in hub.twilio.messaging.messages.values() if m.direction == "outbound-api"]


async def send(hub: Hub) -> None:
    """Send what is due, and hear what becomes of it."""
    await worker(hub).drain()
    await hub.twilio.messaging.wire.settled()


async def row(hub: Hub) -> dict[str, Any]:
    [found] = await hub.db.dicts(
        "select state, returned, error, due_at > now() + interval '1 minute' as later, provider_id from outbound"
    )
    return found


async def due_now(hub: Hub) -> None:
    await hub.db.execute("update outbound set due_at = now() where state = 'pending'")


@pytest.mark.parametrize("code", [63018, 30001, 30003, 30008, 30017, 30022])
async def test_a_message_is_sent_again_later_when_its_report_says_for_now(hub: Hub, code: int) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.outcomes[PHONE] = ("undelivered", code)
    number = await write(hub, "Hello to you")
    await send(hub)
    assert await shown(hub, number) == ("pending", (await row(hub))["error"])
    found = await row(hub)
    assert (found["state"], found["returned"], found["later"]) == ("pending", 1, True)
    assert str(code) in found["error"]
    await send(hub)
    assert len(await sids(hub)) == 1  # not before its time
    del hub.twilio.outcomes[PHONE]
    await due_now(hub)
    await send(hub)
    assert len(await sids(hub)) == 2
    assert await shown(hub, number) == ("delivered", None)
    assert await hub.value("select external_id from interaction where id = %s", number) == (await sids(hub))[1]


async def test_a_message_fails_in_words_when_it_came_back_too_often(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.outcomes[PHONE] = ("undelivered", 63018)
    number = await write(hub, "Hello to you")
    for _ in range(len(RETURN_MINUTES) + 3):
        await send(hub)
        await due_now(hub)
    assert len(await sids(hub)) == 1 + len(RETURN_MINUTES)
    status, words = await shown(hub, number)
    assert (status, words) == ("failed", "Twilio error 63018: too many messages in a short time")


@pytest.mark.parametrize("code", [63003, 63005, 63013, 63016, 63024, 63049, 21610, 21614, 30005, 30006, 30007])
async def test_a_message_is_not_sent_again_when_its_report_says_for_good(hub: Hub, code: int) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.outcomes[PHONE] = ("undelivered", code)
    number = await write(hub, "Hello to you")
    await send(hub)
    status, words = await shown(hub, number)
    assert status == "failed"
    assert words is not None
    assert words.startswith(f"Twilio error {code}: ")
    assert "no reason given" not in words


async def test_nothing_is_sent_twice_when_the_first_arrived_after_all(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.outcomes[PHONE] = ("undelivered", 63018)
    number = await write(hub, "Hello to you")
    await send(hub)
    [first] = await sids(hub)
    outbound = await hub.value("select id from outbound")
    for status in (DeliveryStatus.SENT, DeliveryStatus.FAILED):  # told late: they say nothing about the next try
        await hub.intake.delivery(Delivery("twilio", status, first, outbound, "late"))
        assert (await row(hub))["state"] == "pending"
    await hub.intake.delivery(Delivery("twilio", DeliveryStatus.DELIVERED, first, outbound))
    assert (await shown(hub, number))[0] == "delivered"
    await due_now(hub)
    await send(hub)
    assert await sids(hub) == [first]


async def test_a_report_counts_once_when_it_comes_before_our_own_result(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    await write(hub, "Hello to you")
    outbound = await hub.value("select id from outbound")
    await hub.db.execute("update outbound set state = 'wire', attempt = 1")
    report = Delivery("twilio", DeliveryStatus.FAILED, "SM" + "1" * 32, outbound, "for now", for_now=True)
    for _ in range(3):
        await hub.intake.delivery(report)
    result = {"outbound_id": outbound, "attempt": 1, "provider_id": "SM" + "1" * 32, "status": "sent", "error": None}
    assert not await hub.intake._reports._group.submit(result)
    found = await row(hub)
    assert (found["state"], found["returned"], found["provider_id"]) == ("pending", 1, None)


async def test_why_it_failed_is_a_code_whichever_came_first(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    why: dict[str, Any] = {"code": "twilio.error", "params": {"number": 30005, "reason": "a\x00\ud800b" + "c" * 900}}
    for n, early in enumerate((True, False)):
        await write(hub, f"Hello to you {n}")
        outbound = await hub.value("select max(id) from outbound")
        await hub.db.execute("update outbound set state = 'wire', attempt = 1 where id = %s", [outbound])
        sid = f"SM{n:032}"
        report = Delivery("twilio", DeliveryStatus.FAILED, sid, None if early else outbound, "words", **why)
        result = {"outbound_id": outbound, "attempt": 1, "provider_id": sid, "status": "sent", "error": None}
        steps = [lambda r=report: hub.intake.delivery(r), lambda r=result: hub.intake._reports._group.submit(r)]
        for step in steps if early else reversed(steps):
            await step()
        [found] = await hub.db.dicts("select state, error, code, params from outbound where id = %s", [outbound])
        assert (found["state"], found["error"], found["code"]) == ("failed", "words", "twilio.error")
        assert (found["params"]["number"], len(found["params"]["reason"])) == (30005, 500)
