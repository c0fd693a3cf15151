"""Calls that nobody answered: who is owed something waits where somebody sees it, and the rest is over."""

from __future__ import annotations

import pytest

from hub.automation.firing import fire_next
from hub.automation.plans import plan_next
from tests.integration.calls.stage import CALLER, Behavior, Stage, eventually
from tests.integration.calls.webhook_delivery import Open, record

once = pytest.mark.parametrize("open_stage", ["once"], indirect=True)
MENU = {"menu": {"en": "Press 1."}, "options": {"1": {"queue": "care"}}}


@once
@pytest.mark.parametrize("sender", ["anonymous", "sip:alice@pbx.example"])
@pytest.mark.parametrize("where", ["menu", "queued"])
async def test_conversation_is_resolved_when_nobody_can_be_called_back(
    open_stage: Open, sender: str, where: str
) -> None:
    async with open_stage(flow=MENU if where == "menu" else {}) as scene:
        number = "" if sender == "anonymous" else sender
        caller = scene.calls(sender)
        await scene.in_state(where, number=number)
        caller.hang_up()
        await record(scene, number)
        assert await scene.core.db.dicts("select status, waiting_since from conversation") == [
            {"status": "resolved", "waiting_since": None}
        ]
        assert await scene.core.db.value("select count(*) from queue_entry where state <> 'closed'") == 0


@once
async def test_matter_stays_with_its_agent_when_the_customer_without_a_number_calls_in_vain(open_stage: Open) -> None:
    async with open_stage(flow=MENU) as scene:
        sender = "sip:alice@pbx.example"
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls(sender)
        await scene.in_state("menu", number=sender)
        caller.press("1")
        await scene.in_state("talking", number=sender)
        caller.hang_up()
        await record(scene, sender)
        again = scene.calls(sender)
        await scene.in_state("menu", number=sender)
        again.hang_up()
        assert (await record(scene, sender))["outcome"] == "left_menu"
        assert await scene.core.db.dicts("select status, agent_id from conversation") == [
            {"status": "open", "agent_id": amy}
        ]


async def looked_at(scene: Stage) -> None:
    """The minute after a missed call is over."""
    db = scene.core.db

    async def planned() -> bool:
        await plan_next(db)
        return bool(await db.execute("update follow_up set due_at = now() where kind = 'missed_call'"))

    await eventually(planned)
    assert await fire_next(scene.core)


@once
@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("where", ["menu", "queued"])
async def test_caller_gets_a_text_and_is_resolved_when_nothing_more_is_owed(
    open_stage: Open, where: str, *, text: bool
) -> None:
    async with open_stage(flow=MENU if where == "menu" else {}) as scene:
        db = scene.core.db
        await db.execute(
            "insert into account (key, connector, channel, name, address, queue_id, settings, secrets)"
            " select 'sms', connector, 'sms', 'SMS', address, queue_id, settings, null from account"
        )
        if not text:
            await db.execute("insert into meta values ('automation', '{\"missed_call\": 0}')")
        await plan_next(db)
        caller = scene.calls()
        await scene.in_state(where)
        caller.hang_up()
        await record(scene, CALLER)
        assert await db.value("select status from conversation") == "open"
        await looked_at(scene)
        assert await db.value("select count(*) from interaction where direction = 'out'") == int(text)
        [found] = await db.dicts("select status, waiting_since is not null as waits from conversation")
        waits = where == "queued"  # who waited in the queue is called back by an agent
        assert found == {"status": "open" if waits else "resolved", "waits": waits}
        entries = await db.value("select count(*) from queue_entry where state <> 'closed'")
        assert entries == int(waits)
