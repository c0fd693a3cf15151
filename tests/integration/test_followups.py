"""Follow-ups: planned once, fired once, stopped by a reply on any channel."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from hub.automation.late import note_late
from hub.automation.plans import plan_next
from hub.conversations import actions, queueing, writing
from hub.core import events
from hub.core.clock import now
from hub.core.service import Core
from tests.centre import Centre
from workers.followups import run_due

pytestmark = pytest.mark.breaks_rules  # its customers' rows are written by hand, beside the queue


class Desk(Centre):
    """A centre with one customer who has written."""

    async def customer(self, channel: str = "email", queue: int | None = None, name: str = "Ada") -> tuple[int, int]:
        """(contact, conversation)."""
        db = self.core.db
        account = await db.value("select id from account where channel = %s", [channel])
        account = account or await self.account(channel, queue)
        contact = await self.contact(name)
        await db.execute("update contact set root_id = id where id = %s", [contact])
        kind, value = {
            "email": ("email", f"{name}@example.com"),
            "chat": ("visitor", f"v-{name}"),
            "sms": ("phone", "+15550100"),
        }[channel]
        address = await db.value(
            "insert into address (contact_id, kind, value, verified_at) values (%s, %s, %s, now()) returning id",
            [contact, kind, value],
        )
        conversation = await db.value(
            "insert into conversation (contact_id, account_id, channel, queue_id) values (%s, %s, %s, %s) returning id",
            [contact, account, channel, queue],
        )
        await plan_next(self.core.db)  # the reader begins here
        await self.writes(contact, conversation, "Hello", channel, address, account)
        return contact, conversation

    async def writes(
        self,
        contact: int,
        conversation: int,
        text: str,
        channel: str = "email",
        address: int | None = None,
        account: int | None = None,
        automatic: bool = False,
    ) -> None:
        async with events.unit(self.core.db, self.core.feed) as unit:
            interaction = await self.core.db.value("select nextval('interaction_id_seq')")
            event = await unit.log(
                "interaction.created",
                conversation_id=conversation,
                contact_id=contact,
                data={"interaction_id": interaction, "direction": "in", "channel": channel, "automatic": automatic},
            )
            await unit.conn.execute(
                "insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, "
                "text, address_id, "
                "account_id, automatic) "
                "overriding system value values (%s, %s, %s, %s, 'message', 'in', %s, %s, %s, %s, %s)",
                [
                    interaction,
                    conversation,
                    contact,
                    event.conversation_seq,
                    channel,
                    text,
                    address,
                    account,
                    automatic,
                ],
            )
            if not automatic:
                await unit.conn.execute(
                    "update conversation set waiting_since = coalesce(waiting_since, now()), status = 'open' "
                    "where id = %s",
                    [conversation],
                )

    async def answers(self, conversation: int, text: str = "Done.") -> None:
        agent = await self.core.db.value("select id from agent limit 1") or await self.agent(
            "Ann", await self.queue("a")
        )
        async with events.unit(self.core.db, self.core.feed) as unit:
            reply = writing.Reply(text, f"c-{now().timestamp()}")
            await writing.reply(unit, self.core.vault, conversation, reply, actor_id=agent)

    async def resolves(self, conversation: int) -> None:
        agent = await self.core.db.value("select id from agent limit 1")
        async with events.unit(self.core.db, self.core.feed) as unit:
            await actions.resolve(unit, conversation, actor_id=agent)

    async def tick(self, hours: float = 0) -> None:
        """Plan, let time pass by moving what is due, fire."""
        while await plan_next(self.core.db):
            pass
        if hours:
            await self.core.db.execute(
                "update follow_up set due_at = due_at - %s where state = 'scheduled'", [timedelta(hours=hours)]
            )
            await self.core.db.execute(
                "update conversation set waiting_since = waiting_since - %s", [timedelta(hours=hours)]
            )
        await note_late(self.core.db)
        await run_due(self.core)
        while await plan_next(self.core.db):
            pass

    async def counted(self) -> int | None:
        return await self.core.db.value("select sum(entered) from stat_bucket")

    async def follow_ups(self, kind: str) -> list[dict[str, Any]]:
        return await self.core.db.dicts("select * from follow_up where kind = %s order by id", [kind])

    async def sent(self, conversation: int) -> list[str]:
        rows = await self.core.db.dicts(
            "select i.text from interaction i join outbound o on o.interaction_id = i.id "
            "where i.conversation_id = %s order by i.id",
            [conversation],
        )
        return [row["text"] for row in rows]


@pytest.fixture
def desk(core: Core) -> Desk:
    return Desk(core)


def from_hour(opens: datetime) -> dict[str, Any]:
    """A week (in UTC) that opens each day at a moment's hour, for two hours."""
    span = [[f"{opens:%H}:00", f"{opens + timedelta(hours=2):%H}:00"]]
    return dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), span)


async def closed_queue(desk: Desk) -> int:
    return await desk.queue("shut", hours_id=await desk.hours({}))


async def test_acknowledgement_is_sent_once_a_day_when_closed(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await closed_queue(desk))
    await desk.tick()
    await desk.writes(contact, conversation, "Anybody there?")
    await desk.tick()
    assert len(await desk.sent(conversation)) == 1
    assert "closed" in (await desk.sent(conversation))[0]


async def test_robots_are_never_acknowledged(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await closed_queue(desk))
    await desk.core.db.execute("update event set data = data || '{\"automatic\": true}'")
    await desk.writes(contact, conversation, "I am on holiday", automatic=True)
    await desk.tick()
    assert await desk.sent(conversation) == []


async def test_acknowledgement_speaks_the_customers_language(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await closed_queue(desk), name="丽")
    await desk.core.db.execute("update contact set locale = 'zh_CN' where id = %s", [contact])
    await desk.core.db.execute(
        "insert into template (key, locale, name, body) "
        "values ('auto-acknowledgement', 'zh-CN', 'x', '{{contact.name}}，您好 {{x}}')"
    )
    await desk.tick()
    assert await desk.sent(conversation) == ["丽，您好 {{x}}"]


async def test_reminder_then_close_when_the_customer_stays_silent(desk: Desk) -> None:
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick(hours=49)
    assert len(await desk.sent(conversation)) == 2
    await desk.tick(hours=73)
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "resolved"


async def test_reply_on_another_channel_stops_the_reminder(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick()
    other, second = await desk.customer("sms", name="Same")
    await desk.core.db.execute("update contact set root_id = %s where id = %s", [contact, other])
    await desk.writes(other, second, "It works, thanks", "sms")
    await desk.tick(hours=49)
    assert len(await desk.sent(conversation)) == 1
    assert [f["reason"] for f in await desk.follow_ups("reminder")] == ["the customer has written"]


async def test_reply_not_yet_read_by_the_planner_stops_it_too(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick()
    await desk.core.db.execute("update follow_up set due_at = now() where kind = 'reminder'")
    await desk.writes(contact, conversation, "wait")
    await run_due(desk.core)
    assert [f["state"] for f in await desk.follow_ups("reminder")] == ["cancelled"]


async def test_due_follow_up_fires_once_when_many_run(desk: Desk) -> None:
    _, conversation = await desk.customer(queue=await closed_queue(desk))
    while await plan_next(desk.core.db):
        pass
    await asyncio.gather(*[run_due(desk.core) for _ in range(5)])
    assert len(await desk.sent(conversation)) == 1


async def test_satisfaction_is_asked_and_a_number_is_taken(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.resolves(conversation)
    await desk.tick(hours=1)
    assert "/rate/" in (await desk.sent(conversation))[-1]
    await desk.writes(contact, conversation, "4")
    await desk.tick()
    assert await desk.core.db.dicts("select score, comment from rating") == [{"score": 4, "comment": ""}]
    await desk.tick(hours=1)
    assert len(await desk.follow_ups("satisfaction")) == 1


async def test_missed_chat_is_followed_up_by_mail_and_counts_as_abandoned(desk: Desk) -> None:
    queue = await desk.queue()
    contact, conversation = await desk.customer("chat", queue)
    await desk.account("email")
    await desk.core.db.execute(
        "insert into address (contact_id, kind, value) values (%s, 'email', 'ada@example.org')", [contact]
    )
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await queueing.enqueue(unit, conversation, queue, channel="chat")
        await unit.log("chat.left", conversation_id=conversation, contact_id=contact, queue_id=queue)
    await desk.tick()
    await desk.tick(hours=1)
    payload = await desk.core.db.value("select payload from outbound where conversation_id = %s", [conversation])
    assert payload["to"] == "ada@example.org"
    rows = await desk.core.db.dicts(
        "select state, channel, outcome from queue_entry where conversation_id = %s order by id", [conversation]
    )
    assert rows == [
        {"state": "closed", "channel": "chat", "outcome": "abandoned"},
        {"state": "waiting", "channel": "email", "outcome": None},  # the customer still waits: a mail reaches them
    ]
    assert len(await desk.events("entry.abandoned")) == 1


async def test_chat_left_by_somebody_who_gave_an_address_waits_for_a_person(desk: Desk) -> None:
    queue = await desk.queue()
    contact, conversation = await desk.customer("chat", queue)
    await desk.core.db.execute('update interaction set meta = meta || \'{"email": "zoe@home.example"}\'')
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await queueing.enqueue(unit, conversation, queue, channel="chat")
        await unit.log("chat.left", conversation_id=conversation, contact_id=contact, queue_id=queue)
    await desk.tick()
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "open"
    entry = await desk.entry(conversation)
    assert (entry["state"], entry["channel"]) == ("waiting", "email")
    assert await desk.sent(conversation) == []  # nobody has proved the address: no automatic mail goes there


async def test_chat_left_by_somebody_whom_nothing_reaches_is_over(desk: Desk) -> None:
    queue = await desk.queue()
    contact, conversation = await desk.customer("chat", queue)
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await queueing.enqueue(unit, conversation, queue, channel="chat")
        await unit.log("chat.left", conversation_id=conversation, contact_id=contact, queue_id=queue)
    await desk.tick()
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "resolved"
    assert (await desk.entry(conversation))["outcome"] == "abandoned"
    assert len(await desk.events("entry.abandoned")) == 1


async def test_missed_reply_is_noted_when_nobody_answers(desk: Desk) -> None:
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.tick(hours=1)
    assert (
        await desk.core.db.value(
            "select kind from interaction where conversation_id = %s order by id desc", [conversation]
        )
        == "note"
    )
    assert len(await desk.events("reply.missed")) == 1


async def test_missed_reply_is_off_when_somebody_answered(desk: Desk) -> None:
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick(hours=1)
    assert await desk.follow_ups("missed_reply") == []


async def test_missed_reply_is_off_when_the_answer_was_faster_than_the_clock(desk: Desk) -> None:
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.core.db.execute("update conversation set waiting_since = waiting_since - interval '1 hour'")
    await note_late(desk.core.db)
    await desk.answers(conversation)
    await desk.tick()
    assert [f["reason"] for f in await desk.follow_ups("missed_reply")] == ["answered"]


async def test_missed_reply_is_not_noted_when_the_queue_never_works(desk: Desk) -> None:
    await desk.customer(queue=await closed_queue(desk))
    await desk.tick(hours=1)
    assert await desk.follow_ups("missed_reply") == []


async def test_clock_of_a_reply_starts_in_the_morning_when_the_customer_wrote_at_night(desk: Desk) -> None:
    opens = (now() + timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    queue = await desk.queue("later", hours_id=await desk.hours(from_hour(opens)))
    await desk.customer(queue=queue)
    await desk.tick(hours=1)
    [follow_up] = await desk.follow_ups("missed_reply")
    assert (follow_up["state"], follow_up["due_at"]) == ("scheduled", opens + timedelta(minutes=30))


async def test_missed_reply_is_off_when_another_wait_has_begun(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.core.db.execute("update conversation set waiting_since = waiting_since - interval '1 hour'")
    await note_late(desk.core.db)
    await desk.answers(conversation)
    await desk.writes(contact, conversation, "And another thing")
    await desk.tick()
    assert [f["reason"] for f in await desk.follow_ups("missed_reply")] == ["answered"]


@pytest.mark.parametrize("kind", ["reminder", "close"])
async def test_what_asks_for_an_answer_waits_for_the_queue_to_open(desk: Desk, kind: str) -> None:
    opens = (now() + timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    queue = await desk.queue("later", hours_id=await desk.hours(from_hour(opens)))
    _, conversation = await desk.customer(queue=queue)
    await desk.answers(conversation)
    await desk.tick()
    await desk.core.db.execute(
        "insert into follow_up (key, kind, conversation_id, due_at, payload) values ('x', %s, %s, now(), '{}') "
        "on conflict do nothing", [kind, conversation]
    )  # fmt: skip
    before = await desk.sent(conversation)
    await desk.tick()
    [planned] = [f for f in await desk.follow_ups(kind) if f["key"] == "x"]
    assert (planned["state"], planned["due_at"]) == ("scheduled", opens)
    assert await desk.sent(conversation) == before
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "open"


async def test_missed_reply_is_noted_once_when_the_customer_wrote_three_times(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.tick(hours=1)
    for text in ("And", "another thing"):
        await desk.writes(contact, conversation, text)
        await desk.tick()
    assert len(await desk.events("reply.missed")) == 1


async def test_snooze_ends_by_itself(desk: Desk) -> None:
    queue = await desk.queue()
    _, conversation = await desk.customer(queue=queue)
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await actions.snooze(unit, conversation, now() + timedelta(hours=2), actor_id=None)
    await desk.tick()
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "snoozed"
    await desk.tick(hours=3)
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "open"
    assert (await desk.entry(conversation))["state"] == "waiting"


async def test_follow_up_that_cannot_be_sent_says_why(desk: Desk) -> None:
    contact, _ = await desk.customer(queue=await closed_queue(desk))
    await desk.core.db.execute("update address set opted_out_at = now() where contact_id = %s", [contact])
    await desk.tick()
    [ended] = await desk.follow_ups("acknowledgement")
    assert ended["state"] == "cancelled"
    assert ended["reason"]


async def test_delays_are_the_centres(desk: Desk) -> None:
    await desk.core.db.execute("insert into meta values ('automation', %s)", [Jsonb({"reminder": 0})])
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick(hours=100)
    assert await desk.follow_ups("reminder") == []


async def test_scheduler_counts_plans_and_fires_by_itself(desk: Desk) -> None:
    from workers.schedule import Scheduler

    queue = await closed_queue(desk)
    task = asyncio.create_task(Scheduler(desk.core, every=0.1).run())
    try:
        _, conversation = await desk.customer(queue=queue)
        await desk.waiting(queue)
        async with asyncio.timeout(10):
            while not await desk.sent(conversation) or not await desk.core.db.value(  # noqa: ASYNC110 - the database rings no event
                "select sum(entered) from stat_bucket"
            ):
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(await desk.sent(conversation)) == 1
