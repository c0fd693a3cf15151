"""Buckets of counts, kept by reading the log: each event is counted once, and a rebuild counts the same.

The counting is one statement (`count`), so that a thousand events cost little more than one and none of them leaves
the database.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from hub.core.db import Database, execute
from hub.core.events import Reader
from hub.core.retry import Bad, ignore
from hub.core.sql import Queries

sql = Queries.beside(__file__)
READER = "statistics"


def floor(moment: datetime, seconds: int) -> datetime:
    """The start of the interval a moment lies in; intervals are counted from the epoch, in UTC."""
    whole = int(moment.timestamp())
    return datetime.fromtimestamp(whole - whole % seconds, UTC)


async def count_next(db: Database, limit: int = 5000, *, bad: Bad = ignore) -> int:
    """Count the next events of the log; how many there were. Commits together with the reader's cursor.

    Where one cannot be counted, half as many are tried, down to that one, which is told to `bad` and passed over.
    """
    reader = Reader(db, READER)
    try:
        return await reader.fold(sql["count"], limit)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if limit > 1:
            return await count_next(db, limit // 2, bad=bad)
        async with reader.batch(1) as batch:
            bad(error, f"event {[event.id for event in batch.events]}")
        return 1


async def rebuild(db: Database) -> None:
    """Forget all counts and count the whole log again."""
    async with db.transaction() as conn:
        await execute(conn, sql["clear_buckets"])
        await execute(conn, sql["restart"], {"reader": READER})
    while await count_next(db):
        pass
