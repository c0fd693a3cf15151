"""A sending worker that dies at a named point: `python -m tests.chaos.send_process [POINT NUMBER]`.

It does what a worker's job does, over and over, and kills itself, as a power failure would, when it comes to the
point for the so-manieth time. The points are every place between two commits or two sides of the wire.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from connectors.twilio.rest import PooledClient
from hub.core import log
from hub.core.db import Database, fetch_all
from hub.core.service import Addresses, open_core
from hub.messages.delivery import Claimed, Reports
from hub.messages.outbox import Outbox
from workers.context import Accounts, JobContext, load_connectors
from workers.deliver import Delivery

POINTS = ("before claim commit", "after claim", "after wire", "while posting", "after post", "after commit")


class Fuse:
    """Counts how often the worker comes to the point."""

    def __init__(self, point: str, number: int):
        self._point = point
        self._left = number

    def burns(self, point: str) -> bool:
        """Whether this is the time."""
        self._left -= point == self._point
        return point == self._point and self._left <= 0


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def lay(fuse: Fuse) -> None:
    """Put the fuse at every point."""
    at_claims(fuse)
    at_the_wire(fuse)
    at_results(fuse)


def at_claims(fuse: Fuse) -> None:
    every = Database.all

    async def claim(self: Database, row: type[Any], query: Any, params: Any = None) -> list[Any]:
        if row is not Claimed or "outbound_claim" not in query:
            return await every(self, row, query, params)
        async with self.transaction() as conn:
            found = await fetch_all(conn, row, query, params)
            if found and fuse.burns("before claim commit"):
                die()
        if found and fuse.burns("after claim"):
            die()
        return found

    replace(Database, "all", claim)


def at_the_wire(fuse: Fuse) -> None:
    wire, request = Outbox.wire, PooledClient.request

    async def cross(self: Outbox, of: Claimed) -> None:
        await wire(self, of)
        if fuse.burns("after wire"):
            die()

    async def post(self: PooledClient, *arguments: Any, **named: Any) -> Any:
        asked = asyncio.ensure_future(request(self, *arguments, **named))
        if fuse.burns("while posting"):
            await asyncio.sleep(0.02)  # the bytes are on their way, or there
            die()
        return await asked

    replace(Outbox, "wire", cross)
    replace(PooledClient, "request", post)


def at_results(fuse: Fuse) -> None:
    sent = Reports.sent

    async def told(self: Reports, of: Claimed, provider_id: str) -> bool:
        if fuse.burns("after post"):
            die()
        done = await sent(self, of, provider_id)
        if fuse.burns("after commit"):
            die()
        return done

    replace(Reports, "sent", told)


replace: Callable[[Any, str, Callable[..., Awaitable[Any]]], None] = setattr


async def main() -> None:
    async with open_core(Addresses.from_environment(), pool=6) as core:
        connectors = load_connectors(core, frozenset({"twilio"}))
        delivery = Delivery(JobContext(core, connectors, Accounts(core.db, core.vault, connectors)))
        while True:
            await delivery.drain(linger=5.0)


if __name__ == "__main__":
    log.configure(json=False, level="error")
    if len(sys.argv) > 1:
        lay(Fuse(sys.argv[1], int(sys.argv[2])))
    asyncio.run(main())
