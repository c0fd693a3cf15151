"""Real servers for every test: one PostgreSQL and one Valkey per run, a fresh database for each test that asks."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from hub.conversations import invariants
from hub.core import log
from hub.core.db import Database
from hub.core.embedded import Embedded, Servers
from hub.core.feed import Feed
from hub.core.migrate import migrate
from hub.core.secrets import Vault
from hub.core.service import Core
from tests.support.postgres import find_functions
from tools.event_catalogue import CATALOGUE

BROKEN: Any = invariants.sql["broken"]
_numbers = itertools.count(1)
log.configure(json=False, level="warning")
hypothesis.settings.register_profile("hub", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("hub")


def named(url: str, database: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _quick_folder() -> str | None:
    """Memory, where there is enough: a database for each test makes and removes a million files in a run."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 3 << 30 else None


@pytest.fixture(scope="session")
def servers() -> Generator[Servers]:
    """PostgreSQL (without fsync: crash tests of the database itself start their own) and Valkey."""
    with tempfile.TemporaryDirectory(dir=_quick_folder()) as folder:
        embedded = Embedded(Path(folder) / "data", durable=False)
        started = embedded.start()
        migrate(started.database_url)
        yield started
        embedded.stop()


@pytest.fixture
def database_url(servers: Servers, request: pytest.FixtureRequest) -> Generator[str]:
    """An empty, migrated database of the test's own; in the end its work keeps the rules, and its events say what they are to."""
    name = f"test_{next(_numbers)}"
    admin = named(servers.database_url, "postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        # Copying the files takes a fifth of the time of writing every page to the log; older servers only copy files.
        strategy = SQL("strategy file_copy" if conn.info.server_version >= 150000 else "")
        conn.execute(SQL("create database {} template hub {}").format(Identifier(name), strategy))
        find_functions(conn, name)
    with psycopg.connect(named(servers.database_url, name)) as conn:
        conn.execute("update sending set identity = sending_identity()")  # this copy is meant: it may send
    yield named(servers.database_url, name)
    if request.node.get_closest_marker("breaks_rules") is None:
        with psycopg.connect(named(servers.database_url, name)) as conn:
            broken = conn.execute(BROKEN, {"conversation_id": None, "after": 0, "limit": 5}).fetchall()
            assert not broken, f"the test leaves work that nobody sees: {broken}"
            wrong = conn.execute("select queue_id, what, n from recount()").fetchall()
            assert not wrong, f"kept counts are not those counted: {wrong}"
            for kind, data in conn.execute("select kind, data from event order by id limit 3000").fetchall():
                if kind in CATALOGUE:  # others get into no log, but for tests of the log itself
                    CATALOGUE[kind].model_validate(data)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    database = Database(database_url, size=8)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def feed(servers: Servers) -> AsyncGenerator[Feed]:
    """The shared Valkey, emptied."""
    feed = Feed(servers.redis_url)
    await feed.redis.flushall()
    yield feed
    await feed.close()


@pytest.fixture
def vault() -> Vault:
    return Vault(b"test-key-" * 8)


@pytest.fixture
def core(db: Database, feed: Feed, vault: Vault) -> Core:
    return Core(db, feed, vault, "http://127.0.0.1:8080")
