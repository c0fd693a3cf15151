"""Thousands of mails while everything that can break breaks: each is stored, none twice.

The suite takes some hundreds and kills five times; the promise is about 10,000 and twenty:

    MAIL_CHAOS=10000 python -m pytest -s tests/chaos/test_mail_in.py
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from connectors.email.settings import Settings
from hub.channels.accounts import seal, split_secrets
from hub.core.db import Database
from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from tests.chaos.harness import CLEAN, KEY, ROOT, measured
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running
from tests.integration.connectors.harness import free_port

MAILS = int(os.environ.get("MAIL_CHAOS", "500"))
KILLS = 20 if MAILS >= 10_000 else 5
USER = "support"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def mail(number: int) -> bytes:
    return (
        f"From: Ann <ann{number % 97}@customer.example>\r\nTo: support@hub.example\r\n"
        f"Message-ID: <{number}@customer.example>\r\nSubject: Mail {number}\r\n\r\nHello {number}\r\n"
    ).encode()


class Maildir:
    """The mailbox's folder on disk: how a mail server's own delivery puts mails there."""

    def __init__(self, server: Dovecot):
        self.path = server.folder / "mail" / USER
        self._owner = pwd.getpwnam("mail") if os.geteuid() == 0 else None

    def deliver(self, number: int) -> None:
        fresh = self.path / "tmp" / f"{1_700_000_000 + number}.M{number}.chaos"
        fresh.write_bytes(mail(number))
        if self._owner:
            os.chown(fresh, self._owner.pw_uid, self._owner.pw_gid)
        fresh.rename(self.path / "new" / fresh.name)

    def renumber(self) -> None:
        """Forget every UID while the server is down: it will make a new UIDVALIDITY."""
        for file in self.path.glob("dovecot*"):
            file.unlink()


class Cutter:
    """A line between hub and server that breaks now and then."""

    def __init__(self, target: int):
        self.port = free_port()
        self.cuts = 0
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Cutter:
        self._server = await asyncio.start_server(self._line, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.sleep(0.1)

    def cut(self) -> None:
        """Break every connection, in the middle of whatever is being said."""
        for writer in list(self._open):
            writer.transport.abort()
        self.cuts += 1

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        for end in (writer, far_writer):
            self._open.discard(end)
            end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


class Hub:
    """The process that is killed again and again."""

    def __init__(self, environment: dict[str, str], log: Path):
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0

    async def start(self) -> None:
        with self._log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.mail_process",
                cwd=ROOT, env={**CLEAN, **self._environment}, stdout=asyncio.subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            assert await self._process.stdout.readline() == b"ready\n", self._log.read_text()[-2000:]

    async def kill(self) -> None:
        """With everything it started, as a power failure would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self.kills += 1


@pytest.fixture
def server() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


@pytest.fixture
async def line(server: Dovecot) -> AsyncGenerator[Cutter]:
    async with Cutter(server.port) as cutter:
        yield cutter


@pytest.fixture
async def hub(servers: Servers, database_url: str, tmp_path: Path) -> AsyncGenerator[Hub]:
    places = {
        "HUB_CORE_DATABASE": database_url,
        "HUB_CORE_REDIS": servers.redis_url,
        "HUB_CORE_KEY": KEY,
        "HUB_CORE_PUBLIC_URL": "http://x",
    }
    process = Hub(places, tmp_path / "hub.log")
    yield process
    await process.kill()


async def configure(core: Core, port: int) -> None:
    imap = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "user": USER,
        "first_run": "all",
        "poll_seconds": 1,
        "timeout_seconds": 20,
    }
    shown, hidden = split_secrets(Settings.model_validate({"imap": imap, "imap_password": PASSWORD}))
    await core.db.execute("insert into queue (key, name) values ('support', 'Support')")
    await core.db.execute(
        "insert into account (key, connector, channel, name, address, settings, secrets, queue_id) "
        "values ('mail', 'email', 'email', 'Mail', 'support@hub.example', %s, %s, 1)",
        [Jsonb(shown), seal(core.vault, "mail", hidden)],
    )


async def until_stored(db: Database, least: int, seconds: float = 300) -> None:
    async with asyncio.timeout(seconds):
        while int(await db.value("select count(*) from interaction")) < least:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def until_marked(server: Dovecot, count: int) -> None:
    """Every mail is marked: what follows a commit has been done, too."""
    async with asyncio.timeout(60):
        while sum(b"\\Seen" in flags for flags in await asyncio.to_thread(server.flags, USER)) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def delivering(box: Maildir) -> None:
    for number in range(1, MAILS):
        await asyncio.to_thread(box.deliver, number)
        await asyncio.sleep(0 if number % 20 else 0.05)


async def cutting(line: Cutter, dice: random.Random) -> None:
    while True:
        # Soon, or after a while: where disks are slow, opening a folder of ten thousand takes longer than the short ones.
        await asyncio.sleep(dice.uniform(*dice.choice(((0.2, 2.5), (2.5, 8.0)))))
        line.cut()


async def restart_renumbered(server: Dovecot, box: Maildir) -> None:
    await asyncio.to_thread(server.stop)
    box.renumber()
    await asyncio.to_thread(server.start)


async def test_ten_thousand_mails_arrive_once_whatever_breaks(
    db: Database, feed: Feed, server: Dovecot, line: Cutter, hub: Hub
) -> None:
    core = Core(db, feed, Vault(KEY.encode()), "http://127.0.0.1:1")
    await configure(core, line.port)
    server.append(USER, mail(0))  # makes the mailbox
    box, dice = Maildir(server), random.Random(7)
    began = time.monotonic()
    await hub.start()
    mails, cuts = asyncio.create_task(delivering(box)), asyncio.create_task(cutting(line, dice))
    for life in range(KILLS):
        await until_stored(db, min(MAILS - 1, (life * MAILS) // (KILLS + 2)))  # every life gets somewhere
        await asyncio.sleep(dice.uniform(0, 0.3))
        await hub.kill()
        if life == KILLS // 2:
            await restart_renumbered(server, box)
        await hub.start()
    await mails
    cuts.cancel()
    await asyncio.gather(cuts, return_exceptions=True)
    await until_stored(db, MAILS)
    took = time.monotonic() - began
    await until_marked(server, MAILS)
    assert await db.value("select count(distinct uidvalidity) from mailbox_message") == 2
    texts = [row["text"] for row in await db.dicts("select text from interaction")]
    assert sorted(texts) == sorted(f"Hello {n}" for n in range(MAILS))
    assert await db.value("select count(*) from raw where state <> 'accepted'") == 0
    assert hub.kills == KILLS
    measured(f"{MAILS} mails, {KILLS} kills, {line.cuts} cuts", took)
