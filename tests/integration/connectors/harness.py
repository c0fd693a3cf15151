"""The three connectors on real servers and real wires, with a gate in front of the intake that can break."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
from aiohttp import web
from psycopg.types.json import Jsonb

from connectors.chat import Chat
from connectors.email import Email
from connectors.httpsms import HttpSms
from connectors.twilio import Twilio
from hub.channels.accounts import Accounts, seal, split_secrets
from hub.channels.model import Accepted, Account, Connector, Delivery, Inbound
from hub.core.db import Database
from hub.core.errors import Unavailable
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.demo import MailCatcher, TwilioStandin
from hub.messages.intake import Intake

SID, TOKEN = "AC" + "0123456789abcdef" * 2, "a-token-of-sixteen-and-more"
NUMBER, MAILBOX, SITE = "+15550100100", "support@hub.example", "web"


class Gate:
    """An `Accept` that passes everything on, or breaks before the commit, or after it and before the answer."""

    def __init__(self, intake: Intake):
        self.intake = intake
        self.breaks: str | None = None
        self.health_notes: dict[int, dict[str, Any]] = {}

    async def message(self, inbound: Inbound) -> Accepted:
        breaks, self.breaks = self.breaks, None
        if breaks == "before":
            raise Unavailable
        accepted = await self.intake.message(inbound)
        if breaks == "after":
            raise Unavailable
        return accepted

    async def delivery(self, delivery: Delivery) -> None:
        await self.intake.delivery(delivery)

    async def quarantine(self, **what: Any) -> None:
        await self.intake.quarantine(**what)

    async def accounts(self, connector: str) -> list[Account]:
        return await self.intake.accounts(connector)

    async def health(self, account_id: int, **facts: Any) -> None:
        self.health_notes.setdefault(account_id, {}).update(facts)
        await self.intake.health(account_id, **facts)


async def eventually(check: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> Any:
    """What `check` says as soon as it says something true."""
    async with asyncio.timeout(seconds):
        while not (found := await check()):  # noqa: ASYNC110 - the other side is another program or the database
            await asyncio.sleep(0.02)
        return found


def free_port() -> int:
    """A port nobody has, below those the system gives to connections, so that none of them takes it meanwhile."""
    for _ in range(100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError("no free port")


@dataclass
class Hub:
    """Everything between the wire and the record."""

    db: Database
    feed: Feed
    vault: Vault
    port: int = field(default_factory=free_port)
    email_settings: dict[str, Any] = field(default_factory=dict[str, Any])

    async def __aenter__(self) -> Hub:
        self.core = Core(self.db, self.feed, self.vault, f"http://127.0.0.1:{self.port}")
        self.catcher = MailCatcher()
        await self.catcher.start()
        self.twilio = TwilioStandin(SID, TOKEN, number=NUMBER, sms_url=f"{self.url}/hooks/twilio/sms/sms", pace=0.01)
        await self.twilio.start()
        self.email, self.sms, self.chat = Email(self.core), Twilio(self.core), Chat(self.core)
        self.gateway = HttpSms(self.core)
        own = {"email": self.email, "twilio": self.sms, "httpsms": self.gateway, "chat": self.chat}
        self.connectors = cast("dict[str, Connector]", own)
        await self._configure()
        self.accounts = Accounts(self.db, self.vault, self.connectors)
        self.intake = Intake(self.core, self.accounts, self.connectors)
        self.gate = Gate(self.intake)
        await self._serve()
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._runner.cleanup()
        await self.intake.close()
        await self.twilio.stop()
        await self.catcher.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _configure(self) -> None:
        await self.db.execute("insert into queue (key, name) values ('support', 'Support')")
        await self.account(
            "mail",
            "email",
            "email",
            MAILBOX,
            smtp={"host": self.catcher.host, "port": self.catcher.port, "tls": "none"},
            listen_smtp="127.0.0.1:0",
            listen_lmtp="127.0.0.1:0",
            **self.email_settings,
        )
        await self.account("sms", "twilio", "sms", NUMBER, account_sid=SID, auth_token=TOKEN, api_base=self.twilio.url)
        await self.account(
            SITE, "chat", "chat", None, greeting={"en": "Hello", "zh-CN": "你好"}, leave_seconds=0.2, new_chats=10_000
        )

    async def account(self, key: str, connector: str, channel: str, address: str | None, **settings: Any) -> int:
        shown, hidden = split_secrets(self.connectors[connector].Settings.model_validate(settings))
        return await self.db.value(
            "insert into account (key, connector, channel, name, address, settings, secrets, queue_id) "
            "values (%s, %s, %s, %s, %s, %s, %s, 1) returning id",
            [key, connector, channel, key.title(), address, Jsonb(shown), seal(self.vault, key, hidden)],
        )

    async def _serve(self) -> None:
        app = web.Application(client_max_size=1024 * 1024)
        for connector in self.connectors.values():
            app.add_routes(list(connector.routes(self.gate)))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self._tasks = [asyncio.create_task(c.run(self.gate)) for c in self.connectors.values()]

        async def listening() -> bool:
            return len(self.email.listening) == 2

        await eventually(listening)
        self.smtp_port = self.email.listening["smtp://127.0.0.1:0"][1]
        self.lmtp_port = self.email.listening["lmtp://127.0.0.1:0"][1]

    async def configure(self, key: str, path: str, value: Any) -> None:
        """Change one setting of an account, at once."""
        await self.db.execute(
            "update account set settings = jsonb_set(settings, %s, %s) where key = %s",
            [path.split("."), Jsonb(value), key],
        )
        self.forget_accounts()

    def forget_accounts(self) -> None:
        """Read the accounts again when they are asked for next."""
        self.accounts._read_at = -9e9

    async def of(self, key: str) -> Account:
        return next(a for a in (await self.accounts.all()).values() if a.key == key)

    # -- what the record says ------------------------------------------------------------------------------------
    async def texts(self, channel: str) -> list[str]:
        rows = await self.db.dicts(
            "select text from interaction where channel = %s and direction = 'in' order by id", [channel]
        )
        return [row["text"] for row in rows]

    async def quarantined(self, connector: str) -> list[dict[str, Any]]:
        return await self.db.dicts(
            "select * from raw where connector = %s and state = 'quarantined' order by id", [connector]
        )

    async def value(self, query: Any, *parameters: Any) -> Any:
        return await self.db.value(query, list(parameters))
