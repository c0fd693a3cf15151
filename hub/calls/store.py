"""Reading and locking calls, and the small writes that every part of this package shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.calls import commands
from hub.calls.events import OfCall
from hub.calls.model import Call, Fact, Leg
from hub.calls.times import times
from hub.calls.wording import Said
from hub.channels.calls import CommandKind
from hub.conversations import conversation
from hub.core.clock import now
from hub.core.db import Connection, Database, execute, fetch_all, fetch_one, fetch_value
from hub.core.errors import NotFound
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__)
Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LockedCall:
    """A locked call and its telephones."""

    call: Call
    legs: tuple[Leg, ...]

    def leg(self, leg_id: int | None) -> Leg | None:
        """One of them."""
        return next((leg for leg in self.legs if leg.id == leg_id), None)

    @property
    def customer(self) -> Leg | None:
        """The customer's newest telephone."""
        return next((leg for leg in reversed(self.legs) if leg.role == "customer"), None)

    def alive(self, *roles: str) -> list[Leg]:
        """The telephones of these roles that have not ended."""
        return [leg for leg in self.legs if leg.role in roles and leg.live]

    def agent_leg(self, agent_id: int | None) -> Leg | None:
        """An agent's live telephone in it."""
        return next((leg for leg in reversed(self.legs) if leg.live and leg.agent_id == agent_id), None)


async def lock_call(unit: Unit, call_id: int) -> LockedCall:
    """A call, locked after its conversation (the order of locks); `NotFound`."""
    seen = await fetch_one(unit.conn, Call, sql["call"], {"id": call_id})
    if seen is None:
        raise NotFound("There is no such call.", code="call.unknown")
    await conversation.lock(unit.conn, seen.conversation_id)
    call = await fetch_one(unit.conn, Call, sql["lock_call"], {"id": call_id})
    assert call is not None  # noqa: S101 - calls are never deleted
    return LockedCall(call, tuple(await legs(unit.conn, call_id)))


async def reread(unit: Unit, held: LockedCall) -> LockedCall:
    """The same call, read again after changes of ours."""
    call = await fetch_one(unit.conn, Call, sql["call"], {"id": held.call.id})
    assert call is not None  # noqa: S101 - we hold it
    return LockedCall(call, tuple(await legs(unit.conn, call.id)))


async def legs(conn: Connection, call_id: int) -> list[Leg]:
    """A call's telephones, the first first."""
    return await fetch_all(conn, Leg, sql["legs"], {"call_id": call_id})


async def add_leg(  # noqa: PLR0913 - a telephone has that many properties, nearly all optional
    unit: Unit,
    call_id: int,
    role: str,
    endpoint: str,
    *,
    agent_id: int | None = None,
    offer_id: int | None = None,
    consult: bool = False,
    mode: str = "talk",
    external_id: str | None = None,
) -> int | None:
    """A telephone in a call; None when that offer rings already."""
    values = {
        "call_id": call_id, "role": role, "endpoint": endpoint, "agent_id": agent_id, "offer_id": offer_id,
        "consult": consult, "mode": mode, "external_id": external_id,
    }  # fmt: skip
    return await fetch_value(unit.conn, sql["add_leg"], values)


async def transition(
    unit: Unit, call: Call, to: str, *of: str, agent_id: int | None = None, at: datetime | None = None
) -> bool:
    """Change the call's state if it is one of `of`; False when it is not."""
    values = {"id": call.id, "to": to, "of": list(of), "agent_id": agent_id, "at": at}
    return await fetch_value(unit.conn, sql["move"], values) is not None


async def enqueue_command(
    unit: Unit, call: Call, kind: CommandKind, key: str, *, leg_id: int | None = None, **data: Any
) -> None:
    """Ask the provider for something, after the commit. The same `key` again asks nothing."""
    values = {
        "call_id": call.id, "leg_id": leg_id, "key": f"{call.id}:{key}", "kind": kind.value,
        "data": Jsonb(data),
    }  # fmt: skip
    await execute(unit.conn, commands.sql["ask"], values)
    unit.notify("calls")


async def log_event(unit: Unit, call: Call, kind: type[OfCall], *agents: int | None, **data: Any) -> None:
    """Write what happened: on the conversation's topic, and on those of agents it concerns."""
    said = kind(call_id=call.id, **data)
    await unit.log(said, conversation_id=call.conversation_id, queue_id=call.queue_id)
    for agent_id in sorted({a for a in agents if a is not None}):
        await unit.log(said, conversation_id=call.conversation_id, agent_id=agent_id, on_conversation=False)


async def touch(
    unit: Unit,
    conversation_id: int,
    said: Said,
    *,
    seq: int | None = None,
    waiting: bool = False,
    answered: bool = False,
) -> None:
    """Make these a conversation's last words; `seq` of their event, where they are new."""
    call = conversation.CallDescribed(said.text, said.row(), seq, waiting, answered)
    await conversation.call_described(unit.conn, conversation_id, call)


async def count(unit: Unit, held: LockedCall) -> None:
    """Compute the call's times anew from everything reported."""
    facts = await fetch_all(unit.conn, Fact, sql["facts"], {"call_id": held.call.id})
    customers = frozenset(leg.id for leg in held.legs if leg.role == "customer")
    speakers = frozenset(leg.id for leg in held.legs if leg.role in ("agent", "third"))
    found = times(facts, customers, speakers, held.call.ended_at or now())
    values = {"id": held.call.id, "wait": found.wait, "talk": found.talk, "hold": found.hold}
    await execute(unit.conn, sql["set_times"], values)
    for leg_id, seconds in sorted(found.ring.items()):
        await execute(unit.conn, sql["set_ring"], {"id": leg_id, "seconds": seconds})


async def shown(
    db: Database,
    *,
    ids: list[int] | None = None,
    conversation_id: int | None = None,
    agent_id: int | None = None,
    live: bool = False,
) -> list[Shape]:
    """Calls as the desk shows them, the newest first."""
    values = {"ids": ids, "conversation_id": conversation_id, "agent_id": agent_id, "live": live}
    return await db.dicts(sql["shown"], values)
