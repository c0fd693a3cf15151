"""The scheduler: one per installation, by lease. It counts, plans and fires, each in its own loop.

Nothing depends on there being only one: readers lock their cursor and follow-ups are claimed; the lease merely keeps
a second process from doing the same for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hub.access import signin
from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.conversations import counts
from hub.conversations.invariants import sweep
from hub.core.file_upkeep import sweep as sweep_files
from hub.core.leases import Lease
from hub.core.retention import forget
from hub.core.retry import Part
from hub.core.service import Core
from hub.core.tasks import together
from hub.reports.buckets import count_next
from hub.search.index import begin_anew, index_next, index_people
from workers.followups import run_due

EVERY = 1.0  # seconds between looks when nothing is notified
FULL = 200  # events or follow-ups in one step
SWEEP = 30.0  # seconds between two looks at the rules of work
FOLD = 5.0  # seconds between two times that changed counts are added up
RECOUNT = 600.0  # seconds between two times that all is counted anew
PAUSE = 0.25  # seconds between two rounds
RETENTION = 60.0  # seconds between two rounds of what is kept for a time only
HOUSEKEEPING = 3600.0  # seconds between two rounds of it


class Scheduler:
    """The service: statistics, automation, follow-ups and the rules of work."""

    name = "scheduler"

    def __init__(self, core: Core, *, every: float = EVERY):
        self._core = core
        self._every = every

    async def run(self) -> None:
        """Work whenever nobody else does, until cancelled."""
        await Lease(self._core.db, self.name).hold(self._work)

    async def _work(self, epoch: int) -> None:
        core = self._core
        await begin_anew(core.db)
        await together(
            self._loop("statistics", lambda part: count_next(core.db, bad=part.failed)),
            self._loop("automation", lambda part: plan_next(core.db, bad=part.failed)),
            self._loop("search", lambda part: index_next(core.db, bad=part.failed)),
            self._loop("search_people", lambda _: index_people(core.db)),
            self._loop("late", lambda part: note_late(core.db, bad=part.failed)),
            self._loop("follow_ups", lambda part: run_due(core, bad=part.failed)),
            self._regularly("rules_of_work", SWEEP, lambda part: sweep(core, bad=part.failed)),
            self._regularly("counts", FOLD, lambda _: counts.fold(core.db)),
            self._regularly("recount", RECOUNT, lambda _: counts.recount(core.db)),
            self._regularly("files", HOUSEKEEPING, lambda _: sweep_files(core.db, core.files)),
            self._regularly("retention", RETENTION, lambda _: forget(core.db, core.retention)),
            self._regularly("housekeeping", HOUSEKEEPING, lambda _: signin.expire(core.db)),
        )

    async def _regularly(self, what: str, seconds: float, step: Callable[[Part], Awaitable[object]]) -> None:
        """Do a step now and by the clock: what should not be found, what no longer counts, what is to be added up."""
        part = Part(self._core.db, self.name, what)
        while True:
            async with part.attempt(pause=False):
                await step(part)
            await asyncio.sleep(seconds)

    async def _loop(self, what: str, step: Callable[[Part], Awaitable[int]]) -> None:
        """Do a step until there is nothing to do, then wait for a notification of the log or the clock."""
        part = Part(self._core.db, self.name, what)
        async for _ in self._core.feed.notifications("log", every=self._every):
            async with part.attempt():
                # Only a full batch means that more is waiting; less, that we have caught up with what is readable.
                while await step(part) >= FULL:
                    pass
            # Nobody waits for these by the millisecond: a few rounds a second read the log in larger pieces.
            await asyncio.sleep(PAUSE)
