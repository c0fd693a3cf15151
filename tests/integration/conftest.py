from __future__ import annotations

from typing import Any

import pytest

from hub.core.service import Core
from tests.house import House, open_house


@pytest.fixture
async def house(core: Core, aiohttp_client: Any) -> House:
    return await open_house(core, aiohttp_client)
