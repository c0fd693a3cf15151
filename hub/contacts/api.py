"""Customers: their records, what is linked, the timeline across channels, and what they want to get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from hub.access.permissions import Permission
from hub.access.rights import require_contact
from hub.channels.model import AddressKind
from hub.contacts import consent, linking, store
from hub.core import events
from hub.core.errors import Invalid, NotFound
from hub.core.field_errors import form
from hub.core.timezones import TimeZoneOrNone
from hub.messages import consents, pages, views
from hub.messages.api.shapes import Interaction, Rating
from hub.search.find import Place
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Cursor, Id, In, InOrderOfIds, Line, Ref, SearchWords, page

contacts = Endpoints("contacts")
messaging = Endpoints("messaging")
Limit = Annotated[int, Field(ge=1, le=100)]


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


class ContactQuery(In):
    cursor: Cursor | None = None
    q: SearchWords = ""
    limit: Limit = 25


class ContactPage(BaseModel):
    items: list[Contact]
    next_cursor: str | None


class ContactChange(In):
    name: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] | None = None
    locale: Annotated[str, StringConstraints(max_length=35, pattern=form("language", r"^[A-Za-z0-9-]*$"))] | None = None
    timezone: TimeZoneOrNone | None = None
    attributes: (
        Annotated[
            dict[Annotated[str, StringConstraints(max_length=64)], Line | int | bool | None], Field(max_length=100)
        ]
        | None
    ) = None


class TimelineQuery(InOrderOfIds):
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None
    limit: Limit = 25


class TimelinePage(BaseModel):
    items: list[TimelineItem]
    next_cursor: str | None


class ContactLink(In):
    contact_id: Id


class ConsentEntry(BaseModel):
    at: datetime
    address_id: int
    address: str
    channel: str
    wanted: bool
    source: Literal["provider", "word", "refused", "complaint", "link", "agent"]
    detail: str
    account: str | None
    agent: Ref | None


class ConsentHistory(BaseModel):
    items: list[ConsentEntry]


class ConsentChange(In):
    wanted: bool
    detail: Annotated[str, StringConstraints(max_length=500)] = ""


# -- customers ---------------------------------------------------------------------------------------------------------
@contacts.add("GET", "/contacts", needs=Permission.CONTACT_READ, returns=ContactPage)
async def list_contacts(call: Call, query: ContactQuery) -> dict[str, Any]:
    """Find customers by name, address or their own fields, the best first; without `q` all, the newest first."""
    q = query.q.replace("\x00", "").strip()
    if not q:
        return page(await store.newest(call.core.db, cursor=_last(query.cursor), limit=query.limit + 1), query.limit)
    found, following = await store.search(call.core.db, q, Place.decode(query.cursor), limit=query.limit)
    return {"items": found, "next_cursor": following and following.encode()}


def _last(cursor: str | None) -> int | None:
    try:
        return InOrderOfIds.model_validate({"cursor": cursor}).after
    except ValidationError:
        raise Invalid("The cursor is not one of ours.", fields={"cursor": "use next_cursor as it came"}) from None


@contacts.add("GET", "/contacts/{contact_id}", needs=Permission.CONTACT_READ, returns=Contact)
async def read_contact(call: Call, contact_id: int) -> dict[str, Any]:
    """One customer: the record that stands for everything linked to it."""
    return await store.contact(call.core.db, contact_id)


@contacts.add("PATCH", "/contacts/{contact_id}", needs=Permission.CONTACT_EDIT, returns=Contact)
async def change_contact(call: Call, contact_id: int, body: ContactChange) -> dict[str, Any]:
    """Change what is known of a customer. Attributes that are not named stay; one that is null is taken away."""
    await require_contact(call.core.db, contact_id, call.viewer)
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    async with events.unit(call.core.db, call.core.feed) as unit:
        await store.update(unit, contact_id, changes, actor_id=call.me.id)
    return await store.contact(call.core.db, contact_id)


@contacts.add("GET", "/contacts/{contact_id}/timeline", needs=Permission.CONVERSATION_READ, returns=TimelinePage)
async def read_timeline(call: Call, contact_id: int, query: TimelineQuery) -> dict[str, Any]:
    """Everything said with a customer on any channel, newest first."""
    await store.contact(call.core.db, contact_id)
    rows = await store.timeline(
        call.core.db,
        contact_id,
        call.viewer,
        channel=query.channel,
        cursor=query.after,
        limit=query.limit + 1,
    )
    await pages.complete(call.core.db, rows[: query.limit])
    return page([views.public_interaction(row) for row in rows], query.limit)


@contacts.add("POST", "/contacts/{contact_id}/link", needs=Permission.CONTACT_EDIT, returns=Contact, errors=(409,))
async def link_contact(call: Call, contact_id: int, body: ContactLink) -> dict[str, Any]:
    """Say that two records are one person; it can be undone without a trace."""
    for one in (contact_id, body.contact_id):
        await require_contact(call.core.db, one, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await linking.link(unit, contact_id, body.contact_id, actor_id=call.me.id)
    return await store.contact(call.core.db, contact_id)


@contacts.add("DELETE", "/contacts/{contact_id}/links/{link_id}", needs=Permission.CONTACT_EDIT, returns=Contact)
async def unlink_contact(call: Call, contact_id: int, link_id: int) -> dict[str, Any]:
    """Undo a link: both records are as they were."""
    await require_contact(call.core.db, contact_id, call.viewer)
    shown = await store.contact(call.core.db, contact_id)
    if link_id not in {linked["link_id"] for linked in shown["linked"]}:
        raise NotFound("There is no such link.", code="contact.no_link")
    async with events.unit(call.core.db, call.core.feed) as unit:
        await linking.unlink(unit, link_id, actor_id=call.me.id)
    return await store.contact(call.core.db, contact_id)


@contacts.add("POST", "/contacts/{contact_id}/addresses", needs=Permission.CONTACT_EDIT, returns=Contact, errors=(409,))
async def add_contact_address(call: Call, contact_id: int, body: NewAddress) -> dict[str, Any]:
    """Add a way to reach a customer; it counts as unverified until they write from it."""
    await require_contact(call.core.db, contact_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await store.add_address(unit, contact_id, AddressKind(body.kind), body.value, actor_id=call.me.id)
    return await store.contact(call.core.db, contact_id)


# -- consent -----------------------------------------------------------------------------------------------------------
@messaging.add("GET", "/contacts/{contact_id}/consent", needs=Permission.CONTACT_READ, returns=ConsentHistory)
async def read_consent(call: Call, contact_id: int) -> dict[str, Any]:
    """Every word of a customer about being written to, the latest first."""
    await store.contact(call.core.db, contact_id)
    return {"items": await consent.history(call.core.db, contact_id)}


@messaging.add(
    "PUT", "/contacts/{contact_id}/addresses/{address_id}/consent", needs=Permission.CONTACT_EDIT, status=204
)
async def change_consent(call: Call, contact_id: int, address_id: int, body: ConsentChange) -> None:
    """Write down what a customer told one of us; it holds at once."""
    await require_contact(call.core.db, contact_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await consents.told(
            unit,
            contact_id,
            address_id,
            wanted=body.wanted,
            detail=body.detail.replace("\x00", "").strip(),
            agent_id=call.me.id,
        )
