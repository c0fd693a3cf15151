"""What slows down guessing passwords, and nobody else.

Only failures count. A browser that has signed in to an account before has a counter of its own, so that nobody else's
guesses keep its people out; everybody else is counted by account and network, by network, and by account. After a
few failures each further attempt waits twice as long as the one before; attempts made during that pause are answered
at once, are not looked at and do not count. (OWASP: device cookies; ASVS 5.0, 6.3.1.)
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from hub.core.db import Database
from hub.core.errors import TooMany
from hub.core.networks import network_of
from hub.core.sql import Queries

sql = Queries.beside(__file__, "guard.sql")
MEMORY = 3600  # seconds after the last failure in which it counts


@dataclass(frozen=True, slots=True)
class _Counter:
    """What is counted: after `free` failures pauses of 1, 2, 4… seconds, at most `longest`.

    `own`: the counter belongs to one account, and a good sign-in clears it; one that several share is only lowered.
    """

    key: bytes
    free: int
    longest: float
    own: bool


class Attempt:
    """One attempt to sign in: reserved as a failure, then released if it was good.

    Reserving first makes a hundred guesses sent at once count as a hundred.
    """

    def __init__(self, db: Database, *, email: str, ip: str, device: str | None):
        """`device`: the id of a browser that has signed in to this account before."""
        self._db = db
        self._counters = _counters(email, ip, device)

    @classmethod
    def by_link(cls, db: Database, *, ip: str) -> Attempt:
        """An attempt with a one-time link, which names no account: counted by network."""
        attempt = cls(db, email="", ip=ip, device=None)
        attempt._counters = (_Counter(_key("link", network_of(ip)), 20, 60, own=False),)
        return attempt

    async def reserve(self) -> None:
        """Count it; `TooMany` with the seconds to wait while a pause lasts."""
        for n, counter in enumerate(self._counters):
            if await self._db.value(sql["reserve"], {**_values(counter), "memory": MEMORY}) is not None:
                continue
            for earlier in self._counters[:n]:
                await self._db.execute(sql["release"], {"key": earlier.key})
            left = float(await self._db.value(sql["pause"], _values(counter)) or 1.0)
            raise TooMany(
                "Too many failed attempts to sign in.",
                code="signin.blocked",
                retry_after=max(1, math.ceil(left)),
                remedy=f"Try again in {_words(left)}.",
            )

    async def succeeded(self) -> None:
        """The password was right: its own counters start anew, shared ones lose this attempt."""
        for counter in self._counters:
            await self._db.execute(sql["forget"] if counter.own else sql["release"], {"key": counter.key})


async def expire(db: Database) -> None:
    """Forget what no longer counts."""
    await db.execute(sql["expire"], {"memory": MEMORY})


def _counters(email: str, ip: str, device: str | None) -> tuple[_Counter, ...]:
    if device is not None:
        return (_Counter(_key("device", device, email), 10, 300, own=True),)
    network = network_of(ip)
    return (
        _Counter(_key("pair", email, network), 5, 300, own=True),
        _Counter(_key("account", email), 50, 30, own=False),
        _Counter(_key("network", network), 100, 60, own=False),
    )


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()


def _values(counter: _Counter) -> dict[str, object]:
    return {"key": counter.key, "free": counter.free, "longest": counter.longest}


def _words(seconds: float) -> str:
    return f"{math.ceil(seconds)} seconds" if seconds > 1 else "a second"
