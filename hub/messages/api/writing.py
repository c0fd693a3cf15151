"""Writing: answers, notes, canned replies, what to know before, and taking an answer back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from hub.access.permissions import Permission
from hub.access.rights import require_conversation
from hub.channels import model
from hub.channels.api.messaging import template_of
from hub.channels.extras import fill
from hub.channels.model import Page
from hub.conversations import actions, lifecycle
from hub.conversations import store as conversations
from hub.core import events
from hub.core.clock import now
from hub.core.errors import Invalid, NotFound
from hub.messages import formatting, pages, replies, undo, views
from hub.messages.api.shapes import ClientId, Interaction, MailAddress, Upload
from hub.messages.mail import composing
from hub.messages.templates import render
from hub.web.endpoints import Call, Endpoints, json_response
from hub.web.shapes import Id, In, Line, Text

writing = Endpoints("conversations")
canned = Endpoints("desk")


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


class Signature(BaseModel):
    account_id: int
    text: str


class Scheduled(BaseModel):
    interaction_id: int
    due_at: datetime
    text: str
    channel: str


class Composing(BaseModel):
    everybody: list[str]
    answer_all: bool
    reply_to: str | None
    signatures: list[Signature]
    max_file_bytes: int
    scheduled: list[Scheduled]


class Draft(BaseModel):
    text: str
    html: str | None
    subject: str
    channel: str
    cc: list[str]
    bcc: list[str]
    attachments: list[Upload]


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


class TemplateQuery(In):
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None


class TemplateList(BaseModel):
    items: list[Template]


class RenderTemplate(In):
    conversation_id: Id


# -- answers and notes -------------------------------------------------------------------------------------------------
@writing.add(
    "POST",
    "/conversations/{conversation_id}/replies",
    needs=Permission.CONVERSATION_REPLY,
    returns=Interaction,
    status=201,
    also=(200,),
    errors=(409,),
)
async def reply_to_conversation(call: Call, conversation_id: int, body: NewReply) -> web.Response:
    """Answer the customer. The same `client_id` again returns the same interaction with 200; 409 with other words."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    text, template = await words(call, body.template, text=body.text, account_id=body.account_id)
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


@writing.add(
    "POST",
    "/conversations/{conversation_id}/notes",
    needs=Permission.CONVERSATION_HANDLE,
    returns=Interaction,
    status=201,
    also=(200,),
    errors=(409,),
)
async def add_note(call: Call, conversation_id: int, body: NewNote) -> web.Response:
    """Write an internal note; no customer ever sees it."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        done = await replies.note(unit, conversation_id, body.text, body.client_id, actor_id=call.me.id)
        shown = await views.interaction(unit.conn, done.interaction_id)
    return json_response(shown, status=201 if done.created else 200)


async def words(
    call: Call, wanted: FilledTemplate | None, *, text: str, account_id: int | None
) -> tuple[str, model.FilledTemplate | None]:
    """What is said: as it was typed, or what an approved template of the account comes to."""
    if wanted is None:
        return text, None
    template = await template_of(call, account_id, wanted.id)
    return fill(template, wanted.variables), model.FilledTemplate(wanted.id, wanted.variables)


def _due(body: NewReply) -> datetime | None:
    """When it leaves: at the time asked for, or as soon as it can no longer be taken back."""
    soonest = now() + timedelta(seconds=body.undo_seconds)
    if body.send_at is None:
        return soonest if body.undo_seconds else None
    if body.send_at > now() + timedelta(days=400):
        raise Invalid("The time is too far away.", code="time.far", fields={"send_at": "at most 400 days from now"})
    return max(body.send_at, soonest)


@writing.add(
    "GET", "/conversations/{conversation_id}/composing", needs=Permission.CONVERSATION_REPLY, returns=Composing
)
async def read_composing(call: Call, conversation_id: int) -> dict[str, Any]:
    """Who would get an answer to all, the signatures below it, and what waits for its time."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with call.core.db.connection() as conn:
        return await composing.composing(conn, conversation_id, call.me.id)


@writing.add(
    "POST",
    "/conversations/{conversation_id}/interactions/{interaction_id}/cancel",
    needs=Permission.CONVERSATION_REPLY,
    returns=Draft,
    errors=(409,),
)
async def cancel_reply(call: Call, conversation_id: int, interaction_id: int) -> dict[str, Any]:
    """Take back an answer before it leaves; its words come back. 409 when it is on its way."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        return asdict(await undo.cancel(unit, conversation_id, interaction_id, actor_id=call.me.id))


# -- canned replies ----------------------------------------------------------------------------------------------------
@canned.add("GET", "/templates", needs=Permission.CONVERSATION_REPLY, returns=TemplateList)
async def list_templates(call: Call, query: TemplateQuery) -> dict[str, Any]:
    """Canned replies."""
    return {"items": await call.core.db.dicts(conversations.sql["templates"], {"channel": query.channel})}


@canned.add("POST", "/templates/{template_id}/render", needs=Permission.CONVERSATION_REPLY, returns=Rendered)
async def render_template(call: Call, template_id: int, body: RenderTemplate) -> dict[str, Any]:
    """A canned reply with a conversation's names filled in."""
    await require_conversation(call.core.db, body.conversation_id, call.viewer)
    rows = await call.core.db.dicts(conversations.sql["template"], {"id": template_id})
    if not rows:
        raise NotFound("There is no such template.", code="template.unknown")
    [facts] = await call.core.db.dicts(conversations.sql["variables"], {"id": body.conversation_id})
    variables = {
        "contact.name": facts["contact_name"],
        "agent.name": call.me.name,
        "conversation.id": str(facts["conversation_id"]),
        "conversation.subject": facts["subject"],
        "queue.name": facts["queue_name"] or "",
    }
    return {"subject": render(rows[0]["subject"], variables), "body": render(rows[0]["body"], variables)}
