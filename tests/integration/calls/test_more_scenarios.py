"""More of a telephone day: queues, refusals, consultations that come to nothing; reports doubled and late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hub.calls import actions
from hub.core.errors import Conflict
from hub.queues import entries
from tests.integration.calls.stage import CALLER, Behavior, Stage, eventually
from tests.integration.calls.webhook_delivery import Open, Truth, record

both = pytest.mark.parametrize("open_stage", ["both"], indirect=True)
FRIEND = "+14155550188"


async def talking(scene: Stage, name: str = "Amy") -> tuple[Any, dict[str, Any], int]:
    """The caller, their call and the agent, in conversation."""
    agent = await scene.agent(name, behavior=Behavior(answers=1))
    caller = scene.calls()
    return caller, await scene.in_state("talking"), agent


async def holds(check: Callable[[], Any]) -> None:
    async def look() -> Any:
        found = check()
        return await found if isinstance(found, Awaitable) else found

    await eventually(look)


async def test_customer_waits_in_another_queue_when_transferred_there(open_stage: Open, truth: Truth) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await scene.talk(5)
        billing = await scene.factory.queue("billing")
        ben = await scene.factory.agent("Ben", billing, state="away")
        await scene.put_device(ben)
        await scene.does(actions.transfer, await scene.account(), call["id"], amy, actions.Target(queue_id=billing))
        waiting = await scene.in_state("queued")
        assert waiting["queue_id"] == billing
        await scene.leg(call["id"], "agent", agent_id=amy, present=False)
        scene.agents["Ben"] = ben
        scene.twilio.exchange.people.behaviors[scene.device("Ben")] = Behavior(answers=1)
        await scene.factory.presence(ben, "available")
        call = await scene.in_state("talking")
        assert call["agent_id"] == ben
        await scene.talk(5)
        caller.hang_up()
        call = await record(scene)
        talk, _ = truth.talked(caller.sid)
        assert call["outcome"] == "answered"
        assert abs(call["talk_seconds"] - talk) <= 3  # both agents
        assert call["wait_seconds"] == truth.waited(caller.sid)  # both waits
        rows = await scene.core.db.dicts("select queue_id, outcome from queue_entry order by id")
        assert [(e["queue_id"], e["outcome"]) for e in rows] == [(scene.queue, "transferred"), (billing, "resolved")]


@both
async def test_agent_is_muted_and_keys_reach_the_other_end(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        await scene.does(actions.mute, call["id"], amy, on=True)
        await scene.leg(call["id"], "agent", muted=True)
        await scene.does(actions.mute, call["id"], amy, on=False)
        await scene.leg(call["id"], "agent", muted=False)
        await scene.does(actions.press, call["id"], amy, "12#")
        await holds(lambda: "<12#>" in caller.played)
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@both
async def test_caller_hears_the_notice_the_music_and_their_place(open_stage: Open) -> None:
    flow = {"consent": {"en": "This call is recorded."}, "music": "https://music.example/a.mp3"}
    async with open_stage(flow=flow) as scene:
        other = scene.calls("+14155550124")
        await scene.in_state("queued", number="+14155550124")
        caller = scene.calls()
        await scene.in_state("queued")
        await holds(lambda: "<https://music.example/a.mp3>" in caller.played)
        assert caller.played[:2] == ["Hello, and thank you for calling.", "This call is recorded."]
        assert any("You are number 2 in the queue" in words for words in caller.played)
        other.hang_up()
        await holds(lambda: any("You are number 1 in the queue" in words for words in caller.played))
        caller.hang_up()
        assert (await record(scene))["outcome"] == "abandoned"


@both
async def test_caller_who_hangs_up_in_the_menu_is_missed_and_never_queued(open_stage: Open) -> None:
    flow = {"menu": {"en": "Press 1."}, "options": {"1": {"queue": "care"}}}
    async with open_stage(flow=flow) as scene:
        caller = scene.calls()
        await scene.in_state("menu")
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["wait_seconds"]) == ("left_menu", None)
        assert await scene.core.db.value("select count(*) from queue_entry") == 0
        assert len(await scene.factory.events("call.missed")) == 1


@both
async def test_next_agent_is_called_when_one_refuses(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy", behavior=Behavior(instead="busy"))
        caller = scene.calls()
        await holds(lambda: scene.core.db.value("select count(*) = 1 from offer where state = 'declined'"))
        ben = await scene.agent("Ben", behavior=Behavior(answers=1))
        assert (await scene.in_state("talking"))["agent_id"] == ben
        caller.hang_up()
        call = await record(scene)
        ends = [leg["end_reason"] for leg in await scene.legs(call["id"]) if leg["role"] == "agent"]
        assert ends[0] == "busy"


@both
async def test_caller_may_leave_a_message_when_the_wait_is_too_long(open_stage: Open) -> None:
    async with open_stage(flow={"longest_wait_seconds": 600}) as scene:
        caller = scene.calls()
        await scene.in_state("queued")
        await scene.core.db.execute("update queue_entry set entered_at = now() - interval '11 minutes'")
        await scene.in_state("voicemail")
        await holds(lambda: any("leave a message" in words for words in caller.played))
        await scene.talk(8)
        caller.press("#")
        assert (await record(scene))["outcome"] == "voicemail"
        rows = await scene.core.db.dicts("select channel, outcome from queue_entry order by id")
        assert [tuple(row.values()) for row in rows] == [("voice", "voicemail"), ("voicemail", None)]


@both
@pytest.mark.parametrize("behavior", [Behavior(answers=1), Behavior(answers=None), Behavior(instead="busy")])
async def test_customer_is_taken_back_when_a_consultation_comes_to_nothing(
    open_stage: Open, behavior: Behavior
) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        scene.twilio.exchange.people.behaviors[FRIEND] = behavior
        target = actions.Target(number=FRIEND)
        await scene.does(actions.consult, await scene.account(), call["id"], amy, target)
        await scene.leg(call["id"], "customer", held=True)
        if behavior.instead:
            await scene.leg(call["id"], "third", end_reason="busy")
            await scene.does(actions.hold, call["id"], amy, on=False)
        else:
            await scene.leg(call["id"], "third", **({"present": True} if behavior.answers else {}))
            await scene.does(actions.finish_consult, call["id"], amy, "cancel")
        await scene.leg(call["id"], "customer", held=False)
        assert (await scene.call())["state"] == "talking"
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@both
async def test_whoever_of_a_queue_is_free_is_asked_and_takes_over(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        billing = await scene.factory.queue("billing")
        account, target = await scene.account(), actions.Target(queue_id=billing)
        with pytest.raises(Conflict, match="Nobody of that queue is free"):
            await scene.does(actions.consult, account, call["id"], amy, target)
        away = await scene.factory.agent("Chiara", billing, state="away")
        ben = await scene.factory.agent("Ben", billing)
        for agent in (away, ben):
            scene.twilio.exchange.people.behaviors[f"client:agent_{agent}"] = Behavior(answers=1)
            await scene.put_device(agent)
        await scene.does(actions.consult, account, call["id"], amy, target)
        await scene.leg(call["id"], "customer", held=True)
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.does(actions.finish_consult, call["id"], amy, "complete")
        await scene.leg(call["id"], "agent", agent_id=amy, present=False)
        await scene.leg(call["id"], "customer", held=False)
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["agent_id"]) == ("answered", ben)


@both
async def test_everybody_is_let_go_when_the_customer_leaves_a_consultation(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        ben = await scene.agent("Ben", behavior=Behavior(answers=1))
        await scene.does(actions.consult, await scene.account(), call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.leg(call["id"], "customer", held=True)
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["agent_id"]) == ("answered", amy)
        rows = await scene.core.db.dicts("select agent_id, state from queue_entry")
        assert [(e["agent_id"], e["state"]) for e in rows] == [(amy, "wrapping")]


@both
async def test_agent_keeps_the_customer_when_the_number_it_was_handed_to_is_busy(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        scene.twilio.exchange.people.behaviors[FRIEND] = Behavior(instead="busy")
        await scene.does(actions.transfer, await scene.account(), call["id"], amy, actions.Target(number=FRIEND))
        await scene.leg(call["id"], "third", end_reason="busy")
        assert (await scene.call())["state"] == "talking"
        assert (await scene.leg(call["id"], "agent"))["present"]
        caller.hang_up()
        assert (await record(scene))["agent_id"] == amy


@both
async def test_call_goes_on_when_the_supervisor_leaves(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller, call, _ = await talking(scene)
        eva = await scene.agent("Eva", behavior=Behavior(answers=1))
        await scene.does(actions.monitor, call["id"], eva, "listen")
        await scene.leg(call["id"], "supervisor", present=True)
        await scene.does(actions.hang_up, call["id"], eva)
        await scene.leg(call["id"], "supervisor", present=False)
        assert (await scene.call())["state"] == "talking"
        assert not caller.over
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


@both
async def test_outcome_and_free_agent_when_the_call_is_wrapped_up(open_stage: Open) -> None:
    async with open_stage() as scene:
        db = scene.core.db
        disposition = await db.value("insert into disposition (key, name) values ('sold', 'Sold') returning key")
        caller, call, amy = await talking(scene)
        caller.hang_up()
        await record(scene)
        assert await db.value("select state from queue_entry") == "wrapping"
        await scene.does(actions.wrap_up, call["id"], amy, disposition=disposition, resolve=False)
        assert (await scene.call())["disposition"] == "sold"
        assert await db.value("select state from queue_entry") == "closed"


@both
async def test_stuck_caller_is_hung_up_when_the_record_says_the_call_is_over(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller = scene.calls()
        call = await scene.in_state("queued")
        await holds(lambda: any(q.members for q in scene.twilio.exchange.queues.values()))
        await scene.core.db.execute("update call set state = 'ended', outcome = 'abandoned', ended_at = now()")
        await scene.core.db.execute("update call_leg set ended_at = now()")
        await scene.does(entries.close, call["conversation_id"], "abandoned")
        assert await scene.runner().sweep(age=0) == 1
        await holds(lambda: caller.over)
        assert scene.twilio.exchange.queues != {}


@both
async def test_recording_is_forgotten_when_its_days_are_over(open_stage: Open) -> None:
    async with open_stage(flow={"record": True, "keep_recordings_days": 30}) as scene:
        db = scene.core.db
        caller, _, _ = await talking(scene)
        await scene.talk(5)
        caller.hang_up()
        await record(scene)
        await holds(lambda: db.value("select gone_there from call_recording"))
        days = await db.value("select round(extract(epoch from expires_at - now()) / 86400) from call_recording")
        assert days == 30
        await db.execute("update call_recording set expires_at = now() - interval '1 second'")
        await scene.runner().keeper.step()
        [kept] = await db.dicts("select state, body, transcript from call_recording")
        assert tuple(kept.values()) == ("deleted", None, None)


async def test_nothing_is_lost_when_the_hub_is_away_for_a_while_in_the_middle(open_stage: Open, truth: Truth) -> None:
    async with open_stage() as scene:
        caller, call, amy = await talking(scene)
        scene.twilio.faults.down = 4  # whatever is told meanwhile is told again, as its address asks
        await scene.does(actions.hold, call["id"], amy, on=True)
        await scene.leg(call["id"], "customer", held=True)
        await scene.talk(10)
        await scene.does(actions.hold, call["id"], amy, on=False)
        await scene.leg(call["id"], "customer", held=False)
        scene.twilio.faults.down = 3
        caller.hang_up()
        call = await record(scene, CALLER)
        talk, hold = truth.talked(caller.sid)
        assert scene.twilio.faults.down == 0
        assert call["outcome"] == "answered"
        assert abs(call["hold_seconds"] - hold) <= 2
        assert abs(call["talk_seconds"] - talk) <= 2
