"""E-mail: fetched by IMAP or taken by SMTP and LMTP, answered by SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from aiohttp import web
from pydantic import BaseModel

import connectors.email.sent as sent
from connectors.email.accept import read
from connectors.email.access import Access
from connectors.email.bounces import return_path_token
from connectors.email.compose import checked, compose, recipients, tagged
from connectors.email.discover import discover
from connectors.email.fetch import Fetcher
from connectors.email.listener import Endpoint, Listener, endpoints
from connectors.email.parse import Envelope
from connectors.email.probe import probe
from connectors.email.reconcile import Reconciliation
from connectors.email.settings import Imap, Settings, Smtp
from connectors.email.smtp import Post, Sender
from hub.channels.capabilities import capabilities_of
from hub.channels.mailboxes import Check, Discovered, Reconciled
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, SendError, Wire
from hub.core import log
from hub.core.errors import Invalid, Unavailable
from hub.core.sandbox import CONFINED
from hub.core.service import Core

__all__ = ["Email", "Imap", "Settings", "Smtp"]

logger = log.get(__name__)
_LOOK_SECONDS = 2.0  # how soon a changed account takes effect
_RETRY_BIND = 5.0


class Email:
    """Translates between mail and the hub."""

    name: ClassVar[str] = "email"
    channels: ClassVar[tuple[str, ...]] = ("email",)
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._core = core
        self._sender = Sender()
        self._access = Access(core)
        self._copies = sent.Copies(self._access)
        self._listeners: dict[Endpoint, Listener] = {}
        self._bind_after: dict[Endpoint, float] = {}
        self._fetchers: dict[int, tuple[Account, asyncio.Task[None]]] = {}

    def capabilities(self, channel: str) -> Capabilities:
        """HTML, files and a subject; threads by its own headers."""
        return capabilities_of(channel)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """None: mail does not come over HTTP."""
        return []

    async def run(self, accept: Accept) -> None:
        """Keep listeners and mailbox fetchers as the accounts say, until cancelled."""
        CONFINED.warm()
        try:
            while True:
                with contextlib.suppress(Unavailable):
                    await self._follow(accept, await accept.accounts(self.name))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._stop()
            await self.close()
            await asyncio.to_thread(CONFINED.close)

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Hand the mail to the account's server; its Message-ID."""
        server = self._access.server(account)
        message = await asyncio.to_thread(compose, account, outbound)
        post = Post(self._return_path(account, outbound), recipients(outbound), message)
        try:
            await self._sender.send(server, post, wire)
        except SendError as error:
            if error.taken:
                error.provider_id = outbound.message_id  # reports about those who have it name this
                self._copies.keep(account, message)
            raise
        self._copies.keep(account, message)
        return outbound.message_id

    def at_once(self, account: Account) -> tuple[int, int]:
        """As many as there are connections, and a few that wait for one; see `Bounded`. No domain gets all of them."""
        smtp = cast("Settings", account.settings).smtp
        connections = smtp.connections if smtp else 1
        return connections + 2, min(smtp.per_domain if smtp else 1, max(1, connections - 1))

    async def find(self, account: Account, outbound: Outbound) -> bool:
        """Whether the mailbox has it among what it sent; see `Finder`."""
        return await sent.find(self._access, account, outbound.message_id)

    def _return_path(self, account: Account, outbound: Outbound) -> str:
        """Where a bounce goes: to us, naming the send; nowhere for what a robot wrote (RFC 3834 §3.3)."""
        if outbound.automatic:
            return ""
        own = checked(account.address or "")
        settings = cast("Settings", account.settings)
        if not (settings.verp and settings.plus_addresses):
            return own
        return tagged(own, return_path_token(self._core.vault, outbound.id))

    # -- administration (hub.channels.mailboxes) -----------------------------------------------------------------
    async def discover(self, address: str) -> Discovered:
        """The servers behind an address."""
        return await discover(address)

    async def probe(self, account: Account) -> list[Check]:
        """What is wrong with an account."""
        return await probe(self._access, account)

    async def reconcile(
        self, accept: Accept, account: Account, *, refetch: bool, seconds: float | None = None
    ) -> Reconciled:
        """The server's messages against the stored ones."""
        return await Reconciliation(self._core, self._access, accept, account).run(refetch=refetch, seconds=seconds)

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """Stored bytes again; the envelope comes from `meta`. What is not whole is not taken for the message."""
        if meta.get("incomplete"):
            raise Invalid(
                "Only the beginning of this mail is kept here, or its name.",
                remedy="Read it in the mailbox; `hub email reconcile` fetches what the server hands out by now.",
            )
        if account is None:
            raise Invalid("The mail belongs to no mailbox.")
        envelope = Envelope(meta.get("mail_from"), tuple(meta.get("rcpt_to", ())))
        return read(account, raw, envelope).inbound

    async def close(self) -> None:
        """Close the connections to mail servers."""
        await self._copies.close()
        await self._sender.close()

    @property
    def listening(self) -> dict[str, tuple[str, int]]:
        """Where we listen: `smtp` or `lmtp` and the configured address, to the one really bound (port 0 differs)."""
        return {
            f"{'lmtp' if endpoint.lmtp else 'smtp'}://{endpoint.address}": one.bound
            for endpoint, one in self._listeners.items()
            if one.bound is not None
        }

    # -- following the accounts ----------------------------------------------------------------------------------
    async def _follow(self, accept: Accept, accounts: list[Account]) -> None:
        wanted = endpoints(accounts)
        for endpoint in set(self._listeners) - wanted:
            await self._listeners.pop(endpoint).stop()
        for endpoint in wanted:
            if endpoint in self._listeners:
                self._renew(self._listeners[endpoint])
            else:
                await self._listen(accept, endpoint, accounts)
        await self._fetch(accept, accounts)

    def _renew(self, listener: Listener) -> None:
        try:
            listener.renew()
        except OSError as error:
            logger.warning("mail_certificate_not_renewed", address=listener.address, error=str(error))

    async def _listen(self, accept: Accept, endpoint: Endpoint, accounts: list[Account]) -> None:
        now = asyncio.get_running_loop().time()
        if self._bind_after.get(endpoint, 0.0) > now:
            return
        listener = Listener(accept, self._core.vault, endpoint)
        here = [a for a in accounts if endpoint.address in (a.settings.listen_smtp, a.settings.listen_lmtp)]
        try:
            await listener.start()
        except OSError as error:
            # Another process of ours has it, and we take over when it ends; or somebody else, and doctor says so.
            self._bind_after[endpoint] = now + _RETRY_BIND
            logger.warning("mail_listener_taken", address=endpoint.address, error=str(error))
            if not isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
                return
            for account in here:
                await accept.health(account.id, error=f"The certificate for {endpoint.address} cannot be used: {error}")
            return
        self._listeners[endpoint] = listener
        for account in here:
            await accept.health(account.id, listening=endpoint.address, error=None)

    async def _fetch(self, accept: Accept, accounts: list[Account]) -> None:
        wanted = {account.id: account for account in accounts if account.settings.imap is not None}
        for account_id, (before, task) in list(self._fetchers.items()):
            if wanted.get(account_id) != before or task.done():
                del self._fetchers[account_id]
                await _cancelled(task)
        for account_id, account in wanted.items():
            if account_id not in self._fetchers:
                fetcher = Fetcher(self._core, self._access, accept, account)
                self._fetchers[account_id] = (account, asyncio.create_task(fetcher.run(), name=f"imap-{account.key}"))

    async def _stop(self) -> None:
        for _, task in self._fetchers.values():
            await _cancelled(task)
        self._fetchers.clear()
        for listener in self._listeners.values():
            await listener.stop()
        self._listeners.clear()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
