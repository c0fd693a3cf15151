"""The mail listener: TLS, sign-in, sizes, line ends, and one answer for each recipient."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors import certificates
from tests.integration.connectors.certificates import Certificates
from tests.integration.connectors.harness import MAILBOX, Hub, eventually

ANN = "ann@customer.example"
MAIL = f"From: Ann <{ANN}>\r\nTo: {MAILBOX}\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture
async def listener(
    db: Database, feed: Feed, vault: Vault, papers: Certificates, request: pytest.FixtureRequest
) -> AsyncGenerator[Hub]:
    """A hub whose listener is guarded as the test says."""
    more: dict[str, Any] = dict(getattr(request, "param", {}))
    if more.get("listen_tls"):
        more |= {"listen_cert": papers.cert, "listen_key": papers.key}
    async with Hub(db, feed, vault, email_settings=more) as hub:
        yield hub


def trusting(papers: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=papers.ca)


async def in_thread(work: Any) -> Any:
    return await asyncio.to_thread(work)


@pytest.mark.parametrize("listener", [{"listen_tls": "starttls"}], indirect=True)
async def test_mail_comes_over_starttls_and_not_without(listener: Hub, papers: Certificates) -> None:
    def secure() -> None:
        with smtplib.SMTP("127.0.0.1", listener.smtp_port, timeout=20) as client:
            client.starttls(context=trusting(papers))
            client.sendmail(ANN, [MAILBOX], MAIL)

    def bare() -> int:
        with smtplib.SMTP("127.0.0.1", listener.smtp_port, timeout=20) as client:
            client.ehlo()
            return client.docmd("MAIL", f"FROM:<{ANN}>")[0]

    await in_thread(secure)
    assert await in_thread(bare) == 530
    assert await listener.texts("email") == ["Hello"]


@pytest.mark.parametrize("listener", [{"listen_tls": "tls"}], indirect=True)
async def test_mail_comes_over_tls_from_the_first_byte(listener: Hub, papers: Certificates) -> None:
    def send() -> None:
        with smtplib.SMTP_SSL("127.0.0.1", listener.smtp_port, timeout=20, context=trusting(papers)) as client:
            client.sendmail(ANN, [MAILBOX], MAIL)

    await in_thread(send)
    assert await listener.texts("email") == ["Hello"]


@pytest.mark.parametrize("listener", [{"listen_tls": "tls"}], indirect=True)
async def test_renewed_certificate_is_used_without_a_restart(listener: Hub, papers: Certificates) -> None:
    def subject() -> str:
        context = trusting(papers)
        with smtplib.SMTP_SSL("127.0.0.1", listener.smtp_port, timeout=20, context=context) as client:
            return str(client.sock.getpeercert()["serialNumber"])  # type: ignore[union-attr, index] - it is connected by TLS here

    before = await in_thread(subject)
    await in_thread(lambda: certificates.make(Path(papers.cert).parent))

    async def renewed() -> bool:
        try:
            return bool(await in_thread(subject) != before)
        except ssl.SSLError:
            return False  # the old certificate, which the new authority does not know

    assert await eventually(renewed)


LOCKED = {"listen_user": "relay", "listen_password": "s3cret", "listen_tls": "starttls"}


@pytest.mark.parametrize("listener", [LOCKED], indirect=True)
async def test_only_a_relay_that_signs_in_may_hand_over_and_only_for_us(listener: Hub, papers: Certificates) -> None:
    def attempt(password: str | None, to: str = MAILBOX) -> int:
        with smtplib.SMTP("127.0.0.1", listener.smtp_port, timeout=20) as client:
            client.starttls(context=trusting(papers))
            if password is not None:
                client.login("relay", password)
            client.ehlo_or_helo_if_needed()
            code = client.mail(ANN)[0]
            return client.rcpt(to)[0] if code == 250 else code

    assert await in_thread(lambda: attempt(None)) == 530
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await in_thread(lambda: attempt("wrong"))
    assert await in_thread(lambda: attempt("s3cret")) == 250
    assert await in_thread(lambda: attempt("s3cret", "somebody@elsewhere.example")) == 550  # no open relay


@pytest.mark.parametrize("listener", [LOCKED], indirect=True)
async def test_password_is_not_taken_in_clear_text(listener: Hub) -> None:
    def attempt() -> None:
        with smtplib.SMTP("127.0.0.1", listener.smtp_port, timeout=20) as client:
            client.login("relay", "s3cret")

    with pytest.raises(smtplib.SMTPException):
        await in_thread(attempt)


async def test_mail_that_says_it_is_too_large_is_refused_before_it_is_sent(hub: Hub) -> None:
    def attempt() -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", hub.smtp_port, timeout=20) as client:
            client.ehlo()
            return client.mail(ANN, [f"SIZE={60 * 2**20}"])[0], client.esmtp_features["size"]

    code, limit = await in_thread(attempt)
    assert (code, limit) == (552, str(50 * 2**20))


SMUGGLED = b"MAIL FROM:<eve@evil.example>\r\nRCPT TO:<support@hub.example>\r\nDATA\r\nFrom: eve@evil.example\r\n\r\nsmuggled\r\n.\r\n"


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"])
async def test_no_second_mail_is_smuggled_in_by_odd_line_ends(hub: Hub, end: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.smtp_port)

    async def say(line: bytes) -> bytes:
        writer.write(line)
        async with asyncio.timeout(10):
            answer = await reader.readline()
            while answer[3:4] == b"-":
                answer = await reader.readline()
            return answer

    await reader.readline()
    await say(b"EHLO x\r\n")
    await say(f"MAIL FROM:<{ANN}>\r\n".encode())
    await say(f"RCPT TO:<{MAILBOX}>\r\n".encode())
    assert (await say(b"DATA\r\n")).startswith(b"354")
    assert (await say(MAIL.encode() + b"before" + end + SMUGGLED)).startswith(b"250")
    writer.close()
    rows = await hub.db.dicts("select a.value from interaction i join address a on a.id = i.address_id")
    assert [row["value"] for row in rows] == [ANN]  # whatever it looked like, it is one mail of hers


async def test_crash_before_the_answer_is_repeated_and_stored_once(hub: Hub) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", hub.smtp_port, timeout=20) as client:
            client.sendmail(ANN, [MAILBOX], MAIL)

    for breaks in ("before", "after"):
        hub.gate.breaks = breaks
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await in_thread(send)
        assert refused.value.smtp_code == 451
    await in_thread(send)
    assert await hub.texts("email") == ["Hello"]
