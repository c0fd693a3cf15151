from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.harness import Hub


@pytest.fixture
async def hub(db: Database, feed: Feed, vault: Vault) -> AsyncGenerator[Hub]:
    async with Hub(db, feed, vault) as hub:
        yield hub
