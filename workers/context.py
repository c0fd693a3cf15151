"""What a job or a service needs: the shared parts and connectors of its own, closed with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub.channels.accounts import Accounts
from hub.channels.model import Connector
from hub.channels.registry import close_connectors, load_connectors
from hub.core.service import Core, open_core


@dataclass(frozen=True, slots=True)
class JobContext:
    """The shared parts, the connectors and the accounts."""

    core: Core
    connectors: dict[str, Connector]
    accounts: Accounts


@asynccontextmanager
async def job_context() -> AsyncGenerator[JobContext]:
    """Open everything in the job's own event loop: nothing with a socket may outlive or precede it."""
    async with open_core(pool=6) as core, parts(core) as context:
        yield context


@asynccontextmanager
async def parts(core: Core) -> AsyncGenerator[JobContext]:
    """Connectors and accounts for one part of a process; its connections are given back at the end."""
    connectors = load_connectors(core)
    try:
        yield JobContext(core, connectors, Accounts(core.db, core.vault, connectors))
    finally:
        await close_connectors(connectors)
