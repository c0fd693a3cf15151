"""Handing mail to a server, stage by stage, so that a failure says truly whether the mail may have left.

Up to the `354` after DATA nothing has: a lost connection is retried freely. So it is while the final dot lies in our
own buffer. From then until the final reply the outcome is unknown (RFC 1047), and a definite reply is what it says:
4xx retry, 5xx failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiosmtplib

from connectors.email.rate_limit import Pace
from connectors.email.refusals import Refusal, named, quoted, refusal, retry, worst
from connectors.email.settings import Smtp
from connectors.email.smtp_body import Body, Gate, Place
from connectors.email.unreachable import SignInRefused, account_wide, line, unreachable
from hub.channels.model import Outcome, SendError, Wire
from hub.channels.reasons import Reason
from hub.core import log
from hub.core.errors import HubError

logger = log.get(__name__)
_IDLE_SECONDS = 20.0


Token = Callable[[str | None], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how we sign in there: with a password, or by `token(stale)`, which gives an OAuth 2 token."""

    smtp: Smtp
    password: str | None
    token: Token | None = field(default=None, compare=False)

    def key(self) -> tuple[object, ...]:
        """Connections with equal keys are interchangeable."""
        s = self.smtp
        return (s.host, s.port, s.tls, s.user, self.password, self.token is not None, s.ca_file)


@dataclass(frozen=True, slots=True)
class Post:
    """One message on its way: the envelope sender, the recipients, the bytes."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes


@dataclass(slots=True)
class _Idle:
    client: aiosmtplib.SMTP
    expiry: asyncio.TimerHandle


class Sender:
    """Connections kept for a moment and used again (measured: three times as many mails a second)."""

    def __init__(self) -> None:
        self._idle: dict[tuple[object, ...], list[_Idle]] = defaultdict(list)
        self._gates: dict[tuple[object, ...], Gate] = {}
        self._pace = Pace()

    async def send(self, server: Server, post: Post, wire: Wire) -> None:
        """Hand over one message; `SendError` says what a failure means, and who has it all the same (`taken`)."""
        gate = self._gates.setdefault(server.key(), Gate(server.smtp.connections))
        async with self._pace.turn(server.key(), server.smtp, post.recipients), gate.place() as place:
            try:
                refused = await self._deliver(server, post, wire, place)
            except Refusal as error:
                raise self._slowed(server, post, error) from error
        if refused:
            raise _partly(post, refused)

    def _slowed(self, server: Server, post: Post, error: Refusal) -> SendError:
        if error.slow and error.outcome is Outcome.RETRY:
            error.retry_after = self._pace.slow(server.key(), server.smtp, post.recipients)
        return error

    async def _deliver(self, server: Server, post: Post, wire: Wire, place: Place) -> dict[str, Refusal]:
        """Who was refused, when the message was taken for the others."""
        client, reused = await self._client(server)
        try:
            refused = await self._envelope(client, post)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            client.close()
            if not reused:
                raise retry("The mail server went away before the message was sent.") from error
            client = await _connect(server)  # the kept connection had died meanwhile
            refused = await self._envelope_orretry(client, post)
        except BaseException:
            client.close()
            raise
        await Body(client, server.smtp, place).send(post.message, wire)
        self._keep_open(server, client)
        return refused

    async def close(self) -> None:
        """Close what is kept."""
        for kept in [one for several in self._idle.values() for one in several]:
            kept.expiry.cancel()
            await _goodbye(kept.client)
        self._idle.clear()

    async def _envelope_orretry(self, client: aiosmtplib.SMTP, post: Post) -> dict[str, Refusal]:
        try:
            return await self._envelope(client, post)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            client.close()
            raise retry("The mail server went away before the message was sent.") from error
        except BaseException:
            client.close()
            raise

    async def _envelope(self, client: aiosmtplib.SMTP, post: Post) -> dict[str, Refusal]:
        """MAIL, RCPT and DATA up to the server's go-ahead; who was refused, when somebody was not."""
        utf8 = not (post.message.isascii() and all(one.isascii() for one in (post.sender, *post.recipients)))
        if utf8 and not client.supports_extension("smtputf8"):
            words = "The mail server cannot deliver to international addresses."
            raise SendError(words, outcome=Outcome.FAILED, code=Reason.SMTP_ASCII_ONLY)
        encoding, options = ("utf-8", ["SMTPUTF8"]) if utf8 else ("ascii", [])
        options += _size(client, post.message)
        try:
            await client.mail(post.sender, options=options, encoding=encoding)
            refused = await self._recipients(client, post, encoding)
            code, words = await client.execute_command(b"DATA")
        except aiosmtplib.SMTPResponseException as error:
            raise refusal(error.code, error.message) from error
        if code != 354:
            raise refusal(code, words)
        return refused

    async def _recipients(self, client: aiosmtplib.SMTP, post: Post, encoding: str) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        for recipient in post.recipients:
            try:
                await client.rcpt(recipient, encoding=encoding)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused[recipient] = refusal(error.code, error.message)
        if len(refused) == len(post.recipients):
            raise worst(refused)
        return refused

    async def _client(self, server: Server) -> tuple[aiosmtplib.SMTP, bool]:
        kept = self._idle[server.key()]
        while kept:
            one = kept.pop()
            one.expiry.cancel()
            if one.client.is_connected:
                return one.client, True
        return await _connect(server), False

    def _keep_open(self, server: Server, client: aiosmtplib.SMTP) -> None:
        if client.is_connected:
            kept = self._idle[server.key()]
            expiry = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._expire, server, client)
            kept.append(_Idle(client, expiry))

    def _expire(self, server: Server, client: aiosmtplib.SMTP) -> None:
        kept = self._idle[server.key()]
        kept[:] = [one for one in kept if one.client is not client]
        client.close()


async def greet(server: Server, sender: str, *recipients: str) -> dict[str, str]:
    """Sign in, name a sender and recipients, then go: nothing is sent. `SendError`: why it takes no mail of ours.

    What comes back are the recipients that it refuses for good, and its words.
    """
    client = await _connect(server)
    try:
        await client.mail(sender)
        answers = [(recipient, await _refused(client, recipient)) for recipient in recipients]
    except aiosmtplib.SMTPResponseException as error:
        raise refusal(error.code, error.message) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise retry(f"The mail server went away: {line(str(error))}") from error
    else:
        return {recipient: words for recipient, words in answers if words is not None}
    finally:
        await _goodbye(client)


async def _refused(client: aiosmtplib.SMTP, recipient: str) -> str | None:
    """The server's words when it refuses a recipient for good."""
    try:
        await client.rcpt(recipient)
    except aiosmtplib.SMTPRecipientRefused as error:
        return line(f"{error.code} {error.message}") if 500 <= error.code < 600 else None
    return None


async def _connect(server: Server) -> aiosmtplib.SMTP:
    if server.token is None:
        return await _connected(server, None)
    token = await _token(server.smtp, server.token, None)
    try:
        return await _connected(server, token)
    except SignInRefused:
        return await _connected(server, await _token(server.smtp, server.token, token))


async def _token(smtp: Smtp, token: Token, stale: str | None) -> str:
    try:
        return await token(stale)
    except HubError as error:
        raise account_wide(smtp, error.detail, Reason.SMTP_SIGN_IN, error.detail, after=300) from error


async def _connected(server: Server, token: str | None) -> aiosmtplib.SMTP:
    smtp = server.smtp

    async def current() -> str:
        return token or ""

    client = aiosmtplib.SMTP(
        hostname=smtp.host,
        port=smtp.port,
        use_tls=smtp.tls == "tls",
        start_tls=smtp.tls == "starttls",  # exactly as configured: never opportunistic
        tls_context=_tls(smtp),
        username=smtp.user,
        password=server.password if smtp.user and token is None else None,
        oauth_token_generator=current if token is not None else None,
        timeout=smtp.timeout_seconds,
        local_hostname="localhost" if smtp.host in {"127.0.0.1", "localhost", "::1"} else None,
    )
    try:
        async with asyncio.timeout(smtp.timeout_seconds * 2):
            await client.connect()
            if client.is_ehlo_or_helo_needed:  # what the server can is asked before it matters
                with contextlib.suppress(aiosmtplib.SMTPHeloError):
                    await client.ehlo()
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError, ValueError) as error:
        client.close()
        raise unreachable(smtp, error) from error
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


def _partly(post: Post, refused: dict[str, Refusal]) -> SendError:
    taken = [one for one in post.recipients if one not in refused]
    outcome = Outcome.RETRY if any(r.outcome is Outcome.RETRY for r in refused.values()) else Outcome.FAILED
    words, params = (
        f"{named(refused)} It went to {', '.join(taken)}.",
        {"reason": quoted(refused), "taken": ", ".join(taken)},
    )
    return SendError(words, outcome=outcome, taken=taken, code=Reason.SMTP_PARTLY, params=params)


def _size(client: aiosmtplib.SMTP, message: bytes) -> list[str]:
    """The SIZE option (RFC 1870); `SendError` when the server has said that it takes nothing so large."""
    if not client.supports_extension("size"):
        return []
    limit = client.esmtp_extensions.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(message):
        size, most = round(len(message) / 2**20, 1), round(int(limit) / 2**20, 1)
        words, params = f"The mail is {size} MB; its server takes at most {most} MB.", {"size": size, "most": most}
        raise SendError(words, outcome=Outcome.FAILED, code=Reason.MAIL_TOO_LARGE, params=params)
    return [f"SIZE={len(message)}"]
