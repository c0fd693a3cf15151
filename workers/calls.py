"""The service that makes telephones ring, and looks after what was left behind."""

from __future__ import annotations

import asyncio

import psycopg

from hub.calls.runner import Runner
from hub.core import log
from hub.core.errors import HubError
from hub.core.leases import Lease
from hub.core.service import Core
from hub.core.tasks import together
from workers.context import parts

logger = log.get(__name__)
EVERY = 0.5  # seconds between looks when no bell rings
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
            runner = Runner(self._core, context.accounts, context.connectors)
            await together(self._steps(runner), self._sweeps(runner), self._fetches(runner))

    async def _steps(self, runner: Runner) -> None:
        async for _ in self._core.feed.bells("calls", every=EVERY):
            try:
                await runner.step()
            except (HubError, psycopg.Error) as error:
                logger.warning("calls_postponed", error=str(error))

    async def _sweeps(self, runner: Runner) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await runner.sweep()
            except (HubError, psycopg.Error) as error:
                logger.warning("sweep_postponed", error=str(error))

    async def _fetches(self, runner: Runner) -> None:
        while True:
            try:
                tried = await runner.keeper.step()
            except (HubError, psycopg.Error) as error:
                logger.warning("recordings_postponed", error=str(error))
                tried = 0
            await asyncio.sleep(0.1 if tried else FETCH)
