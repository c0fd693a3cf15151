"""The desk's WebSocket `/ws`: frames in, topics out (protocol `hub.v1`, see docs/develop/realtime.md)."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import Annotated, Any, Literal

import orjson
from aiohttp import WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from hub.core.clock import now
from hub.core.errors import HubError, NotFound, Unauthorized
from hub.core.field_errors import form
from hub.web.context import CONTEXT, WebContext, same_origin
from hub.web.endpoints import identify
from hub.web.realtime.connection import Connection
from hub.web.realtime.presence import Presences
from hub.web.realtime.topics import Realtime, ready_frame

HEARTBEAT = 25  # seconds
PROCESS = f"{os.getpid()}-{secrets.token_hex(3)}"
REALTIME = web.AppKey("realtime", Realtime)
PRESENCES = web.AppKey("presences", Presences)
FRAMES_PER_SECOND, BURST = 20.0, 100.0
TOPICS = 200  # one screen listens to at most so many

Topic = Annotated[str, StringConstraints(pattern=form("topic", r"^(?:[cuq]:[1-9][0-9]{0,15}|wall)$"))]
Cursor = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]


class _Frame(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Hello(_Frame):
    t: Literal["hello"]
    topics: dict[Topic, Cursor] = {}


class Sub(_Frame):
    t: Literal["sub"]
    topic: Topic
    cursor: Cursor = 0


class Unsub(_Frame):
    t: Literal["unsub"]
    topic: Topic


class Eph(_Frame):
    t: Literal["eph"]
    topic: Annotated[str, StringConstraints(pattern=form("topic", r"^c:[1-9][0-9]{0,15}$"))]
    type: Literal["typing", "viewing", "left"]


class Ping(_Frame):
    t: Literal["ping"]


FRAME: TypeAdapter[Any] = TypeAdapter(Annotated[Hello | Sub | Unsub | Eph | Ping, Field(discriminator="t")])


async def websocket(request: web.Request) -> web.StreamResponse:
    """One screen, from handshake to goodbye."""
    context = request.app[CONTEXT]
    if not same_origin(request, context):  # browsers send cookies with cross-site sockets: CORS does not apply
        raise web.HTTPForbidden(reason="This origin may not connect")
    actor = await identify(request, context)
    if actor is None:
        raise Unauthorized(remedy="Sign in first.")
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, compress=False, max_msg_size=64 * 1024)
    await socket.prepare(request)
    connection = Connection(socket, request, actor, process=PROCESS)
    screen = _Screen(context, request.app[REALTIME], connection)
    request.app[REALTIME].join(connection)
    await request.app[PRESENCES].arrived(actor.id)
    try:
        await connection.send(ready_frame(HEARTBEAT, now()))
        await screen.serve(socket)
    finally:
        request.app[REALTIME].leave(connection)
        connection.gone()
        await asyncio.shield(request.app[PRESENCES].left(actor.id))
    return socket


class _Screen:
    """Answers one connection's frames."""

    def __init__(self, context: WebContext, realtime: Realtime, connection: Connection):
        self._context = context
        self._realtime = realtime
        self._connection = connection
        self._tokens, self._refilled = BURST, time.monotonic()

    async def serve(self, socket: web.WebSocketResponse) -> None:
        """Until either side hangs up."""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if not self._allowed():
                await self._connection.close(4008, "too many frames")
                return
            try:
                frame = FRAME.validate_python(orjson.loads(message.data))
            except (ValidationError, orjson.JSONDecodeError):
                await self._connection.send(
                    {"t": "err", "topic": None, "code": 422, "detail": "This is not a frame of hub.v1."}
                )
                continue
            await self._answer(frame)

    async def _answer(self, frame: Any) -> None:
        match frame:
            case Hello(topics=topics):
                for topic, cursor in list(topics.items())[:TOPICS]:
                    await self._subscribe(topic, cursor)
            case Sub(topic=topic, cursor=cursor):
                await self._subscribe(topic, cursor)
            case Unsub(topic=topic):
                self._realtime.unsubscribe(self._connection, topic)
            case Eph():
                await self._whisper(frame)
            case _:
                await self._connection.send({"t": "pong"})

    async def _subscribe(self, topic: str, cursor: int) -> None:
        try:
            if len(self._connection.cursors) >= TOPICS and topic not in self._connection.cursors:
                raise NotFound("Too many topics on one socket.")
            await self._realtime.subscribe(self._connection, topic, cursor)
        except HubError as error:
            await self._connection.send({"t": "err", "topic": topic, "code": error.status, "detail": error.detail})

    async def _whisper(self, frame: Eph) -> None:
        """Pass on who looks or types: to those who see the conversation too, kept nowhere."""
        if frame.topic not in self._connection.cursors or not await self._realtime.may(self._connection, frame.topic):
            return
        actor = self._connection.actor
        data = {"agent": {"id": actor.id, "name": actor.name}}
        message = {"t": "eph", "topic": frame.topic, "type": frame.type, "data": data, "from": self._connection.id}
        await self._context.core.feed.publish([(frame.topic, message)])

    def _allowed(self) -> bool:
        moment = time.monotonic()
        self._tokens = min(BURST, self._tokens + (moment - self._refilled) * FRAMES_PER_SECOND) - 1
        self._refilled = moment
        return self._tokens >= 0
