"""Loops that go on whatever one round, or one row of it, runs into; and that say so.

A failure is logged, counted in `service_health` for `hub doctor`, `/health/ready` and `/metrics`, and waited after,
longer each time. What works again is well again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg

from hub.core import log
from hub.core.db import Database
from hub.core.errors import Conflict, Unavailable
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "retry.sql")
FIRST, LONGEST = 1.0, 30.0  # seconds waited after a failure, doubled for each further one
_TOLD = 5.0  # seconds between two reports of the same part
_WORDS = 300


Bad = Callable[[Exception, object], None]  # told of a row that fails: why, and which


def ignore(error: Exception, row: object) -> None:
    """Nobody is told; the log is."""
    logger.error("row_failed", row=row, exc_info=error)


@dataclass(frozen=True, slots=True)
class Failing:
    """A part of a service that fails now."""

    service: str
    part: str
    failures: int
    error: str
    failing_since: datetime
    failed_at: datetime


async def failing(db: Database) -> list[Failing]:
    """Everything that fails now, on any process."""
    return await db.all(Failing, sql["failing"])


class Part:
    """One loop of a service."""

    def __init__(self, db: Database, service: str, name: str):
        self._db = db
        self._names = {"service": service, "part": name}
        self._in_a_row = 0
        self._untold = 0
        self._error = ""
        self._told_at = float("-inf")
        self._well: bool | None = None  # what the record says; None: not known yet

    @asynccontextmanager
    async def attempt(self, *, pause: bool = True) -> AsyncGenerator[None]:
        """One round. Whatever it fails with ends here, after a pause; a lost lease and a cancellation go on."""
        try:
            yield
        except Unavailable as error:  # the database's trouble: nothing can be told, and nobody need be
            logger.warning("part_waits_for_database", **self._names, error=error.detail)
            if pause:
                await asyncio.sleep(FIRST)  # no longer: it is to go on as soon as the database is back
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round may go well, and the others must
            self.failed(error)
            await self._log()
            await self._pause(pause)
        else:
            await (self._log() if self._untold else self._worked())

    @contextmanager
    def row(self, name: object) -> Generator[None]:
        """One row of a round: what is wrong with it holds up no other row. A database that is away goes on."""
        try:
            yield
        except (Unavailable, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - one row must not keep the others from their turn
            self.failed(error, name)

    def failed(self, error: Exception, row: object = None) -> None:
        """Count a failure; it is told at the end of the round."""
        self._untold += 1
        self._error = describe(error) if row is None else f"{row}: {describe(error)}"
        logger.error("part_failed", **self._names, row=row, exc_info=error)

    async def _pause(self, wanted: bool) -> None:
        self._in_a_row += 1
        if wanted:
            await asyncio.sleep(min(FIRST * 2 ** (self._in_a_row - 1), LONGEST))

    async def _log(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at < _TOLD:
            return
        with suppress(Unavailable, psycopg.Error):
            values = {**self._names, "failures": self._untold, "error": self._error}
            await self._db.execute(sql["failed"], values)
            self._told_at, self._untold, self._well = now, 0, False

    async def _worked(self) -> None:
        self._in_a_row = 0
        if self._well:
            return
        with suppress(Unavailable, psycopg.Error):
            await self._db.execute(sql["worked"], self._names)
            self._well = True


class LeaseLost(Conflict):
    """Another process holds the lease now."""


def describe(error: Exception) -> str:
    """An error in a line, without what a database quotes of a row."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else ''}"[:_WORDS].rstrip(": ")
