"""The service that makes telephones ring, and looks after what was left behind."""

from __future__ import annotations

import asyncio

from hub.calls.runner import Runner
from hub.core.leases import Lease
from hub.core.retry import Part
from hub.core.service import Core
from hub.core.tasks import together
from workers.context import parts

EVERY = 0.5  # seconds between looks when nothing is notified
SWEEP = 60.0
FETCH = 5.0


class Calls:
    """One per installation, by lease: a telephone is rung by one process."""

    name = "calls"

    def __init__(self, core: Core):
        self._core = core

    async def run(self) -> None:
        """Work whenever nobody else does, until cancelled."""
        await Lease(self._core.db, self.name).hold(self._work)

    async def _work(self, epoch: int) -> None:
        async with parts(self._core) as context:
            steps, sweeps, recordings = (Part(self._core.db, self.name, n) for n in ("steps", "sweeps", "recordings"))
            runner = Runner(self._core, context.accounts, context.connectors, bad=steps.failed)
            await together(self._steps(runner, steps), self._sweeps(runner, sweeps), self._fetches(runner, recordings))

    async def _steps(self, runner: Runner, part: Part) -> None:
        async for _ in self._core.feed.notifications("calls", every=EVERY):
            async with part.attempt():
                await runner.step()

    async def _sweeps(self, runner: Runner, part: Part) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            async with part.attempt():
                await runner.sweep()

    async def _fetches(self, runner: Runner, part: Part) -> None:
        while True:
            tried = 0
            async with part.attempt():
                tried = await runner.keeper.step(bad=part.failed)
            await asyncio.sleep(0.1 if tried else FETCH)
