"""What `/health/ready`, `/metrics` and callers are told while the database takes no writes, or nobody any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from hub.core import retry
from hub.core.db import Database
from hub.core.retry import Part
from hub.core.service import Core
from hub.web import health
from tests.integration.connectors.harness import eventually
from tests.support.app import Agent, App, open_app
from tests.support.postgres import named


@pytest.fixture
async def app(core: Core, aiohttp_client: Callable[..., Any]) -> App:
    return await open_app(core, aiohttp_client)


async def ready(app: App) -> tuple[int, dict[str, Any]]:
    async with app.client.get("/health/ready") as answer:
        return answer.status, await answer.json(content_type=None)


async def becomes(app: App, status: int) -> dict[str, Any]:
    """What the page says once it answers so; one look into the database is shown for a second."""

    async def said() -> dict[str, Any] | None:
        now, body = await ready(app)
        return body if now == status else None

    return await eventually(said, 20)


def read_only(url: str, on: bool) -> None:
    """As an administrator does who moves a database; connections that are open learn of it when they are made anew."""
    name = str(conninfo_to_dict(url)["dbname"])
    value = SQL("on" if on else "off")
    with psycopg.connect(named(url, "postgres"), autocommit=True) as admin:
        admin.execute(SQL("alter database {} set default_transaction_read_only = {}").format(Identifier(name), value))
        admin.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name])


async def test_a_database_that_takes_no_writes_is_not_ready_and_loses_nothing(app: App) -> None:
    assert (await ready(app))[0] == 200
    read_only(app.core.db.url, True)
    said = await becomes(app, 503)
    assert said["detail"] == "The database answers, but takes no writes (read-only transactions)."
    assert "HUB_DATABASE__URL" in said["remedy"]
    with pytest.raises(Exception, match="takes nothing right now"):
        await app.sms(key="SM1")  # a provider hears 503, and comes back
    read_only(app.core.db.url, False)
    await becomes(app, 200)
    await app.sms(key="SM1")
    assert await app.core.db.value("select count(*) from interaction") == 1
    assert await app.core.db.value("select count(*) from raw where state = 'quarantined'") == 0


async def test_work_that_fails_is_on_the_health_page_and_in_the_metrics(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST", 0.01)
    monkeypatch.setattr(retry, "_TOLD", 0.0)
    for _ in range(3):
        async with Part(app.core.db, "scheduler", "follow-ups").attempt():
            raise ValueError("a customer's words")
    status, said = await ready(app)
    assert (status, said["status"]) == (200, "degraded")
    [problem] = [p for p in said["problems"] if p["code"] == "service.failing"]
    assert (problem["params"]["service"], problem["params"]["part"]) == ("scheduler", "follow-ups")
    assert "words" not in str(said)
    async with app.client.get("/metrics") as answer:
        metrics = await answer.text()
    assert 'hub_service_failures{part="follow-ups",service="scheduler"}' in metrics


@pytest.fixture
async def small(core: Core, database_url: str) -> AsyncGenerator[Core]:
    """A hub with two connections, for which it waits a second at most."""
    database = Database(database_url, size=2, wait=1.0)
    await database.open()
    yield Core(database, core.feed, core.vault, core.public_url)
    await database.close()


async def test_requests_are_refused_within_seconds_while_every_connection_is_taken(
    small: Core, aiohttp_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SECONDS", 1.0)
    app = await open_app(small, aiohttp_client)
    amy = await app.agent("amy")
    await amy.get("/me")
    async with AsyncExitStack() as taken:
        for _ in range(2):
            await taken.enter_async_context(small.db.connection())
        began = time.monotonic()
        (status, said), answers = await asyncio.gather(ready(app), asyncio.gather(*[_status(amy) for _ in range(30)]))
        took = time.monotonic() - began
        assert (status, said["detail"]) == (503, "The database does not answer.")
        assert set(answers) == {503}
        assert took < 15  # each waited for a second; without a bound they would wait for ever
    assert await _status(amy) == 200
    await becomes(app, 200)


async def _status(agent: Agent) -> int:
    url = "/api/v1/conversations?view=all"
    timeout = aiohttp.ClientTimeout(total=30)
    async with agent.app.client.get(url, headers=agent.headers, timeout=timeout) as answer:
        return answer.status
