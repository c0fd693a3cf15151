"""The sweeper: rings the workers when something is due, and settles the claims of workers that are gone.

Redis may forget every job at any moment; this clock makes that a matter of seconds.
"""

from __future__ import annotations

import asyncio

from hub.backup import freeze
from hub.core.jobs import Doorbell
from hub.core.leases import Lease
from hub.core.service import Core
from hub.core.steady import Part
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
        doorbell = Doorbell(self._core.feed.url)
        recovering, ringing = (Part(self._core.db, self.name, name) for name in ("recovering", "ringing"))
        try:
            async for bell in self._core.feed.bells("outbox", every=EVERY):
                if not bell:
                    async with recovering.attempt(pause=False):
                        await freeze.notice(self._core.db)
                        await self._outbox.recover()
                async with ringing.attempt():
                    if await self._outbox.anything_due() or (not bell and await self._outbox.anything_doubtful()):
                        await doorbell.ring(JOB)
                    self._wake_for(await self._outbox.seconds_to_next())
        finally:
            self._forget()
            doorbell.close()

    def _wake_for(self, seconds: float | None) -> None:
        """Ring our own bell when the next send is due, if that is before the next look."""
        self._forget()
        if seconds is not None and seconds < EVERY:
            self._alarm = asyncio.create_task(self._ring_after(seconds), name="outbox-alarm")

    async def _ring_after(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) + 0.02)
        await self._core.feed.wake("outbox")

    def _forget(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
