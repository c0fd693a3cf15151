"""Offers and conversations: what an agent does all day."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from hub.access.rights import require_conversation
from hub.channels import model
from hub.channels.extras import fill
from hub.channels.model import Page
from hub.conversations import actions, lifecycle, store
from hub.conversations.store import Filter
from hub.core import events
from hub.core.clock import now
from hub.core.errors import Invalid
from hub.messages import formatting, pages, replies, views
from hub.queues import entries, offers
from hub.web import messaging, shapes
from hub.web.endpoints import Call, Endpoints, json_response
from hub.web.shapes import Id, In, Line, Text

desk = Endpoints("conversations")
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]
MailAddress = Annotated[str, StringConstraints(min_length=3, max_length=320)]
Limit = Annotated[int, Field(ge=1, le=200)]
View = Literal["mine", "waiting", "all", "snoozed", "resolved"]


class OfferList(BaseModel):
    items: list[shapes.Offer]


class AcceptedOffer(BaseModel):
    conversation_id: int


class DeclineOffer(In):
    reason: Line | None = None


class ListQuery(In):
    view: View = "all"
    queue_id: Id | None = None
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None
    q: Annotated[str, StringConstraints(max_length=200)] = ""
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = None
    limit: Limit = 50


class ConversationPage(BaseModel):
    items: list[shapes.ConversationSummary]
    next_cursor: str | None


class EarlierQuery(In):
    before_seq: Id | None = None
    limit: Limit = 50


class InteractionPage(BaseModel):
    items: list[shapes.Interaction]
    has_earlier: bool


class FilledTemplate(In):
    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    variables: Annotated[
        dict[Annotated[str, StringConstraints(max_length=40)], Annotated[str, StringConstraints(max_length=1600)]],
        Field(max_length=50, default_factory=dict),
    ]


class NewReply(In):
    client_id: ClientId
    text: Text
    template: FilledTemplate | None = Field(
        default=None, description="An approved template of the account; the text is then the server's to fill in"
    )
    html: Text | None = None
    subject: Line | None = None
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None
    address_id: Id | None = None
    account_id: Id | None = None
    resolve: bool = False
    attachments: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    cc: Annotated[list[MailAddress], Field(max_length=50, default_factory=list)]
    bcc: Annotated[list[MailAddress], Field(max_length=50, default_factory=list)]
    undo_seconds: Annotated[int, Field(ge=0, le=60)] = 0
    send_at: AwareDatetime | None = None


class NewNote(In):
    client_id: ClientId
    text: Text


class ReadUpTo(In):
    seq: Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]


class TransferConversation(In):
    queue_id: Id | None = None
    agent_id: Id | None = None
    note: Text | None = None


class Outcome(In):
    disposition: Annotated[str, StringConstraints(max_length=100)] | None = None


class SnoozeConversation(In):
    until: AwareDatetime


class NewConversation(In):
    client_id: ClientId
    channel: Annotated[str, StringConstraints(max_length=40)]
    text: Text
    contact_id: Id | None = None
    address: shapes.NewAddress | None = None
    account_id: Id | None = None
    subject: Line = ""
    template: FilledTemplate | None = None


# -- offers ----------------------------------------------------------------------------------------------------------
@desk.add("GET", "/me/offers", returns=OfferList)
async def list_offers(call: Call) -> dict[str, Any]:
    """What is offered to me now."""
    return {"items": await offers.open_offers(call.core.db, call.me.id)}


@desk.add("POST", "/offers/{offer_id}/accept", returns=AcceptedOffer, errors=(409,))
async def accept_offer(call: Call, offer_id: int) -> dict[str, Any]:
    """Take an offered conversation; 409 when it is gone."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return {"conversation_id": await offers.accept(unit, offer_id, call.me.id)}


@desk.add("POST", "/offers/{offer_id}/decline", status=204, errors=(409,))
async def decline_offer(call: Call, offer_id: int, body: DeclineOffer) -> None:
    """Leave it to somebody else; it keeps its place in the queue."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await offers.decline(unit, offer_id, call.me.id, body.reason)


# -- reading ---------------------------------------------------------------------------------------------------------
@desk.add("GET", "/conversations", returns=ConversationPage)
async def list_conversations(call: Call, query: ListQuery) -> dict[str, Any]:
    """A page of conversations, the latest change first."""
    before, before_id = _decode(query.cursor)
    wanted = Filter(
        query.view, query.queue_id, query.channel, query.q.replace("\x00", ""), before, before_id, query.limit + 1
    )
    found = await store.listed(call.core.db, wanted, call.me.viewer)
    items = found[: query.limit]
    return {"items": items, "next_cursor": _encode(items[-1]) if len(found) > query.limit else None}


@desk.add("GET", "/conversations/counts", returns=shapes.Counts)
async def count_conversations(call: Call) -> dict[str, Any]:
    """How many conversations lie in each view and queue."""
    return await store.counts(call.core.db, call.me.viewer)


@desk.add("GET", r"/conversations/{conversation_id}", returns=shapes.Conversation)
async def read_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """One conversation with its latest messages."""
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add("GET", "/conversations/{conversation_id}/interactions", returns=InteractionPage)
async def list_interactions(call: Call, conversation_id: int, query: EarlierQuery) -> dict[str, Any]:
    """Earlier messages."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    items, earlier = await store.page(call.core.db, conversation_id, before_seq=query.before_seq, limit=query.limit)
    return {"items": items, "has_earlier": earlier}


@desk.add("GET", "/conversations/{conversation_id}/decisions", returns=shapes.Decisions)
async def list_decisions(call: Call, conversation_id: int) -> Any:
    """Why it was offered to whom, and why it still waits."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    return await offers.decisions(call.core.db, conversation_id)


# -- writing ---------------------------------------------------------------------------------------------------------
@desk.add("POST", "/conversations", returns=shapes.Conversation, status=201, errors=(409,))
async def start_conversation(call: Call, body: NewConversation) -> dict[str, Any]:
    """Write to a customer first."""
    text, template = await _words(call, body)
    opening = actions.Opening(
        body.channel, text, body.client_id, body.contact_id, _address(body), body.account_id, body.subject, template
    )
    async with events.unit(call.core.db, call.core.feed) as unit:
        conversation_id = await actions.start(unit, call.core.vault, opening, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add(
    "POST",
    "/conversations/{conversation_id}/replies",
    returns=shapes.Interaction,
    status=201,
    also=(200,),
    errors=(409,),
)
async def reply_to_conversation(call: Call, conversation_id: int, body: NewReply) -> web.Response:
    """Answer the customer. The same `client_id` again returns the same interaction with 200; 409 with other words."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    text, template = await _words(call, body)
    page, text = await _page(body, text)
    answer = replies.Reply(
        text,
        body.client_id,
        body.html,
        body.subject,
        body.channel,
        body.address_id,
        body.account_id,
        tuple(body.attachments),
        due_at=_due(body),
        cc=tuple(body.cc),
        bcc=tuple(body.bcc),
        template=template,
        page=page,
    )
    async with events.unit(call.core.db, call.core.feed) as unit:
        done = await replies.reply(unit, call.core.vault, conversation_id, answer, actor_id=call.me.id)
        if done.created:
            await lifecycle.take_by_answering(unit, conversation_id, call.me.id)
        if body.resolve and done.created:
            await actions.resolve(unit, conversation_id, actor_id=call.me.id)
        shown = await views.interaction(unit.conn, done.interaction_id)
    return json_response(shown, status=201 if done.created else 200)


async def _page(body: NewReply, text: str) -> tuple[Page | None, str]:
    """What the desk will show of an answer with HTML of its own or with pictures in its text; and its text."""
    if body.html is not None:
        return await pages.written_here(body.html, text)
    if formatting.pictures(text):
        return (await pages.written_here(formatting.to_html(text), text))[0], text
    return None, text


@desk.add(
    "POST", "/conversations/{conversation_id}/notes", returns=shapes.Interaction, status=201, also=(200,), errors=(409,)
)
async def add_note(call: Call, conversation_id: int, body: NewNote) -> web.Response:
    """Write an internal note; no customer ever sees it."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        done = await replies.note(unit, conversation_id, body.text, body.client_id, actor_id=call.me.id)
        shown = await views.interaction(unit.conn, done.interaction_id)
    return json_response(shown, status=201 if done.created else 200)


@desk.add("POST", "/conversations/{conversation_id}/read", status=204)
async def mark_conversation_read(call: Call, conversation_id: int, body: ReadUpTo) -> None:
    """Note what was read, up to a sequence."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await replies.mark_read(unit, conversation_id, body.seq)


# -- handling --------------------------------------------------------------------------------------------------------
@desk.add("POST", "/conversations/{conversation_id}/pull", returns=shapes.Conversation, errors=(409,))
async def pull_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """Take a waiting conversation out of the queue by hand; 409 when somebody who is not offline has it."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await entries.pull(unit, conversation_id, call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add("POST", "/conversations/{conversation_id}/transfer", returns=shapes.ConversationSummary, errors=(409,))
async def transfer_conversation(call: Call, conversation_id: int, body: TransferConversation) -> dict[str, Any]:
    """Hand over to a queue or an agent; the customer's waiting time is kept."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    if (body.queue_id is None) == (body.agent_id is None):
        raise Invalid("Say where to.", fields={"queue_id": "give either queue_id or agent_id"})
    async with events.unit(call.core.db, call.core.feed) as unit:
        await entries.transfer(
            unit, conversation_id, queue_id=body.queue_id, agent_id=body.agent_id, actor_id=call.me.id
        )
        if body.note and body.note.strip():
            await replies.note(unit, conversation_id, body.note, None, actor_id=call.me.id)
    return (await views.summaries(call.core.db, [conversation_id]))[conversation_id]


@desk.add("POST", "/conversations/{conversation_id}/resolve", returns=shapes.Conversation)
async def resolve_conversation(call: Call, conversation_id: int, body: Outcome) -> dict[str, Any]:
    """Close the matter."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.resolve(unit, conversation_id, actor_id=call.me.id, disposition=body.disposition)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add("POST", "/conversations/{conversation_id}/reopen", returns=shapes.Conversation)
async def reopen_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """Take a resolved or snoozed matter up again: it is yours if it was, else it waits in its queue."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await lifecycle.reopen(unit, conversation_id, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add("POST", "/conversations/{conversation_id}/snooze", returns=shapes.Conversation, errors=(409,))
async def snooze_conversation(call: Call, conversation_id: int, body: SnoozeConversation) -> dict[str, Any]:
    """Put it aside until a time, or until the customer writes."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.snooze(unit, conversation_id, body.until, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


@desk.add("POST", "/conversations/{conversation_id}/wrap-up", returns=shapes.Conversation, errors=(409,))
async def wrap_up_conversation(call: Call, conversation_id: int, body: Outcome) -> dict[str, Any]:
    """Finish after-contact work early."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.end_wrap_up(unit, conversation_id, agent_id=call.me.id, disposition=body.disposition)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer)


async def _words(call: Call, body: NewReply | NewConversation) -> tuple[str, model.FilledTemplate | None]:
    """What is said: as it was typed, or what an approved template of the account comes to."""
    if body.template is None:
        return body.text, None
    wanted = body.template
    template = await messaging.template(call, body.account_id, wanted.id)
    return fill(template, wanted.variables), model.FilledTemplate(wanted.id, wanted.variables)


def _due(body: NewReply) -> datetime | None:
    """When it leaves: at the time asked for, or as soon as it can no longer be taken back."""
    soonest = now() + timedelta(seconds=body.undo_seconds)
    if body.send_at is None:
        return soonest if body.undo_seconds else None
    if body.send_at > now() + timedelta(days=400):
        raise Invalid("The time is too far away.", fields={"send_at": "at most 400 days from now"})
    return max(body.send_at, soonest)


def _address(body: NewConversation) -> str | None:
    if body.address is None:
        return None
    kind = actions.KIND_OF_CHANNEL.get(body.channel)
    if kind is None or body.address.kind != kind.value:
        raise Invalid(
            "The address does not fit the channel.", fields={"address.kind": f"does not fit {body.channel!r}"}
        )
    return body.address.value


def _encode(last: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([last["updated_at"], last["id"]])).decode()


def _decode(cursor: str | None) -> tuple[datetime | None, int | None]:
    if cursor is None:
        return None, None
    try:
        moment, number = orjson.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(moment), int(number)
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise Invalid("The cursor is not one of ours.", fields={"cursor": "use next_cursor as it came"}) from None
