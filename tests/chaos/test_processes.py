"""Several processes on servers of somebody else's: what one takes in another shows, and any of them may die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, LiteralString, Protocol

import aiohttp
import pytest

from hub.core.db import Connection, fetch_dicts
from hub.core.embedded import Embedded, Servers
from hub.core.migrate import migrate
from hub.core.service import Addresses, Core, open_core
from hub.demo import TwilioStandin
from tests.chaos.harness import (
    KEY,
    NUMBER,
    SID,
    TOKEN,
    Fleet,
    Program,
    Provider,
    Screen,
    Town,
    leaders,
    measured,
    settled,
    sms,
    status,
)
from tests.chaos.invariants import check_consistency
from tests.integration.connectors.harness import eventually, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
async def fleet(tmp_path: Path, database_url: str, servers: Servers) -> AsyncGenerator[Fleet]:
    async with Fleet(tmp_path, database_url, servers.redis_url) as fleet:
        yield fleet


async def _one_leader(*programs: Program) -> Program:
    async def found() -> Program | None:
        here = await leaders(*programs)
        return here[0] if len(here) == 1 else None

    return await eventually(found, 15)


async def test_what_one_process_takes_in_is_seen_answered_and_sent_by_the_others(core: Core, fleet: Fleet) -> None:
    twilio = TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.05)
    async with twilio, aiohttp.ClientSession() as http:
        town = await Town.build(core, twilio.url, "amy", "ben")
        one, other = fleet.serve(), fleet.serve(free_port())
        for _ in range(2):
            fleet.work()
        await asyncio.gather(one.ready(), other.ready())
        provider = Provider(http, fleet.public_url)
        for mine, theirs, agent in ((one, other, "amy"), (other, one, "ben")):
            await town.call(http, agent, "PUT", f"{mine.url}/api/v1/me/presence", {"state": "available"})
            screen = await Screen.open(http, theirs.url, town.tokens[agent], **{f"u_{town.ids[agent]}": 0})
            customer = f"+1415555{random.randrange(10_000):04d}"
            await provider.insist(mine.url, sms(customer, "Where is my lamp?"))
            offer = (await screen.until(lambda f: f.get("type") == "offer.created"))["data"]["offer"]
            await town.call(http, agent, "POST", f"{mine.url}/api/v1/offers/{offer['id']}/accept", {})
            conversation = offer["conversation_id"]
            await screen.subscribe(f"c:{conversation}")
            await provider.insist(mine.url, sms(customer, "Still waiting"))
            await screen.until(lambda f: f.get("type") == "interaction.created" and "Still" in str(f["data"]))
            reply = {"client_id": str(uuid.uuid4()), "text": f"It left today, says {agent}."}
            await town.call(http, agent, "POST", f"{theirs.url}/api/v1/conversations/{conversation}/replies", reply)
            assert (await twilio.outgoing_to(customer)).body == reply["text"]
            await screen.until(
                lambda f: f.get("type") == "interaction.updated" and f["data"]["interaction"]["status"] == "delivered"
            )
            seqs = [f["seq"] for f in screen.seen if f.get("topic") == f"c:{conversation}" and f["t"] == "ev"]
            assert seqs == list(range(1, len(seqs) + 1))
            await town.call(http, agent, "PUT", f"{mine.url}/api/v1/me/presence", {"state": "away"})
            await screen.close()
    await check_consistency(core.db)


async def test_another_process_leads_and_offers_soon_after_the_leader_is_killed(core: Core, fleet: Fleet) -> None:
    async with aiohttp.ClientSession() as http:
        town = await Town.build(core, "http://127.0.0.1:1", "amy")
        ports = [fleet.port, free_port()]
        programs = [fleet.serve(port) for port in ports]
        await asyncio.gather(*[p.ready() for p in programs])
        await town.call(http, "amy", "PUT", f"{programs[0].url}/api/v1/me/presence", {"state": "available"})
        provider = Provider(http, fleet.public_url)
        for round_ in range(2):
            leader = await _one_leader(*programs)
            survivor = next(p for p in programs if p is not leader)
            screen = await Screen.open(http, survivor.url, town.tokens["amy"], **{f"u_{town.ids['amy']}": 0})
            epoch = await core.db.value("select epoch from lease where name = 'router'")
            killed = time.monotonic()
            leader.kill()
            text = f"Anybody there? {round_}"
            await provider.insist(survivor.url, sms(f"+1415555{round_:04d}", text))

            async def taken(before: int = epoch) -> bool:
                query = "select epoch > %s and expires_at > clock_timestamp() from lease where name = 'router'"
                return await core.db.value(query, [before])

            await eventually(taken, 10)
            takeover = time.monotonic() - killed
            await screen.until(
                lambda f, t=text: f.get("type") == "offer.created" and f["data"]["offer"]["preview"] == t
            )
            offered = time.monotonic() - killed
            measured("kill to takeover", takeover)
            measured("kill to the next offer", offered)
            assert takeover <= 5
            assert offered <= 6
            await screen.close()
            programs = [survivor, fleet.serve(ports[programs.index(leader)])]
            ports = [int(p.url.rsplit(":", 1)[1]) for p in programs]
            await programs[1].ready()
    await check_consistency(core.db)


async def test_nothing_is_lost_or_doubled_when_the_web_process_is_killed_during_intake(
    core: Core, fleet: Fleet
) -> None:
    async with aiohttp.ClientSession() as http:
        await Town.build(core, "http://127.0.0.1:1", "amy")
        serve = fleet.serve()
        await serve.ready()
        provider = Provider(http, fleet.public_url)
        messages = [sms(f"+1415555{n % 60:04d}", f"Message {n}") for n in range(500)]
        sending = asyncio.create_task(provider.insist_on_all(serve.url, messages, every=0.02))
        for taken in (100, 300):
            await settled(lambda n=taken: _reached(provider, n), 30)
            serve.kill()
            killed = time.monotonic()
            serve = fleet.serve()
            await serve.ready()
            measured("kill to ready again", time.monotonic() - killed)
        await asyncio.wait_for(sending, 60)
        assert 0 in provider.answers  # it did notice
    assert set(provider.answers) <= {0, 200, 503}
    assert await core.db.value("select count(*) from interaction") == 500
    assert await core.db.value("select count(distinct text) from interaction") == 500
    assert await core.db.value("select count(*) from conversation") == 60
    assert await core.db.value("select count(*) from queue_entry") == 60
    await check_consistency(core.db)


async def _reached(provider: Provider, number: int) -> bool:
    return provider.answers.count(200) >= number


class _Start(Protocol):
    def __call__(self, stopping: threading.Event) -> subprocess.Popen[bytes]: ...


class Database:
    """A PostgreSQL of the test's own, with fsync, that stays away until it is told to come back."""

    def __init__(self, folder: Path):
        self._embedded = Embedded(folder / "data", durable=True)
        self.servers = self._embedded.start()
        self._back = threading.Event()
        self._back.set()
        self._server = self._embedded.kept[0].server
        self._server.start = self._start_when_allowed(self._server.start)

    def _start_when_allowed(self, start: _Start) -> _Start:
        def wait_and_start(stopping: threading.Event) -> subprocess.Popen[bytes]:
            while not self._back.wait(0.1):
                if stopping.is_set():
                    raise OSError("stopping")
            return start(stopping)

        return wait_and_start

    @property
    def cluster(self) -> Path:
        return Path(self._embedded.about()["cluster"])

    def stop(self, how: signal.Signals) -> None:
        self._back.clear()
        pid = self._embedded.states()[0].pid
        assert pid is not None
        os.kill(pid, how)
        ends = time.monotonic() + 15
        while self._embedded.states()[0].running:
            assert time.monotonic() < ends
            time.sleep(0.05)

    def start(self) -> None:
        self._back.set()

    def close(self) -> None:
        self._embedded.stop()


@pytest.fixture
def database() -> Generator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder))
        yield database
        database.close()


async def _is_unready(serve: Program) -> bool:
    return await status(f"{serve.url}/health/ready") == 503


async def test_requests_are_told_to_come_back_while_the_database_is_away_and_nothing_is_lost(
    database: Database, tmp_path: Path
) -> None:
    migrate(database.servers.database_url)
    places = Addresses(database.servers.database_url, database.servers.redis_url, KEY.encode(), "http://127.0.0.1")
    async with aiohttp.ClientSession() as http, Fleet(tmp_path, places.database_url, places.redis_url) as fleet:
        async with open_core(places, pool=2) as core:
            town = await Town.build(core, "http://127.0.0.1:1", "amy")
        serve = fleet.serve()
        await serve.ready()
        provider = Provider(http, fleet.public_url)
        messages = [sms(f"+1415555{n % 60:04d}", f"Message {n}") for n in range(500)]
        sending = asyncio.create_task(provider.insist_on_all(serve.url, messages, every=0.05))
        signed_in = {"Authorization": f"Bearer {town.tokens['amy']}"}
        for how, taken in ((signal.SIGINT, 80), (signal.SIGQUIT, 250)):  # a fast shutdown, then a crash
            await settled(lambda n=taken: _reached(provider, n), 30)
            await asyncio.to_thread(database.stop, how)
            away = time.monotonic()
            await settled(lambda: _is_unready(serve), 10)  # the last answer is good for a second
            assert await status(f"{serve.url}/health/live") == 200
            assert await status(f"{serve.url}/api/v1/conversations?view=all", headers=signed_in) == 503
            assert time.monotonic() - away < 15
            await asyncio.to_thread(database.start)
            healed = await serve.ready(15)
            measured("database back to ready", healed)
            assert await status(f"{serve.url}/api/v1/conversations?view=mine", headers=signed_in) == 200
        await asyncio.wait_for(sending, 60)
        assert set(provider.answers) == {200, 503}
        async with open_core(places, pool=2) as core:
            assert await core.db.value("select count(*) from interaction") == 500
            assert await core.db.value("select count(distinct text) from interaction") == 500
            await _one_leader(serve)
            await check_consistency(core.db)


async def test_the_invariants_notice_what_they_are_for(core: Core, fleet: Fleet) -> None:
    async with aiohttp.ClientSession() as http:
        await Town.build(core, "http://127.0.0.1:1", "amy")
        serve = fleet.serve()
        await serve.ready()
        provider = Provider(http, fleet.public_url)
        for n in range(2):
            await provider.insist(serve.url, sms("+14155550100", f"Message {n}"))
        serve.kill()
    await check_consistency(core.db)
    for harm in (
        "delete from contact",
        "delete from raw",
        "update conversation set seq = seq + 1",
        "delete from event where kind = 'interaction.created' and conversation_seq = 2",
        "insert into event (kind, data) select kind, data from event where kind = 'interaction.created'",
        "delete from queue_entry",
        "update queue_entry set state = 'offered', offer_id = 99, agent_id = 1",
        "delete from interaction where seq = 1",
    ):
        with contextlib.suppress(_Undo):
            async with core.db.transaction() as conn:
                await conn.execute(harm)
                with pytest.raises(AssertionError):
                    await check_consistency(_Within(conn))  # pyright: ignore[reportArgumentType] - the one method it calls
                raise _Undo
    await check_consistency(core.db)


class _Undo(Exception):
    """Roll back."""


class _Within:
    """A database as seen inside a transaction."""

    def __init__(self, conn: Connection):
        self._conn = conn

    async def dicts(self, query: LiteralString) -> list[dict[str, Any]]:
        return await fetch_dicts(self._conn, query)
