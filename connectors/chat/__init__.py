"""Web chat: a session, a resumable socket, and the visitor's own numbered thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

import orjson
from aiohttp import WSMsgType, web
from pydantic import BaseModel

from connectors.chat import token
from connectors.chat.commands import Commands, to_inbound
from connectors.chat.ears import Ears
from connectors.chat.line import RESTART, Line
from connectors.chat.live import Live
from connectors.chat.protocol import HEARTBEAT, MAX_FRAME, parse, serve
from connectors.chat.record import Record, public_status
from connectors.chat.settings import Settings
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, Wire
from hub.core import log
from hub.core.errors import Invalid, Unauthorized, Unavailable
from hub.core.leases import Lease
from hub.core.metrics import REJECTED, SOCKETS
from hub.core.service import Core

__all__ = ["Chat", "Settings"]

logger = log.get(__name__)
HELLO_SECONDS = 5.0
_CLOCK = 10.0  # how often a line looks without having heard anything
_SILENCE = 120.0  # a visitor nobody vouches for that long has left with their server
_MAX_SESSION = 16 * 1024
_SIGNED_OUT, _POLICY = 4401, 1008


class Chat:
    """Translates between the widget's protocol and the hub."""

    name: ClassVar[str] = "chat"
    channels: ClassVar[tuple[str, ...]] = ("chat",)
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._core = core
        self._record = Record(core.db, core.feed)
        self._ears = Ears(core.feed)
        self._lines: dict[Line, Live] = {}
        self._clock: asyncio.Task[None] | None = None

    def capabilities(self, channel: str) -> Capabilities:
        """Plain text with typing notices."""
        return Capabilities(typing=True, max_length=20_000)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """`/hooks/chat/{site}/session` and `/hooks/chat/{site}/socket`."""
        doors = _Doors(self, accept)
        return [
            web.post("/hooks/chat/{site}/session", doors.session),
            web.options("/hooks/chat/{site}/session", doors.preflight),
            web.get("/hooks/chat/{site}/socket", doors.socket),
        ]

    async def run(self, accept: Accept) -> None:
        """Notice, in one process at a time, who left while waiting; at the end tell our visitors to come back."""
        try:
            await Lease(self._core.db, "chat:departures").hold(lambda _: self._watch(accept))
        finally:
            await self.close()

    async def _watch(self, accept: Accept) -> None:
        while True:
            graces = [cast("Settings", a.settings).leave_seconds for a in await accept.accounts(self.name)]
            try:
                while await self._record.departures(max(graces, default=30.0), _SILENCE) == 200:
                    pass  # as many as one look takes: there may be more
            except Unavailable:
                logger.warning("chat_departures_unseen")
            await asyncio.sleep(min(2.0, max(graces, default=2.0) or 0.2))

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Ring the visitor's sockets. The message is in the record already, which is where they read it."""
        await wire()
        topic = f"c:{outbound.conversation_id}"
        await self._core.feed.publish([(topic, {"type": "chat.ring", "conversation_id": outbound.conversation_id})])
        return f"chat:{outbound.interaction_id}"

    def translate(self, account: Account | None, raw: bytes, raw_type: str, meta: dict[str, Any]) -> Inbound:
        """A stored frame again; the visitor comes from `meta`, since the frame does not name them."""
        if account is None or not meta.get("visitor"):
            raise Invalid("The frame belongs to no visitor.")
        visitor = token.Visitor(meta["visitor"], meta.get("name", ""), meta.get("email", ""), meta.get("locale"))
        return to_inbound(account, visitor, raw)

    async def close(self) -> None:
        """Tell everybody to come back, and stop."""
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
        await asyncio.gather(*(line.close(RESTART, b"restart") for line in list(self._lines)))
        await self._ears.close()

    # -- the lines of this process -------------------------------------------------------------------------------
    async def hold(self, socket: web.WebSocketResponse, line: Line, accept: Accept, account: Account) -> None:
        """Serve a line from its hello to its end."""
        live = Live(line, self._record, self._ears)
        self._lines[line] = live
        SOCKETS.labels("chat").inc()
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._tick(), name="chat-clock")
        try:
            await serve(socket, line, live, Commands(accept, self._record, account), self._core.feed)
        except Unavailable:
            await line.close(RESTART, b"try again")
        finally:
            SOCKETS.labels("chat").dec()
            del self._lines[line]
            with contextlib.suppress(Unavailable):
                await asyncio.shield(live.stop())

    async def _tick(self) -> None:
        """Vouch for who is connected, and look for what a lost publish did not tell."""
        while self._lines:
            await asyncio.sleep(_CLOCK)
            here = sorted({line.address_id for line in self._lines if line.address_id is not None})
            with contextlib.suppress(Unavailable):
                await self._record.seen(here)
            for live in list(self._lines.values()):
                live.look()

    @property
    def core(self) -> Core:
        """The process's shared parts."""
        return self._core

    @property
    def record(self) -> Record:
        """What visitors may see."""
        return self._record


class _Doors:
    """The two ways in: a session over HTTP, and the socket."""

    def __init__(self, chat: Chat, accept: Accept):
        self._chat = chat
        self._accept = accept

    async def session(self, request: web.Request) -> web.Response:
        """A visitor's token, made or renewed, and where their thread stands."""
        account = await self._site(request)
        headers = self._cors(request, account)
        asked = await _body(request)
        settings = cast("Settings", account.settings)
        visitor = self._visitor(account, asked)
        is_open, conversation = await self._state(account, visitor)
        answer = {
            "token": token.issue(self._chat.core.vault, account.key, visitor, settings.token_days),
            "visitor": visitor.id,
            "site": {
                "name": account.name,
                "greeting": settings.greeting_for(visitor.locale or account.locale),
                "locale": visitor.locale or account.locale or "en",
                "prechat": settings.prechat,
                "open": is_open,
            },
            "conversation": conversation,
        }
        return web.Response(body=orjson.dumps(answer), content_type="application/json", headers=headers)

    async def preflight(self, request: web.Request) -> web.Response:
        """CORS: an allowed site may ask from its own pages."""
        headers = self._cors(request, await self._site(request))
        return web.Response(
            status=204,
            headers={**headers, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"},
        )

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """The visitor's socket; its first frame must be a hello with a token, within five seconds."""
        account = await self._site(request)
        self._cors(request, account)
        # Compression costs some 100 KB a connection (measured), for texts of a few hundred bytes.
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=MAX_FRAME)
        await socket.prepare(request)
        line = await self._greeted(request, socket, account)
        if line is not None:
            await self._chat.hold(socket, line, self._accept, account)
        return socket

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
            visitor = token.read(self._chat.core.vault, account.key, hello.get("token"))
        except Unauthorized as error:
            REJECTED.labels("chat", "token").inc()
            await socket.close(code=_SIGNED_OUT, message=error.detail.encode()[:120])
            return None
        cursor = hello.get("cursor", 0)
        return Line(
            socket, request.transport, visitor, cursor if isinstance(cursor, int) and 0 <= cursor < 2**53 else 0
        )

    async def _site(self, request: web.Request) -> Account:
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
        own = {_origin(self._chat.core.public_url), f"{request.scheme}://{request.host}".lower()}
        if "*" not in settings.origins and origin not in own and origin not in settings.origins:
            REJECTED.labels("chat", "origin").inc()
            raise web.HTTPForbidden
        return (
            {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            if origin and origin not in own
            else {"Vary": "Origin"}
        )

    def _visitor(self, account: Account, asked: dict[str, Any]) -> token.Visitor:
        try:
            known = token.read(self._chat.core.vault, account.key, asked.get("token"))
        except Unauthorized:
            known = token.fresh()
        return replace(
            known,
            name=_text(asked.get("name"), 120) or known.name,
            email=_text(asked.get("email"), 254) or known.email,
            locale=_text(asked.get("locale"), 35) or known.locale,
        )

    async def _state(self, account: Account, visitor: token.Visitor) -> tuple[bool, dict[str, Any] | None]:
        """Whether somebody works now, and where the visitor's thread stands (None before their first message)."""
        record = self._chat.record
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
    if (request.content_length or 0) > _MAX_SESSION:
        raise web.HTTPRequestEntityTooLarge(max_size=_MAX_SESSION, actual_size=request.content_length or 0)
    raw = await request.read()
    if not raw:
        return {}
    try:
        asked: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest(text="The body is not JSON.") from None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="The body is not a JSON object.")
    return cast("dict[str, Any]", asked)


def _text(value: object, limit: int) -> str:
    return " ".join(value.replace("\x00", "").split())[:limit] if isinstance(value, str) else ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
