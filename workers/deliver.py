"""Emptying the outbox: each connector's sends in a line of their own, so that none waits for another's server.

`hub work` runs a `Courier`, which looks into PostgreSQL by its own clock, whatever Redis does. The RQ job only makes it
look sooner; in a process without a courier it empties the outbox once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable

import psycopg

from hub.core import jobs, log
from hub.core.errors import HubError
from hub.core.service import Core
from hub.core.tasks import end
from hub.messages.delivery import Claimed
from hub.messages.outbox import LEASE, Outbox
from workers.context import JobContext, job_context, parts
from workers.results import Results
from workers.send_loop import Line
from workers.unknown_sends import Doubt

logger = log.get(__name__)
JOB = "workers.deliver.drain"
LINGER = 5.0  # seconds a drain waits for more before it ends
LOOK = 0.5  # seconds between looks while lingering, when nothing is notified
LONGEST = 100.0  # seconds after which a drain gives its place to another
EVERY = 2.0  # seconds between a courier's looks by its own clock
DOUBTS = 5.0  # seconds between looks for sends of unknown outcome
GRACE = 25.0  # seconds that what is on the wire may take when the process ends


def drain() -> None:
    """The RQ job: the courier of this process looks now; without one, send everything that is due."""
    if not jobs.heard():
        asyncio.run(_drain_once())


async def _drain_once() -> int:
    async with job_context() as context:
        return await Delivery(context).drain(linger=LINGER, longest=LONGEST)


class Delivery:
    """Sends claimed messages and records what became of each."""

    def __init__(self, context: JobContext):
        self._core = context.core
        self._outbox = Outbox(context.core)
        self._results = Results(self._outbox.reports)
        self._doubt = Doubt(context, self._outbox)
        names: list[str | None] = [*context.connectors, None]
        self._lines = [Line(context, self._outbox, self._results, name=name) for name in names]
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def drain(self, *, linger: float = 0.0, longest: float = LONGEST) -> int:
        """Empty the outbox; with `linger`, stay that many seconds for more. How many sends were tried."""
        ends = time.monotonic() + longest
        async with self._keeping():
            tried = await self._empty(ends)
            await self.look()
            if linger:
                quiet_until = time.monotonic() + linger
                async for _ in self._core.feed.notifications("outbox", every=LOOK):
                    some = await self._empty(ends)
                    tried += some
                    if some:
                        quiet_until = time.monotonic() + linger
                    if time.monotonic() >= min(quiet_until, ends):
                        break
        return tried

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`, then finish what is on the wire."""
        async with self._keeping():
            beside = [
                asyncio.create_task(one) for one in (self._hear(), self._clock(), self._settle_doubts(), self._beat())
            ]
            lines = [asyncio.create_task(line.run(stopping), name=f"line-{line.name}") for line in self._lines]
            try:
                await stopping.wait()
                self.ring()
                await asyncio.wait(lines, timeout=GRACE)
            finally:
                await end([*beside, *lines])
                await asyncio.gather(*(line.finish(GRACE) for line in self._lines))
                await self._outbox.gone(self._name)

    def ring(self) -> None:
        """Look now: something may be due."""
        for line in self._lines:
            line.ring()

    async def look(self) -> int:
        """Look for sends of unknown outcome; how many were found."""
        return await self._doubt.look()

    async def _empty(self, ends: float) -> int:
        def over() -> bool:
            return time.monotonic() >= ends

        return sum(await asyncio.gather(*(line.drain(over) for line in self._lines)))

    # -- claims are held while their sends go on -------------------------------------------------------------------
    @contextlib.asynccontextmanager
    async def _keeping(self) -> AsyncGenerator[None]:
        keeper = asyncio.create_task(self._extend_leases(), name="claims")
        try:
            yield
        finally:
            await end([keeper])

    async def _extend_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            held = self._held()
            if not held:
                continue
            with _quietly("claims_not_renewed"):
                for lost in await self._outbox.renew(held):
                    logger.warning("claim_lost", outbound=lost.id, attempt=lost.attempt)

    def _held(self) -> list[Claimed]:
        flying = [flight.claim for line in self._lines for flight in line.places.flights.values()]
        return list({claim.id: claim for claim in (*flying, *self._results.untold.values())}.values())

    # -- what makes a courier look ---------------------------------------------------------------------------------
    async def _hear(self) -> None:
        async for _ in self._core.feed.notifications("outbox", every=EVERY):
            self.ring()

    async def _clock(self) -> None:
        while True:
            pause = EVERY
            with _quietly("outbox_not_read"):
                if await self._outbox.anything_due():
                    self.ring()
                following = await self._outbox.seconds_to_next()
                pause = EVERY if following is None else min(EVERY, max(0.02, following))
            await asyncio.sleep(pause)

    async def _settle_doubts(self) -> None:
        while True:
            with _quietly("doubts_not_settled"):
                if await self._outbox.anything_doubtful():
                    await self.look()
            await asyncio.sleep(DOUBTS)

    async def _beat(self) -> None:
        while True:
            with _quietly("worker_not_noted"):
                await self._outbox.alive(self._name, len(self._held()))
            await asyncio.sleep(LEASE / 4)


@contextlib.contextmanager
def _quietly(what: str):
    try:
        yield
    except (HubError, psycopg.Error, OSError) as error:
        logger.warning(what, error=str(error))


class Courier:
    """What `hub work` runs."""

    name = "deliver"

    def __init__(self, core: Core):
        self._core = core
        self._ring: Callable[[], None] = lambda: None

    def ring(self) -> None:
        """Something may be due."""
        self._ring()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping` is set; then finish what is on the wire, within seconds."""
        async with parts(self._core) as context:
            delivery = Delivery(context)
            self._ring = delivery.ring
            try:
                await delivery.run(stopping)
            finally:
                self._ring = lambda: None
