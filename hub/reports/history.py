"""The floor as it was: counts by interval of entering."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from hub.core.clock import iso
from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.sql import Queries
from hub.reports.definitions import BUCKET_SECONDS, SERVICE_LEVEL_VARIANT, Counts

sql = Queries.beside(__file__)


class QueueInterval(TypedDict):
    """One queue and channel in one interval. `open` entries have not found an end yet, so the figures may move."""

    queue_id: int
    channel: str
    at: Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
    attribution: str
    entered: int
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    open: int
    service_level: float | None
    service_level_variant: str
    average_speed_of_answer: float | None
    abandonment: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Counts from `since` to `until` per `seconds` (a multiple of 15 minutes, counted from `since`).

    Whole days last from one hour of the clock to the same of the next day, 23 or 25 hours where clocks change, by the
    calendar of `timezone` (IANA), else of each queue's business hours. `queue_ids`: None for all.
    """

    since: datetime
    until: datetime
    seconds: int = BUCKET_SECONDS
    timezone: str | None = None
    queue_ids: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class After:
    """The last interval of the page before."""

    at: datetime
    queue_id: int
    channel: str


@dataclass(frozen=True, slots=True)
class _Row:
    queue_id: int
    channel: str
    at: datetime
    entered: int
    answered: int
    answered_in_target: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    wait_seconds: float


async def history(
    db: Database,
    since: datetime,
    until: datetime,
    *,
    seconds: int = BUCKET_SECONDS,
    timezone: str | None = None,
    queue_ids: Collection[int] | None = None,
) -> list[QueueInterval]:
    """All counts from `since` to `until`: see `Asked`."""
    return (await page(db, Asked(since, until, seconds, timezone, queue_ids), after=None, limit=None))[0]


async def page(
    db: Database, asked: Asked, *, after: After | None, limit: int | None
) -> tuple[list[QueueInterval], After | None]:
    """At most `limit` intervals, after one, in the order of time, queue and channel; and the last, if more follow."""
    if asked.timezone is not None and asked.timezone not in available_timezones():
        raise Invalid("There is no such time zone.", fields={"timezone": "use a name like Europe/Berlin"})
    if asked.seconds <= 0 or asked.seconds % BUCKET_SECONDS:
        raise Invalid("The interval does not fit.", fields={"seconds": f"use a multiple of {BUCKET_SECONDS}"})
    values = {
        "since": asked.since, "until": asked.until, "seconds": asked.seconds, "timezone": asked.timezone,
        "queue_ids": None if asked.queue_ids is None else list(asked.queue_ids), "limit": limit and limit + 1,
        "after": after and after.at, "after_queue": after and after.queue_id, "after_channel": after and after.channel,
    }  # fmt: skip
    rows = await db.all(_Row, sql["history"], values)
    shown = rows[:limit]
    last = After(shown[-1].at, shown[-1].queue_id, shown[-1].channel) if len(rows) > len(shown) else None
    return [_interval(row) for row in shown], last


def _interval(row: _Row) -> QueueInterval:
    counts = Counts(
        row.entered, row.answered, row.answered_in_target, row.abandoned, row.short_abandoned, row.flowed_out,
        row.wait_seconds,
    )  # fmt: skip
    return {
        "queue_id": row.queue_id,
        "channel": row.channel,
        "at": iso(row.at),
        "attribution": "cohort",
        "entered": counts.entered,
        "answered": counts.answered,
        "abandoned": counts.abandoned,
        "short_abandoned": counts.short_abandoned,
        "flowed_out": counts.flowed_out,
        "open": counts.still_waiting,
        "service_level": counts.service_level,
        "service_level_variant": SERVICE_LEVEL_VARIANT,
        "average_speed_of_answer": counts.average_speed_of_answer,
        "abandonment": counts.abandonment,
    }
