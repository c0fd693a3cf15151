"""How fast, where to and how much a number sends; and what becomes of a send that nobody heard of again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hub.messages.outbox import Outbox
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.messaging import PHONE, core, shown, worker, write


def sent(hub: Hub) -> list[str]:
    return [m.body for m in hub.twilio.messaging.messages.values() if m.direction == "outbound-api"]


async def lost(hub: Hub, text: str) -> int:
    """A send that the stand-in took and whose answer never came; its interaction."""
    number = await write(hub, text)
    claim = next(c for c in await Outbox(core(hub)).claim() if c.interaction_id == number)
    await Outbox(core(hub)).wire(claim)
    await hub.db.execute(
        "update outbound set state = 'unknown', due_at = now(), lease_until = null where id = %s", [claim.id]
    )
    return number


async def test_a_number_keeps_its_pace_whoever_sends(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"messages_per_second": 2})
    for n in range(12):
        await hub.twilio.inbound(f"+1415555{n:04}", "Hello")
    for n in range(1, 13):
        await write(hub, f"answer {n}", conversation=n)
    outboxes = [Outbox(core(hub)) for _ in range(3)]
    first = await asyncio.gather(*(one.claim() for one in outboxes))
    assert 1 <= sum(map(len, first)) <= 3  # a second's worth, and the one that is always allowed
    assert not await outboxes[0].anything_due()
    wait = await outboxes[0].seconds_to_next()
    assert wait is not None
    assert 0 < wait <= 2
    # Two hours of silence are not two hours of credit.
    await hub.db.execute("update pace set next_at = now() - interval '2 hours'")
    assert sum(map(len, await asyncio.gather(*(one.claim() for one in outboxes)))) <= 3


async def test_a_number_without_a_pace_is_not_held_up_by_one_that_has(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"messages_per_second": 0.01})
    for n in range(3):
        await hub.twilio.inbound(f"+1415555{n:04}", "Hello")
        await write(hub, "answer", conversation=n + 1)
    assert len(await Outbox(core(hub)).claim()) == 1
    await hub.configure("sms", "limits", {})
    assert len(await Outbox(core(hub)).claim()) == 2


async def test_paced_sends_all_leave_in_their_order(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"messages_per_second": 200})
    await hub.twilio.inbound(PHONE, "Hello")
    for n in range(10):
        await write(hub, f"answer {n}")
    async with asyncio.timeout(30):
        while await hub.value("select exists (select from outbound where state = 'pending')"):
            await worker(hub).drain()
    assert sent(hub) == [f"answer {n}" for n in range(10)]


async def test_a_place_that_is_not_on_the_list_is_never_written_to(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"destinations": ["+86", "+49"]})
    await hub.twilio.inbound(PHONE, "Hello")
    number = await write(hub, "answer")
    await worker(hub).drain()
    status, words = await shown(hub, number)
    assert status == "failed"
    assert "destinations" in (words or "")
    assert sent(hub) == []


async def test_the_cap_of_a_day_holds_to_the_segment_and_is_counted_once_for_each_send(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"daily_segments": 5})
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.faults.throttle = 1  # its first try is refused for now
    numbers = [await write(hub, text) for text in ("a" * 161, "你" * 71, "last", "too much")]
    for _ in range(4):
        await hub.db.execute("update outbound set due_at = now() where state = 'pending'")
        await worker(hub).drain()
    told = [await shown(hub, number) for number in numbers]
    assert [status in ("sent", "delivered") for status, _ in told] == [True, True, True, False]
    assert "5 segments" in (told[3][1] or "")
    assert await hub.value("select segments from spending") == 5
    # A day later, or with a higher cap, a person may send it again.
    await hub.configure("sms", "limits", {"daily_segments": 6})
    again = await hub.value("select id from outbound where interaction_id = %s", numbers[3])
    await Outbox(core(hub)).decide(again, arrived=False, actor_id=None)
    await worker(hub).drain()
    assert (await shown(hub, numbers[3]))[0] in ("sent", "delivered")


async def test_the_cap_holds_when_many_workers_send_at_once(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"daily_segments": 7})
    for n in range(20):
        await hub.twilio.inbound(f"+1415555{n:04}", "Hello")
        await write(hub, f"answer {n}", conversation=n + 1)
    await asyncio.gather(*(worker(hub).drain() for _ in range(4)))
    assert len(sent(hub)) == 7
    assert await hub.value("select segments from spending") == 7
    assert await hub.value("select count(*) from outbound where state = 'failed'") == 13


async def test_money_is_counted_by_the_dearest_price(hub: Hub) -> None:
    await hub.configure("sms", "limits", {"daily_spend": 0.1, "price_per_segment": 0.01, "prices": {"+1415": 0.05}})
    await hub.twilio.inbound(PHONE, "Hello")
    for n in range(3):
        await write(hub, f"answer {n}")
    for _ in range(3):
        await worker(hub).drain()
    assert len(sent(hub)) == 2


async def test_an_unknown_send_is_found_in_the_provider_s_list(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    number = await lost(hub, "Your order is on its way.")
    account = await hub.of("sms")
    made = await hub.sms._rest.create(
        account.settings, to=PHONE, from_=account.address, body="Your order is on its way."
    )
    assert await worker(hub).look() == 1
    [row] = await hub.db.dicts("select state, provider_id from outbound")
    assert (row["state"], row["provider_id"]) == ("sent", made)
    assert (await shown(hub, number))[0] == "sent"


async def test_of_two_unknown_sends_of_one_text_one_trace_settles_one(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    await write(hub, "Yes.")
    await worker(hub).drain()  # a third of the same text that we know all about
    for _ in range(2):
        await lost(hub, "Yes.")
    account = await hub.of("sms")
    made = await hub.sms._rest.create(account.settings, to=PHONE, from_=account.address, body="Yes.")
    counts = await asyncio.gather(*(worker(hub).look() for _ in range(3)))
    assert sum(counts) == 1
    rows = await hub.db.dicts("select state, provider_id from outbound order by id")
    assert sorted(row["state"] for row in rows) == ["sent", "sent", "unknown"]
    assert [row["provider_id"] for row in rows].count(made) == 1


async def later(hub: Hub, minutes: int) -> None:
    await hub.db.execute(
        "update outbound set due_at = now(), wire_at = wire_at - %(by)s, absent_at = absent_at - %(by)s where state = 'unknown'",
        {"by": timedelta(minutes=minutes)},
    )


async def test_a_send_the_provider_does_not_know_is_sent_again_after_a_second_look(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    number = await lost(hub, "Where are you?")
    assert await worker(hub).look() == 0
    assert (await shown(hub, number))[1] is None  # it may still be on its way into the list
    await later(hub, 6)
    assert await worker(hub).look() == 0
    assert "no record" in ((await shown(hub, number))[1] or "")
    assert await hub.value("select state from outbound") == "unknown"
    assert sent(hub) == []
    await later(hub, 6)
    await worker(hub).look()
    await worker(hub).drain()
    assert (sent(hub), (await shown(hub, number))[0]) == (["Where are you?"], "sent")


@pytest.mark.parametrize("fault", ["fail", "lose_answer"])
async def test_every_send_of_a_bad_hour_is_settled_without_anybody_and_arrives_once(hub: Hub, fault: str) -> None:
    """Twilio answers 5xx: some it took all the same, of others it knows nothing. Nobody is asked, nothing is doubled."""
    texts = [f"answer {n}" for n in range(4)]
    for n in range(4):
        await hub.twilio.inbound(f"+1415555{n:04}", "Hello")
        await write(hub, texts[n], conversation=n + 1)
    setattr(hub.twilio.faults, fault, 2)
    for _ in range(4):
        await hub.db.execute("update account_trouble set next_at = now()")
        await hub.db.execute("update outbound set due_at = now() where state = 'pending'")
        await worker(hub).drain()
    unknown = await hub.value("select count(*) from outbound where state = 'unknown'")
    assert unknown == 2 or fault == "lose_answer"  # a report may have been quicker
    for _ in range(3):
        await later(hub, 6)
        await worker(hub).look()
        await hub.db.execute("delete from account_trouble")
        await worker(hub).drain()
    assert await hub.value("select count(*) from outbound where state = 'sent'") == 4
    assert sorted(sent(hub)) == texts


async def test_what_reads_otherwise_at_the_provider_is_left_to_a_person(hub: Hub) -> None:
    """Links are shortened there, bodies redacted: something went to this customer that we cannot account for."""
    await hub.twilio.inbound(PHONE, "Hello")
    await lost(hub, "See https://shop.example/orders/1")
    account = await hub.of("sms")
    await hub.sms._rest.create(account.settings, to=PHONE, from_=account.address, body="See https://twil.io/x")
    for _ in range(3):
        await later(hub, 6)
        await worker(hub).drain()
    assert await hub.value("select state from outbound") == "unknown"
    assert len(sent(hub)) == 1


async def test_a_trial_accounts_words_do_not_hide_that_it_arrived(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    await lost(hub, "“Yes” – it’s ready…")
    account = await hub.of("sms")
    body = 'Sent from your Twilio trial account - "Yes" - it\'s ready...'
    await hub.sms._rest.create(account.settings, to=PHONE, from_=account.address, body=body)
    assert await worker(hub).look() == 1


async def test_a_provider_that_cannot_be_asked_settles_nothing(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    await lost(hub, "Where are you?")
    await hub.twilio.stop()
    assert await worker(hub).look() == 0
    assert await hub.value("select state from outbound") == "unknown"
