"""E-mail: fetched by IMAP or taken by SMTP and LMTP, answered by SMTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from aiohttp import web
from pydantic import BaseModel

import connectors.email.sent as sent
from connectors.email.access import Access
from connectors.email.bounces import return_path_token
from connectors.email.compose import checked, compose, recipients, tagged
from connectors.email.fetch import Fetcher
from connectors.email.listener import Listener
from connectors.email.parse import Envelope
from connectors.email.readers import READERS
from connectors.email.settings import Imap, Settings, Smtp
from connectors.email.smtp import Post, Sender
from connectors.email.take import read
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, SendError, Wire
from hub.core import log
from hub.core.errors import Invalid, Unavailable
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
        self._listeners: dict[tuple[str, bool], Listener] = {}
        self._bind_after: dict[tuple[str, bool], float] = {}
        self._fetchers: dict[int, tuple[Account, asyncio.Task[None]]] = {}

    def capabilities(self, channel: str) -> Capabilities:
        """HTML, files and a subject; threads by its own headers."""
        return Capabilities(html=True, attachments=True, subject=True, session=False)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """None: mail does not come over HTTP."""
        return []

    async def run(self, accept: Accept) -> None:
        """Keep listeners and mailbox fetchers as the accounts say, until cancelled."""
        READERS.warm()
        try:
            while True:
                with contextlib.suppress(Unavailable):
                    await self._follow(accept, await accept.accounts(self.name))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await self._stop()
            await self.close()
            await asyncio.to_thread(READERS.close)

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

    async def find(self, account: Account, outbound: Outbound) -> bool:
        """Whether the mailbox has it among what it sent; see `Finder`."""
        return await sent.find(self._access, account, outbound.message_id)

    def _return_path(self, account: Account, outbound: Outbound) -> str:
        """Where a bounce goes: to us, naming the send; nowhere for what a robot wrote (RFC 3834 §3.3)."""
        if outbound.automatic:
            return ""
        own = checked(account.address or "")
        settings = cast("Settings", account.settings)
        return tagged(own, return_path_token(self._core.vault, outbound.id)) if settings.verp else own

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """Stored bytes again; the envelope comes from `meta`."""
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
            f"{'lmtp' if lmtp else 'smtp'}://{address}": one.bound
            for (address, lmtp), one in self._listeners.items()
            if one.bound is not None
        }

    # -- following the accounts ----------------------------------------------------------------------------------
    async def _follow(self, accept: Accept, accounts: list[Account]) -> None:
        wanted = {
            (address, lmtp)
            for account in accounts
            for address, lmtp in ((account.settings.listen_smtp, False), (account.settings.listen_lmtp, True))
            if address
        }
        for key in set(self._listeners) - wanted:
            await self._listeners.pop(key).stop()
        for key in wanted - set(self._listeners):
            await self._listen(accept, key, accounts)
        await self._fetch(accept, accounts)

    async def _listen(self, accept: Accept, key: tuple[str, bool], accounts: list[Account]) -> None:
        now = asyncio.get_running_loop().time()
        if self._bind_after.get(key, 0.0) > now:
            return
        listener = Listener(accept, self._core.vault, key[0], lmtp=key[1])
        try:
            await listener.start()
        except OSError as error:
            # Another process of ours has it, and we take over when it ends; or somebody else, and doctor says so.
            self._bind_after[key] = now + _RETRY_BIND
            logger.warning("mail_listener_taken", address=key[0], error=str(error))
            return
        self._listeners[key] = listener
        for account in accounts:
            if key[0] in (account.settings.listen_smtp, account.settings.listen_lmtp):
                await accept.health(account.id, listening=key[0], error=None)

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
