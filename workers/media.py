"""The service that fetches the files which messages name."""

from __future__ import annotations

from hub.core.leases import Lease
from hub.core.retry import Part
from hub.core.service import Core
from hub.messages.media import Keeper
from workers.context import parts

EVERY = 5.0  # seconds between looks when nothing is notified


class Media:
    """One per installation, by lease; rows are claimed all the same, so that two would do no harm."""

    name = "media"

    def __init__(self, core: Core):
        self._core = core

    async def run(self) -> None:
        """Fetch whenever nobody else does, until cancelled."""
        await Lease(self._core.db, self.name).hold(self._work)

    async def _work(self, epoch: int) -> None:
        async with parts(self._core) as context:
            keeper = Keeper(self._core, context.accounts, context.connectors)
            part = Part(self._core.db, self.name, "files")
            async for _ in self._core.feed.notifications("media", every=EVERY):
                async with part.attempt():
                    await keeper.drain()
