"""Asking a colleague while the customer is on hold, and handing over: nobody is left on hold, and the record is right."""

from __future__ import annotations

from typing import Any

import pytest

from hub.calls import actions
from hub.core.errors import Conflict
from tests.integration.calls.stage import Behavior, Stage, eventually
from tests.integration.calls.test_more_scenarios import FRIEND, talking
from tests.integration.calls.webhook_delivery import Open, record

both = pytest.mark.parametrize("open_stage", ["both"], indirect=True)
once = pytest.mark.parametrize("open_stage", ["once"], indirect=True)


async def off_hold(scene: Stage, call: dict[str, Any], caller: Any) -> None:
    """The customer hears the agent again, at the provider and in the record."""
    await scene.leg(call["id"], "customer", held=False, present=True)

    async def idle() -> bool:
        return not await scene.core.db.value(
            "select exists (select from call_command where kind in ('hold', 'unhold') and state in ('pending', 'claimed', 'wire'))"
        )

    await eventually(idle)
    await scene.leg(call["id"], "customer", held=False, present=True)
    assert (await scene.call())["state"] == "talking"
    assert not caller.over


@both
@pytest.mark.parametrize(
    "behavior",
    [Behavior(instead="busy"), Behavior(instead="failed"), Behavior(answers=1, leaves=2), Behavior(answers=None)],
    ids=["busy", "failed", "leaves", "no answer"],
)
async def test_customer_is_with_the_agent_again_when_the_colleague_does_not_talk(
    open_stage: Open, behavior: Behavior
) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        ben = await scene.agent("Ben", behavior=behavior)
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, ended_at=None)
        if behavior.answers is None:
            await scene.talk(40)  # it rings for half a minute

        async def over() -> bool:
            return all(leg["ended_at"] for leg in await scene.legs(call["id"]) if leg["agent_id"] == ben)

        await eventually(over)
        await off_hold(scene, call, caller)
        with pytest.raises(Conflict, match="no longer there"):
            await scene.does(actions.finish_consult, call["id"], amy, "complete")
        await scene.does(actions.finish_consult, call["id"], amy, "cancel")  # by whoever pressed it a moment late
        await off_hold(scene, call, caller)
        caller.hang_up()
        assert (await record(scene))["agent_id"] == amy


@once
async def test_customer_is_never_put_on_hold_when_nobody_can_be_asked(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        absent = await scene.factory.agent("Eva", scene.queue)
        busy = await scene.agent("Ben", behavior=Behavior(answers=1))
        scene.calls("+14155550199")
        other = await scene.in_state("talking", number="+14155550199")
        assert other["agent_id"] == busy
        account = await scene.account()
        for target in (actions.Target(agent_id=absent), actions.Target(agent_id=busy)):
            with pytest.raises(Conflict):
                await scene.does(actions.consult, account, call["id"], amy, target)
        assert await scene.core.db.value("select count(*) from call_command where kind = 'hold'") == 0
        assert not caller.over


@once
async def test_customer_stays_on_hold_when_the_agent_put_them_there_before_asking(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await scene.does(actions.hold, call["id"], amy, on=True)
        await scene.leg(call["id"], "customer", held=True)
        scene.twilio.exchange.people.behaviors[FRIEND] = Behavior(instead="busy")
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(number=FRIEND))
        await scene.leg(call["id"], "third", end_reason="busy")
        await scene.talk(3)
        await scene.leg(call["id"], "customer", held=True)
        assert await scene.core.db.value("select count(*) from call_command where kind = 'unhold'") == 0
        caller.hang_up()
        await record(scene)


@both
async def test_record_names_who_talked_last_when_the_transfer_is_warm(open_stage: Open) -> None:
    async with open_stage() as scene:
        db = scene.core.db
        caller, call, amy = await talking(scene)
        ben = await scene.agent("Ben", behavior=Behavior(answers=2))
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.does(actions.finish_consult, call["id"], amy, "merge")
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(3)
        await scene.does(actions.hang_up, call["id"], amy)

        async def bens() -> bool:
            return (await scene.call())["agent_id"] == ben

        await eventually(bens)
        assert await db.value("select agent_id from conversation") == ben
        await scene.talk(3)
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["agent_id"]) == ("answered", ben)
        assert await db.value("select text from interaction") == "Incoming call, Amy, then Ben"
        entries = await db.dicts("select agent_id, state, outcome from queue_entry order by id")
        assert [(e["agent_id"], e["outcome"]) for e in entries] == [(amy, "transferred"), (ben, None)]
        assert entries[1]["state"] == "wrapping"
        assert {leg["agent_id"] for leg in await scene.legs(call["id"]) if leg["joined_at"]} >= {amy, ben}


@once
async def test_record_names_the_agent_alone_when_a_colleague_only_advised(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        ben = await scene.agent("Ben", behavior=Behavior(answers=1))
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.does(actions.finish_consult, call["id"], amy, "cancel")
        await scene.leg(call["id"], "customer", held=False)
        caller.hang_up()
        assert (await record(scene))["agent_id"] == amy
        assert await scene.core.db.value("select text from interaction") == "Incoming call, Amy"
