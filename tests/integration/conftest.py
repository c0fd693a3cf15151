from __future__ import annotations

from typing import Any

import pytest

from hub.core.service import Core
from tests.support.app import App, open_app


@pytest.fixture
async def app(core: Core, aiohttp_client: Any) -> App:
    return await open_app(core, aiohttp_client)
