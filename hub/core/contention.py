"""What waits for somebody else's lock waits aside, so that nobody waits behind it.

A batch that runs into a locked row is not held up by it: its items are stored one by one beside the batches that
follow. First each is given a moment, since most of them are not what is locked; what is, may then wait as long as its
caller can. Items of one key keep their order, and take one place only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg

from hub.core.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")
BRISK = 0.25  # seconds that a batch, or an item that may be innocent, waits for a lock
PATIENT = 8.0  # seconds that an item waits which is known to be locked; a provider hangs up after ten or fifteen
_PLACES = 3  # connections used for either


class Busy(Unavailable):
    """Somebody else is changing the same record."""

    def __init__(self) -> None:
        super().__init__(remedy="Try again shortly.")


@dataclass(slots=True)
class _Waiters:
    """Those of one key, in the order in which they came."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Aside(Generic[T, R]):
    """Stores single items: `alone(item, seconds)` waits so long for a lock, then raises `LockNotAvailable`."""

    def __init__(self, alone: Callable[[T, float], Awaitable[R]], key: Callable[[T], Hashable]):
        self._alone = alone
        self._key = key
        self._lines: dict[Hashable, _Waiters] = {}
        self._brisk = asyncio.Semaphore(_PLACES)
        self._patient = asyncio.Semaphore(_PLACES)

    def has(self, item: T) -> bool:
        """Whether something of the same key waits here, so that `item` comes after it."""
        return self._key(item) in self._lines

    async def store(self, item: T) -> R:
        """Its result, in its turn. `Busy` when it is locked for too long."""
        key = self._key(item)
        line = self._lines.setdefault(key, _Waiters())
        line.length += 1
        try:
            async with asyncio.timeout(2 * PATIENT), line.turn:
                return await self._store(item)
        except (TimeoutError, psycopg.errors.LockNotAvailable):
            raise Busy from None
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[key]

    async def _store(self, item: T) -> R:
        try:
            async with self._brisk:
                return await self._alone(item, BRISK)
        except psycopg.errors.LockNotAvailable:
            async with self._patient:
                return await self._alone(item, PATIENT)
