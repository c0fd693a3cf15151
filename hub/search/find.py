"""Finds people and conversations by their words: the newest first, and only what the searcher may see.

Months stand in the index beside the words. A search looks at the latest two months, then at older and older ones,
until it has a page: a frequent word costs what a few months hold, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.core.clock import now
from hub.core.db import Connection, Database, fetch_all, fetch_dicts
from hub.core.sql import Queries
from hub.search.index import month
from hub.search.tokens import query, quote

sql = Queries.beside(__file__)
_WINDOWS = (2, 6, 12)  # months, the latest first; then all there are


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation, and the message for which it was found (the latest; what a page goes on after)."""

    id: int
    hit: int


async def people(db: Database, q: str, *, cursor: int | None, limit: int) -> list[int]:
    """Contacts whose names and addresses have all words of `q`, the last of them begun; the newest first."""
    wanted = query(q)
    if wanted is None:
        return []
    async with db.connection() as conn:
        rows = await fetch_dicts(conn, sql["find_people"], {"q": wanted, "cursor": cursor, "limit": limit})
    return [row["id"] for row in rows]


async def conversations(db: Database, q: str, values: Mapping[str, Any], *, before: int | None) -> list[Hit]:
    """Conversations in which a message, a note, a file's name, or the customer's names and addresses have all words.

    `values`: who looks and how the list is narrowed (`Actor.viewer`, `view`, `queue_id`, `channel`, `limit`).
    """
    number = q.strip().removeprefix("#")
    async with db.connection() as conn:
        found: dict[int, int] = {}
        if before is None and number.isascii() and number.isdecimal() and len(number) < 19:
            named = {"id": int(number), **{key: values[key] for key in ("viewer", "sees_all", "queues", "offered")}}
            _keep(found, await fetch_all(conn, Hit, sql["find_number"], named))
        wanted = query(q)
        if wanted is not None:
            given = {**values, "q": wanted, "before": before}
            _keep(found, await fetch_all(conn, Hit, sql["find_theirs"], given))
            await _said(conn, wanted, given, found)
    hits = sorted((Hit(one, hit) for one, hit in found.items()), key=lambda h: h.hit, reverse=True)
    return hits[: values["limit"]]


async def _said(conn: Connection, wanted: str, values: dict[str, Any], found: dict[int, int]) -> None:
    latest = month(now())
    for size in (*_WINDOWS, None):
        inside = wanted
        if size is not None:
            months = " | ".join(quote(f"@m{number}") for number in range(latest - size + 1, latest + 1))
            inside, latest = f"({wanted}) & ({months})", latest - size
        _keep(found, await fetch_all(conn, Hit, sql["find_said"], {**values, "all": wanted, "q": inside}))
        if len(found) >= values["limit"]:
            return


def _keep(found: dict[int, int], hits: list[Hit]) -> None:
    for one in hits:
        found[one.id] = max(found.get(one.id, 0), one.hit)
