"""The same record on the servers that Debian ships, the oldest we promise: PostgreSQL 15 and Redis 7.

Everything that the core's, intake's, outbox's and queue's tests say is said again on these. Without them installed
the tests are skipped, except in CI: `apt-get install postgresql-15 redis-server`.
"""

# ruff: noqa: F403 - the tests themselves are what is wanted from these modules, with their fixtures
from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from hub.core.db import Database
from hub.core.embedded import Embedded, Servers
from hub.core.feed import Feed
from hub.core.migrate import migrate
from tests.integration.core.test_core import *
from tests.integration.messages.test_intake import *
from tests.integration.messages.test_outbox import *
from tests.integration.queues.test_queueing import *

POSTGRES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="module")
def servers() -> Generator[Servers]:
    """Debian's two, started as the hub starts its own: as an unprivileged user, in a folder of the test's."""
    redis = shutil.which("redis-server")
    missing = [] if (POSTGRES / "initdb").exists() else ["postgresql-15"]
    missing += [] if redis else ["redis-server"]
    if missing:
        words = f"not installed: {' '.join(missing)} (apt-get install {' '.join(missing)})"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(words)
    with tempfile.TemporaryDirectory() as folder:
        debian = Embedded(Path(folder) / "data", durable=False, postgres=POSTGRES, valkey=Path(str(redis)))
        started = debian.start()
        migrate(started.database_url)
        yield started
        debian.stop()


async def test_these_are_debians_servers(db: Database, feed: Feed) -> None:
    assert (await db.value("show server_version")).startswith("15.")
    assert (await feed.redis.info("server"))["redis_version"].startswith("7.")
