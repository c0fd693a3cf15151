"""What the leader writes: decisions in batches, and the answers that time gives.

A batch is one statement (`router_commit`), so a process stopped at any point leaves either all of it or nothing.
Time-outs and ends of wrap-up are conditional updates of single rows; a second leader doing them too is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Jsonb

from hub.conversations import lifecycle
from hub.core import events, log
from hub.core.clock import iso
from hub.core.db import Connection
from hub.core.errors import HubError
from hub.core.leases import LeaseLost
from hub.core.metrics import OFFERS
from hub.core.service import Core
from hub.core.sql import Queries
from hub.queues import entries, offers
from hub.queues.decision_reasons import Because, coded_reason
from routing.model import Channel, Kept, Pick

logger = log.get(__name__)
sql = Queries.beside(__file__)
_LOST = "HB001"  # raised by router_commit
STRANDED_SECONDS = 30  # a chat or call of somebody offline goes back to its queue after so long
_SHOWN = 32  # offers of one commit that are read for the screens with it; of more, a screen reads its own
_AT_ONCE = 200  # rows one round of the clock takes on


@dataclass(frozen=True, slots=True)
class Made:
    """An offer that is committed."""

    entry_id: int
    offer_id: int
    agent_id: int
    conversation_id: int
    queue_id: int
    event_id: int
    agent_seq: int
    at: datetime
    shown: offers.Offer | None  # as its agent's desk shows it, unless there were too many


async def commit(
    conn: Connection, lease: str, epoch: int, picks: Sequence[Pick], channels: Mapping[str, Channel]
) -> list[Made]:
    """Commit what still holds of these decisions. Raises `LeaseLost` when somebody else leads."""
    before = list(beside(picks, channels))
    values = {
        "lease": lease,
        "epoch": epoch,
        "shown": len(picks) <= _SHOWN,
        "entries": _array(p.entry_id for p in picks),
        "agents": _array(p.agent_id for p in picks),
        "beside_used": _array(used for used, _ in before),
        "beside_same": _array(same for _, same in before),
        "seconds": _array(p.timeout for p in picks),
        "keys": _array(p.key for p in picks),
        "becauses": [orjson.dumps(p.because).decode() for p in picks],
        "considered": [p.considered for p in picks],
    }
    try:
        async with conn.cursor(binary=True) as cur:
            await cur.execute(sql["commit"], values)
            reasons = {p.entry_id: p.because for p in picks}
            made = [_made(reasons[row[0]], *row) for row in await cur.fetchall()]
    except psycopg.Error as error:
        if error.sqlstate == _LOST:
            raise LeaseLost from None
        raise
    OFFERS.labels("offered").inc(len(made))
    return made


def beside(picks: Iterable[Pick], channels: Mapping[str, Channel]) -> Iterator[tuple[int, int]]:
    """For each decision what the batch gives its agent before it: the weight that counts, how many of its channel."""
    given: dict[int, list[Pick]] = {}
    for pick in picks:
        earlier = given.get(pick.agent_id)
        if earlier is None:
            given[pick.agent_id] = [pick]
            yield 0, 0
            continue
        yields = [e for e in earlier if e.channel in channels and pick.channel in channels[e.channel].yields_to]
        yield sum(e.weight for e in earlier if e not in yields), sum(e.channel == pick.channel for e in earlier)
        earlier.append(pick)


async def note_kept(conn: Connection, kept: Sequence[Kept]) -> None:
    """Keep why entries wait whom somebody free could take: a decision for nobody, its key when that ends."""
    values = {
        "entries": [k.entry_id for k in kept],
        "keys": [k.due for k in kept],
        "becauses": [Jsonb([coded_reason("keptNow", channel=k.channel, free=k.free, kept=k.kept)]) for k in kept],
    }
    async with conn.cursor() as cur:
        await cur.execute(sql["note_kept"], values)


def _array(numbers: Iterable[float]) -> str:
    """Numbers as PostgreSQL writes an array; psycopg looks at each of a list before it does the same."""
    return f"{{{','.join(map(str, numbers))}}}"


def _made(  # noqa: PLR0913 - the columns of `router_commit`
    why: list[Because], entry_id: int, offer_id: int, agent_id: int, conversation_id: int, queue_id: int, event_id: int,
    agent_seq: int, at: datetime, expires_at: datetime, channel: str, queue_name: str, contact_id: int | None,
    contact_name: str, subject: str, preview: str, waits_since: datetime, said: dict[str, Any] | None,
    customer_waits: bool,
) -> Made:  # fmt: skip
    shown = contact_id and offers.shown(
        offers.View(
            offer_id, "offered", conversation_id, channel, queue_id, queue_name, contact_id, contact_name, subject,
            preview, at, expires_at, at, waits_since, "", why, agent_id, said,
            customer_waits,
        )
    )  # fmt: skip
    return Made(entry_id, offer_id, agent_id, conversation_id, queue_id, event_id, agent_seq, at, shown or None)


def announcements(made: Sequence[Made]) -> list[tuple[str, dict[str, Any]]]:
    """Committed offers as frames for the agents' topics."""
    return [
        (
            f"u:{m.agent_id}",
            {
                "id": m.event_id, "at": iso(m.at), "type": "offer.created", "seq": m.agent_seq,
                "conversation_id": m.conversation_id, "agent_id": m.agent_id, "queue_id": m.queue_id,
                "data": {"offer_id": m.offer_id, "entry_id": m.entry_id, "conversation_id": m.conversation_id},
                **({"view": {"offer": m.shown}} if m.shown else {}),
            },
        )
        for m in made
    ]  # fmt: skip


async def accept_by_itself(core: Core, offer_id: int, agent_id: int) -> None:
    """A channel that rings nobody: its offer is taken the moment it is made."""
    async with events.unit(core.db, core.feed) as unit:
        await offers.accept(unit, offer_id, agent_id)


async def run_clock(core: Core, *, every: float = 0.25) -> None:
    """End offers, wrap-ups and stranded chats when their time is over, until cancelled."""
    while True:
        await _quietly("offers", lambda: _end_offers(core))
        await _quietly("wrap_ups", lambda: _end_wrap_ups(core))
        await _quietly("stranded", lambda: _rescue(core))
        await asyncio.sleep(every)


async def _end_offers(core: Core) -> None:
    for offer in await offers.expired(core.db, _AT_ONCE):
        async with events.unit(core.db, core.feed) as unit:
            if offer.auto_accept:
                await offers.accept(unit, offer.id, offer.agent_id)
            else:
                await offers.time_out(unit, offer.id)


async def _end_wrap_ups(core: Core) -> None:
    for conversation_id in await lifecycle.due_wrap_ups(core.db, _AT_ONCE):
        async with events.unit(core.db, core.feed) as unit:
            await lifecycle.end_wrap_up(unit, conversation_id, None)


async def _rescue(core: Core) -> None:
    for conversation_id in await entries.stranded(core.db, STRANDED_SECONDS, _AT_ONCE):
        async with events.unit(core.db, core.feed) as unit:
            await entries.release(unit, conversation_id, reason="the agent is gone")


async def _quietly(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Somebody else may always be faster, and the database may be away: the next round tries again."""
    try:
        await work()
    except (HubError, psycopg.Error) as error:
        logger.info("clock_postponed", what=what, error=str(error))
