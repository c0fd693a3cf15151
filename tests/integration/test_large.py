"""With years stored, a request reads about as many rows as it shows: each statement has one plan, and it is by key."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from hub.channels.registry import close_connectors, load_connectors
from hub.core.db import Database
from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.demo.history import fill
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.conftest import named
from tests.support.app import CENTER, VARIABLES, App, open_app
from tests.support.desk_calls import asks
from tests.support.plans import Watched, explain_everything
from tests.support.postgres import find_functions

_CONVERSATIONS, _INTERACTIONS = 12_000, 50_000
_READ = 2_500  # rows and index entries: twenty times fewer than there are interactions
_MORE = {"counts": 800, "timeline of the faithful, a channel": 4_000}  # kept; and all that one person said, in an index
_NAME = "large"


@pytest.fixture(scope="module")
def large_url(servers: Servers) -> Generator[str]:
    """A database with a history, made once."""
    admin = named(servers.database_url, "postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(SQL("create database {} template hub strategy file_copy").format(Identifier(_NAME)))
        find_functions(conn, _NAME)
    url = named(servers.database_url, _NAME)
    asyncio.run(_fill(url, servers.redis_url))
    explain_everything(url)
    yield url
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(SQL("drop database {} with (force)").format(Identifier(_NAME)))


async def _fill(url: str, redis_url: str) -> None:
    db, feed = Database(url), Feed(redis_url)
    await db.open()
    core = Core(db, feed, Vault(b"test-key-" * 8), "http://127.0.0.1:8080")
    connectors = load_connectors(core)
    await apply(db, core.vault, connectors, read(CENTER, VARIABLES))
    await close_connectors(connectors)
    await fill(db, conversations=_CONVERSATIONS, interactions=_INTERACTIONS, report=lambda _: None)
    await feed.close()
    await db.close()


@pytest.fixture
async def large(large_url: str, feed: Feed, vault: Vault, aiohttp_client: Any) -> Any:
    db = Watched(large_url)
    await db.open()
    yield await open_app(Core(db, feed, vault, "http://127.0.0.1:8080"), aiohttp_client)
    await db.close()


@pytest.mark.parametrize(
    "part", ["inbox", "counts", "a conversation", "contact", "timeline", "event", "report", "queues", "board", "offers"]
)
@pytest.mark.slow
async def test_a_request_reads_about_what_it_shows_when_much_is_stored(large: App, part: str) -> None:
    db = large.core.db
    assert isinstance(db, Watched)
    too_much: list[str] = []
    wanted = [ask for ask in await asks(db) if ask.name.startswith(part)]
    assert wanted
    for ask in wanted:
        for role in ask.roles:
            agent = await large.agent(role)
            for _ in range(7):  # by then it is prepared, with the plan that it keeps
                db.take()
                await agent.get(ask.path)
            ran = db.take()
            count = sum(statement.read for statement in ran)
            if count > _MORE.get(ask.name, _READ):
                most = max(ran, key=lambda statement: statement.read)
                too_much.append(f"{ask.name} as {role}: {count:,}: {most.shape}: {most.text[:80]}")
    assert not too_much, "\n".join(too_much)
