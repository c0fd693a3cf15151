"""What customers said of us in a time: how many, and how good, by queue and by whoever answered them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from hub.core.db import Database
from hub.core.sql import Queries
from hub.reports.definitions import Scores

sql = Queries.beside(__file__)


class Named(TypedDict):
    """A queue or an agent."""

    id: int
    name: str


class Rated(TypedDict):
    """What was said of one of them, by the moment at which it was said; `of` is None for what has none."""

    of: Named | None
    count: int
    average: float | None
    satisfied: float | None


class Ratings(TypedDict):
    """Of all, of each queue, and of each agent."""

    all: Rated
    queues: list[Rated]
    agents: list[Rated]


@dataclass(frozen=True, slots=True)
class _Row:
    queue_id: int | None
    queue_name: str | None
    agent_id: int | None
    agent_name: str | None
    count: int
    total: int
    satisfied: int


async def ratings(
    db: Database, since: datetime, until: datetime, *, queue_ids: Collection[int] | None = None
) -> Ratings:
    """Ratings given from `since` to `until`, in these queues (None: in all)."""
    values = {"since": since, "until": until, "queue_ids": None if queue_ids is None else list(queue_ids)}
    rows = await db.all(_Row, sql["ratings"], values)
    return {
        "all": _rated(None, rows),
        "queues": _each((row.queue_id, row.queue_name, row) for row in rows),
        "agents": _each((row.agent_id, row.agent_name, row) for row in rows),
    }


def _each(rows: Iterable[tuple[int | None, str | None, _Row]]) -> list[Rated]:
    found: dict[tuple[int | None, str | None], list[_Row]] = {}
    for number, name, row in rows:
        found.setdefault((number, name), []).append(row)
    named = sorted(found.items(), key=lambda pair: (pair[0][1] or "", pair[0][0] or 0))
    return [_rated(None if n is None else {"id": n, "name": name or ""}, mine) for (n, name), mine in named]


def _rated(of: Named | None, rows: Iterable[_Row]) -> Rated:
    scores = sum((Scores(row.count, row.total, row.satisfied) for row in rows), Scores())
    return {"of": of, "count": scores.count, "average": scores.average, "satisfied": scores.satisfaction}
