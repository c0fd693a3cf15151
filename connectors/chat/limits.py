"""How much of a chat one network, one visitor and one site may have, so that nobody floods the people who answer.

A network is what one subscriber has (`hub.core.networks`); where a caller's cannot be told, only the bounds of the
site and of the visitor hold. Everything is refused in words and with the seconds to wait, never dropped.
"""

from __future__ import annotations

import math
from typing import cast

from connectors.chat.connection import Line
from connectors.chat.settings import Settings
from hub.channels.model import Account
from hub.core.errors import TooMany
from hub.core.metrics import REJECTED
from hub.core.networks import Allowance, Allowances, Places

SPAN = 600.0  # seconds, in which a site's settings allow so many new chats
SESSIONS = Allowance(burst=120, per_second=1)  # of one network: every page that shows the widget opens one
SOCKETS, SOCKETS_OF_SITE = 100, 5_000  # at once: of one network, of one site in this process
MESSAGES = Allowance(burst=20, per_second=2)  # of one visitor
MESSAGES_OF_NETWORK = Allowance(burst=100, per_second=10)
MESSAGES_OF_SITE = Allowance(burst=500, per_second=50)
FRAMES = Allowance(burst=100, per_second=20)  # of one socket, of whatever kind
FILES = Allowance(burst=30, per_second=0.05)  # of one visitor
MB = 2**20
FILE_BYTES = Allowance(burst=60 * MB, per_second=60 * MB / 3600)  # of one visitor
FILE_BYTES_OF_NETWORK = Allowance(burst=200 * MB, per_second=200 * MB / 3600)
FILE_BYTES_OF_SITE = Allowance(burst=2048 * MB, per_second=2048 * MB / 3600)
FILES_AT_ONCE, FILES_OF_NETWORK = 16, 6  # being received by this process
_REPLAY = 10.0  # frames that asking for a replay counts as


class Limits:
    """What this process has allowed lately."""

    def __init__(self) -> None:
        self._sessions = Allowances(SESSIONS)
        self._sockets = Places(SOCKETS, 1_000_000)
        self._sockets_of_site = Places(SOCKETS_OF_SITE, 1_000_000)
        self._frames = Allowances(FRAMES)
        self._messages = Allowances(MESSAGES)
        self._messages_of_network = Allowances(MESSAGES_OF_NETWORK)
        self._messages_of_site = Allowances(MESSAGES_OF_SITE)
        self._files = Allowances(FILES)
        self._bytes = Allowances(FILE_BYTES)
        self._bytes_of_network = Allowances(FILE_BYTES_OF_NETWORK)
        self._bytes_of_site = Allowances(FILE_BYTES_OF_SITE)
        self._arriving = Places(FILES_OF_NETWORK, FILES_AT_ONCE)
        self._chats: dict[int, tuple[Allowance, Allowances]] = {}
        self._chats_of_site: dict[int, tuple[Allowance, Allowances]] = {}

    def session(self, site: str, network: str | None) -> None:
        """A page opens the widget; `TooMany`."""
        if network is not None:
            _spend(self._sessions, (site, network), "Too many visits from your network.", "sessions")

    def enter(self, site: str, network: str | None) -> bool:
        """A socket opens; whether there is a place. Every one that was given is left again."""
        if not self._sockets_of_site.enter(site):
            return False
        if network is not None and not self._sockets.enter((site, network)):
            self._sockets_of_site.leave(site)
            return False
        return True

    def leave(self, site: str, network: str | None) -> None:
        """It has closed."""
        self._sockets_of_site.leave(site)
        if network is not None:
            self._sockets.leave((site, network))

    def frame(self, line: Line, kind: object) -> bool:
        """A socket says something of some kind; whether it may. To be told everything again costs us most."""
        return not self._frames.take(line.id, _REPLAY if kind == "sub" else 1.0)

    def message(self, account: Account, line: Line) -> None:
        """A visitor writes; `TooMany`. Who begins a chat takes a place among the new ones too."""
        site, network = account.key, line.network
        _spend(self._messages, line.visitor.id, "Too many messages at once.", "messages")
        if network is not None:
            _spend(self._messages_of_network, (site, network), "Too many messages from your network.", "messages")
        _spend(self._messages_of_site, site, "Very many people are writing right now.", "site")
        if line.status.get("conversation") is None or line.status.get("state") == "resolved":
            self._new_chat(account, network)

    def file(self, site: str, visitor: str, network: str | None, size: int) -> None:
        """A visitor sends a file of so many bytes; `TooMany`."""
        _spend(self._files, visitor, "Too many files at once.", "files")
        _spend(self._bytes, visitor, "Too much in files for now.", "files", size)
        if network is not None:
            _spend(self._bytes_of_network, (site, network), "Too much in files from your network.", "files", size)
        _spend(self._bytes_of_site, site, "Very many files are being sent right now.", "files", size)

    def begin_file(self, network: str | None) -> bool:
        """A file begins to arrive; whether there is a place. Every one that was given is left again."""
        return self._arriving.enter(network, bounded=network is not None)

    def end_file(self, network: str | None) -> None:
        """It is here, or will not be."""
        self._arriving.leave(network)

    def _new_chat(self, account: Account, network: str | None) -> None:
        settings = cast("Settings", account.settings)
        of_network = _allowances(self._chats, account.id, settings.new_chats)
        if network is not None:
            _spend(of_network, network, "Too many new chats from your network.", "chats")
        of_site = _allowances(self._chats_of_site, account.id, settings.new_chats_of_site)
        _spend(of_site, account.id, "Very many people are writing right now.", "site")


def _allowances(known: dict[int, tuple[Allowance, Allowances]], account_id: int, number: int) -> Allowances:
    """The counters of one site, begun anew when its settings change."""
    allowance = Allowance(burst=number, per_second=number / SPAN)
    if account_id not in known or known[account_id][0] != allowance:
        known[account_id] = (allowance, Allowances(allowance))
    return known[account_id][1]


def _spend(allowances: Allowances, key: object, words: str, reason: str, amount: float = 1.0) -> None:
    wait = allowances.take(key, amount)
    if wait:
        REJECTED.labels("chat", reason).inc()
        raise TooMany(words, retry_after=max(1, math.ceil(wait)), remedy="Wait a moment, then try again.")
