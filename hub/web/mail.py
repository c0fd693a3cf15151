"""Mail at the desk: what to know before writing, taking an answer back, and the page that ends unwanted mail."""

from __future__ import annotations

import html
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from hub.access.rights import require_conversation
from hub.contacts import consent
from hub.core import events
from hub.messages import tokens, undo
from hub.messages.mail import composing as letters
from hub.web import shapes
from hub.web.context import CONTEXT
from hub.web.endpoints import Call, Endpoints
from hub.web.public import limited

mail = Endpoints("conversations")


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
    attachments: list[shapes.Upload]


@mail.add("GET", "/conversations/{conversation_id}/composing", returns=Composing)
async def read_composing(call: Call, conversation_id: int) -> dict[str, Any]:
    """Who would get an answer to all, the signatures below it, and what waits for its time."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with call.core.db.connection() as conn:
        return await letters.composing(conn, conversation_id, call.me.id)


@mail.add("POST", "/conversations/{conversation_id}/interactions/{interaction_id}/cancel", returns=Draft, errors=(409,))
async def cancel_reply(call: Call, conversation_id: int, interaction_id: int) -> dict[str, Any]:
    """Take back an answer before it leaves; its words come back. 409 when it is on its way."""
    await require_conversation(call.core.db, conversation_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        return asdict(await undo.cancel(unit, conversation_id, interaction_id, actor_id=call.me.id))


# -- the page behind List-Unsubscribe --------------------------------------------------------------------------------
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"></head>
<body><main><h1>{title}</h1><p>{words}</p>{form}</main></body></html>"""
_FORM = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe · 退订</button></form>'
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def unsubscribe_routes() -> list[web.RouteDef]:
    """The landing page of RFC 8058: reading it changes nothing, posting to it ends the mail, without cookies."""
    return [web.get("/u/{token}", limited(_ask)), web.post("/u/{token}", limited(_end))]


async def _ask(request: web.Request) -> web.Response:
    if _address(request) is None:
        return _page("This link is not valid", "Copy it whole from the mail. 链接无效。", status=404)
    words = "You will get no more mail of this kind; answers to your questions still reach you. 不再接收此类邮件。"
    return _page("Unsubscribe · 退订", words, form=_FORM)


async def _end(request: web.Request) -> web.Response:
    address_id = _address(request)
    if address_id is None:
        return _page("This link is not valid", "Copy it whole from the mail. 链接无效。", status=404)
    core = request.app[CONTEXT].core
    async with events.unit(core.db, core.feed) as unit:
        await consent.unsubscribe(unit, address_id)
    return _page("Unsubscribed · 已退订", "Mail of this kind ends here. 您将不再收到此类邮件。")


def _address(request: web.Request) -> int | None:
    return tokens.unsubscribing(request.app[CONTEXT].core.vault, request.match_info["token"])


def _page(title: str, words: str, *, form: str = "", status: int = 200) -> web.Response:
    text = _PAGE.format(title=html.escape(title), words=html.escape(words), form=form)
    return web.Response(text=text, content_type="text/html", status=status, headers=_HEADERS)
