"""The service that compares each day with the provider's, and takes in what came while we were away."""

from __future__ import annotations

import asyncio

from hub.core import log
from hub.core.clock import now
from hub.core.leases import Lease
from hub.core.retry import Part
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.reconciliation.reconcile import Reconciliation
from workers.context import parts

logger = log.get(__name__)
EVERY = 300.0  # seconds between looks
FIRST = 20.0  # seconds after the start: a hub that was away has missed webhooks, but wakes up first


class Reconcile:
    """One per installation, by lease."""

    name = "reconcile"

    def __init__(self, core: Core):
        self._core = core

    async def run(self) -> None:
        """Compare whenever nobody else does, until cancelled."""
        await Lease(self._core.db, self.name).hold(self._work)

    async def _work(self, epoch: int) -> None:
        async with parts(self._core) as context:
            intake = Intake(self._core, context.accounts, context.connectors)
            comparing = Reconciliation(self._core, intake, context.accounts, context.connectors)
            try:
                await asyncio.sleep(FIRST)
                part = Part(self._core.db, self.name, "comparing")
                while True:
                    async with part.attempt(pause=False):
                        await self._compare_due(comparing, part)
                    await asyncio.sleep(EVERY)
            finally:
                await intake.close()

    async def _compare_due(self, comparing: Reconciliation, part: Part) -> None:
        for account, day in await comparing.overdue(now().date()):
            with part.row(f"{account.key}, {day}"):
                found = await comparing.compare(account, day, fetch=True)
                if found.missing or found.moved:
                    logger.warning(
                        "reconciled", account=account.key, day=str(day), missing=found.missing, fetched=found.fetched,
                        moved=found.moved,
                    )  # fmt: skip
