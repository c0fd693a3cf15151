"""The mail catcher: a mail server that takes everything the hub sends and shows it, for the demo and for tests.

It can also misbehave on request, since real servers do: `fault` is applied to the next mails, `faults_left` of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, cast

import orjson
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope

from hub.core.clock import iso, now
from hub.demo.wire import Site

Fault = Literal["", "defer", "refuse", "defer_recipient", "refuse_recipient", "vanish", "hang"]
_PAGE = Path(__file__).with_name("mail.html")
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail as it arrived."""

    id: int
    at: datetime
    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes

    def message(self) -> EmailMessage:
        """Its content, parsed by the standard library: an independent reader of what we wrote."""
        return message_from_bytes(self.raw, policy=policy.default)

    def text(self) -> str:
        """Its plain text."""
        part = self.message().get_body(("plain", "html"))
        return str(part.get_content()).replace("\r\n", "\n").strip() if part is not None else ""

    def as_json(self) -> dict[str, Any]:
        """What the page and scripts see."""
        message = self.message()
        facts = {
            "id": self.id, "at": iso(self.at), "mail_from": self.mail_from, "rcpt_to": self.rcpt_to,
            "text": self.text(),
            "attachments": [part.get_filename() or "" for part in message.iter_attachments()],
        }  # fmt: skip
        names = ("Subject", "From", "To", "Reply-To", "Message-ID", "In-Reply-To", "References", "Auto-Submitted")
        return facts | {name.lower().replace("-", "_"): str(message[name] or "") for name in names}


@dataclass(slots=True)
class MailCatcher:
    """The catcher: `async with MailCatcher() as mail`, or `start` and `stop`. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    web_port: int = 0
    fault: Fault = ""
    faults_left: int = 0
    mails: list[Caught] = field(default_factory=list[Caught])
    _count: int = 0
    _server: asyncio.Server | None = None
    _site: Site | None = None
    _open: set[asyncio.BaseTransport] = field(default_factory=set[asyncio.BaseTransport])
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> MailCatcher:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on both ports; `OSError` if one is taken."""
        self._server = await asyncio.get_running_loop().create_server(self._protocol, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._site = Site(self._app(), self.host, self.web_port)
        await self._site.start()
        self.web_port = self._site.port

    async def stop(self) -> None:
        """Stop listening and drop who is connected."""
        if self._server is not None:
            self._server.close()
            for transport in list(self._open):
                cast("asyncio.Transport", transport).abort()
        if self._site is not None:
            await self._site.stop()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.host}:{self.web_port}"

    def to(self, address: str) -> list[Caught]:
        """What was caught for one recipient, oldest first."""
        return [mail for mail in self.mails if address.lower() in {one.lower() for one in mail.rcpt_to}]

    async def wait_for(self, address: str, *, after: int = 0, timeout: float = 10.0) -> Caught:
        """The first mail for `address` with an id above `after`, waiting for it; `TimeoutError` if none comes."""
        async with asyncio.timeout(timeout), self._arrived:
            while True:
                found = next((mail for mail in self.to(address) if mail.id > after), None)
                if found is not None:
                    return found
                await self._arrived.wait()

    # -- SMTP ----------------------------------------------------------------------------------------------------
    def _protocol(self) -> SMTP:
        catcher = _Protocol(self, data_size_limit=64 * 1024 * 1024, enable_SMTPUTF8=True, hostname="catcher.example")
        catcher.transports = self._open
        return catcher

    def _due(self, *faults: Fault) -> bool:
        if self.fault not in faults or self.faults_left <= 0:
            return False
        self.faults_left -= 1
        return True

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its hooks by name and fixes their arguments
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take any recipient, unless a fault is due."""
        if self._due("defer_recipient"):
            return "450 4.2.1 Mailbox busy"
        if self._due("refuse_recipient"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep the mail, unless a fault is due; `vanish` keeps it and hangs up before saying so."""
        if self._due("defer"):
            return "451 4.3.0 Try later"
        if self._due("refuse"):
            return "554 5.7.1 Refused"
        await self._keep(envelope)
        if self._due("vanish"):
            server.transport.abort()
        elif self._due("hang"):
            await asyncio.sleep(3600)
        return "250 OK caught"

    async def _keep(self, envelope: Envelope) -> None:
        async with self._arrived:
            self._count += 1
            raw = bytes(envelope.content or b"")  # pyright: ignore[reportArgumentType] - bytes, as nothing is decoded
            mail = Caught(self._count, now(), (envelope.mail_from or "").strip("<>"), tuple(envelope.rcpt_tos), raw)
            self.mails.append(mail)
            del self.mails[:-_KEPT]
            self._arrived.notify_all()

    # -- the page ------------------------------------------------------------------------------------------------
    def _app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/api/messages", self._listed),
                web.delete("/api/messages", self._cleared),
                web.get("/api/messages/{id}", self._one),
                web.get("/api/messages/{id}/raw", self._raw),
                web.post("/api/faults", self._faulty),
            ]
        )
        return app

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=_PAGE.read_text(encoding="utf-8"), content_type="text/html")

    async def _listed(self, request: web.Request) -> web.Response:
        wanted, after = request.query.get("to"), int(request.query.get("after", "0"))
        mails = self.to(wanted) if wanted else self.mails
        return _json([mail.as_json() for mail in reversed(mails) if mail.id > after][:200])

    async def _cleared(self, _: web.Request) -> web.Response:
        self.mails.clear()
        return web.Response(status=204)

    async def _one(self, request: web.Request) -> web.Response:
        return _json(self._find(request).as_json())

    async def _raw(self, request: web.Request) -> web.Response:
        return web.Response(body=self._find(request).raw, content_type="text/plain", charset="utf-8")

    async def _faulty(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.fault, self.faults_left = asked.get("fault", ""), int(asked.get("count", 1))
        return web.Response(status=204)

    def _find(self, request: web.Request) -> Caught:
        found = next((mail for mail in self.mails if str(mail.id) == request.match_info["id"]), None)
        if found is None:
            raise web.HTTPNotFound
        return found


class _Protocol(SMTP):
    """SMTP with long lines, whose connections can be dropped when the catcher stops."""

    line_length_limit = 10_000_000
    transports: set[asyncio.BaseTransport]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transports.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self.transports.discard(self.transport)
        super().connection_lost(error)


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
