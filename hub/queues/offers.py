"""Offers: a queue entry reserved for one agent until they answer, or time answers for them.

The entry's own row decides: an offer stands exactly while its entry is `offered` with that offer's id, and whoever
changes that in one conditional UPDATE has won.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from hub.agents.events import OfferEnded
from hub.agents.model import Ref, State
from hub.agents.presence import set_presence
from hub.conversations import conversation
from hub.core.clock import iso
from hub.core.db import Database, execute, fetch_all, fetch_one, fetch_value
from hub.core.errors import Conflict
from hub.core.events import Unit
from hub.core.metrics import OFFERS
from hub.core.sql import Queries
from hub.queues import entries
from hub.queues.decision_reasons import Because, coded_reason, english, in_words

sql = Queries.beside(__file__, "offers.sql")
EXCLUDE_SECONDS = 60  # who declined or missed an item is not asked again for so long
MISSED_IN_A_ROW = 2  # offers after which a silent agent is taken to be away (RONA)


class OfferGone(Conflict):
    """Offer gone."""


class Offer(TypedDict):
    """An offer as the desk shows it; times are RFC 3339."""

    id: int
    state: str
    conversation_id: int
    channel: str
    queue: Ref
    contact: Ref
    subject: str
    preview: str
    said: dict[str, Any] | None
    waited_seconds: float
    customer_waits: bool
    waiting_since: str | None
    offered_at: str
    expires_at: str
    server_now: str
    reason: str
    because: list[Because]


class Candidate(TypedDict):
    """Somebody who was considered. `load` is a fraction of the capacity."""

    agent: Ref
    chosen: bool
    level: int | None
    load: float
    idle_seconds: float
    reason: str
    because: list[Because]


class Decision(TypedDict):
    """One choice of the router."""

    at: str
    key: float
    chosen: Ref | None
    offer_state: str | None
    reason: str
    because: list[Because]
    candidates: list[Candidate]


class Decisions(TypedDict):
    """A conversation's choices, newest first, and why it waits if it does."""

    items: list[Decision]
    waiting_reason: str | None
    waiting_because: list[Because]


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    entry_id: int
    agent_id: int
    conversation_id: int


@dataclass(frozen=True, slots=True)
class _PutBack:
    offer_id: int
    agent_id: int
    entry_id: int
    conversation_id: int
    queue_id: int


@dataclass(frozen=True, slots=True)
class Expired:
    """An offer whose time is over; `auto_accept` channels take that for a yes."""

    id: int
    agent_id: int
    auto_accept: bool | None


@dataclass(frozen=True, slots=True)
class View:
    """A row of `offer_shown`."""

    id: int
    state: str
    conversation_id: int
    channel: str
    queue_id: int
    queue_name: str
    contact_id: int
    contact_name: str
    subject: str
    preview: str
    offered_at: datetime
    expires_at: datetime
    server_now: datetime
    waits_since: datetime
    reason: str
    because: list[Because] | None  # null: written by an older version
    agent_id: int
    said: dict[str, Any] | None
    customer_waits: bool


@dataclass(frozen=True, slots=True)
class _Decision:
    at: datetime
    key: float
    chosen_id: int | None
    chosen_name: str | None
    offer_state: str | None
    reason: str
    because: list[Because] | None
    candidates: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    queue: str
    channel: str
    requirements: list[dict[str, Any]]
    waited: float
    members: int
    available: int
    reached: int  # of them: whose telephone rings, if it is a call
    declined: int
    kept: dict[str, Any] | None  # for what those who are free are kept, how many, and until when


@dataclass(frozen=True, slots=True)
class _Name:
    id: int
    name: str


async def accept(unit: Unit, offer_id: int, agent_id: int) -> int:
    """The agent takes it: the conversation's id, which is on their desk now. `OfferGone` if somebody was faster."""
    found = await fetch_one(unit.conn, _Found, sql["find"], {"offer_id": offer_id})
    if found is None or found.agent_id != agent_id:
        raise OfferGone
    await conversation.lock(unit.conn, found.conversation_id)
    entry = await entries.live(unit.conn, found.conversation_id)
    values = {"entry_id": found.entry_id, "offer_id": offer_id, "agent_id": agent_id}
    if entry is None or await fetch_value(unit.conn, sql["accept"], values) is None:
        raise OfferGone
    await entries.log_answered(unit, found.conversation_id, entry, agent_id)
    await entries.put_on_desk(unit, found.conversation_id, agent_id, entry.queue_id)
    await _log_ended(unit, _PutBack(offer_id, agent_id, entry.id, found.conversation_id, entry.queue_id), "accepted")
    await execute(unit.conn, sql["forget_missed"], {"agent_id": agent_id})
    return found.conversation_id


async def decline(unit: Unit, offer_id: int, agent_id: int, reason: str | None = None) -> None:
    """The agent passes: the entry waits on in its old place, for `EXCLUDE_SECONDS` not for them."""
    put = await _put_back(unit, offer_id, "declined", agent_id=agent_id, reason=reason)
    if put is None:
        raise OfferGone
    await execute(unit.conn, sql["forget_missed"], {"agent_id": agent_id})


async def time_out(unit: Unit, offer_id: int, *, early: bool = False) -> bool:
    """Time has answered; False if somebody was faster. The second miss in a row sends the agent away.

    `early`: their telephone gave up ringing before the offer's own time was over.
    """
    put = await _put_back(unit, offer_id, "timed_out", only_expired=not early)
    if put is None:
        return False
    missed = await fetch_value(unit.conn, sql["miss"], {"agent_id": put.agent_id, "offer_id": offer_id})
    if missed is not None and missed >= MISSED_IN_A_ROW:
        await set_presence(unit, put.agent_id, State.AWAY, "missed offers")
    return True


async def rescind(unit: Unit, offer_id: int, reason: str, *, exclude_seconds: int = 0) -> bool:
    """Take an offer back without blame; False if it is gone. `exclude_seconds`: for so long it is not for its agent."""
    put = await _put_back(unit, offer_id, "rescinded", reason=reason, exclude_seconds=exclude_seconds)
    return put is not None


async def _put_back(  # noqa: PLR0913 - one statement for three ways to end
    unit: Unit,
    offer_id: int,
    state: str,
    *,
    agent_id: int | None = None,
    reason: str | None = None,
    only_expired: bool = False,
    exclude_seconds: int = EXCLUDE_SECONDS,
) -> _PutBack | None:
    values = {
        "offer_id": offer_id,
        "state": state,
        "agent_id": agent_id,
        "reason": reason,
        "only_expired": only_expired,
        "exclude_seconds": exclude_seconds,
    }
    put = await fetch_one(unit.conn, _PutBack, sql["put_back"], values)
    if put is not None:
        await _log_ended(unit, put, state)
    return put


async def _log_ended(unit: Unit, put: _PutBack, state: str) -> None:
    await unit.log(
        OfferEnded(offer_id=put.offer_id, entry_id=put.entry_id, state=state, conversation_id=put.conversation_id),
        agent_id=put.agent_id,
        conversation_id=put.conversation_id,
        queue_id=put.queue_id,
        on_conversation=False,
    )
    OFFERS.labels(state).inc()
    unit.notify("router")


async def expired(db: Database, limit: int = 200) -> list[Expired]:
    """Offers whose time is over, the oldest first."""
    return await db.all(Expired, sql["expired"], {"limit": limit})


async def open_offers(db: Database, agent_id: int) -> list[Offer]:
    """What is on offer to an agent, the oldest first."""
    rows = await db.all(View, sql["views_of_agent"], {"agent_id": agent_id})
    return [shown(row) for row in rows]


async def offers(db: Database, ids: Collection[int]) -> dict[int, Offer]:
    """Offers by id, in whatever state, as their agents' desks show them."""
    return {row.id: shown(row) for row in await db.all(View, sql["views"], {"ids": list(ids)})}


async def offer(db: Database, offer_id: int) -> Offer | None:
    """One offer."""
    return (await offers(db, [offer_id])).get(offer_id)


def shown(row: View) -> Offer:
    """An offer as the desk shows it."""
    why = row.because if row.because is not None else in_words(row.reason)
    return {
        "id": row.id,
        "state": row.state,
        "conversation_id": row.conversation_id,
        "channel": row.channel,
        "queue": {"id": row.queue_id, "name": row.queue_name},
        "contact": {"id": row.contact_id, "name": row.contact_name},
        "subject": row.subject,
        "preview": row.preview,
        "said": row.said,
        "waited_seconds": round((row.server_now - row.waits_since).total_seconds(), 1),
        "customer_waits": row.customer_waits,
        "waiting_since": iso(row.waits_since) if row.customer_waits else None,
        "offered_at": iso(row.offered_at),
        "expires_at": iso(row.expires_at),
        "server_now": iso(row.server_now),
        "reason": english(why),
        "because": why,
    }


async def decisions(db: Database, conversation_id: int) -> Decisions:
    """Why this conversation was offered to whom, and why it waits if it waits."""
    async with db.connection() as conn:
        rows = await fetch_all(conn, _Decision, sql["decisions"], {"conversation_id": conversation_id})
        ids = {int(c["agent_id"]) for row in rows for c in row.candidates}
        named = await fetch_all(conn, _Name, sql["names"], {"ids": list(ids)})
        waiting = await fetch_one(conn, _Waiting, sql["waiting"], {"conversation_id": conversation_id})
    names = {n.id: n.name for n in named}
    why = [] if waiting is None else [_why_waiting(waiting)]
    return {
        "items": [_decision(row, names) for row in rows],
        "waiting_reason": english(why) or None,
        "waiting_because": why,
    }


def _decision(row: _Decision, names: dict[int, str]) -> Decision:
    why = row.because if row.because is not None else in_words(row.reason)
    chosen: Ref | None = None
    if row.chosen_id is not None:
        chosen = {"id": row.chosen_id, "name": row.chosen_name or ""}
    return {
        "at": iso(row.at),
        "key": row.key,
        "chosen": chosen,
        "offer_state": row.offer_state,
        "reason": english(why),
        "because": why,
        "candidates": list(_candidates(row.candidates, names)),
    }


def _candidates(stored: Iterable[dict[str, Any]], names: dict[int, str]) -> Iterable[Candidate]:
    for c in stored:
        agent_id = int(c["agent_id"])
        why = c["because"] if "because" in c else in_words(c["reason"])
        yield {
            "agent": {"id": agent_id, "name": names.get(agent_id, "")},
            "chosen": c.get("chosen", False),
            "level": c.get("level"),
            "load": float(c["load"]),
            "idle_seconds": float(c["idle_seconds"]),
            "reason": english(why),
            "because": why,
        }


def _why_waiting(w: _Waiting) -> Because:
    if w.members == 0:
        return coded_reason("unstaffed", queue=w.queue)
    if w.available == 0:
        return coded_reason("unavailable", queue=w.queue)
    if w.reached == 0:
        return coded_reason("noTelephone", n=w.available, queue=w.queue)
    if w.declined == w.available:
        return coded_reason("allMissed")
    if w.kept is not None:
        return coded_reason("keptUntil", **w.kept)
    return coded_reason("unfit", n=w.available, queue=w.queue)
