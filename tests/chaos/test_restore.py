"""A backup restored into a hub at work: nothing that has left leaves again, and what came meanwhile comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tarfile
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from hub.backup.clients import Target, find_clients
from hub.core.clock import now
from hub.core.embedded import Servers
from hub.core.service import Core
from hub.demo import TwilioStandin
from tests.chaos.harness import CLEAN, NUMBER, ROOT, SID, TOKEN, Fleet, Provider, Town, arrived, settled
from tests.integration.connectors.harness import eventually

pytestmark = pytest.mark.slow
QUIET = 7.0  # seconds: more than a round of the sweeper


@pytest.fixture
async def fleet(tmp_path: Path, database_url: str, servers: Servers) -> AsyncGenerator[Fleet]:
    async with Fleet(tmp_path, database_url, servers.redis_url) as fleet:
        yield fleet


async def hub(fleet: Fleet, *arguments: str) -> str:
    """One command beside the hub at work; what it said."""
    command = [sys.executable, "-m", "hub.cli", *arguments]
    environment = {**CLEAN, "PYTHONPATH": str(ROOT), **fleet.environment}
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def by_hand(url: str, file: Path) -> None:
    """As somebody does who knows PostgreSQL and not the hub."""
    with tarfile.open(file) as archive:
        archive.extract("database.dump", file.parent, filter="data")
    target = Target.of(url)
    options = [
        "--clean",
        "--if-exists",
        "--no-owner",
        f"--dbname={target.conninfo}",
        str(file.parent / "database.dump"),
    ]
    command = find_clients(18).command("pg_restore", *options)
    subprocess.run(command, env=dict(target.environment), capture_output=True, check=False, timeout=120)


@pytest.mark.parametrize("how", ["hub restore", "by hand"])
async def test_a_backup_restored_into_a_hub_at_work_sends_nothing_again(
    core: Core, fleet: Fleet, tmp_path: Path, how: str
) -> None:
    twilio = TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.02)
    file = tmp_path / "hub.backup"
    async with twilio, aiohttp.ClientSession() as http:
        town = await Town.build(core, twilio.url, "amy")
        serve, worker = fleet.serve(), fleet.work()
        await serve.ready()
        conversations = await town.conversations(Provider(http, fleet.public_url), serve.url, 6)
        await town.answer_all(conversations[:3], 3)
        await settled(lambda: _has(twilio, 3), 30)
        worker.kill()
        await town.answer_all(conversations[3:], 3, first=3)  # these wait while the backup is taken
        await hub(fleet, "backup", str(file), "--no-verify")
        fleet.work()
        await settled(lambda: _has(twilio, 6), 60)
        await eventually(lambda: _all_sent(core), 30)

        if how == "hub restore":
            assert "Restored the backup" in await hub(fleet, "restore", str(file), "--force")
        else:
            await asyncio.to_thread(by_hand, core.db.url, file)
        fleet.work()  # a fresh one, beside those that were at work all the while
        await asyncio.sleep(QUIET)
        assert len(arrived(twilio)) == 6
        assert "May have left already: 3 sends" in await hub(fleet, "outbox", "status")

        for message in twilio.messages.values():  # as far in the past as a provider's list wants it
            message.created -= timedelta(minutes=30)
            message.sent = message.sent and message.sent - timedelta(minutes=30)
        await core.db.execute(
            "update outbound set payload = jsonb_set(payload, '{date}', to_jsonb((%s)::text)) where state = 'pending'",
            [(now() - timedelta(minutes=30)).isoformat()],
        )
        said = await hub(fleet, "outbox", "thaw")
        assert "3 had left already and are marked so." in said
        assert "Sending is no longer frozen." in said
        await town.answer_all(conversations[:1], 1, first=6)  # what is new leaves
        await settled(lambda: _has(twilio, 7), 60)
        await asyncio.sleep(QUIET)
        assert len(arrived(twilio)) == 7
        await eventually(lambda: _all_sent(core), 30)


async def _has(twilio: TwilioStandin, number: int) -> bool:
    return len(arrived(twilio)) >= number


async def _all_sent(core: Core) -> bool:
    return await core.db.value("select bool_and(state = 'sent') from outbound")
