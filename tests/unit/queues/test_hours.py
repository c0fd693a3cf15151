"""Business hours, in zones whose clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.queues.hours import (
    _ENGLISH,
    Hours,
    after_open_time,
    holiday_problems,
    is_open,
    next_opening,
    problems,
    subdivision_code,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def local(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def every_day(*spans: list[str], zone: str = "Europe/Berlin") -> Hours:
    return Hours(zone, {day: list(spans) for day in DAYS})


@pytest.mark.parametrize(
    ("at", "expected"),
    [("08:59", False), ("09:00", True), ("12:29", True), ("12:30", False), ("13:30", True), ("18:00", False)],
)
def test_split_shift_is_closed_at_noon(at: str, expected: bool) -> None:
    hours = every_day(["09:00", "12:30"], ["13:30", "18:00"])
    assert is_open(hours, local(f"2026-03-04T{at}")) is expected


def test_night_shift_passes_midnight_into_a_day_without_hours() -> None:
    hours = Hours("Europe/Berlin", {"fri": [["22:00", "06:00"]]})
    assert is_open(hours, local("2026-03-06T23:00"))
    assert is_open(hours, local("2026-03-07T05:59"))
    assert not is_open(hours, local("2026-03-07T06:00"))
    assert not is_open(hours, local("2026-03-06T05:00"))


def test_whole_day_has_no_gap_at_midnight() -> None:
    hours = every_day(["00:00", "24:00"])
    assert is_open(hours, local("2026-03-04T00:00"))
    assert is_open(hours, local("2026-03-04T23:59"))


def test_skipped_hour_opens_late_and_closes_on_time() -> None:
    hours = every_day(["02:30", "04:00"])  # on 29 March 2026 there is no 02:30 in Berlin
    assert not is_open(hours, datetime(2026, 3, 29, 0, 59, tzinfo=UTC))
    assert is_open(hours, datetime(2026, 3, 29, 1, 45, tzinfo=UTC))
    assert not is_open(hours, datetime(2026, 3, 29, 2, 0, tzinfo=UTC))


def test_repeated_hour_is_open_twice() -> None:
    hours = every_day(["02:00", "03:00"])  # on 25 October 2026 it is 02:30 twice in Berlin
    assert is_open(hours, local("2026-10-25T02:30", fold=0))
    assert is_open(hours, local("2026-10-25T02:30", fold=1))
    assert not is_open(hours, datetime(2026, 10, 25, 2, 0, tzinfo=UTC))


def test_next_opening_is_the_moment_itself_when_open() -> None:
    hours = every_day(["09:00", "18:00"])
    at = local("2026-03-04T10:00")
    assert next_opening(hours, at) == at


def test_next_opening_skips_the_weekend_and_holidays() -> None:
    hours = Hours("Europe/Berlin", {d: [["09:00", "17:00"]] for d in DAYS[:5]}, ["2026-03-09"])
    assert next_opening(hours, local("2026-03-06T17:00")) == local("2026-03-10T09:00")


def test_holiday_may_have_hours_of_its_own() -> None:
    hours = Hours(
        "UTC", {d: [["09:00", "17:00"]] for d in DAYS}, [{"date": "2026-12-24", "open": [["09:00", "12:00"]]}]
    )
    assert is_open(hours, datetime(2026, 12, 24, 11, tzinfo=UTC))
    assert not is_open(hours, datetime(2026, 12, 24, 13, tzinfo=UTC))


def test_public_holidays_of_a_country_are_closed() -> None:
    hours = Hours("Asia/Shanghai", {d: [["09:00", "17:00"]] for d in DAYS}, [{"country": "CN"}])
    assert not is_open(hours, local("2026-10-01T10:00", "Asia/Shanghai"))
    assert is_open(hours, local("2026-10-14T10:00", "Asia/Shanghai"))


def test_never_open_has_no_next_opening() -> None:
    assert next_opening(Hours("UTC", {}), datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("country", "name", "code"),
    [
        ("GB", "England", "ENG"),
        ("GB", "ENG", "ENG"),
        ("GB", "gb-eng", "ENG"),
        ("DE", "Bavaria", "BY"),
        ("DE", "Bayern", "BY"),
        ("DE", "DE-BY", "BY"),
        ("DE", "bavaria ", "BY"),
        ("US", "US-CA", "CA"),
        ("US", "California", "CA"),
        ("CH", "Zurich", "ZH"),
        ("DE", "England", None),
        ("CN", "Beijing", None),
    ],
)
def test_parts_of_countries_are_known_by_code_and_by_name(country: str, name: str, code: str | None) -> None:
    assert subdivision_code(country, name) == code
    assert (holiday_problems(country, name) == []) is (code is not None)


def test_a_parts_holidays_are_its_own() -> None:
    epiphany = local("2026-01-06T12:00")
    all_day = every_day(["00:00", "24:00"])
    for holiday, opened in (
        ({"country": "DE"}, True),
        ({"country": "DE", "subdivision": "Bavaria"}, False),
        ({"country": "DE", "subdivision": "Berlin"}, True),
    ):
        assert is_open(Hours("Europe/Berlin", all_day.week, [holiday]), epiphany) is opened


def test_english_names_mean_parts_that_exist() -> None:
    for country, names in _ENGLISH.items():
        for name in names:
            assert holiday_problems(country, name) == []


def test_hours_that_make_no_sense_count_as_open_and_are_named() -> None:
    for bad in (
        Hours("Mars/Olympus", {}),
        Hours("UTC", {day: [["9", "x"]] for day in DAYS}),
        Hours("UTC", dict.fromkeys(DAYS, "all day")),  # type: ignore[arg-type] - broken on purpose
    ):
        assert is_open(bad, local("2026-01-06T12:00"))
        assert problems(bad)
    assert problems(Hours("UTC", {}, [{"country": "ZZ"}]))[0].startswith(
        "there is no country 'ZZ'; there are: AD, AE, "
    )
    assert problems(every_day(["09:00", "17:00"])) == []


@pytest.mark.parametrize(
    ("at", "minutes", "due"),
    [
        ("2026-03-04T10:00", 30, "2026-03-04T10:30"),  # in the middle of the day
        ("2026-03-04T03:00", 30, "2026-03-04T09:30"),  # before the morning
        ("2026-03-04T12:20", 30, "2026-03-04T13:50"),  # over noon
        ("2026-03-04T17:50", 30, "2026-03-05T09:20"),  # over night
        ("2026-03-04T12:30", 0, "2026-03-04T13:30"),
        ("2026-03-04T09:00", 60 * 16, "2026-03-05T18:00"),  # two whole days of eight hours
    ],
)
def test_time_is_counted_only_while_open(at: str, minutes: int, due: str) -> None:
    hours = every_day(["09:00", "12:30"], ["13:30", "18:00"])
    assert after_open_time(hours, local(at), minutes * 60) == local(due)


def test_no_time_passes_in_a_queue_that_never_opens() -> None:
    assert after_open_time(Hours("UTC", {}), datetime(2026, 3, 4, tzinfo=UTC), 60) is None


def test_time_is_counted_through_when_spans_touch_and_clocks_change() -> None:
    hours = every_day(["00:00", "24:00"])
    start = local("2026-10-24T20:00").astimezone(UTC)
    assert after_open_time(hours, start, 3600 * 9) == start + timedelta(hours=9)


@settings(deadline=None, max_examples=40)
@given(
    start=st.integers(0, 365 * 24 * 60),
    minutes=st.integers(0, 3000),
    spans=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 24)), min_size=1, max_size=3),
)
def test_open_time_that_has_passed_is_what_was_asked_for(
    start: int, minutes: int, spans: list[tuple[int, int]]
) -> None:
    hours = every_day(*[[f"{a:02}:00", f"{b:02}:00"] for a, b in spans])
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    due = after_open_time(hours, at, minutes * 60)
    assert due is not None
    passed, minute = 0, at
    while minute < due:  # counted the slow way
        passed += is_open(hours, minute)
        minute += timedelta(minutes=1)
    assert passed == minutes
