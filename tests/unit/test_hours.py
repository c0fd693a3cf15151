"""Business hours, in zones whose clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hub.agents.hours import (
    _ENGLISH,
    Hours,
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
        Hours("UTC", dict.fromkeys(DAYS, "all day")),  # type: ignore[arg-type]
    ):
        assert is_open(bad, local("2026-01-06T12:00"))
        assert problems(bad)
    assert problems(Hours("UTC", {}, [{"country": "ZZ"}]))[0].startswith(
        "there is no country 'ZZ'; there are: AD, AE, "
    )
    assert problems(every_day(["09:00", "17:00"])) == []
