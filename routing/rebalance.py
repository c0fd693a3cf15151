"""Lines of offers rebalanced: what somebody has not come to is given to whoever would come to it sooner.

A desk shows one card at a time, so several offers to one agent stand in a line, and the last of five waits five clocks.
When a colleague is ready for one of them who has a shorter line, it is taken back without blame and decided anew. Each
move brings an item forward in line, so nothing goes round in circles. What waits for exactly one agent stays with
them, and a telephone rings at once: neither stands in a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

from hub.core import events
from hub.core.db import Connection, fetch_all
from hub.core.service import Core
from hub.core.sql import Queries
from hub.queues import offers
from routing.model import Waiting
from routing.pool import Pool

sql = Queries.beside(__file__)
EVERY = 1.0  # seconds between two looks
PATIENCE = 10.0  # seconds that somebody may go through a line before any of it is given away
PASSED_SECONDS = 15  # from whom it was taken is not asked for it again for so long
_AT_ONCE = 64  # moves of one look


@dataclass(frozen=True, slots=True)
class Lined:
    """An open offer and its place in its agent's line, from 1; one farther back where they have just missed one."""

    offer_id: int
    entry_id: int
    agent_id: int
    place: int
    seconds: float  # since it was offered


class Reads(Protocol):
    """Reads entries as the router keeps them."""

    async def __call__(self, query: LiteralString, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        ...


async def lines(conn: Connection) -> list[Lined]:
    """What is on offer and is no call, by agent and place."""
    return await fetch_all(conn, Lined, sql["lined_up"])


def moves(pool: Pool, lined: Sequence[Lined], waiting: Iterable[Waiting], now: float) -> list[Lined]:
    """Which of these somebody else would come to sooner; the most urgent first."""
    place: dict[int, int] = {}  # how far back the next offer of an agent would stand
    for one in lined:
        place[one.agent_id] = max(place.get(one.agent_id, 0), one.place)
    by_entry = {one.entry_id: one for one in lined}
    found: list[Lined] = []
    for w in sorted(waiting, key=lambda w: (w.due, by_entry[w.id].place)):
        one = by_entry[w.id]
        if w.sticky_agent_id == one.agent_id and w.sticky_until > now:
            continue
        gone = sum(moved.agent_id == one.agent_id and moved.place < one.place for moved in found)
        other = pool.instead(w, one.agent_id, now)
        if other is not None and place.get(other, 0) + 1 < one.place - gone:
            place[other] = place.get(other, 0) + 1
            found.append(one)
    return found


async def rebalance(
    core: Core, conn: Connection, pool: Pool, read: Reads, entry: Callable[[Sequence[Any]], Waiting], now: float
) -> int:
    """Take back what others would come to sooner; how many. The router hears of each and decides anew."""
    lined = await lines(conn)
    late = [one.entry_id for one in lined if one.place > 1 and one.seconds >= PATIENCE]
    if not late:
        return 0
    rows = await read(sql["entries"], {"ids": late})
    taken = 0
    for one in moves(pool, lined, [entry(row) for row in rows if row[4] == "offered"], now)[:_AT_ONCE]:
        async with events.unit(core.db, core.feed) as unit:
            taken += await offers.rescind(unit, one.offer_id, "rebalanced", exclude_seconds=PASSED_SECONDS)
    return taken
