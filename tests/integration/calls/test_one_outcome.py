"""Several things asked of a call at once: one of them happens, and nobody is thrown out who did not hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from hub.calls import actions, devices, store
from hub.core.errors import Conflict, HubError, Invalid
from tests.integration.calls.stage import CALLER, NUMBER, Behavior, Stage
from tests.integration.calls.test_more_scenarios import FRIEND, talking
from tests.integration.calls.webhook_delivery import Open, record

once = pytest.mark.parametrize("open_stage", ["once"], indirect=True)
both = pytest.mark.parametrize("open_stage", ["both"], indirect=True)
OTHER = "+14155550177"
Doing = Callable[[Stage, int, int], Awaitable[Any]]


def transfer(number: str) -> Doing:
    async def do(scene: Stage, call_id: int, agent: int) -> None:
        await scene.does(actions.transfer, await scene.account(), call_id, agent, actions.Target(number=number))

    return do


def consult(number: str) -> Doing:
    async def do(scene: Stage, call_id: int, agent: int) -> None:
        await scene.does(actions.consult, await scene.account(), call_id, agent, actions.Target(number=number))

    return do


async def to_queue(scene: Stage, call_id: int, agent: int) -> None:
    target = actions.Target(queue_id=scene.queue)
    await scene.does(actions.transfer, await scene.account(), call_id, agent, target)


async def hang_up(scene: Stage, call_id: int, agent: int) -> None:
    await scene.does(actions.hang_up, call_id, agent)


async def refused(doing: Awaitable[Any]) -> bool:
    try:
        await doing
    except HubError:
        return True
    return False


@both
async def test_customer_is_with_the_first_third_when_the_call_is_handed_over_twice(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await transfer(OTHER)(scene, call["id"], amy)
        with pytest.raises(Conflict, match="being asked already"):
            await transfer(FRIEND)(scene, call["id"], amy)
        await scene.leg(call["id"], "third", endpoint=OTHER, present=True)
        await scene.leg(call["id"], "agent", present=False)
        await scene.talk(20)
        assert not caller.over
        assert [leg["endpoint"] for leg in await scene.legs(call["id"]) if leg["role"] == "third"] == [OTHER]
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


HANDING = {"transfer": transfer, "consult": consult, "queue": lambda _: to_queue}


@once
@pytest.mark.parametrize(("first", "second"), list(product(HANDING, HANDING)), ids="-".join)
async def test_one_of_two_hand_overs_happens_when_both_are_asked_at_once(
    open_stage: Open, first: str, second: str
) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        doing = (HANDING[first](OTHER), HANDING[second](FRIEND))
        no = await asyncio.gather(*(refused(do(scene, call["id"], amy)) for do in doing))
        assert sorted(no) == [False, True]
        await scene.talk(20)
        assert not caller.over
        assert (await scene.call())["state"] != "ended"
        thirds = [leg for leg in await scene.legs(call["id"]) if leg["role"] == "third"]
        assert len(thirds) <= 1
        caller.hang_up()
        await record(scene)


@once
@pytest.mark.parametrize("other", HANDING)
async def test_call_has_one_outcome_when_it_is_handed_over_and_hung_up_at_once(open_stage: Open, other: str) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        doing = (HANDING[other](OTHER), hang_up)
        await asyncio.gather(*(refused(do(scene, call["id"], amy)) for do in doing))
        await scene.talk(5)
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@once
async def test_nothing_more_is_done_by_whoever_is_leaving_when_it_is_asked_again(open_stage: Open) -> None:
    async with open_stage() as scene:
        _, call, amy = await talking(scene)
        await hang_up(scene, call["id"], amy)
        for do in (transfer(OTHER), consult(OTHER), to_queue):
            assert await refused(do(scene, call["id"], amy))
        await refused(hang_up(scene, call["id"], amy))
        assert (await record(scene))["outcome"] == "answered"


@once
@pytest.mark.parametrize("number", [NUMBER, CALLER, "+19005550100", "+4930123456"])
async def test_call_is_not_handed_over_when_the_number_is_ours_theirs_or_never_dialled(
    open_stage: Open, number: str
) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        for do in (transfer(number), consult(number)):
            with pytest.raises(Invalid):
                await do(scene, call["id"], amy)
        assert not [leg for leg in await scene.legs(call["id"]) if leg["role"] == "third"]
        if number != CALLER:
            with pytest.raises(Invalid):
                await scene.does(actions.dial, await scene.account(), amy, number)
        caller.hang_up()
        await record(scene)


# -- who may do what before they have the call, and who hung up -------------------------------------------------------
@once
@pytest.mark.parametrize("kind", ["browser", "phone"])
async def test_caller_waits_on_when_somebody_presses_hang_up_on_a_mere_offer(open_stage: Open, kind: str) -> None:
    async with open_stage() as scene:
        phone = OTHER if kind == "phone" else None
        amy = await scene.agent("Amy", behavior=Behavior(answers=None), phone=phone)
        caller = scene.calls()
        await scene.in_state("queued")
        call = await scene.call()
        await scene.leg(call["id"], "agent", agent_id=amy, ended_at=None)
        assert [leg["offered"] for c in await _mine(scene, amy) for leg in c["legs"] if leg["role"] == "agent"] == [
            True
        ]
        asked = [
            hang_up, to_queue, transfer(FRIEND), consult(FRIEND),
            lambda s, c, a: s.does(actions.hold, c, a, on=True),
            lambda s, c, a: s.does(actions.mute, c, a, on=True),
            lambda s, c, a: s.does(actions.recording, c, a, on=False),
            lambda s, c, a: s.does(actions.press, c, a, "1"),
            lambda s, c, a: s.does(actions.finish_consult, c, a, "cancel"),
        ]  # fmt: skip
        for do in asked:
            with pytest.raises(Conflict, match="not taken this call"):
                await do(scene, call["id"], amy)
        await scene.talk(3)
        assert not caller.over
        assert await scene.core.db.value("select count(*) from call_command where kind = 'hang_up'") == 0
        caller.hang_up()
        await record(scene)


async def _mine(scene: Stage, agent: int) -> list[dict[str, Any]]:
    return await store.shown(scene.core.db, agent_id=agent)


@both
async def test_record_says_that_the_agent_hung_up_when_they_did(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await scene.talk(3)
        await hang_up(scene, call["id"], amy)
        call = await record(scene)
        assert caller.over
        assert call["outcome"] == "answered"
        assert await scene.core.db.value("select text from interaction") == "Incoming call, Amy, the agent hung up"
        assert not await scene.factory.events("entry.abandoned")


@both
async def test_record_blames_nobody_when_the_agents_telephone_went_first(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, _ = await talking(scene)
        leg = await scene.leg(call["id"], "agent", present=True)
        scene.twilio.exchange.calls[leg["external_id"]].hang_up()
        call = await record(scene)
        assert caller.over
        assert call["outcome"] == "answered"
        assert (await scene.core.db.value("select text from interaction")) == "Incoming call, Amy"


@once
async def test_call_is_still_the_agents_when_an_adviser_presses_hang_up_before_answering(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        ben = await scene.agent("Ben", behavior=Behavior(answers=None))
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, ended_at=None)
        await hang_up(scene, call["id"], ben)
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(3)
        assert not caller.over
        caller.hang_up()
        assert (await record(scene))["agent_id"] == amy
        assert await scene.core.db.value("select text from interaction") == "Incoming call, Amy"


# -- one's own telephone ----------------------------------------------------------------------------------------------
@once
@pytest.mark.parametrize("number", ["+19005550100", "+4930123456", NUMBER, "+1 555", ""])
async def test_telephone_is_refused_when_it_may_not_be_dialled(open_stage: Open, number: str) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy")
        with pytest.raises(Invalid):
            await scene.does(devices.put, amy, "phone", number, ready=True)
        assert await scene.core.db.value("select kind from agent_device") == "browser"


@once
async def test_telephone_rings_one_agent_when_two_give_the_same_number(open_stage: Open) -> None:
    async with open_stage() as scene:
        both_ = [await scene.agent("Amy"), await scene.agent("Ben")]
        puts = (scene.does(devices.put, agent, "phone", OTHER, ready=True) for agent in both_)
        assert sorted(await asyncio.gather(*map(refused, puts))) == [False, True]
        owner = await scene.core.db.value("select agent_id from agent_device where number = %s", [OTHER])
        await scene.does(devices.put, owner, "phone", "+1 (415) 555-0177", ready=True)  # one's own again
        other = next(agent for agent in both_ if agent != owner)
        await scene.core.db.execute("update agent set disabled_at = now() where id = %s", [owner])
        await scene.does(devices.put, other, "phone", OTHER, ready=True)
