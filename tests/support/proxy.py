"""A line between us and a server that can be delayed, cut, reset, or go silent: every fault a network has."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Passes bytes on, both ways, until told otherwise. `url` is where it listens, with the target's credentials."""

    def __init__(self, connect: Callable[[], asyncio.Future[Ends] | object], url: str):
        self._connect = connect
        self._url = url
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.delay = 0.0  # seconds each piece is late
        self.refuses = False  # whether new connections are reset at once
        self.connections = 0
        self.passed = 0  # bytes, both ways

    @classmethod
    def before(cls, url: str) -> Proxy:
        """In front of a PostgreSQL or Redis by its URL, over TCP or a Unix socket."""
        parts = urlsplit(url)
        socket_folder = unquote(parts.query.partition("host=")[2].partition("&")[0])
        if parts.scheme == "unix":
            return cls(lambda: asyncio.open_unix_connection(parts.path), url)
        if socket_folder:
            return cls(lambda: asyncio.open_unix_connection(f"{socket_folder}/.s.PGSQL.5432"), url)
        host, port = parts.hostname or "127.0.0.1", parts.port or {"redis": 6379, "postgresql": 5432}[parts.scheme]
        return cls(lambda: asyncio.open_connection(host, port), url)

    @classmethod
    def to(cls, host: str, port: int) -> Proxy:
        """In front of anything that listens on TCP."""
        return cls(lambda: asyncio.open_connection(host, port), f"tcp://{host}:{port}")

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            return f"redis://127.0.0.1:{self.port}/0"
        credentials = f"{parts.username}:{parts.password}@" if parts.username else ""
        return urlunsplit(parts._replace(netloc=f"{credentials}127.0.0.1:{self.port}", query=""))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for line in list(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        await self._server.wait_closed()

    # -- faults ---------------------------------------------------------------------------------------------------
    def swallow(self) -> None:
        """From now on nothing passes, and nothing is said about it: a cable that was pulled."""
        self._passing.clear()

    def pass_on(self) -> None:
        """Pass again, and what was swallowed with it."""
        self._passing.set()

    def cut(self) -> None:
        """Close every connection, as a server that ends does."""
        for writer in list(self._writers):
            writer.close()

    def reset(self) -> None:
        """Reset every connection, as a firewall does."""
        for writer in list(self._writers):
            end: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    # -- passing on -----------------------------------------------------------------------------------------------
    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self.refuses:
                writer.transport.abort()
                return
            beyond, there = await self._connect()  # type: ignore[misc] - who connects is given, or there is no proxy
            self._writers.add(there)
            await asyncio.gather(self._pump(reader, there), self._pump(beyond, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, there):
                if one is not None:
                    self._writers.discard(one)
                    one.close()
            self._lines.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._passing.wait()
                self.passed += len(piece)
                writer.write(piece)
                await writer.drain()
        await self._passing.wait()  # a cable that was pulled passes no goodbye either
        writer.close()
