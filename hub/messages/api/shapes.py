"""What is said, as the API shows it: messages with their facts, files and fate."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from hub.core.field_errors import form
from hub.web.shapes import Ref

ClientId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=form("id", r"^[A-Za-z0-9._:-]+$"))]
MailAddress = Annotated[str, StringConstraints(min_length=3, max_length=320)]


class AttachmentRef(BaseModel):
    id: int
    name: str
    content_type: str
    size: int
    inline: bool


class Said(BaseModel):
    """Words of the hub's own: a code with its parameters; the English of it stands in `text` or `preview`.

    `file.photo`, `file.video`, `file.audio`, `file.document`: files alone, the first of that name, and how many `more`.
    `call.in` and `call.out`: a call of that `outcome` (null: it goes on), with whom, and whether we hung up.
    `line.…`: what the hub wrote by itself, as `line.stop` with its `word`.
    """

    code: str
    params: dict[str, Any]


class Person(BaseModel):
    address: str
    name: str = ""
    status: str = ""


class Invitation(BaseModel):
    method: str
    uid: str
    sequence: int
    recurrence_id: str | None = None
    summary: str = ""
    location: str = ""
    description: str = ""
    starts: str | None = None
    ends: str | None = None
    all_day: bool = False
    recurs: str | None = None
    status: str = ""
    organizer: Person | None = None
    attendees: list[Person] = []
    answer: Literal["accepted", "tentative", "declined"] | None = None


class Mail(BaseModel):
    trimmed: bool
    blocked_images: int
    unreadable: str | None
    reply_to: str | None
    reply_to_followed: bool = Field(
        description="Whether answers may go to `reply_to`; else somebody says so: `POST /interactions/{id}/reply-to`"
    )
    claims: int | None = Field(
        description="The conversation that its subject names, without proof that it belongs there"
    )
    forwarded_by: str | None
    left_out: int = Field(description="Characters of a text too long to be kept; only the original has them")
    automatic: str | None
    invitation: Invitation | None


class Quoted(BaseModel):
    """The message that another answers; `conversation_id` may be an earlier one of the same customer."""

    id: int
    conversation_id: int
    text: str


class Location(BaseModel):
    latitude: str
    longitude: str
    label: str = ""


class Advert(BaseModel):
    """What a customer tapped before they wrote."""

    headline: str = ""
    url: str = ""


class Why(BaseModel):
    """Why something is not here, or has not left: `error` says `code` in an English sentence."""

    code: str | None
    params: dict[str, Any]
    error: str | None


class MessageFacts(BaseModel):
    """What an SMS or a WhatsApp message is beside its words; `lost`: why a file of it cannot be shown."""

    files: int
    lost: list[Why]
    quoted: Quoted | None
    location: Location | None
    button: str | None
    forwarded: bool
    advert: Advert | None
    template: str | None
    consent: Literal["stop", "start", "help", "perhaps"] | None
    form: bool


class Unseen(BaseModel):
    """A message whose reader had left: it waits for their return (`left`), was seen then (`back`), or was `mailed`."""

    state: Literal["left", "back", "mailed"]
    to: str | None


class SendState(Why):
    """Why a message of ours has not left, and since when its account is silent."""

    id: int  # of the send, for `/outbox/{id}/settle`
    state: Literal["pending", "claimed", "wire", "sent", "failed", "unknown", "cancelled"]
    attempts: int
    next_try_at: datetime | None
    account_since: datetime | None


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


class Rating(BaseModel):
    """What the customer said of our help, from 1 to 5, and of whom: the agent who had answered last."""

    score: Annotated[int, Field(ge=1, le=5)]
    comment: str
    agent: Ref | None
    at: datetime


class Upload(BaseModel):
    id: int
    name: str
    size: int
    content_type: str
