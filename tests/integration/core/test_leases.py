"""Leases by the server's clock, and services whose failures are seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hub.core import problems, retry
from hub.core.db import Database
from hub.core.health import servers
from hub.core.leases import Lease, LeaseLost
from hub.core.retry import Part, failing
from hub.core.service import Core
from tests.integration.connectors.harness import eventually


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST", 0.02)
    monkeypatch.setattr(retry, "LONGEST", 0.1)
    monkeypatch.setattr(retry, "_TOLD", 0.0)


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- leases ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ahead", ["1 minute", "1 hour", "100 years"])
async def test_a_lease_dated_in_the_future_is_taken_over(db: Database, ahead: str) -> None:
    await db.execute("insert into lease values ('router', 'gone:1:x', 7, clock_timestamp() + %s::interval)", [ahead])
    assert await Lease(db, "router").try_acquire() == 8
    left = "select expires_at < clock_timestamp() + interval '10 seconds' from lease where name = 'router'"
    assert await db.value(left)


async def test_a_lease_that_is_held_is_not_taken_over(db: Database) -> None:
    first, second = Lease(db, "router"), Lease(db, "router")
    epoch = await first.try_acquire()
    assert await second.try_acquire() is None
    assert await first.try_acquire() == epoch


async def test_the_doctor_takes_a_lease_of_the_future_for_held_by_nobody(core: Core) -> None:
    await core.db.execute("insert into lease values ('router', 'gone:1:x', 7, clock_timestamp() + interval '1 hour')")
    found = {f.what: f async for f in servers(core.db, core.feed)}
    assert found["Service router"].ok is False
    assert found["Service router"].detail == "nobody runs it"


# -- work that fails ---------------------------------------------------------------------------------------------------
async def told(db: Database, service: str) -> retry.Failing | None:
    return next((f for f in await failing(db) if f.service == service), None)


async def test_work_that_fails_is_counted_said_and_well_again_when_it_works(core: Core) -> None:
    broken = True
    tries = 0

    async def work(epoch: int) -> None:
        nonlocal tries
        tries += 1
        if broken:
            raise NotImplementedError("Country ZZ not available\nDETAIL: a customer's words")
        await asyncio.sleep(60)

    async with running(lambda: Lease(core.db, "scheduler", ttl=0.3).hold(work)):
        await eventually(lambda: _at_least(core.db, "scheduler", 3), 20)
        one = await told(core.db, "scheduler")
        assert one is not None
        assert (one.part, one.error) == ("work", "NotImplementedError: Country ZZ not available")
        [problem] = await problems.services(core.db)
        assert (problem.code, problem.fault) == ("service.failing", True)
        assert "ZZ" not in str(problem.shown())  # who is not signed in reads how often, not what
        found = {f.what: f async for f in servers(core.db, core.feed)}
        assert found["Service scheduler, work"].ok is False
        assert "Country ZZ" in found["Service scheduler, work"].detail
        broken = False
        await eventually(lambda: _well(core.db), 20)
    assert tries >= 4


async def _at_least(db: Database, service: str, failures: int) -> bool:
    one = await told(db, service)
    return one is not None and one.failures >= failures


async def _well(db: Database) -> bool:
    return await failing(db) == []


async def test_a_part_that_fails_is_waited_for_longer_each_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(retry.asyncio, "sleep", sleep)
    part = Part(db, "s", "p")
    for _ in range(5):
        async with part.attempt():
            raise ValueError("no")
    assert slept == [0.02, 0.04, 0.08, 0.1, 0.1]
    async with part.attempt():
        pass
    assert await failing(db) == []
    async with part.attempt():
        raise ValueError("no")
    assert slept[-1] == 0.02


async def test_a_row_that_fails_holds_up_no_other_and_is_said(db: Database) -> None:
    part = Part(db, "s", "p")
    done: list[int] = []
    async with part.attempt():
        for n in range(4):
            with part.row(f"row {n}"):
                if n == 1:
                    raise KeyError("gone")
                done.append(n)
    assert done == [0, 2, 3]
    [one] = await failing(db)
    assert (one.failures, one.error) == (1, "row 1: KeyError: 'gone'")
    async with part.attempt():
        pass
    assert await failing(db) == []


async def test_a_lost_lease_and_a_cancellation_go_on(db: Database) -> None:
    part = Part(db, "s", "p")
    with pytest.raises(LeaseLost):
        async with part.attempt():
            raise LeaseLost
    with pytest.raises(asyncio.CancelledError):
        async with part.attempt():
            raise asyncio.CancelledError
    assert await failing(db) == []


async def test_a_failure_of_a_process_before_is_cleared_by_one_that_works(db: Database) -> None:
    async with Part(db, "s", "p").attempt():
        raise ValueError("no")
    assert len(await failing(db)) == 1
    async with Part(db, "s", "p").attempt():
        pass
    assert await failing(db) == []
