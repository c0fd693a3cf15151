"""Reading: earlier messages, one of them whole, its page in a frame of its own, its bytes, its files."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, Field

from hub.access.permissions import Permission
from hub.access.rights import require_conversation
from hub.conversations import store as conversations
from hub.core import events
from hub.core.errors import Forbidden, Invalid, NotFound
from hub.messages import html, reading, replies, views
from hub.messages.api.shapes import ClientId, Interaction, Upload
from hub.messages.mail import invitations
from hub.web.bytes import bytes_response
from hub.web.endpoints import Call, Endpoints, json_response
from hub.web.shapes import Id, In
from hub.web.uploads import read_file

messages = Endpoints("conversations")
files = Endpoints("files")
Limit = Annotated[int, Field(ge=1, le=200)]
# Shown in the browser as they are; whatever else is only ever downloaded (a script in an SVG or HTML file is a script).
INLINE_TYPES = {f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "heic", "heif")}
PLAYED = ("audio/", "video/")
SHOWN = ("application/octet-stream", "image/*", *(f"{kind}*" for kind in PLAYED))


_STYLE = """
html { color-scheme: light; background: #fff; }
body { margin: 0; padding: 10px 12px; font: 14px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif;
  color: #212529; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; } img:not([src]) { display: none; }
table { max-width: 100%; } pre { white-space: pre-wrap; }
blockquote { margin: 8px 0 0; padding-left: 10px; border-left: 3px solid #ced4da; color: #495057; }
a { color: #1864ab; } p:first-child { margin-top: 0; } p:last-child { margin-bottom: 0; }
"""
_PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<base target="_blank">'
    "<title>mail</title><style>{style}</style></head><body>{body}</body></html>"
)


class EarlierQuery(In):
    before_seq: Id | None = None
    limit: Limit = 50


class InteractionPage(BaseModel):
    items: list[Interaction]
    has_earlier: bool


class FullText(BaseModel):
    text: str


class PageQuery(In):
    whole: bool = False
    images: bool = False


class InvitationAnswer(In):
    client_id: ClientId
    answer: invitations.Answer


# -- messages ----------------------------------------------------------------------------------------------------------
@messages.add(
    "GET", "/conversations/{conversation_id}/interactions", needs=Permission.CONVERSATION_READ, returns=InteractionPage
)
async def list_interactions(call: Call, conversation_id: int, query: EarlierQuery) -> dict[str, Any]:
    """Earlier messages."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    items, earlier = await conversations.page(
        call.core.db, conversation_id, before_seq=query.before_seq, limit=query.limit
    )
    return {"items": items, "has_earlier": earlier}


@messages.add("GET", "/interactions/{interaction_id}/text", needs=Permission.CONVERSATION_READ, returns=FullText)
async def read_message_text(call: Call, interaction_id: int) -> dict[str, Any]:
    """Everything a message says, its quotes and signature too."""
    message = await _visible(call, interaction_id)
    return {"text": message.meta.get("full_text") or message.text}


@messages.add(
    "GET", "/interactions/{interaction_id}/page", needs=Permission.CONVERSATION_READ, returns=str, media=("text/html",)
)
async def read_message_page(call: Call, interaction_id: int, query: PageQuery) -> web.Response:
    """A message's HTML as a page for a sandboxed frame, under a policy that runs nothing and loads nothing.

    `images` lets pictures from elsewhere in, `whole` the quote below the answer.
    """
    message = await _visible(call, interaction_id)
    shown = html.shown(
        message.page, message.attachments, whole=query.whole, remote=query.images, prefix=call.context.prefix
    )
    if shown is None or not shown.html:
        raise NotFound("The message has no page.", code="message.no_page")
    sources = "'self' https: http:" if query.images else "'self'"
    headers = {
        "Content-Security-Policy": f"default-src 'none'; img-src {sources}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    page = _PAGE.format(style=_STYLE, body=shown.html)
    return web.Response(text=page, content_type="text/html", charset="utf-8", headers=headers)


@messages.add(
    "GET",
    "/interactions/{interaction_id}/original",
    needs=Permission.CONVERSATION_READ,
    returns=bytes,
    media=("application/octet-stream",),
)
async def read_original_message(call: Call, interaction_id: int) -> web.StreamResponse:
    """The bytes of a message as they came, to keep as a file; a signature is still good in them.

    Where they quote the link of a survey, only who manages channels gets them: with it anybody rates for the customer.
    """
    message = await _visible(call, interaction_id)
    if message.meta.get("quotes_survey") and not call.me.may(Permission.CHANNEL_MANAGE):
        raise Forbidden("The original quotes the link by which the customer rates us.", code="message.original_survey")
    raw = await reading.original(call.core, message)
    if raw is None:
        raise NotFound("The message has no original.", code="message.no_original")
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="message-{interaction_id}.eml"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return await bytes_response(call.request, raw, headers)


@messages.add(
    "POST", "/interactions/{interaction_id}/reply-to", needs=Permission.CONVERSATION_REPLY, returns=Interaction
)
async def follow_reply_to(call: Call, interaction_id: int) -> dict[str, Any]:
    """Let answers go where a mail asks for them, though nothing proves that its customer wrote it."""
    await _visible(call, interaction_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await replies.take_reply_to(unit, interaction_id, actor_id=call.me.id)
        return await views.interaction(unit.conn, interaction_id)


@messages.add(
    "POST",
    "/interactions/{interaction_id}/invitation",
    needs=Permission.CONVERSATION_REPLY,
    returns=Interaction,
    status=201,
    also=(200,),
    errors=(409,),
)
async def answer_invitation(call: Call, interaction_id: int, body: InvitationAnswer) -> web.Response:
    """Accept or decline a meeting; what is sent to its organizer. The same `client_id` again sends nothing twice."""
    await _visible(call, interaction_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        done = await invitations.answer(
            unit, call.core.vault, interaction_id, body.answer, client_id=body.client_id, actor_id=call.me.id
        )
        shown = await views.interaction(unit.conn, done.interaction_id)
    return json_response(shown, status=201 if done.created else 200)


async def _visible(call: Call, interaction_id: int) -> reading.FullMessage:
    message = await reading.full_message(call.core.db, interaction_id)
    if message is None:
        raise NotFound("There is no such message.", code="message.unknown")
    await require_conversation(call.core.db, message.conversation_id, call.viewer)
    return message


# -- files -------------------------------------------------------------------------------------------------------------
@files.add(
    "POST", "/uploads", needs=Permission.CONVERSATION_REPLY, returns=Upload, status=201, upload=True, errors=(422,)
)
async def upload_file(call: Call) -> dict[str, Any]:
    """Upload one file (multipart field `file`) to attach to a reply."""
    if call.request.content_type != "multipart/form-data":
        raise Invalid("This is not an upload.", fields={"file": "send multipart/form-data with one file"})
    name, content_type, body = await read_file(call.request)
    values = {"agent_id": call.me.id, "name": name, "content_type": content_type}
    values |= (await call.core.files.keep(call.core.db, body)).values
    new_id = await call.core.db.value(conversations.sql["upload"], values)
    return {"id": new_id, "name": name, "size": len(body), "content_type": content_type}


@files.add("GET", "/attachments/{attachment_id}", needs=Permission.CONVERSATION_READ, returns=bytes, media=SHOWN)
async def read_attachment(call: Call, attachment_id: int) -> web.StreamResponse:
    """A file of a message one may see; only plain images are shown, everything else is downloaded."""
    rows = await call.core.db.dicts(conversations.sql["attachment"], {"id": attachment_id})
    if not rows or (rows[0]["conversation_id"] is None and rows[0]["uploaded_by"] != call.me.id):
        raise NotFound("There is no such file.", code="file.unknown")
    row = rows[0]
    if row["conversation_id"] is not None:
        await require_conversation(call.core.db, row["conversation_id"], call.viewer)
    kind = row["content_type"].split(";")[0].strip().lower()
    shown = kind in INLINE_TYPES or kind.startswith(PLAYED)
    headers = {
        "Content-Type": row["content_type"] if shown else "application/octet-stream",
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(row['name'], safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    opened = await call.core.files.open(call.core.db, row["body"], row["file_id"])
    return await bytes_response(call.request, opened, headers)
