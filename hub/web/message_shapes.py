"""What a message is beside its words: the shapes of its facts, files and fate."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


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


class MessageFacts(BaseModel):
    """What an SMS or a WhatsApp message is beside its words; `lost`: why a file of it cannot be shown."""

    files: int
    lost: list[str]
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


class SendState(BaseModel):
    """Why a message of ours has not left (`error` says `code` in a sentence), and since when its account is silent."""

    id: int  # of the send, for `/outbox/{id}/settle`
    state: Literal["pending", "claimed", "wire", "sent", "failed", "unknown", "cancelled"]
    attempts: int
    next_try_at: datetime | None
    code: str | None
    params: dict[str, Any]
    error: str | None
    account_since: datetime | None
