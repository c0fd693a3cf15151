"""What anybody may ask for without signing in, and how often."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Generic, TypeVar

from aiohttp import web

from hub.core.errors import TooMany
from hub.core.metrics import REJECTED
from hub.core.networks import Allowance, Allowances, caller

# Of one network: an office of two hundred that signs in at nine o'clock fits, a program that tries things does not.
ALLOWED = Allowance(burst=300, per_second=5)
T = TypeVar("T")
PUBLIC = web.AppKey("public", Allowances)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def limit(request: web.Request) -> None:
    """`TooMany` when the caller's network has asked for too much; call it before anything else is done."""
    network = caller(request)
    wait = request.app[PUBLIC].take(network) if network is not None else 0.0
    if wait:
        REJECTED.labels("web", "rate").inc()
        raise TooMany(
            "Too many requests from this network.", retry_after=max(1, math.ceil(wait)), remedy="Wait a moment."
        )


class Shared(Generic[T]):
    """Something that costs a look into the database: made anew once a second at most, however many ask."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]], seconds: float = 1.0):
        self._make = make
        self._seconds = seconds
        self._made: asyncio.Task[T] | None = None
        self._at = 0.0

    async def get(self) -> T:
        """The latest; its error where making it failed."""
        moment = time.monotonic()
        if self._made is None or (self._made.done() and moment - self._at > self._seconds):
            self._made, self._at = asyncio.create_task(self._make()), moment
        return await asyncio.shield(self._made)


def limited(handler: Handler) -> Handler:
    """A handler that anybody may call, as often as is allowed."""

    @wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        limit(request)
        return await handler(request)

    return guarded
