"""A mail server that does what it is told: takes mail, hangs, dawdles, refuses, hangs up, at any step, for any domain."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.integration.connectors.harness import free_port

FOREVER = 3600.0


@dataclass
class Behavior:
    """How mails to one domain, or all of them, are treated. A `step` is greeting, ehlo, mail, rcpt, data or body."""

    waits: dict[str, float] = field(default_factory=dict[str, float])  # seconds before a step is answered
    says: dict[str, str] = field(default_factory=dict[str, str])  # another answer to a step
    drops: str | None = None  # the step at which the connection is closed, unanswered
    stalls: bool = False  # stops reading in the middle of the body
    drops_after_taking: bool = False  # hangs up when the mail is in, before it says so


class HostileSmtp:
    """Listens on loopback; `taken` are the mails that are in, answered or not: (recipient, message)."""

    def __init__(self, *, context: ssl.SSLContext | None = None, auth: Callable[[str], bool] | None = None):
        self.behavior = Behavior()
        self.of_domain: dict[str, Behavior] = {}
        self.of_recipient: Callable[[str], Behavior] | None = None
        self.taken: list[tuple[str, bytes]] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = free_port()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._context, limit=2**24)

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def recipients(self) -> list[str]:
        """Whom mails were taken for, in order."""
        return [recipient for recipient, _ in self.taken]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _Dropped):
                await self._talk(reader, writer)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = _Talk(self, reader, writer)
        await talk.answer("greeting", "220 hostile.example ESMTP")
        while line := (await reader.readline()).decode("utf-8", "replace").strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                await talk.data()
            else:
                await talk.command(verb, line)
            if verb == "QUIT":
                return


class _Talk:
    """One connection."""

    def __init__(self, server: HostileSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._server = server
        self._reader = reader
        self._writer = writer
        self._manner = server.behavior
        self._recipient = ""

    async def answer(self, step: str, usual: str) -> str:
        if self._manner.drops == step:
            raise _Dropped
        await asyncio.sleep(self._manner.waits.get(step, 0.0))
        said = self._manner.says.get(step, usual)
        self._writer.write(f"{said}\r\n".encode())
        await self._writer.drain()
        return said

    async def command(self, verb: str, line: str) -> None:
        if verb == "MAIL":
            self._manner = self._server.behavior
        elif verb == "RCPT":
            self._recipient = line.partition("<")[2].partition(">")[0]
            self._manner = self._server.of_domain.get(self._recipient.rpartition("@")[2], self._server.behavior)
            if self._server.of_recipient is not None:
                self._manner = self._server.of_recipient(self._recipient)
        ehlo = "250-hostile.example\r\n250-SIZE 60000000\r\n250 SMTPUTF8"
        await self.answer(verb.lower(), {"EHLO": ehlo, "QUIT": "221 bye"}.get(verb, "250 OK"))

    async def data(self) -> None:
        if not (await self.answer("data", "354 go on")).startswith("354"):
            return
        if self._manner.stalls:
            self._writer.transport.pause_reading()  # type: ignore[attr-defined] - a stream writer has such a transport
            await asyncio.sleep(FOREVER)
        message = await self._reader.readuntil(b"\r\n.\r\n")
        if not self._manner.says.get("body", "250").startswith("2"):
            await self.answer("body", "")
            return
        self._server.taken.append((self._recipient, message[:-3]))
        if self._manner.drops_after_taking:
            raise _Dropped
        await self.answer("body", "250 taken")


class _Dropped(Exception):
    pass
