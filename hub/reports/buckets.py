"""Buckets of counts, kept by reading the log: each event is counted once, and a rebuild counts the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from hub.core.db import Connection, Database, execute
from hub.core.events import LoggedEvent, Reader
from hub.core.sql import Queries
from hub.reports.definitions import BUCKET_SECONDS, FLOW_SECONDS, Counts

sql = Queries.beside(__file__)
READER = "statistics"

Bucket = tuple[int, str, datetime]  # queue, channel, start of the quarter of an hour
Flow = tuple[int, datetime]  # queue, start of the five minutes


@dataclass(slots=True)
class Tally:
    """What a batch of events adds."""

    buckets: dict[Bucket, Counts] = field(default_factory=lambda: defaultdict(Counts))
    flow: dict[Flow, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))


def tally(events: Iterable[LoggedEvent]) -> Tally:
    """Count what events say about waits; everything else is passed over."""
    total = Tally()
    for event in events:
        counts = _counts(event)
        if counts is None or event.queue_id is None:
            continue
        queued = datetime.fromisoformat(str(event.data["queued_at"]))
        bucket = (event.queue_id, str(event.data["channel"]), floor(queued, BUCKET_SECONDS))
        total.buckets[bucket] += counts
        if counts.entered or counts.answered:
            at = (event.queue_id, floor(event.at, FLOW_SECONDS))
            arrived, answered = total.flow[at]
            total.flow[at] = (arrived + counts.entered, answered + counts.answered)
    return total


def _counts(event: LoggedEvent) -> Counts | None:
    match event.kind:
        case "entry.queued":
            return Counts(entered=1)
        case "entry.answered":
            in_target = int(bool(event.data["in_target"]))
            return Counts(answered=1, answered_in_target=in_target, wait_seconds=float(event.data["wait_seconds"]))
        case "entry.abandoned":
            short = int(bool(event.data["short"]))
            return Counts(abandoned=1 - short, short_abandoned=short)
        case "entry.flowed_out":
            return Counts(flowed_out=1)
        case _:
            return None


def floor(moment: datetime, seconds: int) -> datetime:
    """The start of the interval a moment lies in; intervals are counted from the epoch, in UTC."""
    whole = int(moment.timestamp())
    return datetime.fromtimestamp(whole - whole % seconds, UTC)


async def count_next(db: Database, limit: int = 2000) -> int:
    """Count the next events of the log; how many there were. Commits together with the reader's cursor."""
    async with Reader(db, READER).batch(limit) as (conn, events):
        await _add(conn, tally(events))
        return len(events)


async def rebuild(db: Database) -> None:
    """Forget all counts and count the whole log again."""
    async with db.transaction() as conn:
        await execute(conn, sql["clear_buckets"])
        await execute(conn, sql["restart"], {"reader": READER})
    while await count_next(db):
        pass


async def _add(conn: Connection, total: Tally) -> None:
    # In one order, so that two counters cannot wait for each other.
    buckets = [
        {"queue_id": queue, "channel": channel, "at": at, **asdict(counts)}
        for (queue, channel, at), counts in sorted(total.buckets.items(), key=lambda item: item[0])
    ]
    flow = [
        {"queue_id": queue, "at": at, "arrived": arrived, "answered": answered}
        for (queue, at), (arrived, answered) in sorted(total.flow.items(), key=lambda item: item[0])
    ]
    async with conn.cursor() as cur:
        if buckets:
            await cur.executemany(sql["add_bucket"], buckets)
        if flow:
            await cur.executemany(sql["add_flow"], flow)
