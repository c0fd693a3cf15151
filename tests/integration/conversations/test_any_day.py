"""Whatever customers, agents, timers and the router do, in any order and at once, work keeps its rules.

`HUB_DAYS=2000` lives through more days; `make days` does.
"""

from __future__ import annotations

import asyncio
import os
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.db import Database
from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from tests.integration.conversations.world import STEPS, World

DAYS = int(os.environ.get("HUB_DAYS", "25"))
OFTEN = [
    "writes_sms",
    "writes_mail",
    "calls_in",
    "hangs_up",
    "hands_to_queue",
    "offers",
    "accepts",
    "answers",
    "resolves",
    "ends_wrap_up",
]  # else most days are refusals
step = st.tuples(st.sampled_from(OFTEN + STEPS), st.integers(0, 5), st.integers(0, 11))


@pytest.mark.slow
def test_work_keeps_its_rules_on_any_day(database_url: str, servers: Servers) -> None:
    with asyncio.Runner() as runner:
        core, world = runner.run(opened(database_url, servers))

        @settings(
            max_examples=DAYS,
            deadline=None,
            database=None,
            suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)),
        )
        @given(st.lists(st.lists(step, min_size=1, max_size=3), min_size=5, max_size=30))
        def any_day(steps: list[list[tuple[str, int, int]]]) -> None:
            runner.run(world.live(steps))

        try:
            any_day()
            usual = {"writes_sms", "writes_mail", "offers", "accepts", "answers", "resolves", "is_served"}
            missing = (set(STEPS) if DAYS >= 200 else usual) - set(world.done)
            assert not missing, f"never done in {world.day} days: {missing}"
        finally:
            runner.run(closed(core))


async def opened(database_url: str, servers: Servers) -> tuple[Core, World]:
    database = Database(database_url, size=8)
    await database.open()
    core = Core(database, Feed(servers.redis_url), Vault(b"test-key-" * 8), "http://127.0.0.1:8080")
    return core, await World.open(core)


async def closed(core: Core) -> None:
    await core.feed.close()
    await core.db.close()
