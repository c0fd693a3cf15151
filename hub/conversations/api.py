"""Conversations: what an agent does all day."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from hub.access.permissions import Access, Permission
from hub.access.rights import require_conversation
from hub.contacts.api import NewAddress
from hub.conversations import actions, conversation, lifecycle, store
from hub.conversations.events import ConversationUpdated
from hub.conversations.store import Filter
from hub.core import events
from hub.core.errors import Invalid
from hub.core.field_errors import form
from hub.messages import replies, views
from hub.messages.api.shapes import ClientId, Interaction, Rating, Said
from hub.messages.api.writing import FilledTemplate, words
from hub.queues import entries
from hub.search.find import Narrowed, Place
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Cursor, Id, In, Line, Ref, SearchWords, Text

conversations = Endpoints("conversations")
outcomes = Endpoints("desk")
Limit = Annotated[int, Field(ge=1, le=200)]
View = Literal["mine", "waiting", "all", "snoozed", "resolved"]


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


class FoundPiece(BaseModel):
    text: str
    hit: bool = Field(description="This piece is what was looked for")


class FoundLine(BaseModel):
    interaction_id: int | None = Field(description="The message that has it")
    where: Literal["subject", "text", "file", "customer"]
    pieces: list[FoundPiece]


class ListedConversation(ConversationSummary):
    found: FoundLine | None = Field(default=None, description="With `q`: the line that has its words")


class Conversation(ConversationSummary):
    interactions: list[Interaction]
    has_earlier: bool
    reply_channels: list[ReplyChannel]
    opted_out: list[OptedOut] = Field(description="Where the customer wants no messages")
    server_now: datetime = Field(description="To count down by, whatever the browser's clock says")
    disposition: str | None
    wrap_up_until: datetime | None
    topic: str


class Counts(BaseModel):
    mine: int
    waiting: int
    snoozed: int
    resolved_today: int
    queues: dict[str, int]


class Disposition(BaseModel):
    key: str
    name: str


class ListQuery(In):
    view: View = "all"
    queue_id: Id | None = None
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None
    q: SearchWords = ""
    agent_id: Id | None = None
    status: Literal["open", "snoozed", "resolved"] | None = None
    language: Annotated[str, StringConstraints(pattern=form("language", r"^[A-Za-z0-9-]{1,35}$"))] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class ConversationPage(BaseModel):
    items: list[ListedConversation]
    next_cursor: str | None


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
    address: NewAddress | None = None
    account_id: Id | None = None
    subject: Line = ""
    template: FilledTemplate | None = None


class DispositionList(BaseModel):
    items: list[Disposition]


# -- reading -----------------------------------------------------------------------------------------------------------
@conversations.add("GET", "/conversations", needs=Permission.CONVERSATION_READ, returns=ConversationPage)
async def list_conversations(call: Call, query: ListQuery) -> dict[str, Any]:
    """A page of conversations, the latest change first.

    With `q` those in which a message, a note, a file's name or the customer's names, addresses and own fields have all
    its words, or the one with that number: the best first, each with the line that has them. Only those may be narrowed
    to an agent, a status, a language of customers, and (`since`, `until`) to messages of a time, too.
    """
    q = query.q.replace("\x00", "").strip()
    narrowed = Narrowed(query.agent_id, query.status, query.language, query.since, query.until)
    if q:
        wanted = Filter(query.view, query.queue_id, query.channel, limit=query.limit)
        place = Place.decode(query.cursor)
        found, following = await store.searched(call.core.db, q, wanted, narrowed, place, call.viewer)
        return {"items": found, "next_cursor": following and following.encode()}
    if narrowed != Narrowed():
        raise Invalid("Only a search is narrowed to that.", fields={"q": "say what to look for"})
    before, before_id = _decode(query.cursor)
    wanted = Filter(query.view, query.queue_id, query.channel, before, before_id, query.limit + 1)
    found = await store.listed(call.core.db, wanted, call.viewer)
    items = found[: query.limit]
    return {"items": items, "next_cursor": _encode(items[-1]) if len(found) > query.limit else None}


@conversations.add("GET", "/conversations/counts", needs=Permission.CONVERSATION_READ, returns=Counts)
async def count_conversations(call: Call) -> dict[str, Any]:
    """How many conversations lie in each view and queue."""
    return await store.counts(call.core.db, call.viewer)


@conversations.add("GET", r"/conversations/{conversation_id}", needs=Permission.CONVERSATION_READ, returns=Conversation)
async def read_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """One conversation with its latest messages."""
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@outcomes.add("GET", "/dispositions", needs=Access.SIGNED_IN, returns=DispositionList)
async def list_dispositions(call: Call) -> dict[str, Any]:
    """Outcome codes."""
    return {"items": await call.core.db.dicts(store.sql["dispositions"])}


# -- handling ----------------------------------------------------------------------------------------------------------
@conversations.add(
    "POST", "/conversations", needs=Permission.CONVERSATION_REPLY, returns=Conversation, status=201, errors=(409,)
)
async def start_conversation(call: Call, body: NewConversation) -> dict[str, Any]:
    """Write to a customer first."""
    text, template = await words(call, body.template, text=body.text, account_id=body.account_id)
    opening = actions.Opening(
        body.channel, text, body.client_id, body.contact_id, _address(body), body.account_id, body.subject, template
    )
    async with events.unit(call.core.db, call.core.feed) as unit:
        conversation_id = await actions.start(unit, call.core.vault, opening, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@conversations.add("POST", "/conversations/{conversation_id}/read", needs=Permission.CONVERSATION_READ, status=204)
async def mark_conversation_read(call: Call, conversation_id: int, body: ReadUpTo) -> None:
    """Note what was read, up to a sequence."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        if await conversation.mark_read(unit.conn, conversation_id, seq=body.seq):
            await unit.log(ConversationUpdated(), conversation_id=conversation_id)  # lists of others show it as unread


@conversations.add(
    "POST",
    "/conversations/{conversation_id}/pull",
    needs=Permission.CONVERSATION_HANDLE,
    returns=Conversation,
    errors=(409,),
)
async def pull_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """Take a waiting conversation out of the queue by hand; 409 when somebody who is not offline has it."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await entries.pull(unit, conversation_id, call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@conversations.add(
    "POST",
    "/conversations/{conversation_id}/transfer",
    needs=Permission.CONVERSATION_HANDLE,
    returns=ConversationSummary,
    errors=(409,),
)
async def transfer_conversation(call: Call, conversation_id: int, body: TransferConversation) -> dict[str, Any]:
    """Hand over to a queue or an agent; the customer's waiting time is kept."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    if (body.queue_id is None) == (body.agent_id is None):
        raise Invalid("Say where to.", code="transfer.nowhere", fields={"queue_id": "give either queue_id or agent_id"})
    async with events.unit(call.core.db, call.core.feed) as unit:
        await entries.transfer(
            unit, conversation_id, queue_id=body.queue_id, agent_id=body.agent_id, actor_id=call.me.id
        )
        if body.note and body.note.strip():
            await replies.note(unit, conversation_id, body.note, None, actor_id=call.me.id)
    return (await views.summaries(call.core.db, [conversation_id]))[conversation_id]


@conversations.add(
    "POST", "/conversations/{conversation_id}/resolve", needs=Permission.CONVERSATION_HANDLE, returns=Conversation
)
async def resolve_conversation(call: Call, conversation_id: int, body: Outcome) -> dict[str, Any]:
    """Close the matter."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.resolve(unit, conversation_id, actor_id=call.me.id, disposition=body.disposition)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@conversations.add(
    "POST", "/conversations/{conversation_id}/reopen", needs=Permission.CONVERSATION_HANDLE, returns=Conversation
)
async def reopen_conversation(call: Call, conversation_id: int) -> dict[str, Any]:
    """Take a resolved or snoozed matter up again: it is yours if it was, else it waits in its queue."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await lifecycle.reopen(unit, conversation_id, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@conversations.add(
    "POST",
    "/conversations/{conversation_id}/snooze",
    needs=Permission.CONVERSATION_HANDLE,
    returns=Conversation,
    errors=(409,),
)
async def snooze_conversation(call: Call, conversation_id: int, body: SnoozeConversation) -> dict[str, Any]:
    """Put it aside until a time, or until the customer writes."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.snooze(unit, conversation_id, body.until, actor_id=call.me.id)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


@conversations.add(
    "POST",
    "/conversations/{conversation_id}/wrap-up",
    needs=Permission.CONVERSATION_HANDLE,
    returns=Conversation,
    errors=(409,),
)
async def wrap_up_conversation(call: Call, conversation_id: int, body: Outcome) -> dict[str, Any]:
    """Finish after-contact work early."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.end_wrap_up(unit, conversation_id, agent_id=call.me.id, disposition=body.disposition)
    return await store.conversation(call.core.db, conversation_id, call.me.viewer())


def _address(body: NewConversation) -> str | None:
    if body.address is None:
        return None
    kind = actions.kind_of(body.channel)
    if kind is None or body.address.kind != kind.value:
        raise Invalid(
            "The address does not fit the channel.",
            code="message.address_kind",
            fields={"address.kind": f"does not fit {body.channel!r}"},
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
