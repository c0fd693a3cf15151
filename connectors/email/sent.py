"""The folder of what a mailbox has sent: asked when nobody knows whether a mail left, and filled if wanted."""

from __future__ import annotations

import asyncio

from connectors.email.access import Access
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, Refused
from connectors.email.settings import Settings
from hub.channels.model import Account
from hub.core import log
from hub.core.errors import HubError, Unavailable

logger = log.get(__name__)
_USUAL = "Sent"
_COPY_SECONDS = 60.0


async def find(access: Access, account: Account, message_id: str) -> bool:
    """Whether the mail lies among the sent ones; `Unavailable` when the mailbox cannot be asked."""
    settings: Settings = account.settings
    if settings.imap is None or settings.sent == "none":
        return False
    try:
        async with access.mailbox(account) as box:
            await box.select(await _folder(box, settings))
            return bool(await box.search("HEADER", "Message-ID", f'"{message_id.strip("<>")}"'))
    except (Lost, Refused, OSError, TimeoutError) as error:
        raise Unavailable(f"The mailbox {account.key} cannot be asked for what it sent: {error}") from error


async def _folder(box: Mailbox, settings: Settings) -> str:
    return settings.sent_folder or await box.special(r"\Sent") or _USUAL


class Copies:
    """Puts what we sent into the mailbox where the account wants that; never holds up or undoes a send."""

    def __init__(self, access: Access):
        self._access = access
        self._running: set[asyncio.Task[None]] = set()

    def keep(self, account: Account, message: bytes) -> None:
        """Begin to put a copy away."""
        settings: Settings = account.settings
        if settings.sent == "append" and settings.imap is not None:
            task = asyncio.create_task(self._append(account, message), name=f"sent-{account.key}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait for what was begun."""
        if self._running:
            await asyncio.wait(self._running, timeout=_COPY_SECONDS)

    async def _append(self, account: Account, message: bytes) -> None:
        try:
            async with asyncio.timeout(_COPY_SECONDS), self._access.mailbox(account) as box:
                await box.append(message, await _folder(box, account.settings))
        except (Lost, Refused, HubError, OSError, TimeoutError) as error:
            logger.warning("sent_copy_not_kept", account=account.key, error=str(error))
