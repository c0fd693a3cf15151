"""The hub's time is the database's, whatever the machine's clock says or does."""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from hub.core import clock


@pytest.fixture(autouse=True)
def _own_clock() -> Generator[None]:
    yield
    clock.follow_own()


def test_time_goes_by_the_database_when_the_machines_clock_is_wrong() -> None:
    server = datetime(2030, 5, 1, 12, tzinfo=UTC)
    moment = time.monotonic()
    clock.follow(server, asked=moment - 2, answered=moment + 2)  # an answer is from the middle of its way
    assert abs(clock.now() - server) < timedelta(seconds=30)


def test_time_does_not_jump_when_the_machines_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = time.monotonic()
    clock.follow(datetime.now(UTC), asked=moment, answered=moment)
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert timedelta(0) <= clock.now() - before < timedelta(seconds=30)


def test_time_is_the_machines_until_a_database_is_asked() -> None:
    clock.follow_own()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=30)
