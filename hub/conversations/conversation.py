"""The conversation's row: locked, begun and changed here alone, one function for each change.

What is written set-based by a function of the database instead (intake, delivery results, the sequence of its topic) is
named in `tests/unit/repository/test_owners.py`. Whoever changes a row that others may change too locks it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.core.db import Connection, execute, fetch_dicts, fetch_one, fetch_value
from hub.core.errors import NotFound
from hub.core.sql import Queries

sql = Queries.beside(__file__, "conversation.sql")


@dataclass(frozen=True, slots=True)
class LockedConversation:
    """A conversation whose row is locked until the transaction ends, as it was then."""

    id: int
    contact_id: int
    account_id: int | None
    subject: str
    status: str
    agent_id: int | None
    queue_id: int | None
    channel: str


async def lock(conn: Connection, conversation_id: int) -> LockedConversation:
    """The conversation, locked until the transaction ends; `NotFound` if there is none."""
    locked = await fetch_one(conn, LockedConversation, sql["lock"], {"id": conversation_id})
    if locked is None:
        raise NotFound("There is no such conversation.", code="conversation.unknown")
    return locked


@dataclass(frozen=True, slots=True)
class NewConversation:
    """What begins. `agent_id`: on whose desk; `heard`: the customer has been heard in it at this moment."""

    contact_id: int
    account_id: int
    channel: str
    queue_id: int | None
    agent_id: int | None
    subject: str = ""
    preview: str = ""
    heard: bool = False


async def create(conn: Connection, new: NewConversation) -> int:
    """Begin a conversation; its id."""
    values = {
        "contact_id": new.contact_id, "account_id": new.account_id, "channel": new.channel, "queue_id": new.queue_id,
        "agent_id": new.agent_id, "subject": new.subject, "preview": new.preview, "heard": new.heard,
    }  # fmt: skip
    return int(await fetch_value(conn, sql["create"], values))


# -- status ----------------------------------------------------------------------------------------------------------
async def open_again(conn: Connection, conversation_id: int) -> bool:
    """Open what is resolved or snoozed; whether it was."""
    return await fetch_value(conn, sql["open_again"], {"id": conversation_id}) is not None


async def resolve(
    conn: Connection, conversation_id: int, *, actor_id: int | None, disposition: str | None
) -> dict[str, Any] | None:
    """Close it; its `queue_id` and `agent_id`, or None when it was closed."""
    values = {"id": conversation_id, "actor_id": actor_id, "disposition": disposition}
    changed = await fetch_dicts(conn, sql["resolve"], values)
    return changed[0] if changed else None


async def snooze(conn: Connection, conversation_id: int, *, until: datetime) -> dict[str, Any] | None:
    """Put an open one out of sight; its `agent_id`, or None when it is not open."""
    changed = await fetch_dicts(conn, sql["snooze"], {"id": conversation_id, "until": until})
    return changed[0] if changed else None


async def set_disposition(conn: Connection, conversation_id: int, *, disposition: str) -> None:
    """Note what came of it."""
    await execute(conn, sql["set_disposition"], {"id": conversation_id, "disposition": disposition})


# -- whose it is, and who waits --------------------------------------------------------------------------------------
async def assign(conn: Connection, conversation_id: int, *, agent_id: int | None, queue_id: int | None = None) -> None:
    """Put it on an agent's desk (None: on nobody's), and into a queue (None: it stays in its own)."""
    await execute(conn, sql["assign"], {"id": conversation_id, "agent_id": agent_id, "queue_id": queue_id})


async def customer_waits(conn: Connection, conversation_id: int) -> bool:
    """Whether the customer of an open conversation waits for an answer. Lock it before."""
    return bool(await fetch_value(conn, sql["customer_waits"], {"id": conversation_id}))


async def start_waiting(conn: Connection, conversation_id: int) -> None:
    """Let the customer wait from now on, unless they do already or it is not open."""
    await execute(conn, sql["start_waiting"], {"id": conversation_id})


async def stop_waiting(conn: Connection, conversation_id: int) -> None:
    """Let the customer wait for nothing."""
    await execute(conn, sql["stop_waiting"], {"id": conversation_id})


# -- what is said in it ----------------------------------------------------------------------------------------------
async def mark_read(conn: Connection, conversation_id: int, *, seq: int) -> bool:
    """Note what the desk has seen, never less than before; whether nothing is unread any more that was."""
    return await fetch_value(conn, sql["mark_read"], {"id": conversation_id, "seq": seq}) is not None


@dataclass(frozen=True, slots=True)
class Replied:
    """An answer of ours: the sequence of its event, its first words, when it leaves."""

    seq: int
    preview: str
    automatic: bool
    channel: str
    due_at: datetime


async def replied(conn: Connection, conversation_id: int, answer: Replied) -> None:
    """Set the clocks after an answer; an automatic one stops none."""
    values = {
        "id": conversation_id, "seq": answer.seq, "preview": answer.preview, "automatic": answer.automatic,
        "channel": answer.channel, "due_at": answer.due_at,
    }  # fmt: skip
    await execute(conn, sql["replied"], values)


async def rated(conn: Connection, conversation_id: int, said: dict[str, Any], *, low: bool) -> None:
    """Let the score and the words of a customer stand as the last of it: a low score, and what replaces one."""
    await execute(conn, sql["rated"], {"id": conversation_id, "said": Jsonb(said), "low": low})


async def reply_withdrawn(conn: Connection, conversation_id: int) -> None:
    """Set the clocks as if what was taken back had not been written."""
    await execute(conn, sql["reply_withdrawn"], {"id": conversation_id})


async def waits_still(conn: Connection, conversation_id: int, *, interaction_id: int) -> datetime | None:
    """Let the customer wait again whom an answer did not reach; since when. None where they are answered, or wait."""
    values = {"id": conversation_id, "interaction_id": interaction_id}
    return await fetch_value(conn, sql["waits_still"], values)


async def wait_anew(conn: Connection, conversation_id: int) -> None:
    """Set since when the customer waits by what asks for an answer, after something has turned out not to."""
    await execute(conn, sql["wait_anew"], {"id": conversation_id})


@dataclass(frozen=True, slots=True)
class CallDescribed:
    """A call in the hub's words (`said` and the English of it); `seq` of its event, where it is new."""

    preview: str
    said: dict[str, Any]
    seq: int | None = None
    waiting: bool = False
    answered: bool = False


async def call_described(conn: Connection, conversation_id: int, call: CallDescribed) -> None:
    """Make a call the last that happened; the caller waits, or was answered, or neither."""
    values = {
        "id": conversation_id, "preview": call.preview, "said": Jsonb(call.said), "seq": call.seq,
        "waiting": call.waiting, "answered": call.answered,
    }  # fmt: skip
    await execute(conn, sql["call_described"], values)


async def call_begun(conn: Connection, conversation_id: int) -> None:
    """Let the conversation be about a call again, and open."""
    await execute(conn, sql["call_begun"], {"id": conversation_id})


async def recount_failed(conn: Connection, conversation_id: int) -> None:
    """Mark it while something in it did not leave, or nobody knows; else take the mark away."""
    await execute(conn, sql["recount_failed"], {"id": conversation_id})
