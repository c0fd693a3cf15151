"""The life of a queue entry: waiting, offered, assigned, wrapping, closed.

A conversation has at most one live entry (a unique index says so). Every change locks the conversation first, so
whoever holds it sees the entry still. What happened is in the log: `entry.queued`, `entry.answered`,
`entry.abandoned`, `entry.flowed_out` and `entry.closed`; the first four are all that statistics need.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.agents import presence
from hub.agents.events import OfferEnded
from hub.channels.capabilities import capabilities_of
from hub.conversations import conversation
from hub.conversations.events import (
    ConversationAssigned,
    ConversationReopened,
    ConversationUnassigned,
    ConversationUpdated,
)
from hub.core.db import Connection, Database, execute, fetch_one, fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.event_kinds import EventData
from hub.core.events import Unit
from hub.core.sql import Queries
from hub.queues import targets, telephone
from hub.queues.events import EntryAbandoned, EntryAnswered, EntryClosed, EntryFlowedOut, EntryQueued, EntryReleased

sql = Queries.beside(__file__, "entries.sql")
OWED_SECONDS = 300.0  # what an agent who went offline owes an answer waits for their return before others get it
DIRECT_SECONDS = 300  # how long a conversation handed to one agent waits for exactly that agent


@dataclass(frozen=True, slots=True)
class Entry:
    """A locked live entry, with what its queue says. `waited` is in seconds since `queued_at`.

    `answered`: somebody has taken it before, so its wait has ended for the numbers, though it may wait again.
    """

    id: int
    queue_id: int
    channel: str
    state: str
    entered_at: datetime
    queued_at: datetime
    priority_seconds: int
    requirements: list[dict[str, Any]]
    agent_id: int | None
    offer_id: int | None
    assigned_at: datetime | None
    answered: bool
    service_level_seconds: int
    short_abandon_seconds: int
    wrap_up_seconds: int
    waited: float


@dataclass(frozen=True, slots=True)
class _New:
    id: int
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class _Offer:
    id: int
    agent_id: int


async def live(conn: Connection, conversation_id: int) -> Entry | None:
    """The conversation's live entry, locked. Hold the conversation before."""
    return await fetch_one(conn, Entry, sql["live"], {"conversation_id": conversation_id})


async def enqueue(  # noqa: PLR0913 - an entry has that many properties, nearly all optional
    unit: Unit,
    conversation_id: int,
    queue_id: int,
    *,
    channel: str,
    entered_at: datetime | None = None,
    requirements: list[dict[str, Any]] | None = None,
    priority_seconds: int | None = None,
    sticky_agent_id: int | None = None,
    sticky_seconds: int = 0,
) -> int | None:
    """Let a conversation wait; the new entry's id, or None when it is in a queue already.

    `entered_at` keeps an age gained elsewhere. `sticky_agent_id`: for `sticky_seconds` only that agent is offered
    it, as long as they are present.
    """
    await conversation.lock(unit.conn, conversation_id)
    new = await fetch_one(
        unit.conn,
        _New,
        sql["insert"],
        {
            "conversation_id": conversation_id,
            "queue_id": queue_id,
            "channel": channel,
            "entered_at": entered_at,
            "requirements": Jsonb(requirements or []),
            "priority_seconds": priority_seconds,
            "sticky_agent_id": sticky_agent_id,
            "sticky_seconds": sticky_seconds,
        },
    )
    if new is None:
        return None
    if capabilities_of(channel).call:
        await telephone.follow(unit, conversation_id, new.id, queue_id)
    said = EntryQueued(entry_id=new.id, channel=channel, queued_at=new.queued_at)
    await unit.log(said, conversation_id=conversation_id, queue_id=queue_id, on_conversation=False)
    unit.notify("router")
    return new.id


async def pull(unit: Unit, conversation_id: int, agent_id: int) -> None:
    """An agent takes a conversation by their own choice, whoever it was on offer to; capacity is no limit to that.

    `Conflict` when it is on the desk of somebody else who is not offline.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    entry = await live(unit.conn, conversation_id)
    if entry is not None and entry.state in ("assigned", "wrapping") and entry.agent_id != agent_id:
        entry = await _taken_from_who_left(unit, conversation_id, entry, agent_id)
    await reopen(unit, held, agent_id)
    if entry is not None and entry.state in ("assigned", "wrapping"):
        if entry.state == "assigned":
            await presence.works(unit, agent_id)
            return
        await end_entry(unit, conversation_id, entry, "resolved")
        entry = None
    if entry is None:
        await assign_new(unit, held, agent_id)
    else:
        # Two agents may pull what is on offer to each other: their rows are locked in one order.
        await execute(unit.conn, sql["lock_agents"], {"agent_ids": [agent_id, entry.agent_id]})
        await _rescind(unit, conversation_id, entry, "pulled")
        await execute(unit.conn, sql["assign"], {"entry_id": entry.id, "agent_id": agent_id})
        await log_answered(unit, conversation_id, entry, agent_id)
    await put_on_desk(unit, conversation_id, agent_id, entry.queue_id if entry else None)
    await presence.works(unit, agent_id)
    unit.notify("router")


async def _taken_from_who_left(unit: Unit, conversation_id: int, entry: Entry, agent_id: int) -> Entry | None:
    if not await fetch_value(unit.conn, sql["has_left"], {"agent_id": entry.agent_id}):
        raise Conflict("Somebody else works on this conversation.", code="work.taken")
    if entry.state == "wrapping":
        await end_entry(unit, conversation_id, entry, "resolved", actor_id=agent_id)
    else:
        await release(unit, conversation_id, actor_id=agent_id, reason="taken over")
    return await live(unit.conn, conversation_id)


async def assign_new(unit: Unit, held: conversation.LockedConversation, agent_id: int) -> None:
    """A held conversation without an entry is an agent's work from now on."""
    queue_id = await _queue_for(unit.conn, agent_id, held.queue_id)
    channel = await telephone.channel_of(unit.conn, held.id, held.channel)
    values = {"conversation_id": held.id, "queue_id": queue_id, "channel": channel, "agent_id": agent_id}
    entry_id = await fetch_value(unit.conn, sql["insert_assigned"], values)
    if capabilities_of(channel).call:
        await telephone.follow(unit, held.id, int(entry_id), queue_id)


async def _queue_for(conn: Connection, agent_id: int, queue_id: int | None) -> int:
    found = await fetch_value(conn, sql["queue_for_agent"], {"agent_id": agent_id, "queue_id": queue_id})
    chosen = found if found is not None else queue_id
    if chosen is None:
        raise Invalid(
            "This agent works in no queue.",
            code="agent.no_queue",
            fields={"agent_id": "choose an agent who works in a queue"},
        )
    return int(chosen)


async def transfer(
    unit: Unit,
    conversation_id: int,
    *,
    queue_id: int | None = None,
    agent_id: int | None = None,
    actor_id: int | None = None,
    keep_age: bool = True,
) -> int:
    """Hand a conversation to a queue or an agent; the new entry's id.

    To an agent: it waits in a queue of theirs, for `DIRECT_SECONDS` only for them as long as they are present, then
    for anybody. `keep_age` counts the customer's wait from the very beginning in the order of serving; statistics
    count from now. What was resolved or snoozed is open again: whoever hands it over wants somebody to work on it.
    Somebody on the line waits there, too. `Invalid` unless exactly one target is named that can be given work; who
    chooses (`actor_id`) is told, too, when nobody works in a queue, or nothing rings there for who is on the line.
    """
    if (queue_id is None) == (agent_id is None):
        raise Invalid(
            "Name a queue or an agent.",
            code="transfer.nowhere",
            fields={"queue_id": "either this", "agent_id": "or this"},
        )
    if agent_id is not None:
        await targets.check_agent(unit.conn, agent_id)
    held = await conversation.lock(unit.conn, conversation_id)
    entry = await live(unit.conn, conversation_id)
    target = queue_id if agent_id is None else await _queue_for(unit.conn, agent_id, held.queue_id)
    assert target is not None  # noqa: S101 - one of the two is given
    await targets.check_queue(unit.conn, target, served=actor_id is not None)
    if actor_id is not None:
        await telephone.check_rings(unit.conn, held.id, target, agent_id)
    await reopen(unit, held, actor_id)
    if entry is not None:
        await end_entry(unit, conversation_id, entry, "transferred", actor_id=actor_id)
    await conversation.assign(unit.conn, held.id, agent_id=None, queue_id=target)
    new = await enqueue(
        unit,
        conversation_id,
        target,
        channel=await telephone.channel_of(unit.conn, held.id, held.channel),
        entered_at=entry.entered_at if entry is not None and keep_age else None,
        sticky_agent_id=agent_id,
        sticky_seconds=DIRECT_SECONDS if agent_id is not None else 0,
    )
    if new is None:
        raise NotFound("There is no such queue.", code="queue.unknown")
    await log_unassigned(unit, held, actor_id)
    return new


async def reopen(unit: Unit, held: conversation.LockedConversation, actor_id: int | None) -> bool:
    """Open a held conversation that is resolved or snoozed; whether it was."""
    if not await conversation.open_again(unit.conn, held.id):
        return False
    await unit.log(ConversationReopened(), conversation_id=held.id, queue_id=held.queue_id, actor_id=actor_id)
    return True


async def release(
    unit: Unit, conversation_id: int, *, actor_id: int | None = None, reason: str = "", of: int | None = None
) -> bool:
    """Put a conversation back into its queue with its place kept; False unless somebody (`of`: this agent) had it."""
    held = await conversation.lock(unit.conn, conversation_id)
    entry = await live(unit.conn, conversation_id)
    if entry is None or entry.state != "assigned" or of not in (None, entry.agent_id):
        return False
    await execute(unit.conn, sql["put_back"], {"entry_id": entry.id})
    await conversation.assign(unit.conn, held.id, agent_id=None)
    await unit.log(
        EntryReleased(entry_id=entry.id, reason=reason),
        conversation_id=conversation_id,
        queue_id=entry.queue_id,
        agent_id=entry.agent_id,
        actor_id=actor_id,
        on_conversation=False,
        on_agent=False,
    )
    await log_unassigned(unit, held, actor_id)
    unit.notify("router")
    return True


async def close(unit: Unit, conversation_id: int, outcome: str, *, actor_id: int | None = None) -> bool:
    """End the live entry: `abandoned` (the customer left), `resolved`, `snoozed`, `callback`; False without one."""
    await conversation.lock(unit.conn, conversation_id)
    entry = await live(unit.conn, conversation_id)
    if entry is None:
        return False
    await end_entry(unit, conversation_id, entry, outcome, actor_id=actor_id)
    await unit.log(ConversationUpdated(), conversation_id=conversation_id, actor_id=actor_id)
    return True


async def stranded(db: Database, grace_seconds: float, limit: int) -> list[int]:
    """What waits at somebody who is offline: chats and calls after `grace_seconds`, letters after `OWED_SECONDS`."""
    values = {"grace_seconds": grace_seconds, "owed_seconds": OWED_SECONDS, "limit": limit}
    return [one["conversation_id"] for one in await db.dicts(sql["stranded"], values)]


async def put_on_desk(unit: Unit, conversation_id: int, agent_id: int, queue_id: int | None) -> None:
    """The conversation, which is held, is on this agent's desk now; tell both topics."""
    await conversation.assign(unit.conn, conversation_id, agent_id=agent_id, queue_id=queue_id)
    await unit.log(ConversationUpdated(), conversation_id=conversation_id)
    await unit.log(
        ConversationAssigned(conversation_id=conversation_id),
        conversation_id=conversation_id,
        agent_id=agent_id,
        queue_id=queue_id,
        on_conversation=False,
    )


async def log_answered(unit: Unit, conversation_id: int, entry: Entry, agent_id: int) -> None:
    """The wait is over: what service level and speed of answer are counted from."""
    await unit.log(
        EntryAnswered(**_waited(entry), in_target=entry.waited <= entry.service_level_seconds),
        conversation_id=conversation_id,
        agent_id=agent_id,
        queue_id=entry.queue_id,
        on_conversation=False,
        on_agent=False,
    )


def _waited(entry: Entry) -> dict[str, Any]:
    return {
        "entry_id": entry.id,
        "channel": entry.channel,
        "queued_at": entry.queued_at,
        "wait_seconds": round(entry.waited, 3),
    } | ({"again": True} if entry.answered else {})


async def end_entry(
    unit: Unit, conversation_id: int, entry: Entry, outcome: str, *, actor_id: int | None = None
) -> None:
    """Close an entry that is held. Left unanswered it counts as abandoned or as flowed out, never as nothing."""
    unanswered = entry.state in ("waiting", "offered")
    if unanswered:
        await _rescind(unit, conversation_id, entry, outcome)
        await unit.log(
            _ended_waiting(entry, outcome),
            conversation_id=conversation_id,
            queue_id=entry.queue_id,
            actor_id=actor_id,
            on_conversation=False,
        )
    seconds = await fetch_value(unit.conn, sql["close"], {"entry_id": entry.id, "outcome": outcome})
    await unit.log(
        EntryClosed(entry_id=entry.id, channel=entry.channel, outcome=outcome, handle_seconds=seconds),
        conversation_id=conversation_id,
        queue_id=entry.queue_id,
        actor_id=actor_id,
        agent_id=None if unanswered else entry.agent_id,
        on_conversation=False,
        on_agent=False,
    )
    if not unanswered and entry.agent_id is not None:
        await execute(unit.conn, sql["idle"], {"agent_id": entry.agent_id})
    unit.notify("router")


def _ended_waiting(entry: Entry, outcome: str) -> EventData:
    if outcome == "abandoned":
        return EntryAbandoned(**_waited(entry), outcome=outcome, short=entry.waited <= entry.short_abandon_seconds)
    return EntryFlowedOut(**_waited(entry), outcome=outcome)


async def _rescind(unit: Unit, conversation_id: int, entry: Entry, reason: str) -> None:
    offer = await fetch_one(unit.conn, _Offer, sql["rescind"], {"entry_id": entry.id, "reason": reason})
    if offer is not None:
        await unit.log(
            OfferEnded(offer_id=offer.id, entry_id=entry.id, state="rescinded", conversation_id=conversation_id),
            conversation_id=conversation_id,
            agent_id=offer.agent_id,
            queue_id=entry.queue_id,
            on_conversation=False,
        )


async def log_unassigned(unit: Unit, held: conversation.LockedConversation, actor_id: int | None) -> None:
    """Tell the conversation's screens that it has changed, and its agent that it left their desk."""
    await unit.log(ConversationUpdated(), conversation_id=held.id, actor_id=actor_id)
    if held.agent_id is not None:
        await unit.log(
            ConversationUnassigned(conversation_id=held.id),
            conversation_id=held.id,
            agent_id=held.agent_id,
            actor_id=actor_id,
            on_conversation=False,
        )
