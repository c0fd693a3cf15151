"""What a job needs, from the settings of the process that runs it: opened for the job and closed with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hub.channels.accounts import Accounts
from hub.channels.model import Connector
from hub.channels.registry import load_connectors
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
    async with open_core(pool=6) as core:
        connectors = load_connectors(core)
        try:
            yield JobContext(core, connectors, Accounts(core.db, core.vault, connectors))
        finally:
            for connector in connectors.values():
                await connector.close()
