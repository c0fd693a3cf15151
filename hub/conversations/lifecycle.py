"""When work ends, and when it was not over: wrap-up, taking a matter up again, taking one by answering it.

The rule behind all of it: an open conversation whose customer waits has a live entry, and every live entry is with
somebody, or in a queue and on nobody's desk.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hub.conversations import conversation
from hub.conversations.events import ConversationUpdated
from hub.core.db import Database, fetch_value
from hub.core.errors import Conflict
from hub.core.events import Unit
from hub.queues import entries, telephone
from hub.queues.events import EntryResumed, EntryWrapping

STICKY_SECONDS = 120  # how long a matter taken up again waits for exactly the agent who had it


async def reopen(unit: Unit, conversation_id: int, *, actor_id: int | None) -> None:
    """Take up a matter again that was resolved or snoozed; nothing when it is open.

    Whoever had it and takes it up, or is still wrapping it up, has it again; else it waits in its queue, two minutes
    only for them. In a queue it is on nobody's desk.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    if not await entries.reopen(unit, held, actor_id):
        return
    entry = await entries.live(unit.conn, conversation_id)
    if entry is not None:
        await _resume(unit, conversation_id, entry)
    elif actor_id is not None and actor_id == held.agent_id:
        await entries.assign_new(unit, held, actor_id)
        await entries.put_on_desk(unit, conversation_id, actor_id, None)
        unit.notify("router")
    elif held.queue_id is not None:
        await _wait_again(unit, held, actor_id)


async def _wait_again(unit: Unit, held: conversation.LockedConversation, actor_id: int | None) -> None:
    """Let a held conversation wait in its queue, first for whoever had it."""
    assert held.queue_id is not None  # noqa: S101 - callers look
    await entries.enqueue(
        unit,
        held.id,
        held.queue_id,
        channel=await telephone.channel_of(unit.conn, held.id, held.channel),
        sticky_agent_id=held.agent_id,
        sticky_seconds=STICKY_SECONDS,
    )
    await conversation.assign(unit.conn, held.id, agent_id=None)
    await entries.log_unassigned(unit, held, actor_id)


async def give_back(unit: Unit, conversation_id: int, channel: str | None = None) -> bool:
    """Who waits for us and is nobody's work is the work of the agent on whose desk they are, or waits in a queue.

    `channel`: as what it waits, else as what came last. A call that nobody took waits as a `missed_call`: nobody rings
    at the other end any more. False when there is nothing to do, or no queue that takes work.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    values = {"conversation_id": conversation_id}
    waits = await conversation.customer_waits(unit.conn, conversation_id)
    if not waits or await entries.live(unit.conn, conversation_id) is not None:
        return False
    channel = await telephone.channel_of(unit.conn, conversation_id, channel or held.channel)
    agent_id = await fetch_value(unit.conn, entries.sql["desk_of"], values)
    queue_id = await fetch_value(unit.conn, entries.sql["fallback_queue"], values)
    if queue_id is None:
        return False
    held = replace(held, queue_id=int(queue_id), channel=channel)
    if agent_id is not None:
        await entries.assign_new(unit, held, int(agent_id))
        await entries.put_on_desk(unit, conversation_id, int(agent_id), None)
        unit.notify("router")
        return True
    await entries.enqueue(unit, held.id, int(queue_id), channel=held.channel)
    await conversation.assign(unit.conn, held.id, agent_id=None, queue_id=int(queue_id))
    await entries.log_unassigned(unit, held, None)
    return True


async def _resume(unit: Unit, conversation_id: int, entry: entries.Entry) -> bool:
    """A wrap-up that is held becomes its agent's work again; False when it is none."""
    if await fetch_value(unit.conn, entries.sql["resume"], {"entry_id": entry.id}) is None:
        return False
    await unit.log(
        EntryResumed(entry_id=entry.id),
        conversation_id=conversation_id,
        agent_id=entry.agent_id,
        queue_id=entry.queue_id,
        on_conversation=False,
        on_agent=False,
    )
    unit.notify("router")
    return True


async def answer_lost(unit: Unit, conversation_id: int, interaction_id: int) -> datetime | None:
    """An answer of ours will never arrive: its customer waits still, for whoever wrote it first; since when.

    What was resolved or put aside with it is open again. None where it does not matter: they were answered otherwise.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    since = await conversation.waits_still(unit.conn, conversation_id, interaction_id=interaction_id)
    if since is None:
        return None
    if held.status != "open":
        await reopen(unit, conversation_id, actor_id=None)
    await give_back(unit, conversation_id)
    said = ConversationUpdated()
    await unit.log(said, conversation_id=conversation_id)
    if held.agent_id is not None:
        await unit.log(said, conversation_id=conversation_id, agent_id=held.agent_id, on_conversation=False)
    unit.notify("router")
    return since


async def ask_nothing(unit: Unit, conversation_id: int) -> None:
    """What was written last has turned out to be nobody's work: nothing of it waits for somebody."""
    await conversation.lock(unit.conn, conversation_id)
    await conversation.wait_anew(unit.conn, conversation_id)
    entry = await entries.live(unit.conn, conversation_id)
    waits = await conversation.customer_waits(unit.conn, conversation_id)
    if entry is not None and entry.state in ("waiting", "offered") and not waits:
        await entries.end_entry(unit, conversation_id, entry, "resolved")


async def take_by_answering(unit: Unit, conversation_id: int, agent_id: int) -> None:
    """Whoever answers a customer who waits in a queue has taken the matter: it is offered to nobody else."""
    entry = await entries.live(unit.conn, conversation_id)
    if entry is not None and entry.state in ("waiting", "offered"):
        await entries.pull(unit, conversation_id, agent_id)


async def start_wrap_up(unit: Unit, conversation_id: int, outcome: str = "resolved") -> datetime | None:
    """The conversation is over: until when its agent wraps up, or None when the entry closed at once."""
    await conversation.lock(unit.conn, conversation_id)
    entry = await entries.live(unit.conn, conversation_id)
    if entry is None:
        return None
    if entry.state == "assigned" and entry.wrap_up_seconds > 0:
        values = {"entry_id": entry.id, "seconds": entry.wrap_up_seconds}
        until: datetime = await fetch_value(unit.conn, entries.sql["wrap"], values)
        await unit.log(
            EntryWrapping(entry_id=entry.id, until=until),
            conversation_id=conversation_id,
            agent_id=entry.agent_id,
            queue_id=entry.queue_id,
            on_conversation=False,
            on_agent=False,
        )
        return until
    if entry.state != "wrapping":
        await entries.end_entry(unit, conversation_id, entry, outcome)
    return None


async def end_wrap_up(unit: Unit, conversation_id: int, agent_id: int | None, disposition: str | None = None) -> None:
    """The agent (None: the clock) is done with it. `Conflict` unless they are wrapping it up."""
    await conversation.lock(unit.conn, conversation_id)
    entry = await entries.live(unit.conn, conversation_id)
    if entry is None or entry.state != "wrapping" or agent_id not in (None, entry.agent_id):
        raise Conflict("There is no wrap-up to end.", code="work.no_wrap_up")
    if await conversation.customer_waits(unit.conn, conversation_id):
        await _resume(unit, conversation_id, entry)  # they have written meanwhile: there is nothing to finish yet
        return
    if disposition is not None:
        await conversation.set_disposition(unit.conn, conversation_id, disposition=disposition)
    await unit.log(ConversationUpdated(), conversation_id=conversation_id, agent_id=entry.agent_id, actor_id=agent_id)
    await entries.end_entry(unit, conversation_id, entry, "resolved", actor_id=agent_id)


async def due_wrap_ups(db: Database, limit: int) -> list[int]:
    """Conversations whose wrap-up time is over."""
    return [one["conversation_id"] for one in await db.dicts(entries.sql["due_wrap_ups"], {"limit": limit})]
