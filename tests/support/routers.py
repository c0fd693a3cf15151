"""Looks of a router, one at a time, for tests that want to see between them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hub.core.leases import Lease
from hub.core.service import Core
from routing.engine import LEASE, Leader


@asynccontextmanager
async def leading(core: Core) -> AsyncGenerator[Leader]:
    """The router that leads, its pool as the database has it; the next one may lead at once."""
    epoch = await Lease(core.db, LEASE).try_acquire()
    assert epoch is not None
    async with core.db.lane("router").connection() as conn:
        leader = Leader(core, conn, epoch)
        await leader.rebuild()
        yield leader
    await core.db.execute("delete from lease")


async def settle(core: Core) -> Leader:
    """What waits is offered."""
    async with leading(core) as leader:
        await leader.settle()
    return leader
