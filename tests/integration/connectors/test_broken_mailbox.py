"""A real Dovecot with a damaged mail in it, and mails too large to be kept."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import connectors.email.fetch as fetch
import connectors.email.mailbox_store as keeper
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.health import servers as doctor
from hub.core.secrets import Vault
from tests.integration.connectors.dovecot import Dovecot, running
from tests.integration.connectors.harness import Hub, eventually
from tests.integration.connectors.test_imap import imap, mail


@pytest.fixture(scope="module")
def server() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    return f"b{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PERSON", 0.2)
    monkeypatch.setattr(fetch, "_CEILING", 0.2)


@pytest.fixture
async def hub(db: Database, feed: Feed, vault: Vault, server: Dovecot, user: str) -> Hub:
    server.append(user, *[mail(n) for n in range(1, 8)])
    return Hub(db, feed, vault, email_settings=imap(server, user, after="delete", timeout_seconds=5, poll_seconds=1))


def large(number: int, size: int) -> bytes:
    return mail(number, ("y" * 76 + "\r\n") * (size // 78))


def _content(server: Dovecot, user: str, number: int) -> Path:
    files = [path for path in (server.folder / "mail" / user).glob("*/*") if path.parent.name in {"cur", "new"}]
    return next(path for path in files if f"<{number}@customer".encode() in path.read_bytes())


def _lies_about_its_size(path: Path) -> None:
    """As a name says that somebody restored by hand; it is another message then, for Dovecot."""
    path.rename(path.with_name(re.sub(r",S=\d+,W=\d+", f",S={len(path.read_bytes()) * 9}", path.name)))


def _lost_its_end(path: Path) -> None:
    """As after a full disk."""
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(("damage", "uid"), [(_lies_about_its_size, 8), (_lost_its_end, 4)])
async def test_a_damaged_mail_keeps_no_other_from_being_stored(
    hub: Hub, server: Dovecot, user: str, damage: Callable[[Path], None], uid: int, caplog: pytest.LogCaptureFixture
) -> None:
    damage(_content(server, user, 4))
    async with hub:
        others = {f"Hello {n}" for n in (1, 2, 3, 5, 6, 7)}
        await eventually(lambda: _stored(hub, others), 60)
        server.append(user, mail(8))
        await eventually(lambda: _stored(hub, others | {"Hello 8"}), 60)
        asides = await hub.db.dicts("select reason, meta from raw where state = 'quarantined'")
        found = [one async for one in doctor(hub.db, hub.feed) if one.what == "In quarantine"]
        assert [len(asides), found[0].detail] == [1, "1"]
        assert f"message UID {uid} of INBOX" in asides[0]["reason"]
        said = (
            f"{asides} {caplog.text} {await hub.db.value('select health::text from account where key = %s', ('mail',))}"
        )
        assert "Hello" not in said


async def test_a_mail_too_large_to_be_kept_is_not_deleted(
    hub: Hub, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "MAX_BYTES", 3_000_000)
    whole = large(9, 2_500_000)
    server.append(user, large(8, 6_000_000), whole, mail(10))
    async with hub:
        await eventually(lambda: hub.db.value("select count(*) = 9 from interaction where direction = 'in'"), 60)
        await eventually(lambda: asyncio.to_thread(lambda: server.count(user, "INBOX") == 1), 30)
        [kept] = await hub.db.dicts("select reason, length(body) as size from raw where state = 'quarantined'")
        assert ("larger than" in kept["reason"], kept["size"]) == (True, 1024 * 1024)
        left = b"".join(path.read_bytes() for path in (server.folder / "mail" / user).glob("cur/*"))
        assert b"Message-ID: <8@customer" in left
        assert await hub.db.value("select bool_or(body = %(whole)s) from raw", {"whole": whole})


async def _stored(hub: Hub, texts: set[str]) -> bool:
    return set(await hub.texts("email")) == texts
