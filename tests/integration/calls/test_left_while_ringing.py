"""An agent who hands a call over and hangs up leaves the customer to whoever rings; if nobody comes, to the queue."""

from __future__ import annotations

import asyncio

import pytest

from hub.calls import actions
from tests.integration.calls.stage import Behavior, Stage
from tests.integration.calls.test_more_scenarios import FRIEND, both, talking
from tests.integration.calls.webhook_delivery import Open, record


async def handed_over(scene: Stage, call_id: int, agent: int, behavior: Behavior) -> None:
    scene.twilio.exchange.people.behaviors[FRIEND] = behavior
    await scene.does(actions.transfer, await scene.account(), call_id, agent, actions.Target(number=FRIEND))
    await scene.leg(call_id, "third", endpoint=FRIEND)


async def leave(scene: Stage, call_id: int, agent: int, how: str) -> None:
    if how == "button":
        await scene.does(actions.hang_up, call_id, agent)
    else:
        leg = await scene.leg(call_id, "agent", present=True)
        scene.twilio.exchange.calls[leg["external_id"]].hang_up()
    await scene.leg(call_id, "agent", agent_id=agent, present=False)


@both
@pytest.mark.parametrize("how", ["button", "telephone"])
async def test_customer_talks_to_whom_they_were_handed_when_the_agent_left_before_they_answered(
    open_stage: Open, how: str
) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await handed_over(scene, call["id"], amy, Behavior(answers=25))
        await leave(scene, call["id"], amy, how)
        await scene.leg(call["id"], "customer", held=True)
        await scene.leg(call["id"], "third", present=True)
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(10)
        assert not caller.over
        assert (await scene.call())["state"] == "talking"
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"
        assert "hung up" not in await scene.core.db.value("select text from interaction")


@both
@pytest.mark.parametrize("end", ["busy", "no_answer"])
async def test_customer_waits_again_when_nobody_answers_and_the_agent_has_left(open_stage: Open, end: str) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        behavior = Behavior(answers=None) if end == "no_answer" else Behavior(answers=None, instead="busy")
        await handed_over(scene, call["id"], amy, behavior)
        await leave(scene, call["id"], amy, "button")
        await scene.leg(call["id"], "third", end_reason=end)
        back = await scene.in_state("talking", "queued", "connecting")
        await scene.leg(call["id"], "agent", present=True)  # Amy is free: it is offered to her again
        await scene.in_state("talking")
        await scene.talk(10)
        assert not caller.over
        assert back["id"] == call["id"]
        released = await scene.factory.events("entry.released")
        assert [event["data"]["reason"] for event in released] == ["nobody answered where the call was handed to"]
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@both
async def test_call_is_over_when_the_customer_leaves_while_it_rings_on(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await handed_over(scene, call["id"], amy, Behavior(answers=None))
        await leave(scene, call["id"], amy, "button")
        caller.hang_up()
        ended = await record(scene)
        assert (ended["outcome"], ended["agent_id"]) == ("answered", amy)


@both
async def test_nobody_is_left_on_hold_when_the_agent_leaves_as_they_answer(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await handed_over(scene, call["id"], amy, Behavior(answers=3))
        await asyncio.gather(scene.talk(2.9), scene.leg(call["id"], "third", ended_at=None))
        await scene.does(actions.hang_up, call["id"], amy)
        await scene.leg(call["id"], "third", present=True)
        await scene.leg(call["id"], "agent", present=False)
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(10)
        assert not caller.over
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@both
async def test_agent_who_has_the_customer_back_ends_the_call_when_they_hang_up(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await handed_over(scene, call["id"], amy, Behavior(answers=None, instead="busy"))
        await scene.leg(call["id"], "third", end_reason="busy")
        await scene.does(actions.hang_up, call["id"], amy)
        assert (await record(scene))["outcome"] == "answered"
        assert caller.over
        assert (await scene.core.db.value("select text from interaction")).endswith("the agent hung up")
