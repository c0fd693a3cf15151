"""What can go wrong with a mailbox."""

from __future__ import annotations


class Trouble(Exception):
    """The server did not do what it was asked. `came` are the messages that it handed out before, whole, by UID."""

    def __init__(self, words: str = "", came: dict[int, bytes] | None = None):
        super().__init__(words)
        self.came = came or {}


class Lost(Trouble):
    """The connection to the mailbox is gone."""


class Refused(Trouble):
    """The server said NO or BAD."""


class SignInRefused(Refused):
    """The server does not accept the user name or password."""


class WantsTls(Refused):
    """The server takes no password before STARTTLS."""


class NoStartTls(Refused):
    """The server offers no STARTTLS."""
