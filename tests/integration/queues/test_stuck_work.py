"""Nothing gets stuck: an open matter whose customer waits is somebody's work or waits where somebody sees it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.access import signin
from hub.conversations import lifecycle
from hub.core import events
from hub.core.clock import now
from tests.support.app import Agent, App

PHONE = "+14155550155"
LATER = f"{now() + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"


async def entry(app: App, conversation: int) -> dict[str, Any]:
    rows = await app.core.db.dicts(
        "select state, agent_id, channel, weight from queue_entry where conversation_id = %s and state <> 'closed'",
        [conversation],
    )
    return rows[0] if rows else {}


async def taken(app: App, agent: Agent) -> int:
    conversation = await app.sms(sender=PHONE)
    await agent.post(f"/conversations/{conversation}/pull")
    return conversation


async def in_wrap_up(app: App, agent: Agent) -> int:
    conversation = await taken(app, agent)
    await agent.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "Done"}, status=201)
    await agent.post(f"/conversations/{conversation}/resolve")
    assert (await entry(app, conversation))["state"] == "wrapping"
    return conversation


async def views(agent: Agent, conversation: int) -> set[str]:
    """The lists in which an agent sees it."""
    found = set[str]()
    for view in ("mine", "waiting", "snoozed", "resolved"):
        items = (await agent.get(f"/conversations?view={view}"))["items"]
        if conversation in {c["id"] for c in items}:
            found.add(view)
    return found


async def wrap_up_ends(app: App, conversation: int) -> None:
    async with events.unit(app.core.db, app.core.feed) as unit:
        await lifecycle.end_wrap_up(unit, conversation, None)


async def test_a_message_during_wrap_up_is_its_agents_work_again(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await in_wrap_up(app, amy)
    assert await app.sms("Wait, one more thing", sender=PHONE) == conversation
    assert (await entry(app, conversation))["state"] == "assigned"
    assert await views(amy, conversation) == {"mine"}
    await amy.post(f"/conversations/{conversation}/wrap-up", status=409)
    assert await app.core.db.value("select count(*) from event where kind = 'entry.resumed'") == 1


async def test_what_is_resolved_by_mistake_and_reopened_at_once_stays_with_its_agent(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await in_wrap_up(app, amy)
    await amy.post(f"/conversations/{conversation}/reopen")
    assert (await entry(app, conversation))["state"] == "assigned"
    assert await views(amy, conversation) == {"mine"}


async def test_a_wrap_up_that_ends_while_the_customer_waits_closes_nothing(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await in_wrap_up(app, amy)
    await app.core.db.execute(
        "update conversation set status = 'open', waiting_since = now() where id = %s", [conversation]
    )
    await wrap_up_ends(app, conversation)
    assert (await entry(app, conversation))["state"] == "assigned"


async def test_a_wrap_up_that_ends_on_a_resolved_matter_closes_it(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await in_wrap_up(app, amy)
    await wrap_up_ends(app, conversation)
    assert await entry(app, conversation) == {}
    assert await views(amy, conversation) == {"resolved"}


@pytest.mark.parametrize("how", ["resolve", "snooze"])
@pytest.mark.parametrize("target", ["queue_id", "agent_id"])
async def test_what_is_handed_over_is_open_and_waits_where_it_is_seen(app: App, how: str, target: str) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    await amy.post(f"/conversations/{conversation}/{how}", {"until": LATER} if how == "snooze" else {})
    billing = await app.core.db.value("select id from queue where key = 'billing'")
    to = {"queue_id": billing} if target == "queue_id" else {"agent_id": ben.id}
    await amy.post(f"/conversations/{conversation}/transfer", to)
    assert (await entry(app, conversation))["state"] == "waiting"
    assert await views(ben, conversation) == {"waiting"}
    load = (await amy.get("/me"))["load"]
    assert load["used"] == 0, load


@pytest.mark.parametrize("target", [{"agent_id": 999_999}, {"queue_id": 999_999}])
async def test_handing_over_to_nobody_is_refused_and_changes_nothing(app: App, target: dict[str, int]) -> None:
    amy = await app.agent("amy")
    conversation = await taken(app, amy)
    await amy.post(f"/conversations/{conversation}/transfer", target, status=422)
    assert await views(amy, conversation) == {"mine"}


async def test_handing_over_to_somebody_who_left_is_refused(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    await app.core.db.execute("update agent set disabled_at = now() where id = %s", [ben.id])
    await amy.post(f"/conversations/{conversation}/transfer", {"agent_id": ben.id}, status=422)


async def test_what_wakes_or_is_reopened_by_another_waits_in_the_list_of_what_waits(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    await amy.post(f"/conversations/{conversation}/snooze", {"until": LATER})
    async with events.unit(app.core.db, app.core.feed) as unit:
        await lifecycle.reopen(unit, conversation, actor_id=None)  # as the clock does
    assert await views(amy, conversation) == {"waiting"}
    await amy.post(f"/conversations/{conversation}/pull")
    await amy.post(f"/conversations/{conversation}/resolve")
    await wrap_up_ends(app, conversation)
    await ben.post(f"/conversations/{conversation}/reopen")
    assert await views(ben, conversation) == {"waiting"}


async def test_a_snoozed_matter_is_woken_by_hand_for_whoever_had_it(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await taken(app, amy)
    await amy.post(f"/conversations/{conversation}/snooze", {"until": LATER})
    assert await views(amy, conversation) == {"snoozed"}
    await amy.post(f"/conversations/{conversation}/reopen")
    await amy.post(f"/conversations/{conversation}/reopen")  # twice is once
    assert await views(amy, conversation) == {"mine"}
    assert (await entry(app, conversation))["state"] == "assigned"


@pytest.mark.parametrize("how", ["resolve", "snooze"])
async def test_what_is_taken_is_open(app: App, how: str) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    await amy.post(f"/conversations/{conversation}/{how}", {"until": LATER} if how == "snooze" else {})
    if how == "resolve":
        await wrap_up_ends(app, conversation)
    await ben.post(f"/conversations/{conversation}/pull")
    assert await views(ben, conversation) == {"mine"}
    assert await views(amy, conversation) == set()


async def test_who_answers_without_taking_has_taken_it(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "Hello"}, status=201)
    found = await entry(app, conversation)
    assert (found["state"], found["agent_id"]) == ("assigned", amy.id)
    assert await views(amy, conversation) == {"mine"}
    assert await app.core.db.value("select count(*) from event where kind = 'entry.answered'") == 1


async def test_an_answer_in_somebody_elses_matter_leaves_it_with_them(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    await ben.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "I know this"}, status=201)
    assert (await entry(app, conversation))["agent_id"] == amy.id


async def test_two_who_answer_at_once_do_not_both_take_it(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await app.sms()
    await asyncio.gather(
        *[
            a.post(f"/conversations/{conversation}/replies", {"client_id": a.headers["Authorization"][-8:], "text": "Hi"}, status=201)
            for a in (amy, ben)
        ]
    )  # fmt: skip
    assert await app.core.db.value("select count(*) from event where kind = 'entry.answered'") == 1


async def test_who_signs_out_is_offered_nothing_more(app: App) -> None:
    amy = await app.agent("amy")
    await signin.set_password(app.core.db, amy.id, "correct horse battery")
    body = {"email": "amy@lumen-oak.example", "password": "correct horse battery"}
    assert (await app.client.post("/api/v1/session", json=body)).status == 200
    own = {"X-Hub-Request": "1"}
    await app.client.put("/api/v1/me/presence", json={"state": "available"}, headers=own)
    assert (await app.client.delete("/api/v1/session", headers=own)).status == 204
    state = await app.core.db.value("select state from agent_state where agent_id = %s", [amy.id])
    assert state == "offline"


@pytest.mark.parametrize("how", ["reopen", "pull", "transfer"])
@pytest.mark.parametrize("answered", [False, True])
async def test_customer_who_was_never_answered_waits_again_when_it_was_not_over(
    app: App, how: str, answered: bool
) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await taken(app, amy)
    asked = (await amy.get(f"/conversations/{conversation}"))["waiting_since"]
    if answered:
        await amy.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "Done"}, status=201)
    await amy.post(f"/conversations/{conversation}/resolve")
    body = {"agent_id": ben.id} if how == "transfer" else None
    await amy.post(f"/conversations/{conversation}/{how}", body)
    shown = await amy.get(f"/conversations/{conversation}")
    assert shown["waiting_since"] == (None if answered else asked)
    if not answered:
        assert shown["due_at"] is not None
        assert not await app.core.db.value("select resting from queue_entry where state <> 'closed'")


async def test_a_nod_after_the_end_makes_nobody_wait_when_it_is_reopened(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await in_wrap_up(app, amy)
    assert await app.sms("👍", sender=PHONE) == conversation
    assert (await amy.get(f"/conversations/{conversation}"))["status"] == "resolved"
    await amy.post(f"/conversations/{conversation}/reopen")
    assert (await amy.get(f"/conversations/{conversation}"))["waiting_since"] is None


async def test_a_call_in_vain_waits_again_when_it_was_not_over(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await taken(app, amy)
    since = await app.core.db.value("select waiting_since from conversation where id = %s", [conversation])
    await app.core.db.execute("update interaction set channel = 'voice'")
    values = [conversation, conversation]
    await app.core.db.execute(
        "insert into call (account_id, conversation_id, interaction_id, direction, number, our_number, state, outcome)"
        " values (0, %s, (select min(id) from interaction where conversation_id = %s), 'in', '1', '2', 'ended', 'abandoned')",
        values,
    )
    for outcome in ("abandoned", "closed"):
        await app.core.db.execute("update call set outcome = %s", [outcome])
        await amy.post(f"/conversations/{conversation}/resolve")
        await amy.post(f"/conversations/{conversation}/reopen")
        found = await app.core.db.value("select waiting_since from conversation where id = %s", [conversation])
        assert found == (since if outcome == "abandoned" else None)
