"""The stand-in's own time: as fast as it is told to be, so that a call of ten minutes is tested in seconds."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from hub.core.clock import now


class Clock:
    """Virtual time: real time multiplied by `speed`, and moved on at will by `advance`."""

    def __init__(self, speed: float = 1.0):
        self.speed = speed
        self._began = now()
        self._real = time.monotonic()
        self._added = 0.0
        self._moved = asyncio.Event()

    def elapsed(self) -> float:
        """Virtual seconds since the stand-in started."""
        return (time.monotonic() - self._real) * self.speed + self._added

    def now(self) -> datetime:
        """The virtual moment."""
        return self._began + timedelta(seconds=self.elapsed())

    def advance(self, seconds: float) -> None:
        """Let time jump; whoever sleeps through the jump wakes."""
        self._added += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep for virtual seconds."""
        await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        """Whether `event` was set before so many virtual seconds had passed; None waits for ever."""
        ends = None if seconds is None else self.elapsed() + seconds
        while not event.is_set():
            left = None if ends is None else (ends - self.elapsed()) / self.speed
            if left is not None and left <= 0:
                return False
            tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._moved.wait())]
            try:
                await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
        return True
