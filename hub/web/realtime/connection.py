"""One screen's WebSocket: direct sends, guarded against readers that do not read."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from aiohttp import web

from hub.access.model import Actor
from hub.access.rights import Credential
from hub.core.metrics import SOCKETS
from hub.web.endpoints import dumps

_ids = itertools.count(1)
TOO_MUCH = 512 * 1024  # bytes waiting in the transport: the reader is stalled, others must not wait for it


class Connection:
    """A socket, who holds it, and the last sequence sent per topic."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, actor: Actor, *, process: str):
        self.id = f"{process}:{next(_ids)}"
        self.actor = actor
        self.credential = Credential(actor.id, actor.session_id, actor.token_id)
        self.cursors: dict[str, int] = {}
        self.replaying: dict[str, list[dict[str, Any]]] = {}
        self._socket = socket
        self._request = request
        SOCKETS.labels("agent").inc()

    async def send(self, frame: Any) -> None:
        """Send a frame or a list of them; a stalled reader is cut off instead of waited for."""
        transport = self._request.transport
        if self._socket.closed or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > TOO_MUCH:
            # Closing politely would wait for the reader; it will come back and resume by its cursors.
            transport.abort()
            return
        try:
            async with asyncio.timeout(5):
                await self._socket.send_str(dumps(frame).decode())
        except (ConnectionError, TimeoutError):
            transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """Say why and hang up, within two seconds."""
        try:
            async with asyncio.timeout(2):
                await self._socket.close(code=code, message=reason.encode())
        except (ConnectionError, TimeoutError):
            transport = self._request.transport
            if transport is not None:
                transport.abort()

    def gone(self) -> None:
        """Count it out."""
        SOCKETS.labels("agent").dec()
