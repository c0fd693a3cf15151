"""The addresses a widget speaks to: its session, and its socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from aiohttp import WSMsgType, web

from connectors.chat.connection import CROWDED, SIGNED_OUT, Line
from connectors.chat.files import MOST_FILES, FileLinks
from connectors.chat.identity import Claim, Refused, claimed, same_person, verify
from connectors.chat.limits import Limits
from connectors.chat.protocol import HEARTBEAT, MAX_FRAME, parse
from connectors.chat.settings import Settings
from connectors.chat.token import Visitor, fresh, issue, read
from connectors.chat.transcript import Record, public_status
from hub.channels.model import Accept, Account
from hub.core.bodies import read_body
from hub.core.errors import TooMany, Unauthorized, Unavailable
from hub.core.metrics import REJECTED
from hub.core.networks import caller
from hub.core.service import Core

HELLO_SECONDS = 5.0
_MAX_SESSION = 16 * 1024
_POLICY = 1008
_ALLOWED = {"Access-Control-Allow-Methods": "POST, DELETE", "Access-Control-Allow-Headers": "Content-Type"}
Serve = Callable[[web.WebSocketResponse, Line, Accept, Account], Awaitable[None]]


class ChatEndpoints:
    """A visitor's session over HTTP, and their socket."""

    def __init__(self, core: Core, record: Record, accept: Accept, serve: Serve, limits: Limits):
        self._core = core
        self._record = record
        self._accept = accept
        self._serve = serve
        self._limits = limits

    async def session(self, request: web.Request) -> web.Response:
        """A visitor's token, made or renewed, and where their thread stands."""
        account = await self.site(request)
        headers = self._cors(request, account)
        self._allow(request, account, headers)
        asked = await _body(request)
        settings = cast("Settings", account.settings)
        visitor, identity = await self._visitor(account, asked)
        is_open, conversation = await self._state(account, visitor)
        answer = {
            "token": issue(self._core.vault, account.key, visitor, settings.token_days),
            "visitor": visitor.id,
            "identity": identity,
            "site": {
                "name": account.name,
                "greeting": settings.greeting_for(visitor.locale or account.locale),
                "locale": visitor.locale or account.locale or "en",
                "prechat": settings.prechat,
                "open": is_open,
                "max_text": settings.max_text,
                "files": {"most_bytes": settings.max_file_bytes, "most": MOST_FILES} if settings.files else None,
            },
            "conversation": conversation,
        }
        return web.Response(body=orjson.dumps(answer), content_type="application/json", headers=headers)

    async def sign_out(self, request: web.Request) -> web.Response:
        """The visitor leaves this browser: its tokens count no more. Signed out already is fine."""
        account = await self.site(request)
        headers = self._cors(request, account)
        self._allow(request, account, headers)
        asked = await _body(request)
        with contextlib.suppress(Unauthorized):
            visitor = read(self._core.vault, account.key, asked.get("token"))
            try:
                await self._record.sign_out(visitor, cast("Settings", account.settings).token_days)
            except Unavailable:
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        return web.Response(status=204, headers=headers)

    async def preflight(self, request: web.Request) -> web.Response:
        """CORS: an allowed site may ask from its own pages."""
        headers = self._cors(request, await self.site(request))
        return web.Response(
            status=204,
            headers={
                **headers,
                "Access-Control-Allow-Methods": "POST, DELETE",
                "Access-Control-Allow-Headers": "Content-Type",
            },
        )

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """The visitor's socket; its first frame must be a hello with a token, within five seconds."""
        account = await self.site(request)
        self._cors(request, account)
        # Compression costs some 100 KB a connection (measured), for texts of a few hundred bytes.
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_FRAME)
        await socket.prepare(request)
        network = caller(request)
        if not self._limits.enter(account.key, network):
            REJECTED.labels("chat", "sockets").inc()
            await socket.close(code=CROWDED, message=b"too many connections; try again later")
            return socket
        try:
            line = await self._greeted(request, socket, account)
            if line is not None:
                await self._serve(socket, line, self._accept, account)
        finally:
            self._limits.leave(account.key, network)
        return socket

    def _allow(self, request: web.Request, account: Account, headers: dict[str, str]) -> None:
        """429 where a network asks too often."""
        try:
            self._limits.session(account.key, caller(request))
        except TooMany as error:
            again = {**headers, "Retry-After": str(error.retry_after)}
            raise web.HTTPTooManyRequests(text=error.detail, headers=again) from None

    async def _greeted(self, request: web.Request, socket: web.WebSocketResponse, account: Account) -> Line | None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                message = await socket.receive()
        except TimeoutError:
            await socket.close(code=_POLICY, message=b"no hello within 5 s")
            return None
        hello = parse(message.data) if message.type is WSMsgType.TEXT else {}
        if hello.get("t") != "hello":
            await socket.close(code=_POLICY, message=b"the first frame must be hello")
            return None
        try:
            visitor = read(self._core.vault, account.key, hello.get("token"))
            if await self._record.signed_out([visitor.browser]):
                raise Unauthorized("This browser has signed out.")
        except Unauthorized as error:
            REJECTED.labels("chat", "token").inc()
            await socket.close(code=SIGNED_OUT, message=error.detail.encode()[:120])
            return None
        cursor = hello.get("cursor", 0)
        return Line(
            socket,
            request.transport,
            visitor,
            cursor if isinstance(cursor, int) and 0 <= cursor < 2**53 else 0,
            links=FileLinks(self._core.vault, account.key, visitor),
            network=caller(request),
        )

    async def own_site(self, request: web.Request) -> Account:
        """The site, for a request that one of its pages has made; 403 for any other page."""
        account = await self.site(request)
        self._cors(request, account)
        return account

    async def site(self, request: web.Request) -> Account:
        """The chat site that a request names; 404 for none."""
        key = request.match_info["site"]
        try:
            account = next((a for a in await self._accept.accounts("chat") if a.key == key), None)
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        if account is None:
            raise web.HTTPNotFound
        return account

    def _cors(self, request: web.Request, account: Account) -> dict[str, str]:
        """The headers that let an allowed page read the answer; 403 for any other page.

        Browsers send an Origin with every socket and every POST, and no page can forge it. A socket is not bound
        by the same-origin policy, so this check is all that keeps a foreign page out.
        """
        origin = request.headers.get("Origin", "").rstrip("/").lower()
        settings = cast("Settings", account.settings)
        own = {_origin(self._core.public_url), f"{request.scheme}://{request.host}".lower()}
        if "*" not in settings.origins and origin not in own and origin not in settings.origins:
            REJECTED.labels("chat", "origin").inc()
            raise web.HTTPForbidden
        return (
            {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            if origin and origin not in own
            else {"Vary": "Origin"}
        )

    async def _visitor(self, account: Account, asked: dict[str, Any]) -> tuple[Visitor, dict[str, Any]]:
        """Who it is by their token and by what is claimed or proved, and what became of the claim."""
        known, claim = await self._known(account, asked), _claim(asked)
        try:
            visitor = await self._identified(account, known, claim)
            state = {"state": "proved" if visitor.subject else "claimed" if visitor.email or visitor.name else "none"}
        except Refused as refused:
            REJECTED.labels("chat", "identity").inc()
            visitor = known if not known.subject and same_person(known, claim) else fresh()
            state = {"state": "refused", "code": refused.code, "detail": refused.detail}
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        return replace(visitor, locale=_text(asked.get("locale"), 35) or known.locale), state

    async def _known(self, account: Account, asked: dict[str, Any]) -> Visitor:
        try:
            known = read(self._core.vault, account.key, asked.get("token"))
            if not await self._record.signed_out([known.browser]):
                return known
        except Unauthorized:
            pass  # nobody we know
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        return fresh()

    async def _identified(self, account: Account, known: Visitor, claim: Claim) -> Visitor:
        settings = cast("Settings", account.settings)
        if claim.proof is None:
            return claimed(known, claim, settings)
        proof = verify(settings, account.key, claim.proof)
        if proof.subject == known.subject:
            return replace(known, name=proof.name or known.name, email=proof.email or known.email)
        if proof.expired:
            raise Refused("expired", "The identity token has expired: give a fresh one.")
        # What this browser's visitor said before they were proved goes on, if it may have been them.
        fits = not known.subject and same_person(known, Claim(proof.name, proof.email))
        visitor = known if fits else fresh()
        number = await self._record.visitor_of(account.id, proof.subject, visitor.id)
        return replace(visitor, id=number, name=proof.name, email=proof.email, subject=proof.subject)

    async def _state(self, account: Account, visitor: Visitor) -> tuple[bool, dict[str, Any] | None]:
        """Whether somebody works now, and where the visitor's thread stands (None before their first message)."""
        record = self._record
        try:
            is_open = await record.is_open(account.queue_id)
            address_id = await record.address(visitor.id)
            if address_id is None:
                return is_open, None
            followed = await record.follow(address_id)
        except Unavailable:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"}) from None
        return is_open, {"status": public_status(followed.status)["status"], "seq": followed.last_seq}


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await read_body(request, _MAX_SESSION)
    if not raw:
        return {}
    try:
        asked: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest(text="The body is not JSON.") from None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="The body is not a JSON object.")
    return cast("dict[str, Any]", asked)


def _claim(asked: dict[str, Any]) -> Claim:
    proof = asked.get("proof")
    return Claim(
        _text(asked.get("name"), 120),
        _text(asked.get("email"), 254),
        proof if isinstance(proof, str) and proof else None,
        by_page=asked.get("by") == "page",
    )


def _text(value: object, limit: int) -> str:
    return " ".join(value.replace("\x00", "").split())[:limit] if isinstance(value, str) else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
