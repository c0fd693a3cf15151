from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from tests.house import House, open_house
from tests.integration.connectors.harness import Hub


@pytest.fixture
async def house(core: Core, aiohttp_client: Any) -> House:
    """A whole hub with its web side."""
    return await open_house(core, aiohttp_client)


@pytest.fixture
async def hub(db: Database, feed: Feed, vault: Vault) -> AsyncGenerator[Hub]:
    """The connectors on real wires."""
    async with Hub(db, feed, vault) as hub:
        yield hub
