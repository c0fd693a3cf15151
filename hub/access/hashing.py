"""Hashing passwords: slow and large on purpose, so never more at once than the machine can bear.

Each argon2id hash takes some 64 MB and a good part of a tenth of a second. Whoever is unknown waits in a line of their
own, of bounded length; browsers that have signed in before have another, which no stranger's guess is in.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from hub.core.errors import TooMany

P = ParamSpec("P")
R = TypeVar("R")
LENGTH = 50  # who may wait in a line at once; at some twenty a second the last of them waits for seconds
_hasher = PasswordHasher()


class Line:
    """One hash after another."""

    def __init__(self, name: str):
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"hash-{name}")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash of a password; `TooMany` when the line is full."""
        return await self._do(_hasher.hash, password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one whose hash is stored; where none is, it takes as long."""
        return await self._do(_fits, stored or NOBODY, password) and stored is not None

    async def _do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._waiting >= LENGTH:
            raise TooMany(
                "Too many people are signing in at this moment.",
                code="signin.busy",
                retry_after=5,
                remedy="Try again shortly.",
            )
        loop = asyncio.get_running_loop()
        self._waiting += 1
        done = self._threads.submit(work, *args, **kwargs)
        # Whoever hangs up leaves the line, but a hash that has begun takes its time all the same.
        done.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left) if not loop.is_closed() else None)
        return await asyncio.wrap_future(done)

    def _left(self) -> None:
        self._waiting -= 1


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password[:200])
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


NOBODY = _hasher.hash(secrets.token_hex(8))
STRANGERS, KNOWN = Line("strangers"), Line("known")
