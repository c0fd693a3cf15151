"""What did not arrive was no answer: its customer waits still, on the desk they were on, and the clock runs."""

from __future__ import annotations

import pytest

from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.channels.model import Delivery, DeliveryStatus
from hub.messages.delivery import Claimed, Reports
from tests.integration.queues.test_silence import answered, entry
from tests.support.app import Agent, App
from workers.followups import run_due


@pytest.fixture
async def amy(app: App) -> Agent:
    while await plan_next(app.core.db):
        pass
    return await app.agent("amy")


async def lost(app: App, conversation: int) -> None:
    """The provider says that the latest answer will never arrive, and what follows has followed."""
    [send] = await app.core.db.dicts(
        "select id, connector from outbound where conversation_id = %s order by id desc limit 1", [conversation]
    )
    report = Delivery(
        send["connector"], DeliveryStatus.FAILED, f"P{send['id']}", outbound_id=send["id"], error="No such number."
    )
    assert await Reports(app.core).record(report)
    await follow(app)


async def follow(app: App) -> None:
    while await plan_next(app.core.db):
        pass
    await note_late(app.core.db)
    await run_due(app.core)


async def notes(app: App, agent: Agent, conversation: int) -> list[str]:
    items = (await agent.get(f"/conversations/{conversation}/interactions"))["items"]
    return [i["said"]["code"] for i in items if i["said"]]


async def test_customer_whom_an_answer_did_not_reach_waits_since_they_wrote(app: App, amy: Agent) -> None:
    conversation = await app.sms(sender="+14155550155")
    since = (await amy.get(f"/conversations/{conversation}"))["waiting_since"]
    await amy.post(f"/conversations/{conversation}/pull")
    await amy.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "Hello"}, status=201)
    assert (await amy.get(f"/conversations/{conversation}"))["waiting_since"] is None
    await lost(app, conversation)
    shown = await amy.get(f"/conversations/{conversation}")
    assert (shown["waiting_since"][:19], shown["failed"], shown["agent"]["id"]) == (since[:19], True, amy.id)
    assert (await entry(app, conversation))["resting"] is False  # it weighs again
    assert await notes(app, amy, conversation) == ["line.unsent"]
    told = "select count(*) from event where kind = 'conversation.updated' and agent_id = %s and conversation_id = %s"
    assert await app.core.db.value(told, [amy.id, conversation]) >= 1


async def test_missed_reply_is_noted_when_nobody_answers_what_was_lost(app: App, amy: Agent) -> None:
    conversation = await answered(app, amy)
    await app.core.db.execute("update follow_up set state = 'fired', ended_at = now() where kind = 'missed_reply'")
    await lost(app, conversation)
    await app.core.db.execute("update follow_up set due_at = now() where state = 'scheduled' and kind = 'missed_reply'")
    await run_due(app.core)
    assert await notes(app, amy, conversation) == ["line.unsent", "line.waiting"]


async def test_matter_that_was_resolved_with_a_lost_answer_is_open_for_who_wrote_it(app: App, amy: Agent) -> None:
    conversation = await answered(app, amy)
    await amy.post(f"/conversations/{conversation}/resolve")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now(), outcome = 'resolved'")
    await lost(app, conversation)
    shown = await amy.get(f"/conversations/{conversation}")
    assert (shown["status"], shown["entry_state"], shown["waiting_since"] is not None) == ("open", "waiting", True)
    sticky = "select sticky_agent_id from queue_entry where conversation_id = %s and state = 'waiting'"
    assert await app.core.db.value(sticky, [conversation]) == amy.id


async def test_wrap_up_of_a_lost_answer_is_work_again(app: App, amy: Agent) -> None:
    await app.core.db.execute("update queue set wrap_up_seconds = 60")
    conversation = await answered(app, amy)
    await amy.post(f"/conversations/{conversation}/resolve")
    assert (await entry(app, conversation))["state"] == "wrapping"
    await lost(app, conversation)
    assert (await entry(app, conversation))["state"] == "assigned"


@pytest.mark.parametrize("otherwise", ["another answer", "a call", "an opt-out"])
async def test_lost_answer_changes_nothing_where_it_does_not_matter(app: App, amy: Agent, otherwise: str) -> None:
    conversation = await answered(app, amy)
    db = app.core.db
    [send] = await db.dicts("select id, connector from outbound where conversation_id = %s", [conversation])
    if otherwise == "another answer":
        path = f"/conversations/{conversation}/replies"
        await amy.post(path, {"client_id": "again", "text": "Hello again"}, status=201)
    elif otherwise == "a call":
        await db.execute(
            "insert into call (conversation_id, account_id, interaction_id, direction, number, our_number, state, answered_at) "
            "select id, account_id, 1, 'out', '+14155550155', '+1', 'ended', now() from conversation where id = %s",
            [conversation],
        )
    else:
        await db.execute("update address set opted_out_at = now()")
    report = Delivery(send["connector"], DeliveryStatus.FAILED, "P1", outbound_id=send["id"], error="No such number.")
    assert await Reports(app.core).record(report)
    await follow(app)
    assert (await amy.get(f"/conversations/{conversation}"))["waiting_since"] is None
    assert await notes(app, amy, conversation) == []


async def test_failure_that_is_told_before_the_send_is_recorded_counts_as_well(app: App, amy: Agent) -> None:
    conversation = await answered(app, amy)
    reports = Reports(app.core)
    [send] = await app.core.db.dicts("select id, connector from outbound where conversation_id = %s", [conversation])
    assert not await reports.record(Delivery(send["connector"], DeliveryStatus.FAILED, "P9", error="No such number."))
    await app.core.db.execute("update outbound set state = 'wire', attempt = 1 where id = %s", [send["id"]])
    [row] = await app.core.db.dicts("select * from outbound where id = %s", [send["id"]])
    claim = Claimed(
        row["id"], row["interaction_id"], conversation, row["account_id"], 1, row["payload"], row["created_at"]
    )
    assert await reports.sent(claim, "P9")
    await follow(app)
    assert (await amy.get(f"/conversations/{conversation}"))["waiting_since"] is not None
