"""The connector contract: what crosses the line between the hub and a channel.

A connector translates and nothing else. It never looks for a contact, a conversation or an agent; provider words
(MIME, TwiML) never cross this line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from aiohttp import web
from pydantic import BaseModel

from hub.channels.capabilities import AddressKind, Capabilities
from hub.channels.consent import Consent
from hub.channels.reasons import Reason
from hub.core.errors import HubError
from hub.core.service import Core


@dataclass(frozen=True, slots=True)
class Account:
    """One configured mailbox, number or chat site of ours. `settings` is the connector's own validated model."""

    id: int
    key: str
    connector: str
    channel: str
    name: str
    address: str | None
    settings: Any
    queue_id: int | None
    locale: str | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message or goes out with one. `content_id` without angle brackets."""

    name: str
    content_type: str
    body: bytes
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A message's HTML as it may be shown, cleaned once where it could do no harm (`hub.messages.html`).

    `own` is what its writer wrote, `whole` with what they quote (None: the same). In place of each picture stands a
    mark, whose number says which of `pictures` (`cid:` names and addresses elsewhere) it was. Without `own` there is
    nothing to show but the text, and `error` says why.
    """

    own: str | None = None
    whole: str | None = None
    pictures: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that a message names and that is fetched after it. `content_type` is what its sender calls it."""

    url: str
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from a customer, translated.

    `dedup_key` is the sender's own key within the account (MessageSid, mailbox+UIDVALIDITY+UID or a content hash,
    the widget's message id): the same key again is the same message. `raw` are the bytes as they came.
    `tokens` are strings found in recipient addresses that may be reply tokens of ours; the hub verifies them.
    `references` are message ids this one answers, the nearest first. `verified` says that the sender is proved to
    own `address`; `automatic` that a robot wrote it: it is stored and never answered. `consent` is what it says about
    being written to, if that is all it says. `number` is the telephone number of somebody whose `address` is a
    provider's own id; `reported` is that number, or the one in `address`, as the provider writes it, where that is not
    the form under which people are known (`hub.contacts.numbers`): messages go there. `media` are files to be fetched
    once the message is stored. `page` is its `html` cleaned, where the connector had that done; else the hub does it
    before the message is first shown. `placeholder` is the kind of a message without words of its own
    (`hub.channels.placeholders`), for which the hub puts words where `text` is blank.
    """

    account_id: int
    dedup_key: str
    raw: bytes
    raw_type: str
    address_kind: AddressKind
    address: str
    text: str
    name: str = ""
    subject: str = ""
    html: str | None = None
    page: Page | None = None
    external_id: str | None = None
    references: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    verified: bool = False
    automatic: bool = False
    sent_at: datetime | None = None
    locale: str | None = None
    attachments: tuple[Attachment, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    consent: Consent | None = None
    number: str | None = None
    media: tuple[RemoteFile, ...] = ()
    reported: str | None = None
    placeholder: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the hub made of an `Inbound`, after the commit. `duplicate`: it was here before; nothing changed."""

    duplicate: bool
    raw_id: int
    interaction_id: int | None = None
    conversation_id: int | None = None
    seq: int | None = None
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class FilledTemplate:
    """A provider's approved text that is sent by name, with what stands in its places."""

    id: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message to a customer. `id` is the attempt-independent id of the send.

    `message_id` (RFC 5322, with angle brackets) and `date` were fixed before the first try. `reply_token` goes
    where the answer will bring it back (`support+TOKEN@…`). `attempt` counts from 1. `cc` and `bcc` are addresses;
    `taken` are those of all recipients who have the message from an earlier try. `unsubscribe` is the address of the
    page where its recipient says that he wants no more of the kind; only bulk has one. `links` are public addresses
    of the `attachments`, for providers that fetch them; they expire. With a `template` the provider composes `text`.
    """

    id: int
    conversation_id: int
    interaction_id: int
    channel: str
    to: str
    text: str
    attempt: int
    message_id: str
    date: datetime
    reply_token: str
    subject: str = ""
    html: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    to_name: str = ""
    automatic: bool = False
    attachments: tuple[Attachment, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    unsubscribe: str | None = None
    links: tuple[str, ...] = ()
    template: FilledTemplate | None = None


class DeliveryStatus(StrEnum):
    """How far a message got. Order is rank: a status never goes back, and the last two are final."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A report from the provider about an earlier send: by the provider's id, or by our own where it carries it.

    `complaint`: the reader called it spam; nothing goes to that address by itself any more. `opted_out`: the provider
    refuses it because its recipient wants no more messages. `only_to`: the report came a way that anybody can come, so
    that it counts only for a send that went to one of these addresses. `for_now`: of a failure, that it did not arrive
    for a cause that passes, so that the message may be sent again a little later. `code` and `params` say for screens
    what `error` says in a sentence.
    """

    connector: str
    status: DeliveryStatus
    provider_id: str
    outbound_id: int | None = None
    error: str | None = None
    complaint: bool = False
    opted_out: bool = False
    only_to: tuple[str, ...] | None = None
    for_now: bool = False
    code: Reason | str | None = None
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Outcome(StrEnum):
    """What a failed send means for the next try."""

    RETRY = "retry"  # nothing left us, or it was refused for now
    FAILED = "failed"  # refused for good
    UNKNOWN = "unknown"  # it may have arrived: never resent blindly


class SendError(HubError):
    """The message could not be sent, or not to everybody.

    `taken` are the recipients that have it all the same: they are left out of the next try. `provider_id` names the
    message where reports about these may come. `opted_out`: its recipient wants no more messages. `code` and `params`
    say why for the screens: a `Reason`, or a code of a connector's own. `account_wide`: the account can send nothing
    for now, to nobody: the server is away, refuses our sign-in, asks us to slow down.
    """

    def __init__(  # noqa: PLR0913 - each says something else about the failure, and most have none of it
        self,
        detail: str,
        *,
        outcome: Outcome,
        retry_after: float | None = None,
        taken: Iterable[str] = (),
        provider_id: str | None = None,
        opted_out: bool = False,
        code: Reason | str | None = None,
        params: Mapping[str, Any] | None = None,
        account_wide: bool = False,
    ):
        super().__init__(detail, code=code, params=params)
        self.account_wide = account_wide
        self.outcome = outcome
        self.retry_after = retry_after
        self.taken = tuple(taken)
        self.provider_id = provider_id
        self.opted_out = opted_out


class Accept(Protocol):
    """The hub's side of the contract: what a connector may ask for and hand over."""

    async def message(self, inbound: Inbound) -> Accepted:
        """Store one message; returns after the commit. Only then may the wire be acknowledged.

        Raises `Unavailable` when nothing was stored (answer 503/451: the provider tries again).
        """
        ...

    async def delivery(self, delivery: Delivery) -> None:
        """Record a delivery report; returns after the commit. Repeats and late reports are harmless."""
        ...

    async def quarantine(  # noqa: PLR0913 - each says something else about the bytes
        self,
        *,
        connector: str,
        account_id: int | None,
        dedup_key: str,
        raw: bytes,
        raw_type: str,
        reason: str,
        meta: dict[str, Any] | None = None,
    ) -> None:
        """Keep what could not be translated, with the reason; returns after the commit. It can be replayed."""
        ...

    async def accounts(self, connector: str) -> list[Account]:
        """The enabled accounts of a connector, as configured now."""
        ...

    async def health(self, account_id: int, **facts: Any) -> None:
        """Note how an account fares (`last_fetch`, `lag_seconds`, `error`…) for doctor and admin pages."""
        ...


Wire = Callable[[], Awaitable[None]]


class Connector(Protocol):
    """A channel's translator, found by entry point `hub.connectors`; constructed as `Connector(core)`."""

    name: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    Settings: ClassVar[type[BaseModel]]  # of one account; secrets are `SecretStr` fields

    def __init__(self, core: Core) -> None: ...

    def capabilities(self, channel: str) -> Capabilities:
        """What this channel can carry here; `capabilities_of` says it of the channels that the hub ships."""
        ...

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """Webhooks and sockets, all under `/hooks/<name>/`; they verify signatures themselves."""
        ...

    async def run(self, accept: Accept) -> None:
        """Poll or listen until cancelled; return at once where routes suffice. Holds leases itself."""
        ...

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Send; the provider's id, or `SendError`.

        `await wire()` immediately before the step that may reach the customer (DATA's body, the POST): before it
        a crash is retried freely, after it the outcome is unknown. `wire` raises when the claim was lost.
        """
        ...

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """Parse stored raw bytes again: pure, for replays from quarantine. Raises `Invalid` with the reason."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A connector that keeps connections open between sends."""

    async def close(self) -> None:
        """Let go of them; called when its process ends. `run` lets go of its own when cancelled."""
        ...


@runtime_checkable
class Finder(Protocol):
    """A connector that can look whether a send of unknown outcome left after all."""

    async def find(self, account: Account, outbound: Outbound) -> bool:
        """Whether the message lies among what the account has sent. False says nothing: it may have left anyway."""
        ...
