"""Real servers for every test: one PostgreSQL and one Valkey per run, a fresh database for each test that asks."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from hub.core import log
from hub.core.db import Database
from hub.core.embedded import Embedded, Servers
from hub.core.feed import Feed
from hub.core.migrate import migrate
from hub.core.secrets import Vault
from hub.core.service import Core

_numbers = itertools.count(1)
log.configure(json=False, level="warning")


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def servers() -> Generator[Servers]:
    """PostgreSQL (without fsync: crash tests of the database itself start their own) and Valkey."""
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder) / "data", durable=False)
        started = embedded.start()
        migrate(started.database_url)
        yield started
        embedded.stop()


@pytest.fixture
def database_url(servers: Servers) -> Generator[str]:
    """An empty, migrated database of the test's own."""
    name = f"test_{next(_numbers)}"
    admin = _named(servers.database_url, "postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"create database {name} template hub")
    with psycopg.connect(_named(servers.database_url, name)) as conn:
        conn.execute("update sending set identity = sending_identity()")  # this copy is meant: it may send
    yield _named(servers.database_url, name)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(f"drop database if exists {name} with (force)")


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
