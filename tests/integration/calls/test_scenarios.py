"""The scenarios of a telephone day, each with every callback once, doubled, and late by chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.calls import actions
from hub.conversations import invariants
from hub.conversations.actions import resolve, snooze
from hub.core import events
from hub.core.clock import now
from tests.integration.calls.stage import Behavior, Stage, eventually
from tests.integration.calls.webhook_delivery import Open, Truth, record


async def test_caller_is_put_through_and_held_when_an_agent_answers(open_stage: Open, truth: Truth) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=3))
        caller = scene.calls()
        call = await scene.in_state("talking")
        assert call["agent_id"] == amy
        await scene.talk(20)
        await scene.does(actions.hold, call["id"], amy, on=True)
        await scene.leg(call["id"], "customer", held=True)
        await scene.talk(10)
        await scene.does(actions.hold, call["id"], amy, on=False)
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(15)
        caller.hang_up()
        call = await record(scene)
        assert call["outcome"] == "answered"
        talk, hold = truth.talked(caller.sid)
        assert abs(call["hold_seconds"] - hold) <= 2
        assert abs(call["talk_seconds"] - talk) <= 2
        assert call["wait_seconds"] == truth.waited(caller.sid)
        assert talk >= 33
        assert hold >= 9
        entry = await scene.factory.entry(call["conversation_id"])
        assert (entry["state"], entry["agent_id"]) == ("wrapping", amy)
        [agent] = [leg for leg in await scene.legs(call["id"]) if leg["role"] == "agent"]
        assert abs(agent["ring_seconds"] - truth.rang(agent["external_id"])) <= 1


async def test_call_is_abandoned_when_the_caller_hangs_up_while_it_rings(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy")
        caller = scene.calls()
        ringing = await scene.ringing(scene.device("Amy"))
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["answered_at"]) == ("abandoned", None)
        assert ringing.status == "canceled"
        rows = await scene.core.db.dicts("select channel, outcome from queue_entry order by id")
        assert rows == [{"channel": "voice", "outcome": "abandoned"}, {"channel": "missed_call", "outcome": None}]
        assert await scene.core.db.value("select state from offer order by id limit 1") == "rescinded"
        assert len(await scene.factory.events("call.missed")) == 1


async def test_next_agent_is_called_when_one_does_not_answer(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy", behavior=Behavior(answers=None))
        caller = scene.calls()
        await scene.ringing(scene.device("Amy"))
        ben = await scene.agent("Ben", behavior=Behavior(answers=2))
        call = await scene.in_state("talking")
        assert call["agent_id"] == ben
        caller.hang_up()
        call = await record(scene)
        assert call["outcome"] == "answered"
        first, second = [leg for leg in await scene.legs(call["id"]) if leg["role"] == "agent"]
        assert (first["agent_id"], first["end_reason"]) == (scene.agents["Amy"], "no_answer")
        assert second["agent_id"] == ben
        assert await scene.core.db.value("select count(*) from offer where state = 'timed_out'") == 1


async def test_agent_is_let_go_when_the_caller_hung_up_as_they_answered(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy")
        caller = scene.calls()
        with scene.silenced(caller):  # nothing tells the hub: it learns from error 21220
            agent = await scene.ringing(scene.device("Amy"))
            caller.hang_up()
            scene.twilio.exchange.answer(agent)
            call = await scene.in_state("ended")
        await record(scene)
        assert call["outcome"] == "abandoned"
        gone = await scene.core.db.dicts("select kind, error from call_command where state = 'gone'")
        assert [row["kind"] for row in gone] == ["send"]
        assert "21220" in gone[0]["error"]
        assert agent.over


async def test_customer_goes_to_the_second_agent_when_the_transfer_is_warm(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        ben = await scene.agent("Ben", behavior=Behavior(answers=2))
        account = await scene.account()
        await scene.does(actions.consult, account, call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "customer", held=True)
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.talk(8)
        await scene.does(actions.finish_consult, call["id"], amy, "merge")  # three of them
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(8)
        await scene.does(actions.hang_up, call["id"], amy)
        await scene.leg(call["id"], "agent", agent_id=amy, present=False)
        assert (await scene.call())["state"] == "talking"
        await scene.talk(8)
        caller.hang_up()
        call = await record(scene)
        assert call["outcome"] == "answered"
        assert call["talk_seconds"] >= 16
        assert call["hold_seconds"] >= 8


async def test_second_agent_has_the_call_when_the_first_completes_the_transfer(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        ben = await scene.agent("Ben", behavior=Behavior(answers=2))
        account = await scene.account()
        await scene.does(actions.consult, account, call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        await scene.does(actions.finish_consult, call["id"], amy, "complete")
        await scene.leg(call["id"], "agent", agent_id=amy, present=False)
        await scene.leg(call["id"], "customer", held=False)
        entry = await scene.factory.entry(call["conversation_id"])
        assert (entry["state"], entry["agent_id"]) == ("assigned", ben)
        await scene.talk(5)
        caller.hang_up()
        call = await record(scene)
        assert (call["outcome"], call["agent_id"]) == ("answered", ben)


async def test_customer_waits_for_the_other_agent_when_transferred_cold(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        ben = await scene.agent("Ben", behavior=Behavior(answers=2))
        account = await scene.account()
        await scene.does(actions.transfer, account, call["id"], amy, actions.Target(agent_id=ben))
        await scene.leg(call["id"], "agent", agent_id=ben, present=True)
        call = await scene.in_state("talking")
        await scene.leg(call["id"], "agent", agent_id=amy, present=False)
        assert call["agent_id"] == ben
        await scene.talk(5)
        caller.hang_up()
        call = await record(scene)
        assert call["outcome"] == "answered"
        outcomes = await scene.core.db.dicts("select outcome, state from queue_entry order by id")
        assert [row["outcome"] for row in outcomes] == ["transferred", None]


async def test_call_goes_on_with_a_number_when_it_is_handed_to_one(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        account = await scene.account()
        await scene.does(actions.transfer, account, call["id"], amy, actions.Target(number="+14155550188"))
        await scene.leg(call["id"], "third", present=True)
        await scene.leg(call["id"], "agent", present=False)
        assert (await scene.call())["state"] == "talking"
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


async def callback_asked_for(scene: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """A caller who waits presses the star: their call, and the callback that waits in its place."""
    caller = scene.calls()
    waiting = await scene.in_state("queued")
    await scene.talk(6)
    caller.press("*")
    again = await scene.in_state("queued")
    while again["id"] == waiting["id"]:
        again = await scene.in_state("queued")
    return waiting, again


async def test_caller_keeps_their_place_when_they_ask_for_a_callback(open_stage: Open) -> None:
    async with open_stage() as scene:
        waiting, _ = await callback_asked_for(scene)
        entries = await scene.core.db.dicts("select entered_at, queued_at, outcome, state from queue_entry order by id")
        assert [e["outcome"] for e in entries] == ["callback", None]
        assert entries[0]["entered_at"] == entries[1]["entered_at"] < entries[1]["queued_at"]
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        call = await scene.in_state("talking")
        assert (call["kind"], call["direction"], call["agent_id"]) == ("callback", "out", amy)
        await scene.talk(5)
        await scene.does(actions.hang_up, call["id"], amy)
        await scene.in_state("ended")
        call = await record(scene)
        assert call["outcome"] == "answered"
        assert await scene.core.db.value("select outcome from call where id = %s", [waiting["id"]]) == "callback"
        assert await scene.core.db.value("select state from callback") == "done"
        assert await scene.factory.events("entry.abandoned") == []


async def test_callback_that_waits_is_called_off_when_the_matter_is_resolved(open_stage: Open) -> None:
    async with open_stage() as scene:
        _, again = await callback_asked_for(scene)
        async with events.unit(scene.core.db, scene.core.feed) as unit:
            await resolve(unit, again["conversation_id"], actor_id=None)
        await scene.in_state("ended")
        assert (await record(scene))["outcome"] == "cancelled"
        assert await scene.core.db.value("select state from callback") == "cancelled"
        assert await scene.core.db.value("select count(*) from queue_entry where state <> 'closed'") == 0
        [said] = await scene.core.db.dicts("select said, status from conversation")
        assert (said["said"]["params"]["outcome"], said["status"]) == ("cancelled", "resolved")


@pytest.mark.parametrize("what", ["snoozed", "resolved"])
async def test_caller_who_comes_out_of_the_menu_waits_whatever_was_done_meanwhile(open_stage: Open, what: str) -> None:
    flow = {"options": {"1": {}, "2": {"voicemail": True}}, "menu": {"en": "Press 1 to wait, 2 to leave a message."}}
    async with open_stage(flow=flow) as scene:
        caller = scene.calls()
        call = await scene.in_state("menu")
        amy = await scene.factory.agent("Amy", call["queue_id"])
        async with events.unit(scene.core.db, scene.core.feed) as unit:
            if what == "snoozed":
                await snooze(unit, call["conversation_id"], now() + timedelta(hours=1), actor_id=amy)
            else:
                await resolve(unit, call["conversation_id"], actor_id=amy)
        caller.press("1")
        await scene.in_state("queued")
        shown = await scene.core.db.dicts("select status, snoozed_until, resolved_at from conversation")
        assert shown == [{"status": "open", "snoozed_until": None, "resolved_at": None}]
        async with scene.core.db.connection() as conn:
            assert await invariants.broken(conn) == []


async def test_message_is_kept_and_queued_when_the_caller_leaves_one(open_stage: Open) -> None:
    flow = {"options": {"2": {"voicemail": True}}, "menu": {"en": "Press 2 to leave a message."}, "transcribe": True}
    async with open_stage(flow=flow) as scene:
        caller = scene.calls()
        await scene.in_state("menu")
        caller.press("2")
        await scene.in_state("voicemail")
        await scene.talk(12)
        caller.say("Please call me about my lamp.")
        await scene.talk(4)
        caller.press("#")
        call = await record(scene)
        assert call["outcome"] == "voicemail"
        [kept] = await scene.core.db.dicts("select kind, state, seconds, transcript from call_recording")
        assert (kept["kind"], kept["transcript"]) == ("voicemail", "Please call me about my lamp.")
        assert 10 <= kept["seconds"] <= 24
        entries = await scene.core.db.dicts("select channel, state from queue_entry")
        assert entries == [{"channel": "voicemail", "state": "waiting"}]


async def test_call_goes_on_when_an_agents_own_voicemail_answers(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy", phone="+14155550177", behavior=Behavior(answers=1))
        caller = scene.calls()
        await scene.leg((await scene.in_state("queued"))["id"], "agent", end_reason="completed")
        assert (await scene.call())["state"] == "queued"
        ben = await scene.agent("Ben", phone="+14155550178", behavior=Behavior(answers=1, keys=((2, "1"),)))
        call = await scene.in_state("talking")
        assert call["agent_id"] == ben
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"
        declined = await scene.core.db.value("select count(*) from offer where state = 'declined'")
        assert declined == 1


async def test_supervisor_whispers_to_the_agent_alone_when_coaching(open_stage: Open) -> None:
    async with open_stage() as scene:
        await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        eva = await scene.agent("Eva", behavior=Behavior(answers=1))
        await scene.does(actions.monitor, call["id"], eva, "listen")
        await scene.leg(call["id"], "supervisor", present=True)
        [room] = [r for r in scene.twilio.exchange.rooms.values() if r.status == "in-progress"]

        async def modes() -> tuple[bool, str]:
            who = next(p for p in room.people.values() if p.call.to == scene.device("Eva"))
            return who.muted, who.coaching

        assert await modes() == (True, "")
        amy_leg = await scene.leg(call["id"], "agent")
        await scene.does(actions.monitor, call["id"], eva, "whisper")
        await _until(lambda: modes(), (False, amy_leg["external_id"]))
        await scene.does(actions.monitor, call["id"], eva, "barge")
        await _until(lambda: modes(), (False, ""))
        caller.hang_up()
        assert (await record(scene))["outcome"] == "answered"


async def test_recording_is_here_and_no_longer_there_when_the_call_is_over(open_stage: Open) -> None:
    async with open_stage(flow={"record": True}) as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        await scene.talk(6)
        await scene.does(actions.recording, call["id"], amy, on=False)
        await _until(lambda: _recording_status(scene), "paused")
        await scene.talk(10)
        await scene.does(actions.recording, call["id"], amy, on=True)
        await _until(lambda: _recording_status(scene), "in-progress")
        await scene.talk(6)
        caller.hang_up()
        call = await record(scene)

        async def kept() -> tuple[Any, ...] | None:
            rows = await scene.core.db.dicts(
                "select state, gone_there, length(body) as size, seconds from call_recording"
            )
            return tuple(rows[0].values()) if rows and rows[0]["gone_there"] else None

        state, _, size, seconds = await eventually(kept)
        assert state == "stored"
        assert 12 <= seconds < call["talk_seconds"] - 5  # the card number is not on it
        assert size > 8000 * seconds  # both channels
        assert scene.twilio.exchange.recordings == {}


async def _recording_status(scene: Stage) -> str | None:
    found = [r.recording.status for r in scene.twilio.exchange.rooms.values() if r.recording]
    return found[-1] if found else None


async def _until(look: Callable[[], Any], wanted: Any) -> None:
    async def same() -> bool:
        return bool(await look() == wanted)

    await eventually(same)
