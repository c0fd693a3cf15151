# pyright: reportUnknownMemberType=false, reportPrivateUsage=false
# aiosmtpd is untyped, and its reader is what it hands to those who derive from it.
"""One SMTP or LMTP session, as far as aiosmtpd's own would let its other end decide what it costs.

aiosmtpd takes a message line by line: ten megabytes of empty lines cost it twenty seconds of processor time and the
whole process pauses of seconds. Here the end of a message is searched for as a whole, whatever lies before it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from hub.core import log
from hub.core.metrics import REJECTED
from hub.core.networks import network_of

logger = log.get(__name__)
SECONDS = 300.0  # for a command, or for a whole message (RFC 5321 §4.5.3.2)
COMMANDS = 1000  # of each kind in one session; a server that has more opens another
_LINE = 10_000_000  # bytes that are searched at once; a message may be longer
_END = b"\r\n.\r\n"
_PIECE = 1024 * 1024
_TOO_MANY = b"421 4.7.0 Too many connections; try again later\r\n"


class SessionListener(Protocol):
    """Who counts a listener's connections, to bound them and to close them with it."""

    def opened(self, protocol: SMTP, network: str) -> bool:
        """Count a connection; False when there are too many."""
        ...

    def closed(self, protocol: SMTP, network: str) -> None:
        """Forget it."""
        ...


class Session(SMTP):
    """SMTP that takes long lines, knows its listener, and reads a message in large pieces."""

    line_length_limit = _LINE
    listener: SessionListener
    _network: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, unless there are too many."""
        peer = transport.get_extra_info("peername")
        network = network_of(str(peer[0])) if peer else "unknown"
        if self._network is None:  # else it is the same one again, over TLS now
            if not self.listener.opened(self, network):
                REJECTED.labels("email", "connections").inc()
                assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a socket's
                transport.write(_TOO_MANY)
                transport.close()
                return
            self._network = network
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        if self._network is not None:
            self.listener.closed(self, self._network)
            self._network = None
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Nothing is read of who was refused."""
        if self._network is not None:
            super().data_received(data)

    def eof_received(self) -> bool | None:
        """Nor is anything answered then."""
        return super().eof_received() if self._network is not None else None

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd finds its commands by name
        """Take a message, then answer what became of it."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope: Any = self.envelope
        if not envelope.rcpt_tos or arg:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        reader: Any = self._reader
        if reader._buffer:  # what comes before our answer could be read in two ways
            await self.push("503 5.5.0 Wait for the answer to DATA")
            self._writer.close()
            return
        reader.feed_data(b"\r\n")  # so that a message that is only its end has one, too
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._message()
        if content is None:
            status = "552 Error: Too much mail data"
        else:
            envelope.content = envelope.original_content = content
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(status)

    async def _message(self) -> bytes | None:
        """The message, dots undone (RFC 5321 §4.5.2); None when it is larger than may be."""
        pieces: list[bytes] = []
        size, ended = 0, False
        most = (self.data_size_limit or 0) + len(_END) + 2
        while not ended:
            try:
                piece: bytes = await self._reader.readuntil(_END)
                ended = True
            except asyncio.LimitOverrunError as more:
                piece = await self._reader.read(more.consumed)
            size += len(piece)
            if size > most:
                pieces.clear()
            else:
                pieces.append(piece)
        if size > most:
            return None
        return await _plain(b"".join(pieces)[: -len(_END) + 2])


class LmtpSession(Session, LMTP):
    """The same for LMTP (RFC 2033)."""


async def _plain(stuffed: bytes) -> bytes:
    """Without the dots that lines were given, and without the line end put before; others get their turn between."""
    made = bytearray()
    at = 0
    while at < len(stuffed):
        end = at + _PIECE
        if end < len(stuffed):  # a line end goes with what follows it
            end -= 2 if stuffed[end - 2 : end] == b"\r\n" else stuffed[end - 1 : end] == b"\r"
        made += stuffed[at:end].replace(b"\r\n.", b"\r\n")
        at = end
        await asyncio.sleep(0)
    return bytes(made[2:])
