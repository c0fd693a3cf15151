# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# aiosmtpd's hooks are untyped; this is the only module that touches them.
"""Mail handed to us over SMTP or LMTP: committed before it is acknowledged, each recipient answered for itself.

Meant to stand behind the organisation's own mail server. It takes mail for our own addresses only, over TLS where
certificate files are named (STARTTLS is then required, or TLS from the first byte), and only from those who sign in
where a user is named. Renewed certificate files are read again for the next connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as Transaction

from connectors.email.accept import receive
from connectors.email.parse import MAX_BYTES, Envelope
from connectors.email.session import COMMANDS, SECONDS, LmtpSession, Session
from connectors.email.settings import Settings, host_port
from hub.channels.model import Accept, Account
from hub.core import log
from hub.core.errors import Unavailable
from hub.core.networks import Places
from hub.core.secrets import Vault

logger = log.get(__name__)
_PER_NETWORK, _TOGETHER = 100, 400  # sessions at once; mail servers hand over some dozens
_MAX_RECIPIENTS = 100
_IDENT = "omnihub"
_GONE = "451 4.3.0 Not stored just now; try again"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one listening address is guarded; accounts that share it share this."""

    address: str
    lmtp: bool
    tls: str = "none"
    cert: str | None = None
    key: str | None = None
    users: frozenset[tuple[str, str]] = frozenset()


def endpoints(accounts: Iterable[Account]) -> set[Endpoint]:
    """The listening addresses that accounts name. Whoever of them names a user makes signing in a duty for all."""
    found: dict[tuple[str, bool], Endpoint] = {}
    for account in accounts:
        settings: Settings = account.settings
        for address, lmtp in ((settings.listen_smtp, False), (settings.listen_lmtp, True)):
            if address:
                known = found.get((address, lmtp), Endpoint(address, lmtp))
                found[address, lmtp] = _joined(known, settings)
    return set(found.values())


def _joined(endpoint: Endpoint, settings: Settings) -> Endpoint:
    if settings.listen_tls != "none" and endpoint.tls == "none":
        endpoint = replace(endpoint, tls=settings.listen_tls, cert=settings.listen_cert, key=settings.listen_key)
    if settings.listen_user is not None and settings.listen_password is not None:
        user = (settings.listen_user, settings.listen_password.get_secret_value())
        endpoint = replace(endpoint, users=endpoint.users | {user})
    return endpoint


def matches(account: Account, recipient: str) -> bool:
    """Whether a recipient is this account, with or without a plus-part."""
    local, _, domain = recipient.lower().rpartition("@")
    known = {one.lower() for one in (account.address or "", *account.settings.aliases)}
    return f"{local}@{domain}" in known or f"{local.split('+', 1)[0]}@{domain}" in known


class Listener:
    """One listening address, shared by every account that names it."""

    def __init__(self, accept: Accept, vault: Vault, endpoint: Endpoint):
        self.endpoint = endpoint
        self.address = endpoint.address
        self.lmtp = endpoint.lmtp
        self.open: set[Any] = set()
        self._places = Places(_PER_NETWORK, _TOGETHER)
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.bound: tuple[str, int] | None = None
        self._accept = accept
        self._vault = vault
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None
        self._stamp: tuple[int, ...] = ()

    async def start(self) -> None:
        """Listen; `OSError` if the address is taken or a certificate cannot be read."""
        loop = asyncio.get_running_loop()
        host, port = host_port(self.address)
        self.renew()
        direct = self._context if self.endpoint.tls == "tls" else None
        self._server = await loop.create_server(self._protocol, host, port, ssl=direct)
        found = self._server.sockets[0].getsockname()
        self.bound = (found[0], found[1])
        logger.info("mail_listener", kind="lmtp" if self.lmtp else "smtp", host=found[0], port=found[1])

    def renew(self) -> None:
        """Read the certificate files again if they have changed; `OSError` (`ssl.SSLError`) when they are no good."""
        if self.endpoint.tls == "none" or self.endpoint.cert is None:
            return
        stamp = tuple(Path(file).stat().st_mtime_ns for file in (self.endpoint.cert, self.endpoint.key) if file)
        if stamp == self._stamp:
            return
        if self._context is None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self.endpoint.cert, self.endpoint.key)
        self._stamp = stamp

    def _protocol(self) -> Session:
        kind = LmtpSession if self.lmtp else Session
        upgrade = self.endpoint.tls == "starttls"
        protocol = kind(
            self, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="localhost", ident=_IDENT, timeout=SECONDS,
            loop=asyncio.get_running_loop(), tls_context=self._context if upgrade else None, require_starttls=upgrade,
            authenticator=self._known, auth_required=bool(self.endpoint.users), auth_require_tls=upgrade,
            command_call_limit=COMMANDS,
        )  # fmt: skip
        protocol.listener = self
        return protocol

    def _known(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        """Whether the relay is one of ours; compared in constant time."""
        login, password = (given.login, given.password) if isinstance(given, LoginPassword) else (b"", b"")
        good = [
            hmac.compare_digest(login, user.encode()) & hmac.compare_digest(password, secret.encode())
            for user, secret in self.endpoint.users
        ]
        return AuthResult(success=any(good), handled=False)

    async def stop(self) -> None:
        """Stop listening and drop who is connected: what was not acknowledged comes again."""
        if self._server is None:
            return
        self._server.close()
        for protocol in list(self.open):
            if protocol.transport is not None:
                protocol.transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._quiet.wait()
        self._server = None

    def opened(self, protocol: SMTP, network: str) -> bool:
        """Count a connection; False when there are too many."""
        if not self._places.enter(network):
            return False
        self.open.add(protocol)
        self._quiet.clear()
        return True

    def closed(self, protocol: SMTP, network: str) -> None:
        """Forget it."""
        self._places.leave(network)
        self.open.discard(protocol)
        if not self.open:
            self._quiet.set()

    # -- aiosmtpd's hooks ----------------------------------------------------------------------------------------
    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its hooks by name
        self, server: Any, session: Any, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        """Only our own addresses."""
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            accounts = await self._accounts()
        except Unavailable:
            return _GONE
        if not any(matches(account, address) for account in accounts):
            return "550 5.1.1 There is no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Transaction) -> str:  # noqa: N802 - as above
        """Store the message for each account it is for, then answer."""
        raw = bytes(envelope.content or b"")  # pyright: ignore[reportArgumentType] - bytes, as we decode nothing
        answers = await self._store(raw, (envelope.mail_from or "").strip("<>"), list(envelope.rcpt_tos))
        if self.lmtp:
            return "\r\n".join(answers)
        return next((answer for answer in answers if not answer.startswith("250")), answers[0])

    async def handle_exception(self, error: Exception) -> str:
        """Whatever goes wrong in a session is ours to mend and the sender's to repeat."""
        logger.error("mail_session_failed", exc_info=error)
        return _GONE

    async def _store(self, raw: bytes, mail_from: str, recipients: list[str]) -> list[str]:
        """One reply for each recipient, in order."""
        try:
            accounts = await self._accounts()
        except Unavailable:
            return [_GONE] * len(recipients)
        answers = dict.fromkeys(recipients, "550 5.1.1 There is no such mailbox here")
        for account in accounts:
            mine = [one for one in recipients if matches(account, one)]
            if mine:
                answer = await self._receive(account, raw, Envelope(mail_from, tuple(mine)))
                answers.update(dict.fromkeys(mine, answer))
        return [answers[one] for one in recipients]

    async def _receive(self, account: Account, raw: bytes, envelope: Envelope) -> str:
        try:
            held = await receive(self._accept, self._vault, account, raw, envelope)
        except Unavailable:
            return _GONE
        return "250 2.0.0 Kept for a person to look at" if held else "250 2.0.0 Stored"

    async def _accounts(self) -> list[Account]:
        mine = [a for a in await self._accept.accounts("email") if self.address in _listening(a, lmtp=self.lmtp)]
        return [a for a in mine if a.address]


def _listening(account: Account, *, lmtp: bool) -> list[str]:
    named = account.settings.listen_lmtp if lmtp else account.settings.listen_smtp
    return [named] if named else []
