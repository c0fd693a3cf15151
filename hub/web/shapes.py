"""The shapes of the API, as pydantic models: they validate what comes in and describe what goes out (OpenAPI 3.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.web.message_shapes import AttachmentRef, Mail, MessageFacts, Said, SendState, Unseen

Presence_ = Literal["available", "away", "busy", "offline"]
Text = Annotated[str, StringConstraints(max_length=100_000)]
Line = Annotated[str, StringConstraints(max_length=1000)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# 64-bit ids; JavaScript's numbers end at 2^53.
Id = Annotated[int, Field(ge=1, le=9_007_199_254_740_991)]
# Where a list goes on: `next_cursor` as it came. Lists in the order of ids have the last one's in it.
IdCursor = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")]


class In(BaseModel):
    """A request body: unknown fields are an error that names them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Ref(BaseModel):
    id: int
    name: str


class Agent(BaseModel):
    id: int
    name: str
    email: str
    role: Literal["agent", "supervisor", "admin"]
    locale: Literal["en", "zh-CN"]
    theme: Literal["auto", "light", "dark"]


class Presence(BaseModel):
    state: Presence_
    reason: str | None
    since: datetime


class ChannelLoad(BaseModel):
    count: int
    max: int


class Load(BaseModel):
    used: int
    capacity: int
    by_channel: dict[str, ChannelLoad]


class Me(BaseModel):
    agent: Agent
    presence: Presence
    load: Load
    queues: list[Ref]
    topic: str
    seq: int


class Offer(BaseModel):
    id: int
    state: Literal["offered", "accepted", "declined", "timed_out", "rescinded"]
    conversation_id: int
    channel: str
    queue: Ref
    contact: Ref
    subject: str
    preview: str
    said: Said | None = Field(description="What `preview` says when the hub chose the words")
    waited_seconds: float
    offered_at: datetime
    expires_at: datetime
    server_now: datetime
    reason: str


class Rating(BaseModel):
    """What the customer said of our help, from 1 to 5, and of whom: the agent who had answered last."""

    score: Annotated[int, Field(ge=1, le=5)]
    comment: str
    agent: Ref | None
    at: datetime


class ConversationSummary(BaseModel):
    id: int
    subject: str
    preview: str
    said: Said | None = Field(description="What `preview` says when the hub chose the words")
    status: Literal["open", "snoozed", "resolved"]
    channel: str
    queue: Ref | None
    agent: Ref | None
    contact: Ref
    seq: int
    unread: bool
    waiting_since: datetime | None
    due_at: datetime | None
    updated_at: datetime
    created_at: datetime
    entry_state: Literal["waiting", "offered", "assigned", "wrapping"] | None
    snoozed_until: datetime | None
    failed: bool
    rating: Rating | None


class Sending(BaseModel):
    """Nothing can be sent for now: since when, why, when it is tried next, and how many messages wait for that."""

    since: datetime
    failed_at: datetime
    next_try_at: datetime
    code: str
    params: dict[str, Any]
    error: str
    waiting: int


class Interaction(BaseModel):
    id: int
    conversation_id: int
    seq: int
    kind: Literal["message", "note", "system"]
    direction: Literal["in", "out", "internal"]
    channel: str | None
    agent: Ref | None
    contact: Ref | None
    address: str | None
    subject: str
    text: str
    html: str | None = Field(description='Cleaned; "" where it is too long for a list: read the message\'s page')
    status: Literal["received", "pending", "sent", "delivered", "read", "failed", "unknown", "cancelled"]
    error: str | None
    at: datetime
    client_id: str | None
    verified: bool
    automatic: bool
    mail: Mail | None
    message: MessageFacts | None
    delivery: SendState | None
    attachments: list[AttachmentRef]
    unseen: Unseen | None
    said: Said | None = Field(description="What `text` says when the hub chose the words, or files came without any")


class ReplyChannel(BaseModel):
    channel: str
    address_id: int
    address: str
    account_id: int
    account: str
    connector: str
    price: float | None = Field(description="Of one SMS segment to this number, where it is configured")
    currency: str | None
    max_length: int | None
    templates: bool
    window_ends: datetime | None = Field(
        description="Free text may be sent until then; later only templates. Null: always"
    )


class OptedOut(BaseModel):
    channel: str
    address: str
    address_id: int


class Conversation(ConversationSummary):
    interactions: list[Interaction]
    has_earlier: bool
    reply_channels: list[ReplyChannel]
    opted_out: list[OptedOut] = Field(description="Where the customer wants no messages")
    server_now: datetime = Field(description="To count down by, whatever the browser's clock says")
    disposition: str | None
    wrap_up_until: datetime | None
    topic: str


class NewAddress(In):
    kind: Literal["email", "phone", "whatsapp"]
    value: Annotated[str, StringConstraints(min_length=1, max_length=320)]


class Address(BaseModel):
    id: int
    kind: Literal["email", "phone", "whatsapp", "visitor"]
    value: str
    verified: bool
    opted_out: bool


class LinkedContact(BaseModel):
    id: int
    name: str
    link_id: int
    linked_at: datetime
    linked_by: Ref | None


class Contact(BaseModel):
    id: int
    name: str
    locale: str | None
    timezone: str | None
    attributes: dict[str, Any]
    addresses: list[Address]
    linked: list[LinkedContact]
    open_conversations: int
    said: list[str] = Field(
        description="E-mail addresses given in the chat that are none of theirs yet; nobody proved them"
    )
    created_at: datetime


class TimelineItem(Interaction):
    conversation_subject: str
    conversation_rating: Rating | None


class Template(BaseModel):
    id: int
    key: str
    name: str
    channel: str | None
    account_id: int | None
    locale: str
    subject: str
    body: str


class Rendered(BaseModel):
    subject: str
    body: str


class Candidate(BaseModel):
    agent: Ref
    chosen: bool
    level: int | None
    load: float
    idle_seconds: float
    reason: str


class Decision(BaseModel):
    at: datetime
    key: float
    chosen: Ref | None
    offer_state: str | None
    reason: str
    candidates: list[Candidate]


class Decisions(BaseModel):
    items: list[Decision]
    waiting_reason: str | None


class Counts(BaseModel):
    mine: int
    waiting: int
    snoozed: int
    resolved_today: int
    queues: dict[str, int]


class Colleague(BaseModel):
    id: int
    name: str
    state: Presence_
    queues: list[int]


class Disposition(BaseModel):
    key: str
    name: str


class FeedEvent(BaseModel):
    id: int
    at: datetime
    kind: str
    conversation_id: int | None
    agent_id: int | None
    contact_id: int | None
    queue_id: int | None
    data: dict[str, Any]


class ApiToken(BaseModel):
    id: int
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedApiToken(BaseModel):
    id: int
    name: str
    token: str


class Upload(BaseModel):
    id: int
    name: str
    size: int
    content_type: str


class AccountRef(BaseModel):
    id: int
    channel: str
    name: str


class PublicConfig(BaseModel):
    product: str
    version: str
    demo: bool
    locales: list[str]
    accounts: list[AccountRef]
    queues: list[Ref]


class QuarantinedMessage(BaseModel):
    id: int
    connector: str
    account_id: int | None
    content_type: str
    reason: str | None
    received_at: datetime


class UnsettledSend(BaseModel):
    id: int
    state: str
    error: str | None
    code: str | None
    params: dict[str, Any]
    conversation_id: int
    interaction_id: int
    created_at: datetime
    wire_at: datetime | None  # when it may have left
    next_try_at: datetime | None  # when it is sent again by itself, if the provider's list still lacks it
    channel: str
    account: str
    contact: Ref
    recipient: str
    preview: str


class FieldProblem(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    remedy: str | None = None
