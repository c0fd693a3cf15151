"""Mail on its way out: everybody gets it once, signed, in good time, and a doubt is settled by looking."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

import connectors.email.dkim as dkim
from connectors.email.rate_limit import SLOW
from hub.channels.model import Attachment, Outcome
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running
from tests.integration.connectors.harness import MAILBOX, Hub, eventually
from tests.integration.connectors.test_sending import ANN, Crossing, failing, outbound, send

BOB, CID = "bob@customer.example", "cid@elsewhere.example"


@pytest.fixture(scope="module")
def server() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


@pytest.fixture
async def boxed(
    db: Database, feed: Feed, vault: Vault, server: Dovecot, request: pytest.FixtureRequest
) -> AsyncGenerator[Hub]:
    """A hub whose mailbox lies on a real server; the test's marker `sent` says who keeps what was sent."""
    user = f"s{abs(hash(request.node.nodeid)) % 10**9}"
    imap = {"host": "127.0.0.1", "port": server.port, "tls": "none", "user": user, "folder": "INBOX"}
    settings = {"imap": imap, "imap_password": PASSWORD, "sent": getattr(request, "param", "server")}
    async with Hub(db, feed, vault, email_settings=settings) as hub:
        yield hub


# -- who gets it -------------------------------------------------------------------------------------------------
async def test_copies_are_named_and_blind_copies_are_not(hub: Hub) -> None:
    await send(hub, "mail", cc=(BOB,), bcc=(CID,))
    mail = await hub.catcher.wait_for(CID)
    assert set(mail.rcpt_to) == {ANN, BOB, CID}
    assert (mail.message()["Cc"], mail.message()["Bcc"]) == (BOB, None)
    assert CID.encode() not in mail.raw


async def test_answers_come_to_the_plain_address_when_plus_addresses_are_off(hub: Hub) -> None:
    await hub.configure("mail", "plus_addresses", False)
    await send(hub, "mail")
    mail = await hub.catcher.wait_for(ANN)
    assert mail.message()["Reply-To"] is None
    assert "+" not in mail.mail_from + str(mail.message()["From"])


async def test_refused_recipient_fails_alone_and_is_tried_alone(hub: Hub) -> None:
    hub.catcher.fault, hub.catcher.faults_left = "defer_recipient", 1
    error = await failing(hub, "mail", to=ANN, cc=(BOB,))
    assert (error.outcome, error.taken) == (Outcome.RETRY, (BOB,))
    assert "450 4.2.1 Mailbox busy" in error.detail
    assert error.provider_id == "<2.c1-abc@hub.example>"
    await send(hub, "mail", to=ANN, cc=(BOB,), taken=error.taken)
    assert [mail.rcpt_to for mail in hub.catcher.mails] == [(BOB,), (ANN,)]
    assert hub.catcher.mails[0].raw == hub.catcher.mails[1].raw


async def test_recipient_refused_for_good_is_named_with_the_servers_words(hub: Hub) -> None:
    hub.catcher.fault, hub.catcher.faults_left = "refuse_recipient", 1
    error = await failing(hub, "mail", to=ANN, cc=(BOB,))
    assert (error.outcome, error.taken) == (Outcome.FAILED, (BOB,))
    assert error.detail == f"{ANN}: The mail server says 550 5.1.1 No such mailbox. It went to {BOB}."


# -- what it is --------------------------------------------------------------------------------------------------
async def test_plain_text_comes_with_html_and_every_try_is_the_same_bytes(hub: Hub) -> None:
    files = (
        Attachment("a.pdf", "application/pdf", b"%PDF"),
        Attachment("b.png", "image/png", b"\x89PNG", "p", inline=True),
    )
    for _ in range(2):
        await send(hub, "mail", text="Look: https://hub.example/x?a=1&b=2\n\n<b>&", html=None, attachments=files)
    first, second = hub.catcher.mails
    assert first.raw == second.raw
    page = first.message().get_body(("html",))
    assert page is not None
    assert '<a href="https://hub.example/x?a=1&amp;b=2">' in page.get_content()
    assert "&lt;b&gt;&amp;" in page.get_content()
    kinds = [part.get_content_type() for part in first.message().walk()]
    assert kinds[:4] == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html"]


async def test_picture_lies_beside_the_html_that_shows_it(hub: Hub) -> None:
    picture = Attachment("view.png", "image/png", b"\x89PNG", "image7@omnihub.invalid", inline=True)
    page = '<p><img src="cid:image7@omnihub.invalid"></p>'
    await send(hub, "mail", html=page, attachments=(picture,))
    message = (await hub.catcher.wait_for(ANN)).message()
    related = next(part for part in message.walk() if part.get_content_type() == "multipart/related")
    inner = [part["Content-ID"] for part in related.walk() if part["Content-ID"]]
    assert inner == ["<image7@omnihub.invalid>"]
    assert list(message.iter_attachments()) == []


async def test_mail_larger_than_allowed_never_leaves(hub: Hub) -> None:
    await hub.configure("mail", "max_message_mb", 1)
    wire = Crossing()
    error = await failing(hub, "mail", wire, attachments=(Attachment("x", "application/x", b"x" * 2**20),))
    assert (error.outcome, wire.crossed) == (Outcome.FAILED, 0)
    assert "at most 1 MB" in error.detail


async def test_server_that_takes_less_is_not_offered_more(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hub.catcher._protocol

    def small() -> Any:
        protocol = real()
        protocol.data_size_limit = 5000
        return protocol

    await hub.catcher.stop()
    monkeypatch.setattr(type(hub.catcher), "_protocol", lambda _: small())
    await hub.catcher.start()
    error = await failing(hub, "mail", text="x" * 6000)
    assert (error.outcome, "takes at most" in error.detail) == (Outcome.FAILED, True)


async def test_unsubscribe_stands_only_on_bulk_and_one_click_only_on_https(hub: Hub) -> None:
    await send(hub, "mail")
    await send(hub, "mail", unsubscribe="https://hub.example/u/1-abc")
    await send(hub, "mail", unsubscribe="http://127.0.0.1/u/1-abc")
    plain, secure, local = [mail.message() for mail in hub.catcher.mails]
    assert (plain["List-Unsubscribe"], plain["List-Unsubscribe-Post"]) == (None, None)
    assert secure["List-Unsubscribe"] == "<https://hub.example/u/1-abc>"
    assert secure["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (local["List-Unsubscribe"], local["List-Unsubscribe-Post"]) == ("<http://127.0.0.1/u/1-abc>", None)


async def test_international_address_is_written_to_where_the_server_can(hub: Hub) -> None:
    await send(hub, "mail", to="用户@例子.example")
    assert hub.catcher.mails[0].rcpt_to == ("用户@例子.example",)


# -- DKIM: another implementation is the judge -------------------------------------------------------------------
def pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def record(key: Any) -> bytes:
    import base64

    form = (
        (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if isinstance(key, rsa.RSAPrivateKey)
        else (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    )
    kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ed25519"
    return f"v=DKIM1; k={kind}; p={base64.b64encode(key.public_key().public_bytes(*form)).decode()}".encode()


KEYS = {"rsa": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate()}


@pytest.mark.parametrize("kind", KEYS)
async def test_signature_is_good_in_the_eyes_of_another_implementation(hub: Hub, kind: str) -> None:
    key = KEYS[kind]
    account = await hub.of("mail")
    secret = pem(key)
    settings = type(account.settings).model_validate(
        {**account.settings.model_dump(), "dkim": {"selector": "s1"}, "dkim_key": secret}
    )
    import dataclasses

    await hub.email.send(
        dataclasses.replace(account, settings=settings),
        outbound(hub, text="Grüße  \n\n trailing \t \n\n\n", cc=(BOB,), unsubscribe="https://hub.example/u/1"),
        Crossing(),
    )
    raw = (await hub.catcher.wait_for(ANN)).raw

    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.hub.example."
        return record(key)

    assert dkimpy.verify(raw, dnsfunc=dns)
    assert not dkimpy.verify(raw.replace(b"Subject: Re", b"Subject: No"), dnsfunc=dns)
    assert not dkimpy.verify(raw.replace(b"From:", b"From: eve@evil.example\r\nFrom:", 1), dnsfunc=dns)
    head = raw.partition(b"\r\n\r\n")[0].lower()
    assert b"list-unsubscribe:" in head.partition(b"bh=")[0].replace(b"\r\n  ", b"")


def test_signing_again_gives_the_same_bytes() -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 3, 1, tzinfo=UTC)
    message = b"From: a@b.example\r\nSubject: x\r\n\r\nbody\r\n"
    made = {dkim.sign(message, domain="b.example", selector="s", pem=pem(KEYS["rsa"]), at=at) for _ in range(3)}
    assert len(made) == 1


# -- in good time ------------------------------------------------------------------------------------------------
async def test_domain_that_asks_for_patience_gets_it_and_others_do_not_wait(hub: Hub, monkeypatch: Any) -> None:
    async def busy(self: Any, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.endswith("@customer.example"):
            return "450 4.7.1 Too many messages, slow down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    monkeypatch.setattr(type(hub.catcher), "handle_RCPT", busy)
    first = await failing(hub, "mail", to=ANN)
    assert (first.outcome, first.retry_after) == (Outcome.RETRY, SLOW)
    wire = Crossing()
    second = await failing(hub, "mail", wire, to=BOB)  # not even asked
    assert "slow down" in second.detail
    assert second.retry_after is not None
    assert 0 < second.retry_after <= SLOW
    await send(hub, "mail", to=CID)


async def test_no_domain_gets_more_at_once_than_configured(hub: Hub, monkeypatch: Any) -> None:
    await hub.configure("mail", "smtp.per_domain", 2)
    await hub.configure("mail", "smtp.connections", 8)
    now, most = 0, 0

    class Counting(Crossing):
        async def __call__(self) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1

    await asyncio.gather(*[send(hub, "mail", Counting(), to=f"c{n}@customer.example") for n in range(12)])
    assert (len(hub.catcher.mails), most) == (12, 2)


async def test_minute_that_is_full_puts_the_rest_off(hub: Hub) -> None:
    await hub.configure("mail", "smtp.per_minute", 1)
    await send(hub, "mail", to=ANN)
    error = await failing(hub, "mail", to=BOB)
    assert error.outcome is Outcome.RETRY
    assert error.retry_after is not None
    assert error.retry_after > 30
    await send(hub, "mail", to=CID)


# -- the Sent folder ---------------------------------------------------------------------------------------------
async def test_mail_of_unknown_fate_is_found_among_the_sent(boxed: Hub, server: Dovecot) -> None:
    account = await boxed.of("mail")
    user = account.settings.imap.user
    assert not await boxed.email.find(account, outbound(boxed)) if server.count(user, "Sent") else True
    with server.session(user) as client:
        client.create("Sent")
    assert not await boxed.email.find(account, outbound(boxed))
    server.append(user, b"Message-ID: <2.c1-abc@hub.example>\r\nSubject: x\r\n\r\nx\r\n", folder="Sent")
    assert await boxed.email.find(account, outbound(boxed))
    assert not await boxed.email.find(account, outbound(boxed, message_id="<3.c1-abc@hub.example>"))


@pytest.mark.parametrize("boxed", ["append"], indirect=True)
async def test_copy_is_put_among_the_sent_when_the_account_wants_it(boxed: Hub, server: Dovecot) -> None:
    account = await boxed.of("mail")
    await send(boxed, "mail")

    async def kept() -> bool:
        return await asyncio.to_thread(server.count, account.settings.imap.user, "Sent") == 1

    await eventually(kept)
    assert await boxed.email.find(account, outbound(boxed))
    assert MAILBOX
