"""For anybody: the page that ends unwanted mail, and files of ours that providers fetch."""

from __future__ import annotations

import html
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from hub.contacts import consent
from hub.core import events
from hub.core.clock import now
from hub.core.sql import Queries
from hub.messages import tokens
from hub.web.bytes import bytes_response
from hub.web.context import CONTEXT
from hub.web.public import limited

sql = Queries.beside(__file__, "public.sql")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"></head>
<body><main><h1>{title}</h1><p>{words}</p>{form}</main></body></html>"""
_FORM = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe · 退订</button></form>'
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


# -- the page behind List-Unsubscribe ----------------------------------------------------------------------------------
def unsubscribe_routes() -> list[web.RouteDef]:
    """The landing page of RFC 8058: reading it changes nothing, posting to it ends the mail, without cookies."""
    return [web.get("/u/{token}", limited(_show_form)), web.post("/u/{token}", limited(_end))]


async def _show_form(request: web.Request) -> web.Response:
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


# -- files that providers fetch ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content_type: str
    body: bytes | None
    file_id: int | None


def file_routes() -> list[web.RouteDef]:
    """`/m/{token}`; a token that is forged or too old finds nothing."""
    return [web.get("/m/{token}", limited(_file))]


async def _file(request: web.Request) -> web.StreamResponse:
    core = request.app[CONTEXT].core
    number = tokens.file_of(core.vault, request.match_info["token"], now())
    found = await core.db.one(_File, sql["sent_file"], {"id": number}) if number is not None else None
    if found is None:
        raise web.HTTPNotFound
    headers = {
        "Content-Type": found.content_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=300",
    }
    return await bytes_response(request, await core.files.open(core.db, found.body, found.file_id), headers)
