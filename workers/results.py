"""What became of sends, written down for certain.

The provider's answer may be the only trace of a message, so it is not thrown away when the database is: it is kept and
written again until it is stored. Its claim is renewed meanwhile; should that run out all the same, the answer still
settles the doubt when it comes (`functions/outbox.sql`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import psycopg

from hub.channels.model import SendError
from hub.core import log
from hub.core.errors import HubError, Unavailable
from hub.messages.delivery import Claimed, Reports

logger = log.get(__name__)
KEPT = 3600.0  # seconds an answer is kept for a database that is away
_REFUSED = 5  # how often a database that is there may refuse an answer
_FIRST, _LONGEST = 0.1, 5.0  # seconds between tries


class Results:
    """Answers of providers, on their way into the record."""

    def __init__(self, reports: Reports):
        self._reports = reports
        self.untold: dict[int, Claimed] = {}  # by the claim's identity: sends that are over and not yet written down

    async def sent(self, claim: Claimed, provider_id: str) -> None:
        """The provider took it."""
        await self._insist(claim, lambda: self._reports.sent(claim, provider_id))

    async def not_sent(self, claim: Claimed, error: SendError) -> None:
        """It did not leave, or nobody knows."""
        await self._insist(claim, lambda: self._reports.not_sent(claim, error))

    async def given_back(self, claim: Claimed) -> None:
        """Nothing was tried."""
        await self._insist(claim, lambda: self._reports.given_back(claim))

    async def _insist(self, claim: Claimed, write: Callable[[], Awaitable[bool]]) -> None:
        self.untold[id(claim)] = claim
        try:
            await self._write(claim, write)
        finally:
            del self.untold[id(claim)]

    async def _write(self, claim: Claimed, write: Callable[[], Awaitable[bool]]) -> None:
        ends, pause, refused = time.monotonic() + KEPT, _FIRST, 0
        while True:
            try:
                counted = await write()
            except (HubError, psycopg.Error, OSError) as error:
                refused += not isinstance(error, Unavailable)
                if refused >= _REFUSED or time.monotonic() > ends:
                    logger.exception("result_lost", outbound=claim.id, attempt=claim.attempt)
                    return
                logger.warning("result_not_stored", outbound=claim.id, error=str(error), again_in=round(pause, 1))
            else:
                if not counted:
                    logger.warning("result_came_late", outbound=claim.id, attempt=claim.attempt)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)
