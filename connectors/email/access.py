"""Opening an account's mailbox and its way out, with a password or with an OAuth 2 token."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from connectors.email.imap import Mailbox
from connectors.email.imap_errors import SignInRefused
from connectors.email.oauth import Tokens
from connectors.email.settings import Settings
from connectors.email.smtp import Server
from hub.channels.model import Account, Outcome, SendError
from hub.channels.reasons import Reason
from hub.core.errors import Invalid
from hub.core.service import Core


class Access:
    """How the accounts of one process sign in."""

    def __init__(self, core: Core):
        self._tokens = Tokens(core)

    async def connect(self, account: Account, box: Mailbox) -> None:
        """Connect and sign in, replacing a refused token once. Raises as `Mailbox.connect` and `Tokens.access`."""
        settings: Settings = account.settings
        if settings.oauth is None:
            await box.connect(settings.imap_password.get_secret_value() if settings.imap_password else "")
            return
        token = await self._tokens.access(account)
        try:
            await box.connect(token=token)
        except SignInRefused:
            await box.connect(token=await self._tokens.access(account, stale=token))

    @asynccontextmanager
    async def mailbox(self, account: Account) -> AsyncGenerator[Mailbox]:
        """The account's mailbox, signed in, for as long as the block lasts."""
        settings: Settings = account.settings
        if settings.imap is None:
            raise Invalid("This account fetches from no mailbox (imap).")
        box = Mailbox(settings.imap)
        try:
            await self.connect(account, box)
            yield box
        finally:
            await box.close()

    def server(self, account: Account) -> Server:
        """Where the account's mails are handed over, and how to sign in there."""
        settings: Settings = account.settings
        if settings.smtp is None:
            words = "The mailbox has no server to send by (smtp)."
            raise SendError(words, outcome=Outcome.FAILED, code=Reason.SMTP_NONE)
        password = settings.smtp_password or settings.imap_password
        if settings.oauth is not None and settings.smtp_password is None:
            return Server(settings.smtp, None, lambda stale: self._tokens.access(account, stale=stale))
        return Server(settings.smtp, password.get_secret_value() if password and settings.smtp.user else None, None)
