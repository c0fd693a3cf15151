"""The scheduler: one per installation, by lease. It counts, plans and fires, each in its own loop.

Nothing depends on there being only one: readers lock their cursor and follow-ups are claimed; the lease merely keeps
a second process from doing the same for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from hub.access import signin
from hub.automation.late import note_late
from hub.automation.plans import plan_next
from hub.core import log
from hub.core.errors import HubError
from hub.core.leases import Lease
from hub.core.service import Core
from hub.core.tasks import together
from hub.reports.buckets import count_next
from workers.followups import run_due

logger = log.get(__name__)
EVERY = 1.0  # seconds between looks when no bell rings
FULL = 200  # events or follow-ups in one step
PAUSE = 0.25  # seconds between two rounds
HOUSEKEEPING = 3600.0  # seconds between two rounds of it


class Scheduler:
    """The service: statistics, automation and follow-ups."""

    name = "scheduler"

    def __init__(self, core: Core, *, every: float = EVERY):
        self._core = core
        self._every = every

    async def run(self) -> None:
        """Work whenever nobody else does, until cancelled."""
        await Lease(self._core.db, self.name).hold(self._work)

    async def _work(self, epoch: int) -> None:
        core = self._core
        await together(
            self._loop("statistics", lambda: count_next(core.db)),
            self._loop("automation", lambda: plan_next(core.db)),
            self._loop("late", lambda: note_late(core.db)),
            self._loop("follow_ups", lambda: run_due(core)),
            self._housekeeping(),
        )

    async def _housekeeping(self) -> None:
        """Forget what no longer counts, now and each hour."""
        while True:
            try:
                await signin.expire(self._core.db)
            except (HubError, psycopg.Error) as error:
                logger.warning("schedule_postponed", what="housekeeping", error=str(error))
            await asyncio.sleep(HOUSEKEEPING)

    async def _loop(self, what: str, step: Callable[[], Awaitable[int]]) -> None:
        """Do a step until there is nothing to do, then wait for the bell of the log or the clock."""
        async for _ in self._core.feed.bells("log", every=self._every):
            try:
                # Only a full batch means that more is waiting; less, that we have caught up with what is readable.
                while await step() >= FULL:
                    pass
            except (HubError, psycopg.Error) as error:
                logger.warning("schedule_postponed", what=what, error=str(error))
            # Nobody waits for these by the millisecond: a few rounds a second read the log in larger pieces.
            await asyncio.sleep(PAUSE)
