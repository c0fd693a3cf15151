"""Buckets of counts, kept by reading the log: each event is counted once, and a rebuild counts the same.

The counting is one statement (`count`), so that a thousand events cost little more than one and none of them leaves
the database.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hub.core.db import Database, execute
from hub.core.events import Reader
from hub.core.sql import Queries

sql = Queries.beside(__file__)
READER = "statistics"


def floor(moment: datetime, seconds: int) -> datetime:
    """The start of the interval a moment lies in; intervals are counted from the epoch, in UTC."""
    whole = int(moment.timestamp())
    return datetime.fromtimestamp(whole - whole % seconds, UTC)


async def count_next(db: Database, limit: int = 5000) -> int:
    """Count the next events of the log; how many there were. Commits together with the reader's cursor."""
    return await Reader(db, READER).fold(sql["count"], limit)


async def rebuild(db: Database) -> None:
    """Forget all counts and count the whole log again."""
    async with db.transaction() as conn:
        await execute(conn, sql["clear_buckets"])
        await execute(conn, sql["restart"], {"reader": READER})
    while await count_next(db):
        pass
