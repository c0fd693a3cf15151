"""Time, in one place: aware, UTC, easy to freeze in a test, and the database's wherever one is connected.

Machines' clocks differ and jump; what is due, on lease or counted must not. A process that has asked the database for
its time goes on from there by its monotonic clock, which nobody sets.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import psycopg

from hub.core import log
from hub.core.errors import Unavailable
from hub.core.sql import Queries

sql = Queries.beside(__file__, "db.sql")
logger = log.get(__name__)
SYNC_EVERY = 15.0  # seconds
_ahead: float | None = None  # seconds since the epoch by the database's clock, less the monotonic clock


def now() -> datetime:
    """The current moment in UTC."""
    return datetime.now(UTC) if _ahead is None else datetime.fromtimestamp(time.monotonic() + _ahead, UTC)


def follow(server: datetime, *, asked: float, answered: float) -> None:
    """Go by the database's clock, which said `server` between two moments of the monotonic clock."""
    global _ahead
    _ahead = server.timestamp() - (asked + answered) / 2


def follow_own() -> None:
    """Go by the machine's clock again."""
    global _ahead
    _ahead = None


async def sync(db: Any) -> None:
    """Ask a `hub.core.db.Database` for its time."""
    asked = time.monotonic()
    server = await db.value(sql["now"])
    follow(server, asked=asked, answered=time.monotonic())


async def keep_in_sync(db: Any) -> None:
    """Ask again and again, until cancelled; while the database is away the time goes on."""
    while True:
        await asyncio.sleep(SYNC_EVERY)
        try:
            await sync(db)
        except (Unavailable, psycopg.Error) as error:
            logger.debug("clock_not_synced", error=str(error))


def iso(moment: datetime) -> str:
    """RFC 3339 with a `Z`, milliseconds kept: what every interface of ours speaks."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
