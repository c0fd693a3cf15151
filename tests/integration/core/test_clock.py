"""A process with a wrong clock goes by the database's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.core import clock
from hub.core.db import Database
from hub.core.embedded import Servers
from hub.core.service import Addresses, open_core


async def test_a_hub_asks_the_database_for_its_time_when_it_starts(database_url: str, servers: Servers) -> None:
    wrong = datetime.now(UTC) + timedelta(days=40)
    clock.follow(wrong, asked=0, answered=0)
    async with open_core(Addresses(database_url, servers.redis_url, b"k" * 32, "http://127.0.0.1"), pool=2) as core:
        there = await core.db.value("select clock_timestamp()")
        assert abs(clock.now() - there) < timedelta(seconds=30)


async def test_the_time_is_asked_for_again_and_an_absent_database_does_not_matter(db: Database) -> None:
    clock.follow(datetime(2000, 1, 1, tzinfo=UTC), asked=0, answered=0)
    await clock.sync(db)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    clock.follow_own()
