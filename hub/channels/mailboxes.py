"""What a connector of mailboxes lets an administrator do: find servers, test, compare. The words of the admin pages.

Kept apart from the connector contract: a channel without mailboxes has none of this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from hub.channels.model import Accept, Account

Part = Literal["imap", "smtp", "listener", "settings"]


@dataclass(frozen=True, slots=True)
class Check:
    """What a test of one part found. `code` is for programs (`ok`, `wants_starttls`…), the rest to read."""

    part: Part
    ok: bool
    code: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Discovered:
    """The servers of a provider. `source` is `table`, `dns` or `guess`; `sign_in` what the provider asks for."""

    provider: str
    source: Literal["table", "dns", "guess"]
    imap: dict[str, Any]
    smtp: dict[str, Any]
    sign_in: Literal["password", "app_password", "oauth"]
    help_url: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A message on the server that is not stored."""

    uid: int
    size: int
    received: datetime | None
    sender: str
    subject: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """On the server = stored + unwanted (older than was ever wanted) + missing; fifty of the missing are named."""

    folder: str
    on_server: int
    stored: int
    unwanted: int
    missing: int
    refetched: int
    differences: list[Missing] = field(default_factory=list[Missing])


@runtime_checkable
class Mailboxes(Protocol):
    """A connector that has mailboxes to administer."""

    async def discover(self, address: str) -> Discovered:
        """The servers that an address is most likely served by."""
        ...

    async def probe(self, account: Account) -> list[Check]:
        """Try an account, stored or only thought of, and say what is wrong with it. Changes nothing anywhere."""
        ...

    async def reconcile(
        self, accept: Accept, account: Account, *, refetch: bool, seconds: float | None = None
    ) -> Reconciled:
        """Compare what lies on the server with what is stored; `refetch` stores what is missing, for so many seconds.

        `Unavailable` when the server cannot be asked.
        """
        ...
