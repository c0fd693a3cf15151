"""Web chat: a session, a resumable socket, and the visitor's own numbered thread."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from aiohttp import web
from pydantic import BaseModel

from connectors.chat import token
from connectors.chat.commands import Commands, to_inbound
from connectors.chat.connection import RESTART, SIGNED_OUT, Line
from connectors.chat.endpoints import ChatEndpoints
from connectors.chat.file_endpoints import FileEndpoints
from connectors.chat.files import Files
from connectors.chat.limits import Limits
from connectors.chat.live import Live
from connectors.chat.offline_replies import Absent
from connectors.chat.protocol import serve
from connectors.chat.settings import Settings
from connectors.chat.subscriber import Subscriber
from connectors.chat.transcript import Record
from hub.channels.capabilities import capabilities_of
from hub.channels.model import Accept, Account, Capabilities, Inbound, Outbound, Wire
from hub.core import log
from hub.core.errors import Invalid, Unavailable
from hub.core.leases import Lease
from hub.core.metrics import SOCKETS
from hub.core.service import Core

__all__ = ["Chat", "Settings"]

logger = log.get(__name__)
_CLOCK = 10.0  # how often a line looks without having heard anything
_EXPIRE_EVERY = 3600.0
_SILENCE = 120.0  # a visitor nobody vouches for that long has left with their server


class Chat:
    """Translates between the widget's protocol and the hub."""

    name: ClassVar[str] = "chat"
    channels: ClassVar[tuple[str, ...]] = ("chat",)
    Settings: ClassVar[type[BaseModel]] = Settings

    def __init__(self, core: Core):
        self._core = core
        self._record = Record(core.db, core.feed)
        self._files = Files(core.db)
        self._absent = Absent(core)
        self._subscriber = Subscriber(core.feed)
        self._limits = Limits()
        self._lines: dict[Line, Live] = {}
        self._clock: asyncio.Task[None] | None = None

    def capabilities(self, channel: str) -> Capabilities:
        """Plain text and files, with typing notices."""
        return capabilities_of(channel)

    def routes(self, accept: Accept) -> Iterable[web.RouteDef]:
        """Below `/hooks/chat/{site}`: `session`, `socket` and `files`."""
        endpoints = ChatEndpoints(self._core, self._record, accept, self.hold, self._limits)
        files = FileEndpoints(self._core, self._record, self._files, self._limits, endpoints)
        return [
            web.post("/hooks/chat/{site}/session", endpoints.session),
            web.delete("/hooks/chat/{site}/session", endpoints.sign_out),
            web.options("/hooks/chat/{site}/session", endpoints.preflight),
            web.get("/hooks/chat/{site}/socket", endpoints.socket),
            web.put("/hooks/chat/{site}/files/{id}", files.put),
            web.delete("/hooks/chat/{site}/files/{id}", files.delete),
            web.get("/hooks/chat/{site}/files/{id}", files.get),
        ]

    async def run(self, accept: Accept) -> None:
        """Notice, in one process at a time, who left while waiting; at the end tell our visitors to come back."""
        try:
            await Lease(self._core.db, "chat:departures").hold(lambda _: self._watch(accept))
        finally:
            await self.close()

    async def _watch(self, accept: Accept) -> None:
        expired = -math.inf
        while True:
            graces = [cast("Settings", a.settings).leave_seconds for a in await accept.accounts(self.name)]
            try:
                while await self._record.departures(max(graces, default=30.0), _SILENCE) == 200:
                    pass  # as many as one look takes: there may be more
                await self._absent.look(accept)
            except Unavailable:
                logger.warning("chat_departures_unseen")
            if time.monotonic() - expired > _EXPIRE_EVERY:
                expired = time.monotonic()
                with contextlib.suppress(Unavailable):
                    await self._record.expire()
                    await self._files.expire()
            await asyncio.sleep(min(2.0, max(graces, default=2.0) or 0.2))

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        """Ring the visitor's sockets. The message is in the record already, which is where they read it.

        Whether they were there to read it shows in a while (`absent.py`).
        """
        await wire()
        await self._absent.note(outbound.interaction_id, cast("Settings", account.settings))
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
        await self._subscriber.close()

    # -- the lines of this process -------------------------------------------------------------------------------
    async def hold(self, socket: web.WebSocketResponse, line: Line, accept: Accept, account: Account) -> None:
        """Serve a line from its hello to its end."""
        live = Live(line, self._record, self._subscriber, self._absent.back)
        self._lines[line] = live
        SOCKETS.labels("chat").inc()
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._tick(), name="chat-clock")
        try:
            commands = Commands(accept, self._record, self._files, account, self._limits)
            await serve(socket, line, live, commands, self._core.feed, self._limits)
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
                gone = await self._record.signed_out([line.visitor.browser for line in self._lines])
                for line in [line for line in self._lines if line.visitor.browser in gone]:
                    await line.close(SIGNED_OUT, b"signed out")
            for live in list(self._lines.values()):
                live.look()

    @property
    def record(self) -> Record:
        """What visitors may see."""
        return self._record
