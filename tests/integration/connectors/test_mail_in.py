"""Getting at mailboxes as the world offers them: TLS, servers that misbehave, several of us at once."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from connectors.email.access import Access
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, NoStartTls, SignInRefused, WantsTls
from connectors.email.imap_grammar import plain_name, utf7
from connectors.email.settings import Imap
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.certificates import Certificates
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running
from tests.integration.connectors.harness import Hub, eventually
from tests.integration.connectors.test_imap import mail, position, until


# -- TLS ---------------------------------------------------------------------------------------------------------
def box(server: Dovecot, tls: str, *, ca: str | None = None, host: str = "127.0.0.1", **more: Any) -> Mailbox:
    port = server.tls_port if tls == "tls" else server.port
    settings: dict[str, Any] = {"host": host, "port": port, "tls": tls, "user": "tess", "ca_file": ca, **more}
    return Mailbox(Imap(**settings))


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_mailbox_opens_over_tls_with_a_certificate_that_is_good(
    guarded: Dovecot, papers: Certificates, tls: str
) -> None:
    mailbox = box(guarded, tls, ca=papers.ca)
    await mailbox.connect(PASSWORD)
    assert (await mailbox.select("INBOX")).uidvalidity
    assert mailbox.can("IDLE")  # asked for again, now that nobody in between can lie
    await mailbox.close()


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_no_password_goes_to_a_server_nobody_vouches_for(guarded: Dovecot, tls: str) -> None:
    mailbox = box(guarded, tls)
    with pytest.raises(ssl.SSLCertVerificationError):
        await mailbox.connect(PASSWORD)
    await mailbox.close()


async def test_certificate_must_name_the_host(guarded: Dovecot, papers: Certificates) -> None:
    mailbox = box(guarded, "tls", ca=papers.ca, host="127.0.0.2")
    with pytest.raises((ssl.SSLCertVerificationError, ConnectionRefusedError)):
        await mailbox.connect(PASSWORD)
    await mailbox.close()


# -- servers that misbehave --------------------------------------------------------------------------------------
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Odd:
    """An IMAP server that says what a test tells it to."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE AUTH=XOAUTH2 SASL-IR\r\n"}
        self.said: list[str] = []
        self.greeting = b"* OK hello\r\n"
        self.mute: set[str] = set()
        self.raw: dict[str, bytes] = {}
        self.hang_up: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        while line := await reader.readline():
            await self._answer(line.decode().strip(), writer)
        writer.close()

    async def _answer(self, line: str, writer: asyncio.StreamWriter) -> None:
        tag, _, command = line.partition(" ")
        name = command.partition(" ")[0].upper() or tag
        self.said.append(name)
        if name in self.raw:
            writer.write(self.raw[name].replace(b"TAG", tag.encode()))
        elif name not in self.mute and name != "DONE":
            writer.write(self.answers.get(name, b"") + f"{tag} OK done\r\n".encode())
        if name in self.hang_up:
            writer.close()


@pytest.fixture
async def odd() -> AsyncGenerator[tuple[Odd, Callable[..., Mailbox]]]:
    server = Odd()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]

    def connect(**more: Any) -> Mailbox:
        return Mailbox(Imap(host="127.0.0.1", port=port, user="u", timeout_seconds=1, **{"tls": "none", **more}))

    async with listening:
        yield server, connect


Pair = tuple[Odd, Callable[..., Mailbox]]


async def test_refused_token_is_an_answer_and_no_silence(odd: Pair) -> None:
    server, connect = odd
    server.raw["AUTHENTICATE"] = b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"
    server.raw[""] = b""
    mailbox = connect()
    waiting = asyncio.create_task(mailbox.connect(token="stale"))

    async def answered() -> bool:
        return "AUTHENTICATE" in server.said

    await eventually(answered)
    with pytest.raises((SignInRefused, Lost)):
        async with asyncio.timeout(5):
            await waiting
    assert server.said[-1] in ("", "AUTHENTICATE")  # the empty line that the server waits for


async def test_idle_ends_at_once_when_the_server_says_goodbye(odd: Pair) -> None:
    server, connect = odd
    server.raw["IDLE"] = b"* BYE going down\r\n"
    server.hang_up.add("IDLE")
    mailbox = connect()
    await mailbox.connect("p")
    await mailbox.select("INBOX")
    began = time.monotonic()
    with pytest.raises(Lost):
        await mailbox.idle(600)
    assert time.monotonic() - began < 60  # not the half hour of the library


async def test_idle_whose_end_nobody_confirms_is_given_up(odd: Pair) -> None:
    server, connect = odd
    server.raw["IDLE"] = b"+ idling\r\n"
    mailbox = connect()
    await mailbox.connect("p")
    await mailbox.select("INBOX")
    with pytest.raises(Lost):
        async with asyncio.timeout(10):
            await mailbox.idle(0.05)


async def test_server_that_falls_silent_costs_one_timeout_and_the_connection(odd: Pair) -> None:
    server, connect = odd
    server.mute.add("UID")
    mailbox = connect()
    await mailbox.connect("p")
    await mailbox.select("INBOX")
    with pytest.raises(Lost):
        await mailbox.search("ALL")
    with pytest.raises(Lost):  # a late answer cannot be taken for another command's
        await mailbox.search("ALL")


async def test_nonsense_ends_the_connection_and_not_the_process(odd: Pair) -> None:
    server, connect = odd
    server.raw["UID"] = b"zzz9 OK who is that\r\n* 1 FETCH (\r\n"
    mailbox = connect()
    await mailbox.connect("p")
    await mailbox.select("INBOX")
    with pytest.raises(Lost):
        async with asyncio.timeout(5):
            await mailbox.look([1])


async def test_server_too_busy_to_greet_is_quoted(odd: Pair) -> None:
    server, connect = odd
    server.greeting = b"* BYE too many connections from you\r\n"
    with pytest.raises(Lost, match="too many connections"):
        await connect().connect("p")


async def test_starttls_that_is_not_offered_is_not_left_out(odd: Pair) -> None:
    server, connect = odd
    with pytest.raises(NoStartTls):
        await connect(tls="starttls").connect("p")
    assert "LOGIN" not in server.said


async def test_server_that_wants_starttls_gets_no_password_without(odd: Pair) -> None:
    server, connect = odd
    server.answers["CAPABILITY"] = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
    with pytest.raises(WantsTls):
        await connect().connect("p")
    assert "LOGIN" not in server.said


async def test_what_is_said_before_tls_counts_for_nothing(odd: Pair) -> None:
    server, connect = odd
    server.answers["CAPABILITY"] = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n"
    server.raw["STARTTLS"] = b"TAG OK go\r\n* CAPABILITY IMAP4rev1 LOGIN"  # half a line slipped in by somebody
    with pytest.raises((Lost, OSError)):
        await connect(tls="starttls").connect("p")
    assert "LOGIN" not in server.said


@pytest.mark.parametrize("name", ["INBOX", "台北", "Entwürfe & mehr", "&", "a/b", "~peter/日本語/&-", "é\u0301😀"])
def test_folder_names_survive_both_ways(name: str) -> None:
    assert plain_name(utf7(name)) == name


# -- policies, progress, several of us ---------------------------------------------------------------------------
@pytest.fixture(scope="module")
def plain() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


def section(server: Dovecot, user: str, **more: Any) -> dict[str, Any]:
    imap = {
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        "user": user,
        "first_run": "all",
        "poll_seconds": 1,
        **more,
    }
    return {"imap": imap, "imap_password": PASSWORD}


async def test_mail_is_left_as_it_was_when_so_configured(
    db: Database, feed: Feed, vault: Vault, plain: Dovecot
) -> None:
    lea = f"lea-{time.time_ns()}"  # tried once more, the mailbox is a new one
    plain.append(lea, mail(1))
    async with Hub(db, feed, vault, email_settings=section(plain, lea, after="leave")) as hub:
        assert await until(hub, 1) == ["Hello 1"]
        plain.append(lea, mail(2))
        await until(hub, 2)
        assert not any(b"\\Seen" in line for line in plain.flags(lea))
        assert await hub.value("select count(*) from mailbox_message") == 2


@pytest.mark.parametrize(("first_run", "stored"), [("new", 0), ("days:3", 2), ("all", 3)])
async def test_first_reading_takes_what_is_wanted_and_says_how_far_it_is(
    db: Database, feed: Feed, vault: Vault, plain: Dovecot, first_run: str, stored: int
) -> None:
    user = f"first-{first_run.replace(':', '')}"
    with plain.session(user) as client:
        for days, n in ((30, 1), (1, 2), (0, 3)):
            client.append(
                "INBOX",
                "",
                f'"{time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(time.time() - 86400 * days))}"',
                mail(n),
            )
    async with Hub(db, feed, vault, email_settings=section(plain, user, first_run=first_run)) as hub:
        await position(hub)
        account = await hub.of("mail")

        async def done() -> bool:
            progress = await hub.value("select health -> 'progress' from account where id = %s", account.id)
            total = await hub.value("select first_total from mailbox")
            return total is not None and (total == 0 or (progress or {}).get("done") == total)

        await eventually(done)
        assert await hub.value("select count(*) from interaction") == stored
        plain.append(user, mail(9))
        assert "Hello 9" in await until(hub, stored + 1)

        async def lag() -> bool:  # noted after the mail that it is about
            return await hub.value(
                "select (health ->> 'lag_seconds')::float >= 0 from account where id = %s", account.id
            )

        assert await eventually(lag)


@pytest.mark.parametrize("first_run", ["new", "days:3"])
async def test_old_mail_that_somebody_moves_here_later_is_stored(
    db: Database, feed: Feed, vault: Vault, plain: Dovecot, first_run: str
) -> None:
    user = f"moved-{first_run.replace(':', '')}"
    long_ago = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(time.time() - 86400 * 30))
    with plain.session(user) as client:
        client.append("INBOX", "", f'"{long_ago}"', mail(1))
    async with Hub(db, feed, vault, email_settings=section(plain, user, first_run=first_run)) as hub:
        await position(hub)

        async def read() -> bool:
            return await hub.value("select first_done >= first_total from mailbox") is True

        await eventually(read)
        with plain.session(user) as client:
            client.append("INBOX", "", f'"{long_ago}"', mail(2))
        assert await until(hub, 1) == ["Hello 2"]


async def test_each_of_several_mailboxes_is_fetched_by_exactly_one_process(
    db: Database, feed: Feed, vault: Vault, plain: Dovecot
) -> None:
    from connectors.email import Email

    users = [f"many{n}" for n in range(4)]
    async with Hub(db, feed, vault) as hub:
        for n, user in enumerate(users):
            await hub.account(f"box{n}", "email", "email", f"{user}@hub.example", **section(plain, user))
        hub.accounts._read_at = -9e9
        others = [Email(hub.core) for _ in range(2)]
        tasks = [asyncio.create_task(one.run(hub.gate)) for one in others]
        for n in range(10):
            for user in users:
                plain.append(user, mail(n + 100 * users.index(user), text=user))
        texts = await until(hub, 40)
        assert len(texts) == len(set(texts)) == 40
        held = await db.dicts("select holder from lease where name like 'mailbox:%%' and expires_at > now()")
        assert len(held) == 4
        sessions = await asyncio.to_thread(lambda: [len(_sessions(plain, user)) for user in users])
        assert sessions == [1, 1, 1, 1]  # the server agrees: nobody else is signed in
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sessions(server: Dovecot, user: str) -> list[str]:
    import subprocess

    done = subprocess.run(
        ["doveadm", "-c", str(server.folder / "dovecot.conf"), "who", "-1", user],
        capture_output=True,
        timeout=20,
        check=False,
    )
    return done.stdout.decode().splitlines()[1:]


async def test_access_opens_what_the_account_names(db: Database, feed: Feed, vault: Vault, plain: Dovecot) -> None:
    async with (
        Hub(db, feed, vault, email_settings=section(plain, "acc")) as hub,
        Access(hub.core).mailbox(await hub.of("mail")) as mailbox,
    ):
        assert (await mailbox.select("INBOX")).uidvalidity
        assert await mailbox.special(r"\Sent") is None
