"""Customers who wait too long for an agent's answer: found by their conversations, not planned with each message.

A wait is noted once, whatever the customer writes meanwhile. The place up to which waits were looked at commits with
the follow-ups, so that a process killed here looks at the same ones again and writes nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.automation.model import Kind, Plan
from hub.automation.plans import delays, schedule
from hub.core.clock import now
from hub.core.db import Connection, Database, execute, fetch_all, fetch_value
from hub.core.retry import Bad, ignore
from hub.core.sql import Queries
from hub.queues.hours import Hours, Spans, after_open_time

sql = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class Wait:
    """A conversation whose customer waits, and the hours of its queue."""

    id: int
    waiting_since: datetime
    timezone: str
    week: dict[str, Spans] | None
    holidays: list[Any] | None

    def late_at(self, seconds: float) -> datetime | None:
        """When its queue has worked for so long since; who writes at night waits from the morning. None: never."""
        if self.week is None:
            return self.waiting_since + timedelta(seconds=seconds)
        return after_open_time(Hours(self.timezone, self.week, self.holidays or []), self.waiting_since, seconds)


async def note_late(db: Database, limit: int = 200, *, bad: Bad = ignore) -> int:
    """Schedule a missed reply for those whose time is over; how many waits were looked at.

    A wait that cannot be judged is told to `bad` and passed over.
    """
    async with db.transaction() as conn:
        seconds = (await delays(conn)).missed_reply
        if not seconds:
            return 0
        before = now() - timedelta(seconds=seconds)
        at = await _noted(conn)
        late = await fetch_all(conn, Wait, sql["late"], {**at, "before": before, "limit": limit})
        if late:
            await schedule(conn, [plan for wait in late if (plan := _plan(wait, seconds, bad)) is not None])
            await execute(conn, sql["late_noted"], {"since": late[-1].waiting_since, "id": late[-1].id})
        return len(late)


async def _noted(conn: Connection) -> dict[str, Any]:
    found = await fetch_value(conn, sql["late_after"])
    if found is None:
        await execute(conn, sql["late_begin"])
        found = await fetch_value(conn, sql["late_after"])
    return dict(found)


def _plan(wait: Wait, seconds: int, bad: Bad) -> Plan | None:
    try:
        due = wait.late_at(seconds)
    except Exception as error:  # noqa: BLE001 - one queue's hours must not keep the others' customers waiting
        bad(error, f"conversation {wait.id}")
        return None
    if due is None:
        return None
    key = f"missed_reply:{wait.id}:{wait.waiting_since.timestamp():.6f}"
    payload = {"seconds": seconds, "since": wait.waiting_since.isoformat()}
    return Plan(key, Kind.MISSED_REPLY, wait.id, due, stops_on_reply=False, payload=payload)
