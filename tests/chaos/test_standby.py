"""The primary database dies under load and its standby is promoted: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psycopg
import pytest

from hub.core.embedded import Embedded
from hub.core.migrate import migrate
from hub.core.programs import find_postgres
from hub.core.service import Addresses, open_core
from tests.chaos.harness import KEY, Fleet, Program, Provider, Town, measured, settled, sms, status
from tests.chaos.invariants import check_consistency
from tests.chaos.test_processes import Database
from tests.support.proxy import Proxy

pytestmark = pytest.mark.slow
MESSAGES = 200


@pytest.fixture
def primary(tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    database = Database(tmp_path_factory.mktemp("primary"))
    yield database
    database.close()


def follow(primary: Database, address: str, folder: Path) -> tuple[Embedded, str]:
    """A standby in `folder`, which every commit on the primary waits for; its servers and its address."""
    cluster = folder / "data" / "postgres"
    cluster.parent.mkdir(parents=True)
    ours = primary.cluster
    parts = urlsplit(address)
    where = f"host=127.0.0.1 port={parts.port} user={parts.username} password={parts.password}"
    copy = [str(find_postgres() / "pg_basebackup"), "-d", where, "-D", str(cluster), "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(copy, check=True, timeout=60, capture_output=True)
    owner = ours.stat()
    for path in (cluster, *cluster.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    shutil.copy(ours.parent / "postgres.password", cluster.parent)
    standby = Embedded(folder / "data", durable=True)
    url = standby.start().database_url
    with psycopg.connect(primary.servers.database_url, autocommit=True) as conn:
        conn.execute("alter system set synchronous_standby_names = '*'")
        conn.execute("select pg_reload_conf()")
    return standby, url


async def test_nothing_acknowledged_is_lost_when_a_standby_takes_over(primary: Database, tmp_path: Path) -> None:
    migrate(primary.servers.database_url)
    async with Proxy.before(primary.servers.database_url) as first:
        standby, url = await asyncio.to_thread(follow, primary, first.url, tmp_path)
        try:
            async with Proxy.before(url) as second:
                await _take_over(primary, _either(first, second), url, tmp_path)
        finally:
            await asyncio.to_thread(standby.stop)


def _either(first: Proxy, second: Proxy) -> str:
    """Both servers in one address, of which the one that takes writes is wanted."""
    parts = urlsplit(first.url)
    hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    return f"postgresql://{parts.username}:{parts.password}@{hosts}/hub?target_session_attrs=read-write"


async def _refuses(serve: Program) -> bool:
    return await status(f"{serve.url}/health/ready") == 503


async def _take_over(primary: Database, either: str, standby: str, folder: Path) -> None:
    places = Addresses(either, primary.servers.redis_url, KEY.encode(), "http://127.0.0.1")
    async with aiohttp.ClientSession() as http, Fleet(folder, either, primary.servers.redis_url) as fleet:
        async with open_core(places, pool=2) as core:
            await Town.build(core, "http://127.0.0.1:1", "amy")
        serve = fleet.serve()
        await serve.ready()
        provider = Provider(http, fleet.public_url)
        messages = [sms(f"+1415555{n % 60:04d}", f"Message {n}") for n in range(MESSAGES)]
        sending = asyncio.create_task(provider.insist_on_all(serve.url, messages, every=0.05))

        async def reached() -> bool:
            return provider.answers.count(200) >= MESSAGES // 3

        await settled(reached, 40)
        await asyncio.to_thread(primary.stop, signal.SIGQUIT)
        await settled(lambda: _refuses(serve), 20)
        with psycopg.connect(standby, autocommit=True) as conn:
            conn.execute("alter system set synchronous_standby_names = ''")
            conn.execute("select pg_promote()")
        measured("promoted to ready", await serve.ready(30))
        await asyncio.wait_for(sending, 60)
        assert set(provider.answers) <= {200, 503}
        async with open_core(Addresses(standby, places.redis_url, places.key, places.public_url), pool=2) as core:
            assert await core.db.value("select count(*) from interaction") == MESSAGES
            assert await core.db.value("select count(distinct text) from interaction") == MESSAGES
            await check_consistency(core.db)
