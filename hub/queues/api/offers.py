"""Offers, and why work was offered to whom."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from hub.access.permissions import Permission
from hub.access.rights import require_conversation
from hub.core import events
from hub.messages.api.shapes import Said
from hub.queues import leaving, offers
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import In, Line, Ref

queues = Endpoints("conversations")


class Because(BaseModel):
    """A reason as a code with what its words need; `text` carries those of an older version."""

    code: str
    params: dict[str, Any] = {}


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
    waited_seconds: float = Field(description="Since the customer waits for an answer, as of `server_now`")
    customer_waits: bool = Field(description="Not of what was answered and put back, or handed over")
    waiting_since: datetime | None = Field(description="Since when the customer waits; null when nobody waits")
    offered_at: datetime
    expires_at: datetime
    server_now: datetime
    reason: str
    because: list[Because] = Field(description="The same as codes")


class Candidate(BaseModel):
    agent: Ref
    chosen: bool
    level: int | None
    load: float
    idle_seconds: float
    reason: str
    because: list[Because]


class Decision(BaseModel):
    at: datetime
    key: float
    chosen: Ref | None
    offer_state: str | None
    reason: str
    because: list[Because]
    candidates: list[Candidate]


class Decisions(BaseModel):
    items: list[Decision]
    waiting_reason: str | None
    waiting_because: list[Because]


class OfferList(BaseModel):
    items: list[Offer]


class AcceptedOffer(BaseModel):
    conversation_id: int


class CustomerWithMe(BaseModel):
    conversation_id: int
    channel: str
    name: str
    waits: bool = Field(description="For an answer")
    talks: bool = Field(description="On the telephone")


class CustomersWithMe(BaseModel):
    items: list[CustomerWithMe]


class HandedBack(BaseModel):
    number: int


class DeclineOffer(In):
    reason: Line | None = None


@queues.add("GET", "/me/offers", needs=Permission.CONVERSATION_HANDLE, returns=OfferList)
async def list_offers(call: Call) -> dict[str, Any]:
    """What is offered to me now."""
    return {"items": await offers.open_offers(call.core.db, call.me.id)}


@queues.add("GET", "/me/customers", needs=Permission.CONVERSATION_HANDLE, returns=CustomersWithMe)
async def list_customers(call: Call) -> dict[str, Any]:
    """Who is with me now: customers who wait for my answer, chat or talk with me."""
    found = await leaving.customers(call.core.db, call.me.id)
    return {"items": [{k: v for k, v in asdict(one).items() if k != "queue_id"} for one in found]}


@queues.add("POST", "/me/hand-back", needs=Permission.CONVERSATION_HANDLE, returns=HandedBack, errors=(409,))
async def hand_back(call: Call) -> dict[str, Any]:
    """Go offline and let everybody who is with me wait for my colleagues, in their old places; 409 during a call."""
    return {"number": await leaving.hand_back(call.core, call.me.id)}


@queues.add(
    "POST", "/offers/{offer_id}/accept", needs=Permission.CONVERSATION_HANDLE, returns=AcceptedOffer, errors=(409,)
)
async def accept_offer(call: Call, offer_id: int) -> dict[str, Any]:
    """Take an offered conversation; 409 when it is gone."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return {"conversation_id": await offers.accept(unit, offer_id, call.me.id)}


@queues.add("POST", "/offers/{offer_id}/decline", needs=Permission.CONVERSATION_HANDLE, status=204, errors=(409,))
async def decline_offer(call: Call, offer_id: int, body: DeclineOffer) -> None:
    """Leave it to somebody else; it keeps its place in the queue."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await offers.decline(unit, offer_id, call.me.id, body.reason)


@queues.add("GET", "/conversations/{conversation_id}/decisions", needs=Permission.CONVERSATION_READ, returns=Decisions)
async def list_decisions(call: Call, conversation_id: int) -> Any:
    """Why it was offered to whom, and why it still waits."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    return await offers.decisions(call.core.db, conversation_id)
