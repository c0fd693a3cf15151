"""Business hours, as people write them: local times of an IANA zone, split shifts, past midnight, holidays.

A span is `["09:00", "12:30"]`; an end at or before its start lies on the next day, "24:00" is the day's end. On the
night the clocks go back a span that covers the repeated hour covers it twice; a start that the clocks skip is moved
forward by what they skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import holidays as calendars

from hub.core import log

logger = log.get(__name__)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NONSENSE = (ValueError, LookupError, TypeError, AttributeError, NotImplementedError)  # of stored hours
_FAR = 400  # days to look ahead for an opening: a little more than a year

Spans = list[list[str]]


@dataclass(frozen=True, slots=True)
class Hours:
    """A row of `hours`: see the schema for the form of `week` and `holidays`."""

    timezone: str
    week: dict[str, Spans]
    holidays: list[Any] = field(default_factory=list[Any])


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether a moment (aware) lies within the hours. Hours that make no sense count as open, like no hours."""
    try:
        return _is_open(hours, at)
    except _NONSENSE as error:
        _log_once(hours.timezone, str(hours.week), str(hours.holidays), str(error))
        return True


@lru_cache(maxsize=256)
def _log_once(*about: str) -> None:
    logger.error("hours_make_no_sense", about=about, effect="they count as open; see `hub doctor`")


def problems(hours: Hours) -> list[str]:
    """What is wrong with stored hours, for `hub doctor`; `hub apply` refuses the same."""
    found: list[str] = []
    for rule in hours.holidays:
        if isinstance(rule, dict):
            special = cast("dict[str, Any]", rule)
            found += holiday_problems(special.get("country"), special.get("subdivision"))
    try:
        _is_open(Hours(hours.timezone, hours.week), datetime.now(UTC))
        for day in range(7):  # each day's spans
            list(_spans(Hours(hours.timezone, hours.week), date(2026, 1, 5) + timedelta(days=day)))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        found.append(f"{type(error).__name__}: {error}")
    return found


def holiday_problems(country: str | None, subdivision: str | None) -> list[str]:
    """Why a country's or a part's public holidays are not known; nothing when they are."""
    if country is None:
        return [] if subdivision is None else [f"the subdivision {subdivision!r} needs its country"]
    known = calendars.list_supported_countries()
    if country not in known:
        return [f"there is no country {country!r}; there are: {', '.join(sorted(c for c in known if len(c) == 2))}"]
    if subdivision is None or subdivision_code(country, subdivision) is not None:
        return []
    names = sorted({*known[country], *_aliases(country)})
    if not names:
        return [f"the holidays of {country} are the same everywhere: leave the subdivision out"]
    return [f"{country} has no subdivision {subdivision!r}; there are: {', '.join(names)}"]


def subdivision_code(country: str, name: str) -> str | None:
    """A part of a country as the calendar names it: by its code (`ENG`, `GB-ENG`) or its name, ours or its own."""
    names = {code.casefold(): code for code in calendars.list_supported_countries()[country]}
    names |= {alias.casefold(): code for alias, code in _aliases(country).items()}
    wanted = name.strip().casefold().removeprefix(f"{country.casefold()}-")
    return names.get(wanted)


def _aliases(country: str) -> dict[str, str]:
    own: dict[str, str] = calendars.country_holidays(country).subdivisions_aliases
    return {**own, **_ENGLISH.get(country, {})}


# English names of parts whose own names the calendar knows.
_ENGLISH = {
    "AT": {"Carinthia": "2", "Lower Austria": "3", "Upper Austria": "4", "Styria": "6", "Tyrol": "7", "Vienna": "9"},
    "CH": {"Geneva": "GE", "Lucerne": "LU", "Grisons": "GR", "Zurich": "ZH"},
    "DE": {
        "Bavaria": "BY", "Hesse": "HE", "Lower Saxony": "NI", "Mecklenburg-Western Pomerania": "MV",
        "North Rhine-Westphalia": "NW", "Rhineland-Palatinate": "RP", "Saxony": "SN", "Saxony-Anhalt": "ST",
        "Thuringia": "TH",
    },
    "ES": {
        "Andalusia": "AN", "Balearic Islands": "IB", "Basque Country": "PV", "Canary Islands": "CN", "Catalonia": "CT",
    },
}  # fmt: skip


def _is_open(hours: Hours, at: datetime) -> bool:
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


def after_open_time(hours: Hours, at: datetime, seconds: float) -> datetime | None:
    """The moment, in UTC, by which a queue has worked for so long since `at`; None if it does not within a year.

    Hours that make no sense count as open, as in `is_open`.
    """
    moment, left = next_opening(hours, at), timedelta(seconds=seconds)
    for _ in range(_FAR):
        if moment is None:
            return None
        end = _closing(hours, moment)
        if end is None or end - moment >= left:
            return moment + left
        left -= end - moment
        moment = next_opening(hours, end)
    return None


def _closing(hours: Hours, at: datetime) -> datetime | None:
    """The end of the span in which an open moment lies, the latest if several; None where hours make no sense."""
    with suppress(*_NONSENSE):
        today = at.astimezone(ZoneInfo(hours.timezone)).date()
        days = (today - timedelta(days=1), today)
        return max(end for day in days for start, end in _spans(hours, day) if start <= at < end)
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
    with suppress(NotImplementedError, KeyError):  # a country that does not exist has no holidays: see `problems`
        return day in _calendar(country, subdivision, day.year)
    return False


@lru_cache(maxsize=64)
def _calendar(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    code = None if subdivision is None else subdivision_code(country, subdivision)
    return frozenset(calendars.country_holidays(country, subdiv=code or subdivision, years=year))


def _clock(text: str) -> tuple[time, int]:
    hour, _, minute = text.partition(":")
    if int(hour) == 24:
        return time(0, int(minute)), 1
    return time(int(hour), int(minute)), 0
