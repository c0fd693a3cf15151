"""Handing mail to a server, stage by stage, so that a failure says truly whether the mail may have left.

Up to the `354` after DATA nothing has: a lost connection is retried freely. From the first byte of the body until
the final reply the outcome is unknown (RFC 1047), and a definite reply is what it says: 4xx retry, 5xx failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections import defaultdict
from dataclasses import dataclass

import aiosmtplib

from connectors.email.settings import Smtp
from hub.channels.model import Outcome, SendError, Wire
from hub.core import log

logger = log.get(__name__)
_IDLE_SECONDS = 20.0
_FINAL_SECONDS = 600.0  # RFC 5321 §4.5.3.2.6: how long a server may think about the final dot
_THROTTLED = re.compile(r"\b4\.7\.\d+\b|\btoo many\b|\brate\b|\bthrottl", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how we sign in there."""

    smtp: Smtp
    password: str | None

    def key(self) -> tuple[object, ...]:
        """Connections with equal keys are interchangeable."""
        s = self.smtp
        return (s.host, s.port, s.tls, s.user, self.password, s.ca_file)


@dataclass(slots=True)
class _Idle:
    client: aiosmtplib.SMTP
    expiry: asyncio.TimerHandle


class Sender:
    """Connections kept for a moment and used again (measured: three times as many mails a second)."""

    def __init__(self) -> None:
        self._idle: dict[tuple[object, ...], list[_Idle]] = defaultdict(list)
        self._gates: dict[tuple[object, ...], asyncio.Semaphore] = {}

    async def send(self, server: Server, sender: str, recipient: str, message: bytes, wire: Wire) -> None:
        """Hand over one message to one recipient; `SendError` says what a failure means."""
        gate = self._gates.setdefault(server.key(), asyncio.Semaphore(server.smtp.connections))
        async with gate:
            client, reused = await self._client(server)
            try:
                await self._envelope(client, sender, recipient)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
                client.close()
                if not reused:
                    raise _retry("The mail server went away before the message was sent.") from error
                client = await _connect(server)  # the kept connection had died meanwhile
                await self._envelope_or_retry(client, sender, recipient)
            except BaseException:
                client.close()
                raise
            await self._body(client, message, wire)
            self._keep(server, client)

    async def close(self) -> None:
        """Close what is kept."""
        for kept in [one for several in self._idle.values() for one in several]:
            kept.expiry.cancel()
            await _goodbye(kept.client)
        self._idle.clear()

    async def _envelope_or_retry(self, client: aiosmtplib.SMTP, sender: str, recipient: str) -> None:
        try:
            await self._envelope(client, sender, recipient)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            client.close()
            raise _retry("The mail server went away before the message was sent.") from error
        except BaseException:
            client.close()
            raise

    async def _envelope(self, client: aiosmtplib.SMTP, sender: str, recipient: str) -> None:
        """MAIL, RCPT and DATA up to the server's go-ahead."""
        utf8 = not (sender.isascii() and recipient.isascii())
        if utf8 and not client.supports_extension("smtputf8"):
            raise SendError("The mail server cannot deliver to international addresses.", outcome=Outcome.FAILED)
        encoding, options = ("utf-8", ["SMTPUTF8"]) if utf8 else ("ascii", [])
        try:
            await client.mail(sender, options=options, encoding=encoding)
            await client.rcpt(recipient, encoding=encoding)
            code, words = await client.execute_command(b"DATA")
        except aiosmtplib.SMTPResponseException as error:
            raise refusal(error.code, error.message) from error
        if code != 354:
            raise refusal(code, words)

    async def _body(self, client: aiosmtplib.SMTP, message: bytes, wire: Wire) -> None:
        """The message itself: from its first byte on it may arrive."""
        protocol = client.protocol
        try:
            await wire()
        except BaseException:
            client.close()  # without the final dot nothing was sent
            raise
        if protocol is None or not client.is_connected:
            client.close()
            raise _retry("The mail server went away before the message was sent.")
        try:
            protocol.write(dot_stuffed(message))
            code, words = await protocol.read_response(timeout=_FINAL_SECONDS)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
            client.close()
            raise SendError(
                "The mail server went away while taking the message; it may have arrived.", outcome=Outcome.UNKNOWN
            ) from error
        except BaseException:
            client.close()
            raise
        if code != 250:
            client.close()
            raise refusal(code, words)

    async def _client(self, server: Server) -> tuple[aiosmtplib.SMTP, bool]:
        kept = self._idle[server.key()]
        while kept:
            one = kept.pop()
            one.expiry.cancel()
            if one.client.is_connected:
                return one.client, True
        return await _connect(server), False

    def _keep(self, server: Server, client: aiosmtplib.SMTP) -> None:
        if client.is_connected:
            kept = self._idle[server.key()]
            expiry = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._expire, server, client)
            kept.append(_Idle(client, expiry))

    def _expire(self, server: Server, client: aiosmtplib.SMTP) -> None:
        kept = self._idle[server.key()]
        kept[:] = [one for one in kept if one.client is not client]
        client.close()


async def _connect(server: Server) -> aiosmtplib.SMTP:
    smtp = server.smtp
    client = aiosmtplib.SMTP(
        hostname=smtp.host,
        port=smtp.port,
        use_tls=smtp.tls == "tls",
        start_tls=smtp.tls == "starttls",  # exactly as configured: never opportunistic
        tls_context=_tls(smtp),
        username=smtp.user,
        password=server.password if smtp.user else None,
        timeout=smtp.timeout_seconds,
        local_hostname="localhost" if smtp.host in {"127.0.0.1", "localhost", "::1"} else None,
    )
    try:
        async with asyncio.timeout(smtp.timeout_seconds * 2):
            await client.connect()
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        raise _retry(f"The mail server refuses our password ({error.code}).", after=300) from error
    except aiosmtplib.SMTPNotSupported as error:
        client.close()
        raise _retry(f"The mail server does not offer what is configured: {error}", after=300) from error
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError, ValueError) as error:
        client.close()
        raise _retry(f"The mail server {smtp.host}:{smtp.port} cannot be reached: {_line(str(error))}") from error
    except BaseException:
        client.close()
        raise
    return client


def _tls(smtp: Smtp) -> ssl.SSLContext | None:
    if smtp.tls == "none":
        return None
    return ssl.create_default_context(cafile=smtp.ca_file)


async def _goodbye(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(2):
            await client.quit()
    client.close()


def dot_stuffed(message: bytes) -> bytes:
    """RFC 5321 §4.5.2, with the line that ends it."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")


def refusal(code: int, words: str) -> SendError:
    """What a definite reply means: 4xx later, 5xx never, in the server's own words."""
    said = f"The mail server says {code} {_line(words)}"
    if 400 <= code < 500:
        slow = code == 421 or _THROTTLED.search(words)
        return SendError(said, outcome=Outcome.RETRY, retry_after=120 if slow else None)
    if 500 <= code < 600:
        return SendError(said, outcome=Outcome.FAILED)
    return SendError(said, outcome=Outcome.RETRY)


def _retry(detail: str, *, after: float | None = None) -> SendError:
    return SendError(detail, outcome=Outcome.RETRY, retry_after=after)


def _line(words: str) -> str:
    return " ".join(words.split())[:300]
