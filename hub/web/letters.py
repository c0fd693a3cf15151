"""One mail looked at closely: its whole text, its page in a frame of its own, its bytes, and the answer it asks for."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from hub.access.rights import require_conversation
from hub.core import events
from hub.core.errors import NotFound
from hub.messages import html, reading, replies, views
from hub.messages.mail import invitations
from hub.web import shapes
from hub.web.desk import ClientId
from hub.web.endpoints import Call, Endpoints, json_response
from hub.web.shapes import In

letters = Endpoints("conversations")

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


class FullText(BaseModel):
    text: str


class PageQuery(In):
    whole: bool = False
    images: bool = False


class InvitationAnswer(In):
    client_id: ClientId
    answer: invitations.Answer


@letters.add("GET", "/interactions/{interaction_id}/text", returns=FullText)
async def read_message_text(call: Call, interaction_id: int) -> dict[str, Any]:
    """Everything a message says, its quotes and signature too."""
    letter = await _visible(call, interaction_id)
    return {"text": letter.meta.get("full_text") or letter.text}


@letters.add("GET", "/interactions/{interaction_id}/page", returns=str, media=("text/html",))
async def read_message_page(call: Call, interaction_id: int, query: PageQuery) -> web.Response:
    """A message's HTML as a page for a sandboxed frame, under a policy that runs nothing and loads nothing.

    `images` lets pictures from elsewhere in, `whole` the quote below the answer.
    """
    letter = await _visible(call, interaction_id)
    shown = html.shown(
        letter.page, letter.attachments, whole=query.whole, remote=query.images, prefix=call.context.prefix
    )
    if shown is None or not shown.html:
        raise NotFound("The message has no page.")
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


@letters.add("GET", "/interactions/{interaction_id}/original", returns=bytes, media=("application/octet-stream",))
async def read_original_message(call: Call, interaction_id: int) -> web.Response:
    """The bytes of a message as they came, to keep as a file; a signature is still good in them."""
    letter = await _visible(call, interaction_id)
    raw = await reading.original(call.core.db, letter)
    if raw is None:
        raise NotFound("The message has no original.")
    headers = {
        "Content-Disposition": f'attachment; filename="message-{interaction_id}.eml"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return web.Response(body=raw, content_type="application/octet-stream", headers=headers)


@letters.add("POST", "/interactions/{interaction_id}/reply-to", returns=shapes.Interaction)
async def follow_reply_to(call: Call, interaction_id: int) -> dict[str, Any]:
    """Let answers go where a mail asks for them, though nothing proves that its customer wrote it."""
    await _visible(call, interaction_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await replies.take_reply_to(unit, interaction_id, actor_id=call.me.id)
        return await views.interaction(unit.conn, interaction_id)


@letters.add(
    "POST",
    "/interactions/{interaction_id}/invitation",
    returns=shapes.Interaction,
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


async def _visible(call: Call, interaction_id: int) -> reading.Letter:
    letter = await reading.letter(call.core.db, interaction_id)
    if letter is None:
        raise NotFound("There is no such message.")
    await require_conversation(call.core.db, letter.conversation_id, call.me.viewer)
    return letter
