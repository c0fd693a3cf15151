"""Business hours, as people write them: local times of an IANA zone, split shifts, past midnight, holidays.

A span is `["09:00", "12:30"]`; an end at or before its start lies on the next day, "24:00" is the day's end. On the
night the clocks go back a span that covers the repeated hour covers it twice; a start that the clocks skip is moved
forward by what they skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import holidays as calendars

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FAR = 400  # days to look ahead for an opening: a little more than a year

Spans = list[list[str]]


@dataclass(frozen=True, slots=True)
class Hours:
    """A row of `hours`: see the schema for the form of `week` and `holidays`."""

    timezone: str
    week: dict[str, Spans]
    holidays: list[Any] = field(default_factory=list[Any])


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether a moment (aware) lies within the hours."""
    today = at.astimezone(ZoneInfo(hours.timezone)).date()
    return any(start <= at < end for day in (today - timedelta(days=1), today) for start, end in _spans(hours, day))


def next_opening(hours: Hours, at: datetime) -> datetime | None:
    """The first moment from `at` on that is open, in UTC: `at` itself if it is; None if there is none in a year."""
    if is_open(hours, at):
        return at.astimezone(UTC)
    first = at.astimezone(ZoneInfo(hours.timezone)).date()
    for offset in range(_FAR):
        starts = [start for start, _ in _spans(hours, first + timedelta(days=offset)) if start > at]
        if starts:
            return min(starts)
    return None


def _spans(hours: Hours, day: date) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(hours.timezone)
    for first, last in _of_day(hours, day):
        start, start_days = _clock(first)
        end, end_days = _clock(last)
        if (end_days, end) <= (start_days, start):
            end_days += 1
        opens = datetime.combine(day + timedelta(days=start_days), start, zone)
        closes = datetime.combine(day + timedelta(days=end_days), end, zone).replace(fold=1)
        yield opens.astimezone(UTC), closes.astimezone(UTC)


def _of_day(hours: Hours, day: date) -> Spans:
    """The spans that begin on a day: a named holiday's own, else the weekday's unless it is a public holiday."""
    public = False
    for item in hours.holidays:
        if isinstance(item, str):
            if item == day.isoformat():
                return []
            continue
        rule = cast("dict[str, Any]", item)
        if rule.get("date") == day.isoformat():
            return rule.get("open") or []
        country = rule.get("country")
        public = public or (country is not None and _is_public(country, rule.get("subdivision"), day))
    return [] if public else hours.week.get(_DAYS[day.weekday()], [])


def _is_public(country: str, subdivision: str | None, day: date) -> bool:
    return day in _calendar(country, subdivision, day.year)


@lru_cache(maxsize=64)
def _calendar(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(calendars.country_holidays(country, subdiv=subdivision, years=year))


def _clock(text: str) -> tuple[time, int]:
    hour, _, minute = text.partition(":")
    if int(hour) == 24:
        return time(0, int(minute)), 1
    return time(int(hour), int(minute)), 0
