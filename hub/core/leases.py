"""Leases: whatever only one process may do.

The holder renews three times per `ttl`. A holder that was stopped (SIGSTOP, a long pause) may come back believing
it still holds: that is why every write made under a lease checks the epoch in its own transaction (`check`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable

import psycopg

from hub.core import log
from hub.core.db import Connection, Database, fetch_value
from hub.core.errors import Unavailable
from hub.core.metrics import LEADER
from hub.core.retry import LeaseLost, Part
from hub.core.sql import Queries
from hub.core.tasks import end

__all__ = ["Lease", "LeaseLost", "check"]
logger = log.get(__name__)
sql = Queries.beside(__file__, "leases.sql")


async def check(conn: Connection, name: str, epoch: int) -> None:
    """Raise `LeaseLost` unless `epoch` still holds `name`; keeps it so until the transaction ends."""
    if await fetch_value(conn, sql["held"], {"name": name, "epoch": epoch}) is None:
        raise LeaseLost


class Lease:
    """One process's claim on `name`, taken again and again for ever."""

    def __init__(self, db: Database, name: str, *, ttl: float = 4.0):
        self.name = name
        self.ttl = ttl
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._db = db
        self._part = Part(db, name, "work")

    async def try_acquire(self) -> int | None:
        """The epoch if the lease is ours now, else None."""
        epoch = await self._db.value(sql["acquire"], {"name": self.name, "holder": self.holder, "ttl": self.ttl})
        return None if epoch is None else int(epoch)

    async def release(self, epoch: int) -> None:
        """Give the lease up."""
        await self._db.execute(sql["release"], {"name": self.name, "holder": self.holder, "epoch": epoch})

    async def hold(self, work: Callable[[int], Awaitable[None]]) -> None:
        """Run `work(epoch)` whenever the lease is ours, cancelling it when it is lost; until cancelled."""
        while True:
            epoch = await self._acquire_quietly()
            if epoch is None:
                await asyncio.sleep(self.ttl / 4)
                continue
            LEADER.labels(self.name).set(1)
            logger.info("lease_taken", lease=self.name, epoch=epoch)
            task = asyncio.ensure_future(work(epoch))
            error: BaseException | None = None
            try:
                error = await self._renew_while(task, epoch)
            finally:
                await end([task])
                LEADER.labels(self.name).set(0)
                with contextlib.suppress(Unavailable, psycopg.Error, asyncio.CancelledError):
                    await self.release(epoch)
            if error is not None:  # let go first: perhaps it works elsewhere
                async with self._part.attempt():
                    raise error

    async def _renew_while(self, task: asyncio.Future[None], epoch: int) -> BaseException | None:
        """Return when the lease is lost or the work ended: with the work's error, if that ended it."""
        began = renewed = asyncio.get_running_loop().time()
        while True:
            done, _ = await asyncio.wait([task], timeout=self.ttl / 3)
            if done:
                error = None if task.cancelled() else task.exception()
                return None if isinstance(error, LeaseLost) else error
            now = asyncio.get_running_loop().time()
            kept = await self._acquire_quietly()
            if kept == epoch:
                renewed = now
                if now - began > 2 * self.ttl:
                    async with self._part.attempt():
                        pass  # it has worked for a while
            elif kept is not None or now - renewed > self.ttl:
                logger.warning("lease_lost", lease=self.name, epoch=epoch)
                return None

    async def _acquire_quietly(self) -> int | None:
        try:
            async with asyncio.timeout(self.ttl):
                return await self.try_acquire()
        except (Unavailable, psycopg.Error, TimeoutError) as error:
            logger.warning("lease_unreachable", lease=self.name, error=str(error))
            return None
