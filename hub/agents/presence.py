"""Presence: who may be offered work right now.

An open offer and a state other than `available` never coexist: leaving takes the open offers back in the same
transaction, and the router's commit takes the same row lock before it believes that somebody is available.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import psycopg

from hub.agents.events import OfferEnded, PresenceChanged
from hub.agents.load import load
from hub.agents.model import Presence, State
from hub.core.clock import iso
from hub.core.db import Connection, Database, execute, fetch_all, fetch_one
from hub.core.errors import Conflict, NotFound
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__)
GRACE = 30.0  # seconds without a screen that cost nothing: a reload of the page, a sign-in whose socket is on its way
BACK_WITHIN = 600.0  # seconds after which whoever lost their connection is asked what they do
_TRIES = 40  # of taking an agent's offers back while others answer them; together about four seconds


@dataclass(frozen=True, slots=True)
class _State:
    state: str
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class _Before:
    state_before: str | None
    reason_before: str | None
    soon: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    id: int


@dataclass(frozen=True, slots=True)
class _TakenBack:
    offer_id: int
    entry_id: int
    conversation_id: int
    queue_id: int


def _view(row: _State) -> Presence:
    return {"state": row.state, "reason": row.reason, "since": iso(row.since)}


async def presence(db: Database, agent_id: int) -> Presence:
    """An agent's state now; somebody who never signed in is offline. `NotFound` for nobody."""
    await db.execute(sql["ensure_state"], {"agent_id": agent_id})
    row = await db.one(_State, sql["presence"], {"agent_id": agent_id})
    if row is None:
        raise NotFound
    return _view(row)


async def set_presence(
    unit: Unit, agent_id: int, state: State | str, reason: str | None = None, *, lost: bool = False
) -> Presence:
    """Change an agent's state, taking back what is on offer to them unless they are available.

    `lost`: their connection is; what they were is kept for `welcome_back`.

    Writes `presence.changed` {presence, load} and an `offer.ended` for each offer taken back. `Conflict` when the
    agent's offers were being answered all the while (try again).
    """
    state = State(state)
    await execute(unit.conn, sql["ensure_state"], {"agent_id": agent_id})
    for attempt in range(_TRIES):
        try:
            row, taken = await _switch(unit.conn, agent_id, state, reason, lost=lost)
        except psycopg.errors.LockNotAvailable:
            # Whoever answers one of the offers holds its entry and may want our agent_state row next: let it pass.
            await asyncio.sleep(0.005 * (attempt + 1))
            continue
        await _log_changes(unit, agent_id, row, taken)
        return _view(row)
    raise Conflict("Your offers are being changed; try again.", code="presence.busy")


async def _switch(
    conn: Connection, agent_id: int, state: State, reason: str | None, *, lost: bool
) -> tuple[_State, list[_TakenBack]]:
    """The change itself. Holds agent_state before queue_entry, against the usual order, so it never waits there."""
    async with conn.transaction():
        if await fetch_one(conn, _State, sql["lock_state"], {"agent_id": agent_id}) is None:
            raise NotFound
        taken: list[_TakenBack] = []
        if state is not State.AVAILABLE:
            held = await fetch_all(conn, _Entry, sql["lock_offered"], {"agent_id": agent_id})
            facts = {"entry_ids": [e.id for e in held], "agent_id": agent_id, "reason": f"agent {state}"}
            taken = await fetch_all(conn, _TakenBack, sql["take_back"], facts) if held else []
        values = {"agent_id": agent_id, "state": state, "reason": reason, "grace": GRACE, "lost": lost}
        row = await fetch_one(conn, _State, sql["set_state"], values)
        assert row is not None  # noqa: S101 - the row is locked above
        return row, taken


async def _log_changes(unit: Unit, agent_id: int, row: _State, taken: list[_TakenBack]) -> None:
    for offer in taken:
        ended = OfferEnded(
            offer_id=offer.offer_id,
            entry_id=offer.entry_id,
            state="rescinded",
            conversation_id=offer.conversation_id,
        )
        await unit.log(
            ended,
            agent_id=agent_id,
            conversation_id=offer.conversation_id,
            queue_id=offer.queue_id,
            on_conversation=False,
        )
    held = await load(unit.conn, agent_id)
    await unit.log(PresenceChanged(presence=dict(_view(row)), load=dict(held)), agent_id=agent_id)
    unit.notify("router")


async def mark_offline(unit: Unit, agent_id: int) -> bool:
    """The agent's last screen is gone. True if that changed anything: they may have come back since it was noticed.

    What they hold in channels where somebody waits at the other end returns to its queue after a grace time (see
    `routing.offers`), so that a reload of the page costs nothing.
    """
    if await fetch_one(unit.conn, _State, sql["lapsed"], {"agent_id": agent_id}) is None:
        return False
    await set_presence(unit, agent_id, State.OFFLINE, "disconnected", lost=True)
    return True


async def works(unit: Unit, agent_id: int) -> bool:
    """An agent takes or answers by hand: at an open screen they are there, busy. True if that is new."""
    if await fetch_one(unit.conn, _State, sql["sits_there"], {"agent_id": agent_id}) is None:
        return False
    await set_presence(unit, agent_id, State.BUSY)
    return True


async def welcome_back(unit: Unit, agent_id: int) -> bool:
    """A screen of theirs is open again: their connection is no longer lost. True if that changed anything.

    Within `BACK_WITHIN` they are what they were before; later they are offline and say themselves what they do.
    """
    before = await fetch_one(unit.conn, _Before, sql["returned"], {"agent_id": agent_id, "within": BACK_WITHIN})
    if before is None:
        return False
    if before.soon and before.state_before is not None:
        await set_presence(unit, agent_id, before.state_before, before.reason_before)
    else:
        await set_presence(unit, agent_id, State.OFFLINE)
    return True
