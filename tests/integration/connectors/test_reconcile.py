"""A day at the provider against ours: what we missed is taken in, what went further is moved, twice is once."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from hub.cli.telephony import day_of
from hub.core.clock import now
from hub.core.errors import Unavailable
from hub.reconciliation.reconcile import Compared, Reconciliation
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.messaging import PHONE, core, shown, worker, write

EARLIER = timedelta(minutes=30)


async def compared(hub: Hub, *, fetch: bool = True) -> Compared:
    account = await hub.of("sms")
    day = (now() - EARLIER).date()
    return await Reconciliation(core(hub), hub.intake, hub.accounts, hub.connectors).compare(account, day, fetch=fetch)


def age(hub: Hub) -> None:
    """Everything at the provider happened half an hour ago."""
    for message in hub.twilio.messaging.messages.values():
        message.created -= EARLIER
        if message.sent is not None:
            message.sent -= EARLIER


async def missed(hub: Hub, text: str, **more: object) -> None:
    """A message whose webhook never reached us."""
    hub.twilio.faults.drop = 1
    _, status = await hub.twilio.inbound(PHONE, text, **more)
    assert status == 0


async def test_what_came_while_we_were_away_is_taken_in_once(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "before")
    await missed(hub, "while you slept 你好")
    await missed(hub, "a picture", media=[("image/png", b"\x89PNG\r\n\x1a\n")])
    age(hub)
    looked = await compared(hub, fetch=False)
    assert (looked.provider, looked.stored, looked.missing, looked.fetched) == (3, 1, 2, 0)
    assert sorted(one.preview for one in looked.named) == ["a picture", "while you slept 你好"]
    assert await hub.texts("sms") == ["before"]
    assert await hub.value("select count(*) from reconciliation") == 0
    found = await compared(hub)
    assert (found.missing, found.fetched) == (2, 2)
    assert sorted(await hub.texts("sms")) == ["a picture", "before", "while you slept 你好"]
    assert await hub.value("select count(*) from media where state = 'remote'") == 1
    again = await compared(hub)
    assert (again.provider, again.stored, again.missing, again.fetched) == (3, 3, 0, 0)
    [row] = await hub.db.dicts("select provider, stored, fetched from reconciliation")
    assert row == {"provider": 3, "stored": 3, "fetched": 0}


async def test_a_webhook_that_comes_after_all_changes_nothing(hub: Hub) -> None:
    await missed(hub, "late")
    age(hub)
    await compared(hub)
    [message] = hub.twilio.messaging.messages.values()
    assert await hub.twilio.redeliver(message) == 200
    assert await hub.texts("sms") == ["late"]


async def test_what_has_just_come_is_left_to_its_webhook(hub: Hub) -> None:
    await missed(hub, "on its way")
    found = await compared(hub)
    assert (found.provider, found.missing) == (0, 0)


async def test_a_stop_that_was_missed_is_obeyed(hub: Hub) -> None:
    await missed(hub, "STOP")
    age(hub)
    await compared(hub)
    assert await hub.value("select opted_out_at is not null from address")


async def test_statuses_that_were_missed_are_moved_and_never_back(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Hello")
    hub.twilio.faults.drop = 10  # no status report reaches us
    numbers = [await write(hub, "one")]
    await worker(hub).drain()
    await hub.twilio.wait_for(lambda: next((m for m in hub.twilio.thread(PHONE) if m.status == "delivered"), None))
    assert (await shown(hub, numbers[0]))[0] == "sent"
    age(hub)
    found = await compared(hub)
    assert (found.moved, found.foreign) == (1, 0)
    assert (await shown(hub, numbers[0]))[0] == "delivered"
    assert (await compared(hub)).moved == 0


async def test_what_others_send_through_the_number_is_counted_apart(hub: Hub) -> None:
    account = await hub.of("sms")
    await hub.sms._rest.create(account.settings, to=PHONE, from_=account.address, body="from the shop's own program")
    await hub.twilio.wait_for(lambda: next((m for m in hub.twilio.thread(PHONE) if m.status == "delivered"), None))
    age(hub)
    found = await compared(hub)
    assert (found.provider, found.stored, found.foreign, found.missing) == (1, 0, 1, 0)
    assert await hub.value("select count(*) from interaction") == 0


async def test_a_provider_that_is_away_says_so_and_notes_nothing(hub: Hub) -> None:
    await hub.twilio.stop()
    with pytest.raises(Unavailable):
        await compared(hub)
    assert await hub.value("select count(*) from reconciliation") == 0


async def test_yesterday_is_compared_once_it_is_over_and_today_each_hour(hub: Hub) -> None:
    comparing = Reconciliation(core(hub), hub.intake, hub.accounts, hub.connectors)
    today = now().date()

    async def overdue() -> list[str]:
        return [("today" if day == today else "yesterday") for _, day in await comparing.overdue(today)]

    assert await overdue() == ["yesterday", "today"]
    account = await hub.of("sms")
    for day in (today - timedelta(days=1), today):
        await comparing.compare(account, day, fetch=True)
    assert await overdue() == []
    await hub.db.execute("update reconciliation set at = at - interval '2 hours' where day = %s", [today])
    assert await overdue() == ["today"]
    await hub.db.execute("update reconciliation set at = day + time '23:00' at time zone 'utc' where day < %s", [today])
    assert await overdue() == ["yesterday", "today"]


def test_days_are_understood_as_people_write_them() -> None:
    assert day_of("2026-11-25").isoformat() == "2026-11-25"
    assert day_of("yesterday") == datetime.now(UTC).date() - timedelta(days=1)
    with pytest.raises(argparse.ArgumentTypeError, match="no day"):
        day_of("25.11.")
