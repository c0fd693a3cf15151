# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportMissingParameterType=false, reportMissingTypeArgument=false, reportIncompatibleMethodOverride=false, reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportIncompatibleVariableOverride=false
# aioimaplib ships no types, and its faults are mended from inside; this is the only module that imports it.
"""IMAP through aioimaplib, with its faults mended.

1. Its reader recursed once per line, so that long answers killed the connection: here it is a loop.
2. A lost connection was not signalled to whoever waited: here every wait ends at once with `Lost`.
3. After a time-out the late answer broke the connection at some later moment: here any time-out or cancellation
   throws the connection away.
4. A refused XOAUTH2 waited for ever: the challenge is answered.
5. It mangles ENVELOPE texts: we never ask for them.
6. Names were not quoted, NO and BAD did not raise, SEARCH insisted on a charset, and a new message announced outside
   of IDLE was dropped: all done here.
7. It knows no STARTTLS: done here, with what came in clear text thrown away and the capabilities asked for again.
8. It formats every byte received for its debug log, even when that is off: not here.
9. What a FETCH brought before it failed was thrown away with the error: here the error has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from aioimaplib import aioimaplib

from connectors.email.imap_errors import Lost, NoStartTls, Refused, SignInRefused, Trouble, WantsTls
from connectors.email.imap_grammar import (
    LISTED,
    SIZE,
    UID,
    Found,
    Selected,
    bodies,
    internal_date,
    quoted,
    said,
    uid_set,
    unquoted,
    utf7,
)
from connectors.email.imap_keepalive import keep_alive
from connectors.email.settings import Imap
from hub.core import log

logger = log.get(__name__)
T = TypeVar("T")
_LITERAL = re.compile(rb".*\{(\d+)\}$")
PIECE = 1024 * 1024


class _Protocol(aioimaplib.IMAP4ClientProtocol):
    """The library's protocol with faults 1, 2 and 4 mended."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        super().__init__(loop)
        self.lost = asyncio.Event()
        self.exists = asyncio.Event()  # the server told of a new message, in answer to whatever
        self.farewell = ""  # what a server said that hung up at once

    def data_received(self, d: bytes) -> None:
        try:
            self._handle_responses(self.incomplete_line + d, self._handle_line, self.current_command)
            self.incomplete_line = b""
            self.current_command = None
        except aioimaplib.IncompleteRead as incomplete:
            self.current_command = incomplete.cmd
            self.incomplete_line = incomplete.data
        except aioimaplib.AioImapException as error:
            logger.info("imap_confused", error=str(error)[:200])
            self.transport.abort()  # whatever it meant, nothing that follows can be understood

    async def welcome(self, command: bytes) -> None:
        if not command.startswith((b"* OK", b"* PREAUTH")):
            self.farewell = command.decode("utf-8", "replace")[:300]
            self.transport.abort()
            return
        await super().welcome(command)

    async def upgrade(self, context: ssl.SSLContext, host: str) -> bool:
        """STARTTLS (RFC 3501 §6.2.1); False when the server refuses. What was said before it counts for nothing."""
        answer = await self.execute(aioimaplib.Command("STARTTLS", self.new_tag(), loop=self.loop))
        if answer.result != "OK":
            return False
        if self.incomplete_line:
            raise aioimaplib.Abort("the server said more than it may before TLS")
        self.capabilities = set()
        self.transport = await self.loop.start_tls(self.transport, self, context, server_hostname=host)
        return True

    def _untagged_response(self, line: bytes) -> Any:
        if line.rstrip().endswith(b" EXISTS"):
            self.exists.set()
        return super()._untagged_response(line)

    def _handle_responses(self, data: bytes, line_handler: Any, current_cmd: Any = None) -> None:
        while data:
            if current_cmd is not None and current_cmd.wait_literal_data():
                data = current_cmd.append_literal_data(data)
                if current_cmd.wait_literal_data():
                    raise aioimaplib.IncompleteRead(current_cmd)
            line, separator, rest = data.partition(b"\r\n")
            if not separator:
                raise aioimaplib.IncompleteRead(current_cmd, data)
            command = line_handler(line, current_cmd)
            literal = _LITERAL.match(line)
            if literal:
                command = command or aioimaplib.Command("NIL", "unused")
                command.begin_literal_data(int(literal[1]))
            waits = command is not None and (literal or command.wait_data())
            current_cmd, data = command if waits else None, rest
        if self.pending_sync_command is not None:
            self.pending_sync_command.flush()
        if current_cmd is not None and current_cmd.wait_data():
            raise aioimaplib.IncompleteRead(current_cmd)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.state = aioimaplib.LOGOUT
        waiting = [self.pending_sync_command, *self.pending_async_commands.values()]
        self.pending_sync_command = None
        self.pending_async_commands.clear()
        for command in waiting:
            if command is not None:
                command._exception = aioimaplib.Abort("connection lost")
                command.close(b"connection lost", "KO")
        for task in self.tasks:
            task.add_done_callback(_retrieved)
        self.lost.set()

    def _continuation(self, line: bytes) -> None:
        command = self.pending_sync_command
        if command is not None and command.name == "AUTHENTICATE":
            self.transport.write(b"\r\n")  # RFC 7628 §3.2.3: the error is answered, then comes the NO
            return
        super()._continuation(line)


def _retrieved(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


class Mailbox:
    """One connection to one server. Anything unexpected throws it away; make a new one."""

    def __init__(self, settings: Imap):
        self._settings = settings
        self._timeout = settings.timeout_seconds
        self._protocol: _Protocol | None = None
        self._aborted = False

    # -- connection ----------------------------------------------------------------------------------------------
    async def connect(self, password: str = "", *, token: str | None = None) -> None:
        """Connect and sign in with a password, or with an OAuth 2 access token.

        `SignInRefused`, `WantsTls`, `NoStartTls`, `Lost` or `OSError` (`ssl.SSLError` among them).
        """
        await self.open()
        protocol = self._live
        if protocol.state != aioimaplib.AUTH:
            await self._sign_in(protocol, password, token)
        await self._bounded(protocol.capability())

    async def open(self) -> None:
        """Connect, up to where one may sign in."""
        loop = asyncio.get_running_loop()
        protocol = _Protocol(loop)
        settings = self._settings
        context = None if settings.tls == "none" else ssl.create_default_context(cafile=settings.ca_file)
        direct = context if settings.tls == "tls" else None
        async with asyncio.timeout(self._timeout):
            await loop.create_connection(lambda: protocol, settings.host, settings.port, ssl=direct)
        self._protocol = protocol
        keep_alive(protocol.transport)
        await self._bounded(protocol.wait("AUTH|NONAUTH"))
        if context is not None and direct is None:
            if not self.can("STARTTLS") or not await self._bounded(protocol.upgrade(context, settings.host)):
                self.abort()
                raise NoStartTls("The server offers no STARTTLS.")
            await self._bounded(protocol.capability())

    async def _sign_in(self, protocol: _Protocol, password: str, token: str | None) -> None:
        if self.can("LOGINDISABLED"):
            self.abort()
            raise WantsTls("The server takes no password in clear text.")
        if token is not None:
            answer = await self._bounded(protocol.xoauth2(self._settings.user, token))
        else:
            answer = await self._bounded(protocol.login(quoted(self._settings.user), password))
        if answer.result != "OK":
            self.abort()
            raise SignInRefused(said(answer.lines))

    def abort(self) -> None:
        """Drop the connection."""
        self._aborted = True
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.abort()

    async def close(self) -> None:
        """Say goodbye, briefly, and drop the connection."""
        try:
            if self._protocol is not None and not (self._aborted or self._protocol.lost.is_set()):
                async with asyncio.timeout(2):
                    await self._protocol.logout()
        except (aioimaplib.AioImapException, TimeoutError, OSError):
            logger.debug("imap_logout_failed")
        finally:
            self.abort()

    @property
    def _live(self) -> _Protocol:
        if self._protocol is None or self._protocol.lost.is_set():
            raise Lost("the connection is closed")
        return self._protocol

    def can(self, capability: str) -> bool:
        """Whether the server offers something."""
        return capability in self._live.capabilities

    async def _bounded(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one thing within the time-out, or lose the connection over it."""
        protocol = self._protocol
        assert protocol is not None  # noqa: S101 - `connect` comes first
        task = asyncio.ensure_future(work)
        lost = asyncio.ensure_future(protocol.lost.wait())
        try:
            await asyncio.wait({task, lost}, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self.abort()
                hung_up = protocol.farewell or "the connection was lost"
                raise Lost(hung_up if protocol.lost.is_set() else "the server does not answer")
            return task.result()
        except asyncio.CancelledError:
            self.abort()
            raise
        except ssl.SSLError:
            self.abort()
            raise
        except (aioimaplib.AioImapException, OSError, EOFError) as error:
            self.abort()
            raise Lost(str(error) or type(error).__name__) from error
        finally:
            task.cancel()
            lost.cancel()
            task.add_done_callback(_retrieved)

    async def _ok(self, work: Coroutine[Any, Any, Any]) -> Sequence[Any]:
        """The answer's lines; `Refused` on NO or BAD."""
        answer = await self._bounded(work)
        if answer.result != "OK":
            raise Refused(said(answer.lines))
        return answer.lines

    # -- reading -------------------------------------------------------------------------------------------------
    async def select(self, folder: str) -> Selected:
        """Open a folder; `Refused` if there is none of that name."""
        text = b"\n".join(bytes(line) for line in await self._ok(self._live.select(quoted(utf7(folder)))))
        validity, following = re.search(rb"UIDVALIDITY (\d+)", text), re.search(rb"UIDNEXT (\d+)", text)
        return Selected(int(validity[1]) if validity else 0, int(following[1]) if following else 1)

    async def search(self, *criteria: str) -> list[int]:
        """The UIDs that match, in order."""
        self._live.exists.clear()
        lines = await self._ok(self._live.search(*criteria, charset=None, by_uid=True))
        return sorted({int(n) for line in lines[:-1] for n in bytes(line).split() if n.isdigit()})

    async def look(self, uids: Sequence[int]) -> list[Found]:
        """Size and arrival of up to a hundred messages; those gone meanwhile are missing."""
        lines = await self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)")
        found: list[Found] = []
        for line in lines:
            uid, size = UID.search(bytes(line)), SIZE.search(bytes(line))
            if uid and size:
                found.append(Found(int(uid[1]), int(size[1]), internal_date(bytes(line))))
        return sorted(found, key=lambda one: one.uid)

    async def heads(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Who wrote messages, when and about what: these header fields as bytes, by UID."""
        return bodies(await self._fetch(uids, "(UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"))

    async def read(self, uids: Sequence[int]) -> dict[int, bytes]:
        """Whole messages, by UID; those gone meanwhile are missing."""
        return bodies(await self._fetch(uids, "(UID BODY.PEEK[])"))

    async def read_pieces(self, uid: int, limit: int) -> bytes:
        """A large message in pieces, up to `limit` bytes of it."""
        whole = bytearray()
        while len(whole) < limit:
            lines = await self._fetch([uid], f"(UID BODY.PEEK[]<{len(whole)}.{PIECE}>)")
            piece = bodies(lines).get(uid, b"")
            whole += piece
            if len(piece) < PIECE:
                break
        return bytes(whole[:limit])

    async def glance(self, uid: int) -> bool:
        """Whether a message is handed out, as far as its first bytes say."""
        return uid in bodies(await self._fetch([uid], "(UID BODY.PEEK[]<0.16>)"))

    async def _fetch(self, uids: Sequence[int], what: str) -> Sequence[Any]:
        """The answer's lines; an error has the messages that came before it."""
        protocol = self._live
        command = aioimaplib.FetchCommand(
            protocol.new_tag(), uid_set(uids), what, prefix="UID", loop=protocol.loop, timeout=self._timeout
        )
        try:
            return await self._ok(protocol.execute(command))
        except Trouble as error:
            error.came = bodies(command.response.lines)
            raise

    # -- marking -------------------------------------------------------------------------------------------------
    async def flag(self, uids: Sequence[int], flag: str) -> None:
        """Set a flag on messages."""
        await self._ok(self._live.store(uid_set(uids), "+FLAGS.SILENT", f"({flag})", by_uid=True))

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages, making the folder if there is none."""
        target = quoted(utf7(folder))
        work = self._live.move if self.can("MOVE") else self._live.copy
        try:
            await self._ok(work(uid_set(uids), target, by_uid=True))
        except Refused:
            await self._make(target)
            await self._ok(work(uid_set(uids), target, by_uid=True))
        if not self.can("MOVE"):
            await self.delete(uids)

    async def delete(self, uids: Sequence[int]) -> None:
        """Delete messages; without UIDPLUS they are only marked, since EXPUNGE would take others' marks along."""
        await self.flag(uids, r"\Deleted")
        if self.can("UIDPLUS"):
            await self._ok(self._live.expunge(uid_set(uids), by_uid=True))

    # -- other folders -------------------------------------------------------------------------------------------
    async def special(self, use: str) -> str | None:
        r"""The folder with a special use (RFC 6154) such as `\Sent`, as the server writes its name."""
        for line in await self._ok(self._live.simple_command("LIST", '""', '"*"')):
            found = LISTED.match(bytes(line))
            if found and use.lower().encode() in found[1].lower().split():
                return unquoted(found[2])
        return None

    async def append(self, message: bytes, folder: str) -> None:
        """Put a message into a folder, read already, making the folder if there is none."""
        target = quoted(utf7(folder))
        try:
            await self._ok(self._live.append(message, target, r"(\Seen)"))
        except Refused:
            await self._make(target)
            await self._ok(self._live.append(message, target, r"(\Seen)"))

    async def _make(self, target: str) -> None:
        """Make a folder; somebody else may have made it meanwhile, and if it cannot be, the next command says so."""
        with contextlib.suppress(Refused):
            await self._ok(self._live.simple_command("CREATE", target))

    # -- waiting -------------------------------------------------------------------------------------------------
    async def idle(self, seconds: float) -> None:
        """Wait until something happens in the folder, at most `seconds`; `Lost` as soon as the connection is."""
        protocol = self._live
        if protocol.exists.is_set():
            return  # told in answer to an earlier command, and not again in IDLE
        idle = asyncio.ensure_future(protocol.idle())
        try:
            await self._bounded(protocol.wait_for_idle_response())
            await self._news(protocol, seconds)
            protocol.idle_done()
            await self._bounded(_awaited(idle))
        except BaseException:
            self.abort()
            raise
        finally:
            idle.cancel()
            idle.add_done_callback(_retrieved)

    async def _news(self, protocol: _Protocol, seconds: float) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (protocol.exists, protocol.lost)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if protocol.lost.is_set():
            raise Lost("the connection was lost while waiting")

    async def noop(self) -> None:
        """Ask whether anything is new, where the server knows no IDLE."""
        await self._ok(self._live.simple_command("NOOP"))


async def _awaited(future: asyncio.Future[T]) -> T:
    return await future
