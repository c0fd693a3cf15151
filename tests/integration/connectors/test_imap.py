"""Fetching from a real Dovecot: nothing lost, nothing twice, whatever the connection does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, SignInRefused
from connectors.email.imap_grammar import uid_set, utf7
from connectors.email.settings import Imap
from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running
from tests.integration.connectors.harness import Hub, eventually

USER = "support"


@pytest.fixture(scope="module")
def server() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return f"u{abs(hash(request.node.nodeid)) % 10**9}"


def mail(number: int, text: str = "Hello") -> bytes:
    return (
        f"From: Ann <ann{number % 7}@customer.example>\r\nTo: support@hub.example\r\n"
        f"Message-ID: <{number}@customer.example>\r\nSubject: Mail {number}\r\n\r\n{text} {number}\r\n"
    ).encode()


def imap(server: Dovecot, user: str, **more: Any) -> dict[str, Any]:
    section = {"host": "127.0.0.1", "port": server.port, "tls": "none", "user": user, "first_run": "all", **more}
    return {"imap": section, "imap_password": PASSWORD}


Fetching = Callable[..., Awaitable[Hub]]


@pytest.fixture
async def fetching(db: Database, feed: Feed, vault: Vault, server: Dovecot, user: str) -> AsyncGenerator[Fetching]:
    hubs: list[Hub] = []

    async def start(**more: Any) -> Hub:
        hub = Hub(db, feed, vault, email_settings=imap(server, user, **more))
        hubs.append(await hub.__aenter__())
        return hub

    yield start
    for hub in hubs:
        await hub.__aexit__()


async def until(hub: Hub, count: int, seconds: float = 60.0) -> list[str]:
    """Wait until so many messages are stored; what they say."""
    async with asyncio.timeout(seconds):
        async for _ in hub.feed.notifications("log", every=0.1):
            texts = await hub.texts("email")
            if len(texts) >= count:
                return texts
    raise AssertionError


async def marked(check: Callable[[], bool]) -> None:
    await eventually(lambda: asyncio.to_thread(check))


async def test_waiting_mail_is_stored_and_marked_seen_when_the_mailbox_is_first_read(
    fetching: Fetching, server: Dovecot, user: str
) -> None:
    server.append(user, *[mail(n) for n in range(230)])
    hub = await fetching()
    texts = await until(hub, 230)
    assert sorted(texts) == sorted(f"Hello {n}" for n in range(230))
    await marked(lambda: all(b"\\Seen" in line for line in server.flags(user)))


async def test_old_mail_is_left_alone_when_only_new_mail_is_wanted(
    fetching: Fetching, server: Dovecot, user: str
) -> None:
    server.append(user, mail(1))
    hub = await fetching(first_run="new")
    await position(hub)
    server.append(user, mail(2))
    assert await until(hub, 1) == ["Hello 2"]
    assert sum(b"\\Seen" in line for line in server.flags(user)) <= 1


async def position(hub: Hub) -> None:
    """Wait until the mailbox has been looked at for the first time."""
    await eventually(lambda: hub.value("select uid is not null from mailbox"))


async def test_new_mail_arrives_through_idle_long_before_the_next_poll(
    fetching: Fetching, server: Dovecot, user: str
) -> None:
    hub = await fetching(poll_seconds=600)
    await position(hub)
    for number in range(3):
        server.append(user, mail(number))
        await until(hub, number + 1)


async def test_fetching_goes_on_when_the_server_kicks_us_out(fetching: Fetching, server: Dovecot, user: str) -> None:
    server.append(user, mail(1))
    hub = await fetching(poll_seconds=600)
    await until(hub, 1)
    server.admin("kick", user)
    server.append(user, mail(2))
    assert sorted(await until(hub, 2)) == ["Hello 1", "Hello 2"]


async def test_nothing_is_stored_twice_when_uidvalidity_changes(fetching: Fetching, server: Dovecot, user: str) -> None:
    mails = [mail(n) for n in range(60)]
    with server.session(user) as client:
        client.create("Tickets")
    server.append(user, *mails, folder="Tickets")
    hub = await fetching(folder="Tickets", poll_seconds=1)
    await until(hub, 60)
    with server.session(user) as client:
        client.delete("Tickets")
        client.create("Tickets")
    server.append(user, *mails, mail(60), folder="Tickets")
    server.admin("kick", user)
    texts = await until(hub, 61)
    assert len(texts) == len(set(texts)) == 61


async def test_mail_is_moved_once_it_is_kept_when_so_configured(fetching: Fetching, server: Dovecot, user: str) -> None:
    server.append(user, mail(1), mail(2))
    hub = await fetching(after="move:已处理 & done")
    await until(hub, 2)
    await marked(lambda: server.count(user, f'"{utf7("已处理 & done")}"') == 2)
    assert server.count(user, "INBOX") == 0


async def test_mail_is_deleted_once_it_is_kept_when_so_configured(
    fetching: Fetching, server: Dovecot, user: str
) -> None:
    server.append(user, mail(1))
    hub = await fetching(after="delete")
    await until(hub, 1)
    await marked(lambda: server.count(user, "INBOX") == 0)


async def test_large_mail_is_fetched_whole_in_pieces(fetching: Fetching, server: Dovecot, user: str) -> None:
    text = "\r\n".join(f"line {n} of a long story" for n in range(150_000))
    large = b"From: Ann <a@customer.example>\r\nSubject: large\r\n\r\n" + text.encode() + b"\r\n"
    server.append(user, large, mail(1))
    hub = await fetching()
    await until(hub, 2)
    bodies = [bytes(row["body"]) for row in await hub.db.dicts("select body from raw")]
    assert large in bodies


async def test_mail_is_marked_only_when_it_is_stored(fetching: Fetching, server: Dovecot, user: str) -> None:
    hub = await fetching(poll_seconds=600)
    await position(hub)
    hub.gate.breaks = "before"
    server.append(user, mail(1))
    assert await until(hub, 1) == ["Hello 1"]
    await marked(lambda: b"\\Seen" in server.flags(user)[0])


async def test_poisonous_mail_is_quarantined_and_the_next_one_flows(
    fetching: Fetching, server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.email import accept

    real = accept.READERS.read

    async def read(job: Any, raw: bytes) -> Any:
        if b"Mail 1\r\n" in raw:
            raise Invalid("It could not be read: RecursionError.")
        return await real(job, raw)

    monkeypatch.setattr(accept.READERS, "read", read)
    server.append(user, mail(1), mail(2))
    hub = await fetching()
    assert await until(hub, 1) == ["Hello 2"]
    held = await hub.quarantined("email")
    assert [(bytes(row["body"]), "RecursionError" in row["reason"]) for row in held] == [(mail(1), True)]


async def test_wrong_password_is_reported_in_words(fetching: Fetching, server: Dovecot, user: str) -> None:
    box = Mailbox(Imap(host="127.0.0.1", port=server.port, tls="none", user=user))
    with pytest.raises(SignInRefused, match=r"AUTHENTICATIONFAILED|Authentication failed"):
        await box.connect("wrong")


async def test_waiting_ends_at_once_when_the_connection_is_lost(server: Dovecot, user: str) -> None:
    box = Mailbox(Imap(host="127.0.0.1", port=server.port, tls="none", user=user))
    await box.connect(PASSWORD)
    await box.select("INBOX")
    assert await box.search("ALL") == []
    waiting = asyncio.create_task(box.idle(300))
    await asyncio.sleep(0.1)  # until IDLE is on its way; the outcome is the same before and after
    server.admin("kick", user)
    with pytest.raises(Lost):
        async with asyncio.timeout(10):
            await waiting
    await box.close()


async def test_three_thousand_answers_in_one_command_do_not_break_the_connection(server: Dovecot, user: str) -> None:
    server.append(user, *[mail(n) for n in range(1200)])
    box = Mailbox(Imap(host="127.0.0.1", port=server.port, tls="none", user=user))
    await box.connect(PASSWORD)
    await box.select("INBOX")
    uids = await box.search("ALL")
    assert len(await box.look(uids)) == 1200
    assert len(await box.read(uids[:1100])) == 1100
    await box.close()


def test_uid_set_is_short_and_complete() -> None:
    assert uid_set([3, 1, 2, 7, 9, 10]) == "1:3,7,9:10"


def test_folder_names_are_modified_utf7() -> None:
    assert utf7("Entw&rfe") == "Entw&-rfe"
    assert utf7("台北") == "&U,BTFw-"
    assert utf7("~peter/mail/日本語") == "~peter/mail/&ZeVnLIqe-"
