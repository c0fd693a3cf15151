"""How fast one recipient domain is written to: so many at once, so many a minute, and slower when asked.

A send that would have to wait long is put off instead: it costs the queue nothing, and others pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from connectors.email.settings import Smtp
from hub.channels.model import Outcome, SendError
from hub.channels.reasons import Reason

SLOW = 120.0  # seconds a domain is left alone after it said "not so fast" (421, 4.7.x)
_PATIENCE = 15.0  # seconds a send waits for its turn
_LONGEST = 3600.0


@dataclass(slots=True)
class _Domain:
    gate: asyncio.Semaphore
    slow_until: float = 0.0
    next_at: float = 0.0
    refusals: int = field(default=0)


class Pace:
    """The domains one process writes to."""

    def __init__(self) -> None:
        self._domains: dict[tuple[object, ...], _Domain] = {}

    @asynccontextmanager
    async def turn(self, server: tuple[object, ...], smtp: Smtp, recipients: Iterable[str]) -> AsyncGenerator[None]:
        """A turn for these recipients; `SendError` (retry) when it is far off. One that ends well frees them."""
        domains = [self._domain(server, smtp, name) for name in sorted({domain_of(one) for one in recipients})]
        now = asyncio.get_running_loop().time()
        pause = max((d.slow_until - now for d in domains), default=0.0)
        if pause > 0:
            raise _later("Their mail server asked us to slow down.", pause)
        async with AsyncExitStack() as held:
            for domain in domains:
                await _enter(held, domain)
                await _bucket(domain, smtp.per_minute)
            yield
            for domain in domains:
                domain.refusals = 0

    def slow(self, server: tuple[object, ...], smtp: Smtp, recipients: Iterable[str]) -> float:
        """Leave their domains alone for a while, longer each time in a row; the seconds."""
        now = asyncio.get_running_loop().time()
        seconds = SLOW
        for name in {domain_of(one) for one in recipients}:
            domain = self._domain(server, smtp, name)
            seconds = min(_LONGEST, SLOW * 2**domain.refusals)
            domain.refusals = min(domain.refusals + 1, 8)
            domain.slow_until = now + seconds
        return seconds

    def _domain(self, server: tuple[object, ...], smtp: Smtp, name: str) -> _Domain:
        if len(self._domains) > 10_000:  # whoever is idle is forgotten; a process does not live long enough to matter
            self._domains = {k: d for k, d in self._domains.items() if d.gate.locked() or d.slow_until}
        return self._domains.setdefault((*server, name), _Domain(asyncio.Semaphore(smtp.per_domain)))


def domain_of(address: str) -> str:
    """The domain of an address."""
    return address.rpartition("@")[2].lower()


async def _enter(held: AsyncExitStack, domain: _Domain) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await held.enter_async_context(domain.gate)
    except TimeoutError:
        raise _later("Too many mails are on their way to that domain.", 5.0) from None


async def _bucket(domain: _Domain, per_minute: int) -> None:
    if not per_minute:
        return
    now = asyncio.get_running_loop().time()
    at = max(now, domain.next_at)
    if at - now > _PATIENCE:
        raise _later("That domain gets no more mails in this minute.", at - now)
    domain.next_at = at + 60.0 / per_minute
    await asyncio.sleep(at - now)


def _later(words: str, seconds: float) -> SendError:
    return SendError(words, outcome=Outcome.RETRY, retry_after=max(1.0, seconds), code=Reason.SMTP_PACED)
