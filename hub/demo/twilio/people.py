"""The people at the other ends: how a called number or device behaves, and callers who follow a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hub.demo.twilio.call import Call
from hub.demo.twilio.clock import Clock


@dataclass(frozen=True, slots=True)
class Behavior:
    """What somebody does when called.

    `answers`: after how many seconds, None for never; `instead`: a final status at once (`busy`, `failed`,
    `no-answer`); `keys`: (seconds after answering, keys) in order; `leaves`: hangs up so long after answering.
    """

    answers: float | None = 2.0
    instead: str = ""
    keys: tuple[tuple[float, str], ...] = ()
    leaves: float | None = None


_WATCHED = 10.0  # real seconds for which somebody who looked at the page is taken to be there
BY_HAND = Behavior(answers=None)  # rings until somebody answers it on the page or through the API


@dataclass(slots=True)
class People:
    """Who is where. A `client:` device without a behavior of its own is answered by hand."""

    clock: Clock
    behaviors: dict[str, Behavior] = field(default_factory=dict[str, Behavior])
    watched: dict[str, float] = field(default_factory=dict[str, float])  # numbers a person plays -> last seen
    usual: Behavior = field(default_factory=Behavior)

    def of(self, endpoint: str) -> Behavior:
        """How this number or device behaves."""
        if endpoint in self.behaviors:
            return self.behaviors[endpoint]
        seen = self.watched.get(endpoint, float("-inf"))
        if endpoint.startswith("client:") or self.clock.elapsed() - seen < _WATCHED * self.clock.speed:
            return BY_HAND
        return self.usual

    async def behave(self, call: Call, behavior: Behavior) -> None:
        """What they do once the call is answered."""
        for seconds, keys in behavior.keys:
            await self.clock.sleep(seconds)
            call.press(keys)
        if behavior.leaves is not None:
            await self.clock.sleep(behavior.leaves)
            call.hang_up()


async def until(check: Callable[[], bool], *, timeout: float = 10.0, look: float = 0.005) -> None:
    """Return when `check()` holds; `TimeoutError` (with real seconds) else."""
    async with asyncio.timeout(timeout):
        while not check():  # noqa: ASYNC110 - a test's eye on a program that runs beside it
            await asyncio.sleep(look)


Script = Callable[[Call], Awaitable[None]]
