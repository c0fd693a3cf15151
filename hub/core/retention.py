"""What is kept for a time only, by kind (`[retention]`), and how it goes: by key, in pages, slower than autovacuum.

A page is a transaction of its own, and the pause after it is longer than it took, so that a year's backlog drains over
hours and nobody waits for it. Where deleting leaves more holes than autovacuum has closed, it waits for that. No number
and no report reads what goes: they are made of the log and of sums.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import LiteralString

from hub.core import log
from hub.core.db import Database
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "retention.sql")
PAGE = 1000  # rows of one transaction
PAGES = 100  # of one kind in one round
_PAUSE = 0.1  # seconds after a page, at least
_REST = 4  # times as long as it took


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which each kind is kept; 0: for ever."""

    decisions: int = 0
    originals: int = 0
    deliveries: int = 90


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    relation: str
    days: int
    page: LiteralString
    due: LiteralString
    drop: LiteralString
    stays: bool = False  # whether the rows stay, so that where one was has to be remembered


def _kinds(kept: Retention) -> list[_Kind]:
    c, d = kept.decisions, kept.deliveries
    found = (
        _Kind("decisions", "decision", c, sql["page_decisions"], sql["decisions"], sql["drop_decisions"]),
        _Kind("offers", "offer", c, sql["page_offers"], sql["offers"], sql["drop_offers"]),
        _Kind("deliveries", "delivery", d, sql["page_deliveries"], sql["deliveries"], sql["drop_deliveries"]),
        _Kind("originals", "raw", kept.originals, sql["page_originals"], sql["originals"], sql["drop_originals"], True),
    )
    return [kind for kind in found if kind.days]


async def forget(db: Database, kept: Retention) -> dict[str, int]:
    """One round over each kind; how many went. What is left goes in the next one."""
    gone: dict[str, int] = {}
    for kind in _kinds(kept):
        if number := await _forget(db, kind):
            gone[kind.name] = number
    if gone:
        logger.info("not_kept_any_longer", **gone)
    return gone


async def _forget(db: Database, kind: _Kind) -> int:
    gone = 0
    after = int(await db.value(sql["reached"])) if kind.stays else 0
    for _ in range(PAGES):
        if await db.value(sql["full_of_holes"], {"relation": kind.relation}):
            break
        began = time.monotonic()
        values = {"after": after, "days": kind.days, "page": PAGE}
        [page] = await db.dicts(kind.page, values)
        if page["last"] is None:
            break
        ids = [row["id"] for row in await db.dicts(kind.due, values)]
        if ids:
            gone += await db.execute(kind.drop, {"ids": ids})
        if not page["old"]:
            break  # the rest is younger, but for what came late: that goes with its neighbours
        after = page["last"]
        if kind.stays:
            await db.execute(sql["remember"], {"after": after})
        await asyncio.sleep(max(_PAUSE, _REST * (time.monotonic() - began)))
    return gone


@dataclass(frozen=True, slots=True)
class Share:
    """How large a kind is in the database."""

    kind: str
    bytes: int


async def sizes(db: Database) -> list[Share]:
    """Each kind, the largest first."""
    return await db.all(Share, sql["sizes"])
