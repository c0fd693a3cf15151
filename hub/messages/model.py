"""What is written, where it can go, and the conversation it is written into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.channels.capabilities import capabilities_of
from hub.channels.limits import Limits
from hub.channels.model import FilledTemplate, Page

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Without a channel or address it goes where the customer last wrote from.

    `attachments` are ids of uploads by the same agent. `automatic` marks what the hub sends by itself: it stops no
    clock and carries the headers that keep robots from answering it. `bulk` marks what goes to many and may be
    unsubscribed from. `due_at` sends later. `cc` and `bcc` are addresses; ours are left out. `confirms_consent` goes
    also to who has just opted out. With a `template` the `text` is what it comes to. `page` is what the desk shows of
    the `html`, or of the HTML that a `text` with pictures becomes. `withheld` is a part of the text that only the
    customer may read, such as the link by which they rate us, and the words that stand in its place on our side.
    """

    text: str
    client_id: str
    html: str | None = None
    subject: str | None = None
    channel: str | None = None
    address_id: int | None = None
    account_id: int | None = None
    attachments: tuple[int, ...] = ()
    automatic: bool = False
    due_at: datetime | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    bulk: bool = False
    confirms_consent: bool = False
    template: FilledTemplate | None = None
    page: Page | None = None
    withheld: tuple[str, str] | None = None

    def shown(self, text: str) -> str:
        """A part of it as our side may read it."""
        return text if self.withheld is None else text.replace(*self.withheld)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing made; `created` is False when it was there before."""

    interaction_id: int
    created: bool
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyChannel:
    """One way to reach the customer of a conversation."""

    channel: str
    address_id: int
    address: str
    account_id: int
    account: str
    connector: str
    account_address: str | None
    usable: bool  # by who writes: of one of their queues, of no queue, or used in this conversation already
    opted_out: bool
    signature: str
    last_inbound_at: datetime | None = None
    number: str | None = None
    limits: dict[str, Any] | None = None

    @property
    def max_length(self) -> int | None:
        """How many characters one message holds."""
        return capabilities_of(self.channel).max_length

    @property
    def price(self) -> tuple[float | None, str | None]:
        """What one segment to this number costs, and in which currency; unknown unless configured."""
        if not capabilities_of(self.channel).segments or not self.limits:
            return None, None
        limits = Limits.model_validate(self.limits)
        price = limits.price(self.address)
        return price, limits.currency if price is not None else None

    @property
    def window_ends(self) -> datetime | None:
        """Until when anything may be said, on channels with such a rule; the distant past if nothing was heard yet."""
        window = capabilities_of(self.channel).window
        if window is None:
            return None
        return LONG_AGO if self.last_inbound_at is None else self.last_inbound_at + window
