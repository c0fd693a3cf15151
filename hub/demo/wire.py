"""The few lines of asyncio that the stand-ins share: a web server on a given or free port, and SMTP as a client."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

from aiohttp import web


class Site:
    """An aiohttp application on a port; 0 takes a free one."""

    def __init__(self, app: web.Application, host: str, port: int):
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        self._host = host
        self.port = port

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen; `OSError` if the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop who is connected."""
        await self._runner.cleanup()


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer to a command or a recipient."""

    code: int
    text: str


class Refused(Exception):
    """The mail server said no."""

    def __init__(self, reply: Reply):
        super().__init__(f"{reply.code} {reply.text}")
        self.reply = reply


async def deliver(  # noqa: PLR0913 - an envelope, its content and where to
    host: str, port: int, mail_from: str, rcpt_to: list[str], raw: bytes, *, lmtp: bool = False, timeout: float = 30.0
) -> dict[str, Reply]:
    """Hand one mail to a server over SMTP or LMTP, as a mail program would; each recipient's answer.

    Raises `Refused` when no recipient or the sender is refused, `OSError` when nobody listens.
    """
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            return await _session(reader, writer, mail_from, rcpt_to, raw, lmtp)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _session(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    mail_from: str,
    rcpt_to: list[str],
    raw: bytes,
    lmtp: bool,
) -> dict[str, Reply]:
    await _expect(reader, 220)
    await _say(reader, writer, f"{'LHLO' if lmtp else 'EHLO'} customer.example", 250)
    await _say(reader, writer, f"MAIL FROM:<{mail_from}>", 250)
    answers: dict[str, Reply] = {}
    for recipient in rcpt_to:
        writer.write(f"RCPT TO:<{recipient}>\r\n".encode())
        answers[recipient] = await _reply(reader)
    taken = [one for one in rcpt_to if answers[one].code == 250]
    if not taken:
        raise Refused(answers[rcpt_to[0]])
    await _say(reader, writer, "DATA", 354)
    body = re.sub(rb"\r?\n", b"\r\n", raw)
    writer.write(re.sub(rb"(?m)^\.", b"..", body) + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n"))
    first = await _reply(reader)
    # SMTP answers once for all, LMTP (RFC 2033 §4.2) once for each accepted recipient.
    answers.update(dict.fromkeys(taken, first))
    for recipient in taken[1:] if lmtp else []:
        answers[recipient] = await _reply(reader)
    writer.write(b"QUIT\r\n")
    await _reply(reader)
    return answers


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str, code: int) -> Reply:
    writer.write(command.encode() + b"\r\n")
    return await _expect(reader, code)


async def _expect(reader: asyncio.StreamReader, code: int) -> Reply:
    reply = await _reply(reader)
    if reply.code != code:
        raise Refused(reply)
    return reply


async def _reply(reader: asyncio.StreamReader) -> Reply:
    lines: list[str] = []
    while True:
        line = (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n")
        if len(line) < 3:
            raise ConnectionError("the mail server hung up")
        lines.append(line[4:])
        if line[3:4] != "-":
            return Reply(int(line[:3]), "\n".join(lines))
