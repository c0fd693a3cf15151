"""The sweeper: notifies the workers when something is due, and settles the claims of workers that are gone.

Redis may forget every job at any moment; this clock makes that a matter of seconds.
"""

from __future__ import annotations

import asyncio

from hub.backup import freeze
from hub.core.jobs import JobNotifier
from hub.core.leases import Lease
from hub.core.retry import Part
from hub.core.service import Core
from hub.messages.outbox import Outbox
from workers.deliver import JOB

EVERY = 5.0  # seconds


class Sweeper:
    """One per installation, by lease."""

    name = "sweeper"

    def __init__(self, core: Core):
        self._core = core
        self._outbox = Outbox(core)
        self._alarm: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Sweep until cancelled."""
        await Lease(self._core.db, self.name).hold(self._sweep)

    async def _sweep(self, epoch: int) -> None:
        jobs = JobNotifier(self._core.feed.url)
        recovering, notifying = (Part(self._core.db, self.name, name) for name in ("recovering", "notifying"))
        try:
            async for message in self._core.feed.notifications("outbox", every=EVERY):
                if not message:
                    async with recovering.attempt(pause=False):
                        await freeze.notice(self._core.db)
                        await self._outbox.recover()
                async with notifying.attempt():
                    if await self._outbox.anything_due() or (not message and await self._outbox.anything_doubtful()):
                        await jobs.notify(JOB)
                    self._notify_for(await self._outbox.seconds_to_next())
        finally:
            self._forget()
            jobs.close()

    def _notify_for(self, seconds: float | None) -> None:
        """Notify ourselves when the next send is due, if that is before the next look."""
        self._forget()
        if seconds is not None and seconds < EVERY:
            self._alarm = asyncio.create_task(self._notify_after(seconds), name="outbox-alarm")

    async def _notify_after(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) + 0.02)
        await self._core.feed.notify("outbox")

    def _forget(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
