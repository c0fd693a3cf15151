from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from tests.integration.connectors.harness import Hub
from tests.support.app import App, open_app


@pytest.fixture
async def app(core: Core, aiohttp_client: Any) -> App:
    """A whole hub with its web side."""
    return await open_app(core, aiohttp_client)


@pytest.fixture
async def hub(db: Database, feed: Feed, vault: Vault) -> AsyncGenerator[Hub]:
    """The connectors on real wires."""
    async with Hub(db, feed, vault) as hub:
        yield hub
