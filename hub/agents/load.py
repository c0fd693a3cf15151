"""How much an agent holds, in the weights the router counts with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.agents.model import Load
from hub.core.db import Connection, fetch_all
from hub.core.errors import NotFound
from hub.core.sql import Queries

sql = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class _Row:
    agent_id: int
    capacity: int
    channel: str
    max: int
    count: int
    used: int
    yields_to: list[str]


async def loads(conn: Connection, agent_ids: Iterable[int]) -> dict[int, Load]:
    """The load of each agent that exists, by id."""
    found: dict[int, Load] = {}
    rows = await fetch_all(conn, _Row, sql["load"], {"agent_ids": list(agent_ids)})
    for row in rows:
        one = found.setdefault(row.agent_id, {"used": 0, "gives_way": 0, "capacity": row.capacity, "by_channel": {}})
        one["used"] += row.used
        one["by_channel"][row.channel] = {"count": row.count, "max": row.max}
    for row in rows:
        held = found[row.agent_id]["by_channel"]
        if row.used and any(held[other]["count"] for other in row.yields_to if other in held):
            found[row.agent_id]["gives_way"] += row.used
    return found


async def load(conn: Connection, agent_id: int) -> Load:
    """One agent's load; `NotFound` for nobody."""
    found = await loads(conn, [agent_id])
    if agent_id not in found:
        raise NotFound
    return found[agent_id]
