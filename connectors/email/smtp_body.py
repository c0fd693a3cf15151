"""The step over the line: the body of a mail, and whether it may have arrived."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from typing import Any, cast

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from connectors.email.refusals import refusal, retry
from connectors.email.settings import Smtp
from hub.channels.model import Outcome, SendError, Wire
from hub.channels.reasons import Reason

_FINAL = 5.0  # a server may think about the final dot so many times as long as about anything else (RFC 5321 §4.5.3.2)
_LEND = 15.0  # seconds after which a server that thinks does not keep its connection from others
_PATIENCE = 30.0  # seconds a mail waits for a connection


class Place:
    """One connection's place at a server, given back once."""

    def __init__(self, gate: asyncio.Semaphore):
        self._gate: asyncio.Semaphore | None = gate

    def release(self) -> None:
        """Let the next one in, if it has not been let in yet."""
        if self._gate is not None:
            self._gate.release()
            self._gate = None


class Gate:
    """So many connections to one server at once."""

    def __init__(self, places: int):
        self._gate = asyncio.Semaphore(places)

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncGenerator[Place]:
        """A place, or `SendError` (retry) when there is none for long."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._gate.acquire()
        except TimeoutError:
            words = "Other mails are still on their way to this server."
            raise SendError(words, outcome=Outcome.RETRY, retry_after=5.0, code=Reason.SMTP_BUSY) from None
        place = Place(self._gate)
        try:
            yield place
        finally:
            place.release()


class Body:
    """The message itself: once its final dot has left us it may arrive."""

    def __init__(self, client: aiosmtplib.SMTP, smtp: Smtp, place: Place):
        self._client = client
        self._patience = smtp.timeout_seconds
        self._place = place
        self._pushed = False  # whether the final dot may have left us

    async def send(self, message: bytes, wire: Wire) -> None:
        """Hand it over; `SendError` says whether it may have arrived."""
        client = self._client
        protocol = client.protocol
        try:
            await wire()
        except BaseException:
            self._abort()  # without the final dot nothing was sent
            raise
        if protocol is None or not client.is_connected:
            client.close()
            raise retry("The mail server went away before the message was sent.")
        lend = asyncio.get_running_loop().call_later(_LEND, self._place.release)
        try:
            code, words = await self._exchange(protocol, message)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
            self._abort()
            if not self._pushed:
                raise retry("The mail server went away in the middle of the message and has not taken it.") from error
            raise SendError(
                "The mail server went away while taking the message; it may have arrived.",
                outcome=Outcome.UNKNOWN,
                code=Reason.SMTP_UNANSWERED,
            ) from error
        except BaseException:
            self._abort()
            raise
        finally:
            lend.cancel()
        if code != 250:
            client.close()
            raise refusal(code, words)

    async def _exchange(self, protocol: SMTPProtocol, message: bytes) -> tuple[int, str]:
        answer = asyncio.ensure_future(protocol.read_response())
        try:
            await asyncio.sleep(0)  # it listens before anything is said: a server may answer early
            protocol.write(dot_stuffed(message))
            await self._push(protocol, answer)
            await asyncio.wait({answer}, timeout=self._patience * _FINAL)
            if not answer.done():
                raise aiosmtplib.SMTPReadTimeoutError("no answer to the message")
            code, words = answer.result()
            return int(code), str(words)
        finally:
            answer.cancel()

    async def _push(self, protocol: SMTPProtocol, answer: asyncio.Future[Any]) -> None:
        """Until all of it has left us, however slow the line is; `SMTPTimeoutError` when nothing moves."""
        loop = asyncio.get_running_loop()
        left, moved = _buffered(protocol), loop.time()
        while left and not answer.done():
            await asyncio.wait({answer}, timeout=0.1)
            now_left = _buffered(protocol)
            if now_left < left:
                left, moved = now_left, loop.time()
            elif loop.time() - moved > self._patience:
                raise aiosmtplib.SMTPTimeoutError("the server stopped taking the message")
        self._pushed = not left

    def _abort(self) -> None:
        """Drop the connection with what lies in its buffer: closed politely, that would still leave."""
        protocol = self._client.protocol
        if protocol is not None and protocol.transport is not None:
            cast("asyncio.Transport", protocol.transport).abort()
        self._client.close()


def _buffered(protocol: SMTPProtocol) -> int:
    """Bytes that have not left us; none on a connection that is lost."""
    transport = cast("asyncio.Transport | None", protocol.transport)
    return 0 if transport is None or transport.is_closing() else transport.get_write_buffer_size()


def dot_stuffed(message: bytes) -> bytes:
    """RFC 5321 §4.5.2, with the line that ends it."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")
