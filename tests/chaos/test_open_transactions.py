"""Transactions that somebody leaves open, beside the hub and in its own database: what goes on, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hub.channels.events import ConfigApplied
from hub.core import events, problems, readers
from hub.core.health import servers as doctor
from hub.core.service import Core
from hub.core.tasks import end
from hub.queues import entries, offers
from hub.queues.events import EntryResumed
from hub.reports.buckets import count_next
from hub.web.gauges import refresh
from routing.engine import Router
from tests.integration.routing.test_routing import until
from tests.support.app import App, open_app
from tests.support.factory import Factory
from tests.support.postgres import open_writer, other_database
from workers.scheduler import Scheduler


@asynccontextmanager
async def running(core: Core) -> AsyncGenerator[None]:
    """Router and scheduler."""
    tasks = [asyncio.create_task(part.run()) for part in (Router(core, ttl=1.0), Scheduler(core, every=0.2))]
    try:
        yield
    finally:
        await end(tasks)


async def _everything_of_routing(core: Core, factory: Factory) -> None:
    """Each way in which the router learns of something: people and entries that come, change and go."""
    queue = await factory.queue()
    conversation, _ = await factory.waiting(queue)
    ann = await factory.agent("Ann", queue, state="away")
    await factory.presence(ann, "available")
    offer = (await until(lambda: offers.open_offers(core.db, ann)))[0]
    assert offer["conversation_id"] == conversation
    bob = await factory.agent("Bob", queue)
    async with events.unit(core.db, core.feed) as unit:
        await offers.decline(unit, offer["id"], ann)
    offer = (await until(lambda: offers.open_offers(core.db, bob)))[0]
    async with events.unit(core.db, core.feed) as unit:
        await offers.accept(unit, offer["id"], bob)
    async with events.unit(core.db, core.feed) as unit:
        await entries.release(unit, conversation, reason="a test")
    await factory.presence(bob, "offline")
    await core.db.execute("update queue_entry set excluded = '{}'")
    async with events.unit(core.db, core.feed) as unit:
        await unit.log(EntryResumed(entry_id=(await factory.entry(conversation))["id"]))
        unit.notify("router")
    assert (await until(lambda: offers.open_offers(core.db, ann)))[0]["conversation_id"] == conversation
    third = await factory.queue("third")
    await core.db.execute("insert into agent_queue values (%s, %s)", [ann, third])
    async with events.unit(core.db, core.feed) as unit:
        await unit.log(ConfigApplied(changes=1))  # as the administration says it
        unit.notify("router")
    other, _ = await factory.waiting(third)
    await until(
        lambda: core.db.value(
            "select true from queue_entry where conversation_id = %s and state = 'offered' and agent_id = %s",
            [other, ann],
        )
    )


async def test_routing_statistics_and_automation_go_on_beside_a_writer_in_another_database(
    core: Core, factory: Factory
) -> None:
    with other_database(core.db.url) as elsewhere, open_writer(elsewhere):
        async with running(core):
            await _everything_of_routing(core, factory)
            last = await core.db.value("select max(id) from event")
            for reader in ("statistics", "automation"):
                await until(
                    lambda reader=reader: core.db.value(
                        "select true from event_cursor where reader = %s and id >= %s", [reader, last]
                    )
                )
            assert await core.db.value("select sum(entered) from stat_bucket") == 2
        assert [p for p in await problems.log(core.db) if p.fault] == []


async def test_routing_goes_on_beside_a_writer_left_open_in_our_own_database(core: Core, factory: Factory) -> None:
    with open_writer(core.db.url):
        async with running(core):
            await _everything_of_routing(core, factory)


async def test_whoever_holds_up_the_readers_is_named_with_the_process_id(
    core: Core, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "BEHIND_SECONDS", 0.5)
    monkeypatch.setattr(readers, "OPEN_SECONDS", 0.5)
    with open_writer(core.db.url, "eva's psql") as foreign:
        pid = foreign.info.backend_pid
        await count_next(core.db)
        await app.sms()
        await asyncio.sleep(0.8)
        await count_next(core.db)
        said = [
            f"{f.what}: {f.detail} {f.remedy}" for f in [one async for one in doctor(core.db, core.feed)] if not f.ok
        ]
        [named] = [line for line in said if line.startswith("Open transaction")]
        assert f"pid {pid} (eva's psql, role hub, idle in transaction, open for " in named
        assert f"pg_terminate_backend({pid})" in named
        assert any(line.startswith("Reader statistics: 1 s behind") for line in said)
        answer = await (await app.client.get("/health/ready")).json()
        assert answer["status"] == "degraded"
        by_code = {problem["code"]: problem["params"] for problem in answer["problems"]}
        assert (by_code["log.blocked"]["pid"], by_code["log.blocked"]["state"]) == (pid, "idle in transaction")
        assert by_code["log.behind"]["reader"] == "statistics"
        await refresh(core.db)
        families = {f.name: f.samples for f in text_string_to_metric_families(generate_latest().decode())}
        [sample] = families["hub_open_transaction_seconds"]
        assert (sample.labels["pid"], sample.labels["blocks"]) == (str(pid), "true")
        [behind] = families["hub_log_reader_behind_seconds"]
        assert (behind.labels, behind.value > 0.5) == ({"reader": "statistics"}, True)

    async def well() -> bool:
        await count_next(core.db)
        said = await (await app.client.get("/health/ready")).json()
        return not [p for p in said["problems"] if p["code"].startswith("log.")]

    await until(well)  # its session ends a moment after it hung up


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


@pytest.fixture
async def app(core: Core, aiohttp_client: Any) -> App:
    return await open_app(core, aiohttp_client)
