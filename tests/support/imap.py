"""An IMAP server that stumbles over chosen messages, at a chosen command, in every way in which servers do."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from typing import Self

from tests.integration.connectors.harness import free_port

_SECRET = "SECRET"  # stands in every message: it must not be found in any error


@dataclass
class Fault:
    """How a message is (not) handed out. `at`: asked for its body, or looked at (size and date)."""

    how: str  # no, bad, drop, cut, hang, nil, empty, silent, short, nonsense
    at: str = "body"
    times: int = 10**9  # and then it is handed out


@dataclass
class HostileImap:
    """One folder on loopback; messages by UID."""

    messages: dict[int, bytes] = field(default_factory=dict)
    faults: dict[int, Fault] = field(default_factory=dict)
    all_bodies: str = ""  # a refusal of every body, such as "NO [LIMIT] come back later"
    store: str = ""  # a refusal of every STORE; "drop" hangs up
    validity: int = 7
    port: int = field(default_factory=free_port)
    flags: dict[int, set[str]] = field(default_factory=dict)
    deleted: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # every FETCH
    sessions: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def add(self, *uids: int, size: int = 0) -> None:
        """Put mails into the folder."""
        for uid in uids:
            text = f"{_SECRET} Hello {uid}\r\n" + "x" * 76 * 0
            body = text + ("y" * 76 + "\r\n") * (size // 78)
            head = (
                f"From: Ann <ann{uid}@customer.example>\r\nTo: support@hub.example\r\nMessage-ID: <{uid}@c.example>\r\n"
            )
            self.messages[uid] = f"{head}Subject: {_SECRET} {uid}\r\n\r\n{body}".encode()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.sessions += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _Dropped):
                await self._talk(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK hostile\r\n")
        while line := (await reader.readline()).decode().strip():
            tag, _, rest = line.partition(" ")
            verb = rest.upper().removeprefix("UID ").split()[0]
            handler = {"FETCH": self._fetch, "STORE": self._store, "SEARCH": self._search}.get(verb)
            if handler is not None:
                answer = await handler(rest, writer)
            elif verb == "IDLE":
                writer.write(b"+ idling\r\n")
                await reader.readline()
                answer = "OK done"
            else:
                answer = self._simple(verb, writer, rest)
            writer.write(f"{tag} {answer}\r\n".encode())
            await writer.drain()
            if verb == "LOGOUT":
                return

    def _simple(self, verb: str, writer: asyncio.StreamWriter, rest: str) -> str:
        if verb == "CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1 UIDPLUS IDLE\r\n")
        elif verb == "SELECT":
            following = max(self.messages, default=0) + 1
            writer.write(
                f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}]\r\n* OK [UIDNEXT {following}]\r\n".encode()
            )
        elif verb == "EXPUNGE":
            for uid in _set(rest.split()[-1], self.messages):
                self.deleted.append(uid)
                del self.messages[uid]
        return f"OK {verb} done"

    async def _search(self, rest: str, writer: asyncio.StreamWriter) -> str:
        found = re.search(r"SEARCH UID ([\d:,*]+)", rest)
        most = max(self.messages, default=0)
        uids = _set(found[1].replace("*", str(most)), self.messages) if found else sorted(self.messages)
        writer.write(f"* SEARCH {' '.join(map(str, uids))}\r\n".encode())
        return "OK searched"

    async def _store(self, rest: str, writer: asyncio.StreamWriter) -> str:
        if self.store == "drop":
            raise _Dropped
        if self.store:
            return self.store
        for uid in _set(rest.split()[2], self.messages):
            self.flags.setdefault(uid, set()).add(rest.rpartition("(")[2].rstrip(")"))
        return "OK stored"

    async def _fetch(self, rest: str, writer: asyncio.StreamWriter) -> str:
        self.asked.append(rest)
        body = "BODY.PEEK[]" in rest
        for uid in _set(rest.split()[2], self.messages):
            fault = self.faults.get(uid)
            if body and self.all_bodies:
                return self.all_bodies
            if fault is not None and fault.times > 0 and fault.at == ("body" if body else "look"):
                fault.times -= 1
                answer = await self._stumble(uid, fault, writer)
                if answer:
                    return answer
                continue
            writer.write(self._whole(uid, rest) if body else self._facts(uid))
        return "OK fetched"

    def _facts(self, uid: int) -> bytes:
        return f'* {uid} FETCH (UID {uid} RFC822.SIZE {len(self.messages[uid])} INTERNALDATE "01-Feb-2026 10:00:00 +0000")\r\n'.encode()

    def _whole(self, uid: int, rest: str) -> bytes:
        content, asked = self.messages[uid], re.search(r"<(\d+)\.(\d+)>", rest)
        at = ""
        if asked:
            content = content[int(asked[1]) : int(asked[1]) + int(asked[2])]
            at = f"<{asked[1]}>"
        return f"* {uid} FETCH (UID {uid} BODY[]{at} {{{len(content)}}}\r\n".encode() + content + b")\r\n"

    async def _stumble(self, uid: int, fault: Fault, writer: asyncio.StreamWriter) -> str:
        content = self.messages[uid]
        head = f"* {uid} FETCH (UID {uid} BODY[] ".encode()
        match fault.how:
            case "no":
                return "NO [SERVERBUG] Internal error occurred"
            case "bad":
                return "BAD cannot"
            case "drop":
                await writer.drain()
                raise _Dropped
            case "cut":
                writer.write(head + f"{{{len(content)}}}\r\n".encode() + content[: len(content) // 2])
                await writer.drain()
                raise _Dropped
            case "hang":
                await writer.drain()
                await asyncio.sleep(3600)
            case "nil":
                writer.write(head + b"NIL)\r\n")
            case "empty":
                writer.write(head + b"{0}\r\n)\r\n")
            case "silent":
                pass
            case "short":
                half = content[: len(content) // 4]
                writer.write(head + f"{{{len(half)}}}\r\n".encode() + half + b")\r\n")
            case _:
                writer.write(b"* \xff\xfe nonsense {99999999999999999999}\r\n)) FETCH\r\n")
                await writer.drain()
                raise _Dropped
        return ""


class _Dropped(Exception):
    pass


def _set(text: str, there: dict[int, bytes]) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        found |= set(range(int(first), int(last or first) + 1))
    return sorted(found & there.keys())
