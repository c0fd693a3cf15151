"""Sending while workers die and Redis forgets: all of it leaves, none of it twice, each conversation in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.processes import die_with_parent
from hub.core.programs import find_valkey
from hub.core.service import Core
from hub.demo import TwilioStandin
from tests.chaos.harness import (
    NUMBER,
    SID,
    TOKEN,
    Fleet,
    Program,
    Provider,
    SlowTwilio,
    Town,
    arrived,
    measured,
    settled,
    sms,
)
from tests.chaos.invariants import check_consistency
from tests.integration.connectors.harness import eventually, free_port

pytestmark = pytest.mark.slow


class OwnRedis:
    """A Valkey of the test's own, to be killed."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def __aenter__(self) -> OwnRedis:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    def _spawn(self) -> None:
        options = f"--port {self._port} --bind 127.0.0.1 --appendonly no --daemonize no --dir {self._folder}".split()
        self._process = subprocess.Popen(
            [str(find_valkey()), *options, "--save", ""],
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    async def start(self) -> None:
        self._spawn()

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                await writer.wait_closed()
                return True
            return False

        await eventually(listens)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


class Sending:
    """A running hub with customers who have written and may be answered."""

    def __init__(self, town: Town, fleet: Fleet, serve: Program, provider: Provider, conversations: list[int]):
        self.town = town
        self.fleet = fleet
        self.serve = serve
        self.provider = provider
        self.conversations = conversations


@asynccontextmanager
async def sending(
    core: Core, folder: Path, redis_url: str, twilio: TwilioStandin, customers: int
) -> AsyncGenerator[Sending]:
    async with twilio, aiohttp.ClientSession() as http, Fleet(folder, core.db.url, redis_url) as fleet:
        town = await Town.build(core, twilio.url, "amy")
        serve = fleet.serve()
        await serve.ready()
        provider = Provider(http, fleet.public_url)
        conversations = await town.conversations(provider, serve.url, customers)
        yield Sending(town, fleet, serve, provider, conversations)


async def check_sent(core: Core, twilio: TwilioStandin, number: int) -> None:
    """Every send reached the provider once, in each conversation in the order of writing."""
    ids = arrived(twilio)
    assert {i: n for i, n in Counter(ids).items() if n > 1} == {}
    assert len(ids) == number
    await check_order(core, ids)
    assert await core.db.dicts("select id, state, error from outbound where state <> 'sent'") == []
    await check_consistency(core.db)


async def check_order(core: Core, ids: list[int]) -> None:
    of = {row["id"]: row["conversation_id"] for row in await core.db.dicts("select id, conversation_id from outbound")}
    by_conversation: dict[int, list[int]] = {}
    for outbound in ids:
        by_conversation.setdefault(of[outbound], []).append(outbound)
    assert [sends for sends in by_conversation.values() if sends != sorted(sends)] == []


async def test_a_thousand_due_sends_leave_once_when_redis_forgets_everything(
    core: Core, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    twilio = TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.1)
    async with sending(core, tmp_path, servers.redis_url, twilio, 100) as hub:
        await hub.town.answer_all(hub.conversations, 1000)
        assert await hub.town.states() == {"pending": 1000}
        await feed.redis.flushall()
        for _ in range(2):
            hub.fleet.work()
        for reached in (100, 500, 900):
            await settled(lambda n=reached: _reached(twilio, n), 40)
            await feed.redis.flushall()
        took = await settled(lambda: _all_sent(hub.town, 1000), 60)
        measured("the last FLUSHALL to the last send", took)
        await settled(lambda: _all_delivered(core), 40)
        # Still alive: what is written now leaves as well, though every job and registration was forgotten.
        await feed.redis.flushall()
        await hub.town.answer_all(hub.conversations, 20, first=1000)
        took = await settled(lambda: _all_sent(hub.town, 1020), 20)
        measured("20 more after another FLUSHALL", took)
    await check_sent(core, twilio, 1020)


async def test_intake_and_sends_go_on_while_redis_is_dead(core: Core, tmp_path: Path) -> None:
    twilio = SlowTwilio(SID, TOKEN, number=NUMBER, pace=0.1)
    async with OwnRedis(tmp_path) as redis, sending(core, tmp_path, redis.url, twilio, 30) as hub:
        await hub.town.answer_all(hub.conversations, 150)
        worker = hub.fleet.work()
        await settled(lambda: _reached(twilio, 30), 40)
        redis.kill()  # with a hundred and more still to go
        before = len(hub.provider.answers)
        async with asyncio.timeout(20):
            for n in range(50):
                await hub.provider.insist(hub.serve.url, sms(f"+1415555{n:04d}", f"Redis is away {n}"))
        assert hub.provider.answers[before:] == [200] * 50
        await settled(lambda: _all_sent(hub.town, 150), 30)
        await eventually(lambda: _said(worker, "redis_away"), 30)
        await hub.town.answer_all(hub.conversations, 50, first=150)
        took = await settled(lambda: _all_sent(hub.town, 200), 20)  # by the worker's own clock
        measured("written to sent without Redis", took)
        await redis.start()
        await hub.town.answer_all(hub.conversations, 10, first=200)
        took = await settled(lambda: _all_sent(hub.town, 210), 20)
        measured("written to sent with Redis again", took)
        assert worker.process.poll() is None
    assert await core.db.value("select count(*) from interaction where text like 'Redis is away%%'") == 50
    await check_sent(core, twilio, 210)


@pytest.mark.parametrize("how", ["no memory", "a replica"])
async def test_sends_leave_while_redis_answers_and_takes_no_writes(core: Core, tmp_path: Path, how: str) -> None:
    twilio = TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.1)
    async with OwnRedis(tmp_path) as redis:
        feed = Feed(redis.url)
        if how == "no memory":
            await feed.redis.config_set("maxmemory", "1mb")
            await feed.redis.config_set("maxmemory-policy", "noeviction")
        else:
            await feed.redis.replicaof("127.0.0.1", free_port())
        await eventually(feed.refusal, 10)
        async with sending(core, tmp_path, redis.url, twilio, 20) as hub:
            hub.fleet.work()
            await hub.town.answer_all(hub.conversations, 60)
            took = await settled(lambda: _all_sent(hub.town, 60), 40)
            measured(f"written to sent beside a Redis with {how}", took)
            async with aiohttp.ClientSession() as http, http.get(f"{hub.serve.url}/health/ready") as answer:
                said = await answer.json()
            assert (answer.status, said["status"], said["redis"]) == (200, "degraded", False)
            assert [problem["code"] for problem in said["problems"]] == ["redis.refuses_writes"]
        await feed.close()
    await check_sent(core, twilio, 60)


async def test_killed_workers_send_nothing_twice_and_leave_nothing_stuck(
    core: Core, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    twilio = SlowTwilio(SID, TOKEN, number=NUMBER, pace=0.2)
    async with sending(core, tmp_path, servers.redis_url, twilio, 60) as hub:
        await hub.town.answer_all(hub.conversations, 300)
        workers = [hub.fleet.work(), hub.fleet.work()]
        for reached in (20, 70, 120, 170):
            await settled(lambda n=reached: _reached(twilio, n), 40)
            victim = workers.pop(0)
            victim.kill()
            workers.append(hub.fleet.work())
            await _age_claims_of_nobody(core, hub.town, workers, hub.fleet, twilio)
        await settled(lambda: _settled(hub.town), 60)
        unknown = await core.db.dicts("select id from outbound where state = 'unknown'")
    ids = arrived(twilio)
    assert {i: n for i, n in Counter(ids).items() if n > 1} == {}
    await check_order(core, ids)
    sent = {row["id"] for row in await core.db.dicts("select id from outbound where state = 'sent'")}
    assert sent == set(ids)  # what arrived is known to have arrived, by the provider's reports
    assert {row["id"] for row in unknown}.isdisjoint(ids)  # what is unknown did not arrive; a person decides
    assert len(sent) + len(unknown) == 300
    await check_consistency(core.db)


async def test_a_worker_told_to_stop_finishes_what_it_holds_and_leaves_no_doubt(
    core: Core, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    twilio = SlowTwilio(SID, TOKEN, number=NUMBER, pace=0.2)
    async with sending(core, tmp_path, servers.redis_url, twilio, 60) as hub:
        await hub.town.answer_all(hub.conversations, 200)
        worker = hub.fleet.work()
        await settled(lambda: _reached(twilio, 40), 40)
        took = await worker.stop()
        measured("SIGTERM in the middle of sending to the end", took)
        assert (worker.process.returncode, took < 5) == (0, True), worker.said
        left = await hub.town.states()
        assert set(left) == {"sent", "pending"}  # nothing claimed, nothing on the wire, nothing unknown
        assert left["pending"] > 50
        hub.fleet.work()
        await settled(lambda: _all_sent(hub.town, 200), 40)
    await check_sent(core, twilio, 200)


async def _age_claims_of_nobody(
    core: Core, town: Town, workers: list[Program], fleet: Fleet, twilio: TwilioStandin
) -> None:
    """Kill the others too and let the minutes pass that a dead worker's claims last; then new ones take over."""
    for worker in workers:
        worker.kill()
    workers[:] = []
    await asyncio.sleep(0.3)  # what was on the wire lands at the provider
    await core.db.execute(
        "update outbound set lease_until = now() - interval '1 second' where state in ('claimed', 'wire')"
    )
    workers += [fleet.work(), fleet.work()]


async def _said(program: Program, words: str) -> bool:
    return words in program.said


async def _reached(twilio: TwilioStandin, number: int) -> bool:
    return len(arrived(twilio)) >= number


async def _all_sent(town: Town, number: int) -> bool:
    return await town.states() == {"sent": number}


async def _settled(town: Town) -> bool:
    return set(await town.states()) <= {"sent", "unknown"}


async def _all_delivered(core: Core) -> bool:
    return not await core.db.value("select count(*) from interaction where direction = 'out' and status <> 'delivered'")
