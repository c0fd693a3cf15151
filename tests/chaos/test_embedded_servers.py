"""`hub up` whose own servers are killed, starved of disk, or never got to their first start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from hub.core.service import Addresses, Core, open_core
from tests.chaos.harness import CLEAN, ROOT, Program, Provider, Town, measured, settled, sms, start, status
from tests.chaos.invariants import check_consistency
from tests.integration.connectors.harness import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Generator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def up(place: Path, *arguments: str) -> Program:
    port = free_port()
    program = start(place / "logs", "up", "--port", str(port), "--data", str(place / "data"), *arguments)
    program.url = f"http://127.0.0.1:{port}"
    return program


def servers_json(place: Path) -> dict[str, Any]:
    return json.loads((place / "data" / "servers.json").read_text())


def pid_of(place: Path, name: str) -> int:
    return next(s["pid"] for s in servers_json(place)["servers"] if s["name"] == name)


@asynccontextmanager
async def core_of(place: Path) -> AsyncGenerator[Core]:
    found = servers_json(place)
    key = (place / "data" / "secret.key").read_bytes()
    async with open_core(
        Addresses(found["database_url"], found["redis_url"], key, found["public_url"]), pool=3
    ) as core:
        yield core


def doctor(place: Path) -> str:
    command = [sys.executable, "-m", "hub.cli", "doctor", "--data", str(place / "data")]
    environment = {**CLEAN, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=place, check=False)
    return done.stdout + done.stderr


async def _known(http: aiohttp.ClientSession, hub: Program) -> Provider:
    """A provider whose number the running hub has heard of."""
    provider = Provider(http, hub.url)
    await provider.insist(hub.url, sms("+14155550199", "Is this number in use?"))
    provider.answers.clear()
    return provider


async def ready(hub: Program) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{hub.url}/health/ready") as answer:
        return await answer.json(content_type=None)


async def test_killed_servers_are_back_within_seconds_and_nothing_is_lost(place: Path) -> None:
    hub = up(place)
    try:
        await hub.ready()
        async with core_of(place) as core:
            await Town.build(core, "http://127.0.0.1:1", "amy")
        async with aiohttp.ClientSession() as http:
            provider = await _known(http, hub)
            messages = [sms(f"+1415555{n % 40:04d}", f"Message {n}") for n in range(300)]
            sending = asyncio.create_task(provider.insist_on_all(hub.url, messages, every=0.1))
            for taken, name in ((40, "PostgreSQL"), (120, "Valkey"), (200, "PostgreSQL")):

                async def reached(number: int = taken) -> bool:
                    return provider.answers.count(200) >= number

                await settled(reached, 60)
                os.kill(pid_of(place, name), signal.SIGKILL)

                async def healed() -> bool:
                    return await status(f"{hub.url}/health/ready") == 200 and bool((await ready(hub)).get("redis"))

                await asyncio.sleep(0.3)
                measured(f"{name} killed to ready again", await settled(healed, 30))
            await asyncio.wait_for(sending, 120)
        assert set(provider.answers) <= {200, 503}
        async with core_of(place) as core:
            assert await core.db.value("select count(*) from interaction") == 301
            assert await core.db.value("select count(distinct text) from interaction") == 301
            await check_consistency(core.db)
        servers = {s["name"]: s for s in (await ready(hub))["servers"]}
        assert {name: s["restarts"] for name, s in servers.items()} == {"PostgreSQL": 2, "Valkey": 1}
        said = await asyncio.to_thread(doctor, place)
        assert "note Embedded PostgreSQL: runs as process" in said
        assert "started again 2 times" in said
        assert "killed by SIGKILL" in said
        assert "ok   Cluster: " in said
    finally:
        await hub.stop()


async def test_a_first_start_may_be_killed_at_any_moment(place: Path) -> None:
    seed = random.randrange(10_000)
    measured("seed", seed)
    chance = random.Random(seed)
    for _ in range(5):
        hub = up(place, "--demo", "--quiet-customers")
        await asyncio.sleep(chance.uniform(0.5, 9.0))
        hub.kill()
    hub = up(place, "--demo", "--quiet-customers")
    try:
        measured("start after five killed ones", await hub.ready(90))
        told = json.loads((place / "data" / "demo.json").read_text())
        headers = {"Authorization": f"Bearer {told['api_token']}"}
        assert await status(f"{hub.url}/api/v1/me", headers=headers) == 200
        user = {name: told["users"][0][name] for name in ("email", "password")}
        async with (
            aiohttp.ClientSession(headers={"X-Hub-Request": "1", "Origin": hub.url}) as http,
            http.post(f"{hub.url}/api/v1/session", json=user) as answer,
        ):
            assert answer.status == 200, await answer.text()
        assert not [f.name for f in (place / "data").iterdir() if "new-" in f.name or "unfinished" in f.name]
    finally:
        await hub.stop()


@pytest.fixture
def small(place: Path) -> Generator[Path]:
    """A disk of the test's own that is soon full."""
    disk = place / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=320m,mode=0700", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_full_disk_refuses_what_comes_and_heals_when_it_is_freed(small: Path) -> None:
    hub = up(small)
    try:
        await hub.ready()
        async with core_of(small) as core:
            await Town.build(core, "http://127.0.0.1:1", "amy")
        async with aiohttp.ClientSession() as http:
            provider = await _known(http, hub)
            messages = [sms(f"+1415555{n % 40:04d}", f"Message {n} " + "x" * 1000) for n in range(150)]
            # Unbuffered: what no longer fits would be written once more when the file is closed.
            with (small / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while ballast.write(b"\0" * 2**16):
                    pass
            # PostgreSQL has set some room aside for its log: that must be full, too.
            await asyncio.to_thread(_write_until_full, servers_json(small)["database_url"])
            sending = asyncio.create_task(provider.insist_on_all(hub.url, messages, every=0.05))
            await settled(lambda: _said(hub, "server_not_started"), 60)

            async def refuses() -> bool:
                return provider.answers.count(503) >= 20

            await settled(refuses, 60)
            assert set(provider.answers) <= {200, 503}
            assert "PostgreSQL is down (" in (await ready(hub))["detail"]

            async def says_why() -> bool:  # between two starts its last words are others
                said = await asyncio.to_thread(doctor, small)
                down = re.search("FAIL Embedded PostgreSQL: is down .* and is being started again", said)
                return down is not None and "No space left on device" in said

            await settled(says_why, 60)
            (small / "ballast").unlink()
            measured("freed disk to ready", await settled(lambda: _is_ready(hub), 60))
            await asyncio.wait_for(sending, 120)
        async with core_of(small) as core:
            assert await core.db.value("select count(*) from interaction") == 151
            assert await core.db.value("select count(distinct text) from interaction") == 151
            await check_consistency(core.db)
    finally:
        await hub.stop()


async def _said(hub: Program, words: str) -> bool:
    return words in hub.said


async def _is_ready(hub: Program) -> bool:
    return await status(f"{hub.url}/health/ready") == 200


def _write_until_full(url: str) -> None:
    """Use up the log's room; PostgreSQL then ends itself, and cannot start either."""
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            for _ in range(300):
                conn.execute("select pg_logical_emit_message(false, 'ballast', repeat(md5(random()::text), 30000))")
    except psycopg.OperationalError:
        pass
