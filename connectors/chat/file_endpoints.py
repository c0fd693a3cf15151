"""Where a widget sends a file and reads one. Errors carry a code that the widget has words for."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast
from urllib.parse import quote

import orjson
from aiohttp import web

from connectors.chat.commands import ID
from connectors.chat.files import INLINE, Files, file_name, read_link
from connectors.chat.limits import Limits
from connectors.chat.settings import Settings
from connectors.chat.token import Visitor, read
from connectors.chat.transcript import Record
from hub.channels.model import Account, Attachment
from hub.core.bodies import read_body
from hub.core.errors import HubError, Invalid, NotFound, TooMany, Unauthorized, Unavailable
from hub.core.networks import caller
from hub.core.service import Core
from hub.web.bytes import bytes_response

SECONDS = 300.0  # that one file may take to arrive


class Sites(Protocol):
    """Tells which chat site a request names."""

    async def site(self, request: web.Request) -> Account:
        """The site; 404 for none."""
        ...

    async def own_site(self, request: web.Request) -> Account:
        """The site, for a request that its own pages have made; 403 for any other page."""
        ...


class FileEndpoints:
    """Files over HTTP: from a visitor by the token of their session, to a visitor by a link made for them."""

    def __init__(self, core: Core, record: Record, files: Files, limits: Limits, sites: Sites):
        self._core = core
        self._vault = core.vault
        self._record = record
        self._files = files
        self._limits = limits
        self._sites = sites

    async def put(self, request: web.Request) -> web.Response:
        """Keep one file for the visitor's next message: 201. The same id again changes nothing."""
        account = await self._sites.own_site(request)
        settings = cast("Settings", account.settings)
        try:
            visitor, client_id = await self._visitor(request, account), _client_id(request)
            if not settings.files:
                return _problem(403, "files.off", "Files cannot be sent in this chat.")
            size = request.content_length if request.content_length is not None else settings.max_file_bytes
            if size > settings.max_file_bytes:
                raise web.HTTPRequestEntityTooLarge(max_size=settings.max_file_bytes, actual_size=size)
            network = caller(request)
            self._limits.file(account.key, visitor.id, network, size)
            body = await self._body(request, network, settings.max_file_bytes)
            if not body:
                return _problem(422, "file.empty", "The file is empty.")
            name = file_name(request.query.get("name", ""))
            attachment = Attachment(name, request.headers.get("Content-Type", "")[:255], body)
            await self._files.keep(account, visitor.id, client_id, attachment)
        except web.HTTPRequestEntityTooLarge:
            most = f"{settings.max_file_bytes / 2**20:.0f} MB"
            return _problem(413, "file.too_large", f"The file is too large: at most {most} for each.")
        except TimeoutError:
            return _problem(408, "file.slow", "The file took too long.")
        except HubError as error:
            return _refused(error, "file.too_many" if isinstance(error, Invalid) else "file")
        return web.json_response({"id": client_id, "name": name, "size": len(body)}, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        """The visitor took a file off before sending: 204, there or not."""
        account = await self._sites.own_site(request)
        try:
            visitor = await self._visitor(request, account)
            await self._files.remove(account, visitor.id, _client_id(request))
        except HubError as error:
            return _refused(error, "file")
        return web.Response(status=204)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """A file of the visitor's thread. Only plain images are shown; everything else is saved, and nothing runs."""
        account = await self._sites.site(request)  # a picture's request has no origin; its link is what lets it in
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return _problem(403, "file.elsewhere", "This file opens in the chat alone.")
        try:
            attachment_id, visitor = read_link(self._vault, account.key, request.match_info["id"])
            if await self._record.signed_out([visitor.browser]):
                raise NotFound("This browser has signed out.")
            file = await self._files.read(attachment_id, visitor.id)
            opened = await self._core.files.open(self._core.db, file.body, file.file_id)
        except HubError as error:
            return _refused(error, "file.gone")
        kind = file.content_type.partition(";")[0].strip().lower()
        shown, name = kind in INLINE, quote(file_name(file.name), safe="")
        headers = {
            "Content-Type": kind if shown else "application/octet-stream",
            "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        }
        return await bytes_response(request, opened, headers)

    async def _visitor(self, request: web.Request, account: Account) -> Visitor:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        visitor = read(self._vault, account.key, token if scheme.lower() == "bearer" else None)
        if await self._record.signed_out([visitor.browser]):
            raise Unauthorized("This browser has signed out.")
        return visitor

    async def _body(self, request: web.Request, network: str | None, most: int) -> bytes:
        if not self._limits.begin_file(network):
            raise TooMany("Very many files are being sent.", retry_after=2, remedy="Wait a moment, then try again.")
        try:
            async with asyncio.timeout(SECONDS):
                return await read_body(request, most)
        finally:
            self._limits.end_file(network)


def _client_id(request: web.Request) -> str:
    found = request.match_info["id"]
    if not ID.match(found):
        raise Invalid("The file has no usable id.")
    return found


def _refused(error: HubError, code: str) -> web.Response:
    wait = error.retry_after if isinstance(error, TooMany) else 5 if isinstance(error, Unavailable) else None
    return _problem(error.status, code, error.detail, wait)


def _problem(status: int, code: str, detail: str, wait: float | None = None) -> web.Response:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": str(int(wait))} if wait else {})
    body = orjson.dumps({"status": status, "code": code, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)
