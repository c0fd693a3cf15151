"""One visitor's socket, seen from the sending side: bounded in time and in memory, whatever the reader does."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Any

import orjson
from aiohttp import web

from connectors.chat.files import FileLinks
from connectors.chat.token import Visitor
from connectors.chat.transcript import Frame
from hub.core import log

logger = log.get(__name__)
MAX_BUFFERED = 256 * 1024  # a reader this far behind is cut off and resumes by its cursor
SEND_SECONDS = 5.0
TOO_SLOW, RESTART, SIGNED_OUT = 4008, 1012, 4401
TOO_FAST, CROWDED = 4029, 4030  # too many frames on one socket; too many sockets of one network or site


class Line:
    """A connected visitor."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        visitor: Visitor,
        cursor: int,
        *,
        links: FileLinks,
        network: str | None = None,
    ):
        """`links` makes the visitor's links to files; `network` is where they come from, if that can be told."""
        self.id = secrets.token_hex(8)
        self.visitor = visitor
        self.links = links
        self.network = network
        self.address_id: int | None = None
        self.status: dict[str, Any] = {}
        self.cursor = cursor
        self._socket = socket
        self._transport = transport
        self._typed = 0.0

    # -- out -----------------------------------------------------------------------------------------------------
    async def send(self, frame: Frame | list[Frame]) -> None:
        """Send a frame, or several as one; a reader who does not read is cut off."""
        if self._socket.closed:
            return
        if self._transport is not None and self._transport.get_write_buffer_size() > MAX_BUFFERED:
            await self.cut()
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_str(orjson.dumps(frame).decode())
        except TimeoutError:
            await self.cut()
        except ConnectionError:
            logger.debug("chat_reader_gone", line=self.id)

    async def cut(self) -> None:
        """Drop a stalled reader at once."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.5):
                await self._socket.close(code=TOO_SLOW, message=b"too slow", drain=False)
        if self._transport is not None:
            self._transport.abort()

    async def close(self, code: int, reason: bytes) -> None:
        """Close in good order."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2):
                await self._socket.close(code=code, message=reason)

    def may_type(self) -> bool:
        """Whether a typing notice is due: once a second is enough for anybody."""
        if time.monotonic() - self._typed < 1.0:
            return False
        self._typed = time.monotonic()
        return True
