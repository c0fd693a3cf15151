"""Screens and presence: an agent whose last screen is gone, on any process, goes offline after a short grace."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg

from hub.agents.presence import GRACE, mark_offline, welcome_back
from hub.core import events, log
from hub.core.errors import HubError
from hub.core.service import Core
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "presence.sql")
BEAT = 10.0  # seconds between signs of life


class Presences:
    """The agents with a screen on this process; their lease on being present is renewed while they have one."""

    def __init__(self, core: Core):
        self._core = core
        self._here: Counter[int] = Counter()

    async def arrived(self, agent_id: int) -> None:
        """A screen opened; nobody who has one is said to have lost their connection."""
        self._here[agent_id] += 1
        await self._beat([agent_id])
        try:
            async with events.unit(self._core.db, self._core.feed) as unit:
                await welcome_back(unit, agent_id)
        except (HubError, psycopg.Error) as error:  # the screen works all the same, and shows what is so
            logger.warning("not_welcomed_back", agent=agent_id, error=str(error))

    async def left(self, agent_id: int) -> None:
        """A screen closed."""
        self._here[agent_id] -= 1
        if self._here[agent_id] <= 0:
            del self._here[agent_id]

    async def run(self) -> None:
        """Renew and count out, until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self._beat(list(self._here))
                await self.count_out()
            except (HubError, psycopg.Error) as error:
                logger.warning("presence_round_failed", error=str(error))

    async def count_out(self) -> list[int]:
        """Send those offline whose screens are all gone."""
        sent: list[int] = []
        for row in await self._core.db.dicts(sql["gone"]):
            try:
                async with events.unit(self._core.db, self._core.feed) as unit:
                    if await mark_offline(unit, row["agent_id"]):
                        sent.append(row["agent_id"])
            except (HubError, psycopg.Error) as error:  # the others are counted out all the same
                logger.warning("not_counted_out", agent=row["agent_id"], error=str(error))
        return sent

    async def _beat(self, agents: list[int]) -> None:
        if agents:
            await self._core.db.execute(sql["beat"], {"ids": agents, "grace": GRACE})
