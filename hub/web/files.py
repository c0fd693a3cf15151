"""Files of ours that providers fetch: an address that names one file, for a while, and proves that we made it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from hub.core.clock import now
from hub.core.sql import Queries
from hub.messages import tokens
from hub.web.context import CONTEXT
from hub.web.public import limited

sql = Queries.beside(__file__, "files.sql")


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content_type: str
    body: bytes


def file_routes() -> list[web.RouteDef]:
    """`/m/{token}`; a token that is forged or too old finds nothing."""
    return [web.get("/m/{token}", limited(_file))]


async def _file(request: web.Request) -> web.Response:
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
    return web.Response(body=bytes(found.body), headers=headers)
