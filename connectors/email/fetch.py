"""Fetching a mailbox."""

from __future__ import annotations

import asyncio

from hub.channels.model import Accept, Account
from hub.core.service import Core


class Fetcher:
    """Fetches one mailbox."""

    def __init__(self, core: Core, accept: Accept, account: Account):
        self._core, self._accept, self._account = core, accept, account

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.Event().wait()
