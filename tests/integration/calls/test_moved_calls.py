"""A caller who waits is where their conversation is handed to: rung there, missed there, and never where nothing rings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.conversations import actions, invariants, lifecycle
from hub.core import events
from hub.core.clock import now
from hub.core.db import Database
from hub.core.errors import Conflict, Invalid
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.queues import entries, offers
from tests.integration.calls.stage import CALLER, Behavior, Stage, eventually, stage
from tests.integration.calls.test_more_scenarios import talking


async def broken(scene: Stage) -> list[str]:
    async with scene.core.db.connection() as conn:
        return [one.fault for one in await invariants.broken(conn)]


async def places(scene: Stage) -> list[dict[str, Any]]:
    return await scene.core.db.dicts("select id, queue_id, channel, state from queue_entry order by id")


async def colleague(scene: Stage, queue: int, name: str = "ben", *, behavior: Behavior | None = None) -> int:
    """An agent of another queue, at their telephone."""
    agent = await scene.factory.agent(name, queue)
    scene.agents[name] = agent
    await scene.put_device(agent)
    if behavior is not None:
        scene.twilio.exchange.people.behaviors[f"client:agent_{agent}"] = behavior
    return agent


async def test_waiting_call_follows_its_entry_and_its_end_is_a_missed_call(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene:
        other = await scene.factory.queue("billing")
        ben = await colleague(scene, other)
        await scene.factory.presence(ben, "away")
        caller = scene.calls()
        call = await scene.in_state("queued")
        new = await scene.does(entries.transfer, call["conversation_id"], queue_id=other, actor_id=ben)
        moved = await scene.call()
        assert (moved["queue_id"], moved["entry_id"], moved["state"]) == (other, new, "queued")
        caller.hang_up()
        await scene.in_state("ended")
        assert [(e["queue_id"], e["channel"], e["state"]) for e in await places(scene)] == [
            (scene.queue, "voice", "closed"),
            (other, "voice", "closed"),
            (other, "missed_call", "waiting"),
        ]
        assert (await scene.call())["outcome"] == "abandoned"
        assert await broken(scene) == []


@pytest.mark.parametrize("to", ["queue", "agent"])
async def test_waiting_call_rings_where_it_was_handed_to(db: Database, feed: Feed, vault: Vault, to: str) -> None:
    async with stage(db, feed, vault) as scene:
        other = await scene.factory.queue("billing")
        ben = await colleague(scene, other, behavior=Behavior(answers=1))
        caller = scene.calls()
        call = await scene.in_state("queued")
        target = {"queue_id": other} if to == "queue" else {"agent_id": ben}
        await scene.does(entries.transfer, call["conversation_id"], actor_id=ben, **target)
        talking = await scene.in_state("talking")
        assert (talking["agent_id"], talking["queue_id"]) == (ben, other)
        caller.hang_up()
        await scene.in_state("ended")
        assert [e["state"] for e in await places(scene)] == ["closed", "closed"]


async def test_what_rang_for_whoever_had_the_call_stops_when_it_is_handed_on(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("amy")
        await scene.factory.presence(amy, "away")
        other = await scene.factory.queue("billing")
        ben = await colleague(scene, other)
        scene.calls()
        call = await scene.in_state("queued")
        await scene.does(entries.pull, call["conversation_id"], amy)
        await scene.ringing(scene.device("amy"))
        await scene.does(entries.transfer, call["conversation_id"], agent_id=ben, actor_id=amy)
        assert (await scene.leg(call["id"], "agent", agent_id=ben))["ended_at"] is None

        async def stopped() -> bool:
            return (await scene.leg(call["id"], "agent", agent_id=amy))["ended_at"] is not None

        await eventually(stopped)
        await scene.answers(scene.device("ben"))
        assert (await scene.in_state("talking"))["agent_id"] == ben


@pytest.mark.parametrize(("target", "code"), [("queue", "queue.no_telephone"), ("agent", "agent.no_telephone")])
async def test_nobody_on_the_line_is_handed_to_where_nothing_rings(
    db: Database, feed: Feed, vault: Vault, target: str, code: str
) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("amy")
        await scene.factory.presence(amy, "away")
        other = await scene.factory.queue("billing")
        ben = await scene.factory.agent("ben", other)
        scene.calls()
        call = await scene.in_state("queued")
        to = {"queue_id": other} if target == "queue" else {"agent_id": ben}
        with pytest.raises(Invalid) as refused:
            await scene.does(entries.transfer, call["conversation_id"], actor_id=amy, **to)
        assert refused.value.code == code
        assert (await scene.call())["queue_id"] == scene.queue
        # what the clock moves there is told apart from a queue without anybody
        await scene.does(entries.transfer, call["conversation_id"], queue_id=other)
        assert (await offers.decisions(db, call["conversation_id"]))["waiting_reason"] == (
            "1 available in Billing, but no telephone there rings."
        )
        await scene.put_device(ben)
        assert await scene.ringing(f"client:agent_{ben}")


async def test_who_waits_on_the_line_is_neither_resolved_nor_put_aside(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("amy")
        await scene.factory.presence(amy, "away")
        scene.calls()
        call = await scene.in_state("queued")
        with pytest.raises(Conflict) as refused:
            await scene.does(actions.resolve, call["conversation_id"], actor_id=amy)
        assert refused.value.code == "call.waits_on_line"
        await scene.does(actions.resolve, call["conversation_id"], actor_id=None)  # the clock leaves it alone
        assert await db.value("select status from conversation") == "open"
        assert await broken(scene) == []


async def test_who_talks_is_neither_resolved_nor_put_aside(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        caller, call, amy = await talking(scene)
        later = now() + timedelta(hours=1)
        for ends, values in ((actions.resolve, ()), (actions.snooze, (later,))):
            with pytest.raises(Conflict) as refused:
                await scene.does(ends, call["conversation_id"], *values, actor_id=amy)
            assert refused.value.code == "call.goes_on"
        await scene.does(actions.resolve, call["conversation_id"], actor_id=None)  # the clock leaves it alone
        [entry] = await db.dicts("select state, agent_id from queue_entry")
        assert entry == {"state": "assigned", "agent_id": amy}
        caller.hang_up()
        await scene.in_state("ended")
        await scene.does(actions.resolve, call["conversation_id"], actor_id=amy)
        assert await db.value("select status from conversation") == "resolved"


async def test_what_was_a_call_and_is_taken_up_again_rings_nowhere(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("amy")
        await scene.factory.presence(amy, "away")
        caller = scene.calls()
        call = await scene.in_state("queued")
        caller.hang_up()
        await scene.in_state("ended")
        other = await scene.factory.agent("cy", scene.queue)
        for agent in (amy, other):
            await scene.does(actions.resolve, call["conversation_id"], actor_id=amy)
            await scene.does(entries.close, call["conversation_id"], "resolved")
            await scene.does(lifecycle.reopen, call["conversation_id"], actor_id=agent)
            assert (await places(scene))[-1]["channel"] == "missed_call"
        await scene.does(entries.transfer, call["conversation_id"], agent_id=other, actor_id=amy)
        assert (await places(scene))[-1]["channel"] == "missed_call"


async def test_an_offer_of_a_call_that_rang_nowhere_is_no_miss(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.factory.agent("amy", scene.queue)  # without a telephone
        conversation, entry = await scene.factory.waiting(scene.queue, "voice")
        await db.execute("update call set state = 'ended', ended_at = now()")
        offer = await db.value(
            "insert into offer (entry_id, agent_id, epoch, expires_at) values (%s, %s, 1, now()) returning id",
            [entry, amy],
        )
        await db.execute(
            "update queue_entry set state = 'offered', agent_id = %s, offer_id = %s where id = %s", [amy, offer, entry]
        )
        assert await scene.does(offers.time_out, offer)
        assert await db.value("select missed from agent_state where agent_id = %s", [amy]) == 0
        assert await broken(scene) == ["rings_nowhere"]
        async with events.unit(scene.core.db, scene.core.feed) as unit:
            await invariants.mend(unit, conversation)
        assert await broken(scene) == []


async def test_sweeper_finds_calls_and_entries_that_have_lost_each_other(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene:
        caller = scene.calls()
        call = await scene.in_state("queued")
        # what an older version left behind: the call keeps the entry that is closed
        await db.execute("update call set entry_id = entry_id + 1000")
        assert await broken(scene) == ["call_elsewhere"]
        assert await invariants.sweep(scene.core) == 1
        assert (await scene.call())["entry_id"] == (await places(scene))[-1]["id"]
        await db.execute("update queue_entry set state = 'closed', closed_at = now()")
        assert await broken(scene) == ["call_elsewhere"]
        assert await invariants.sweep(scene.core) == 1
        assert [e["state"] for e in await places(scene)] == ["closed", "waiting"]
        await db.execute("update call set entry_id = null")
        caller.hang_up()
        await scene.in_state("ended")
        await db.execute("update conversation set waiting_since = now()")
        assert await broken(scene) == ["rings_nowhere"]
        assert await invariants.sweep(scene.core) == 1
        assert [(e["channel"], e["state"]) for e in await places(scene)][-1] == ("missed_call", "waiting")
        assert call["number"] == CALLER


async def heard(scene: Stage, call: Any) -> str:
    async def said() -> str:
        return next((text for text in reversed(call.played) if "You are number" in text), "")

    return await eventually(said)


async def test_caller_hears_their_true_place_and_no_wait_while_nobody_is_there(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene:
        first = scene.calls()
        await scene.in_state("queued")
        assert "number 1 in the queue. We cannot say yet" in await heard(scene, first)
        first.hang_up()
        await scene.in_state("ended")
        other = "+14155550199"
        second = scene.calls(other)
        await scene.in_state("queued", number=other)
        assert "number 1 in the queue. We cannot say yet" in await heard(scene, second)
        amy = await scene.agent("amy")
        await scene.factory.presence(amy, "busy")  # there, though nobody is offered anything

        async def estimated() -> bool:
            return "number 1 in the queue. The wait is about" in await heard(scene, second)

        await eventually(estimated)
