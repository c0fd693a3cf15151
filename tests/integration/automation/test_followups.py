"""Follow-ups: planned once, fired once, stopped by a reply on any channel."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.conversations import actions
from hub.conversations.events import ChatLeft
from hub.core import events
from hub.core.clock import now
from hub.core.service import Core
from hub.queues import entries
from tests.integration.automation.desk import Desk
from workers.followups import run_due

pytestmark = pytest.mark.breaks_rules  # its customers' rows are written by hand, beside the queue


@pytest.fixture
def desk(core: Core) -> Desk:
    return Desk(core)


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
    assert "[Survey link sent]" in (await desk.sent(conversation))[-1]
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
        await entries.enqueue(unit, conversation, queue, channel="chat")
        await unit.log(ChatLeft(), conversation_id=conversation, contact_id=contact, queue_id=queue)
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
        await entries.enqueue(unit, conversation, queue, channel="chat")
        await unit.log(ChatLeft(), conversation_id=conversation, contact_id=contact, queue_id=queue)
    await desk.tick()
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "open"
    entry = await desk.entry(conversation)
    assert (entry["state"], entry["channel"]) == ("waiting", "email")
    assert await desk.sent(conversation) == []  # nobody has proved the address: no automatic mail goes there


async def test_chat_left_by_somebody_whom_nothing_reaches_is_over(desk: Desk) -> None:
    queue = await desk.queue()
    contact, conversation = await desk.customer("chat", queue)
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await entries.enqueue(unit, conversation, queue, channel="chat")
        await unit.log(ChatLeft(), conversation_id=conversation, contact_id=contact, queue_id=queue)
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


async def test_missed_reply_is_noted_once_when_the_customer_wrote_three_times(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.tick(hours=1)
    for text in ("And", "another thing"):
        await desk.writes(contact, conversation, text)
        await desk.tick()
    assert len(await desk.events("reply.missed")) == 1


async def test_nothing_is_late_before_the_queues_target_but_work_of_who_is_gone_is_given_back(desk: Desk) -> None:
    queue = await desk.queue()
    await desk.core.db.execute("update queue set target_seconds = 7200 where id = %s", [queue])
    _, conversation = await desk.customer(queue=queue)
    agent = await desk.agent("amy", queue)
    async with events.unit(desk.core.db, desk.core.feed) as unit:
        await entries.enqueue(unit, conversation, queue, channel="email")
        await entries.pull(unit, conversation, agent)
    await desk.presence(agent, "away")
    await desk.tick(hours=1)
    assert await desk.events("reply.missed") == []
    assert (await desk.entry(conversation))["state"] == "waiting"
    [_, late] = await desk.follow_ups("missed_reply")
    left = late["due_at"] - now()
    assert timedelta(minutes=55) < left < timedelta(minutes=65)
    await desk.core.db.execute("update follow_up set due_at = now() where id = %s", [late["id"]])
    await desk.tick()
    assert len(await desk.events("reply.missed")) == 1
    assert (await desk.follow_ups("missed_reply"))[-1]["payload"]["seconds"] == 7200


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


async def test_delays_are_the_centers(desk: Desk) -> None:
    await desk.core.db.execute("insert into meta values ('automation', %s)", [Jsonb({"reminder": 0})])
    _, conversation = await desk.customer(queue=await desk.queue())
    await desk.answers(conversation)
    await desk.tick(hours=100)
    assert await desk.follow_ups("reminder") == []


async def test_scheduler_counts_plans_and_fires_by_itself(desk: Desk) -> None:
    from workers.scheduler import Scheduler

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
