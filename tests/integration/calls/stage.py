"""A hub that telephones with the stand-in: web side on a real port, router and call service running, people scripted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from psycopg.types.json import Jsonb

from hub.app import web_application
from hub.calls import actions, devices, store
from hub.calls.runner import Runner
from hub.channels.accounts import Accounts, seal, split_secrets
from hub.channels.model import Account
from hub.channels.registry import close_connectors, load_connectors
from hub.core import events
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.core.tasks import end
from hub.demo.twilio import TwilioStandin
from hub.demo.twilio.call import Call
from hub.demo.twilio.exchange import finished
from hub.demo.twilio.people import Behavior
from hub.messages.intake import Intake
from hub.web.context import WebContext
from routing.engine import Router
from tests.support.factory import Factory
from workers.calls import Calls

SID, TOKEN = "AC" + "0123456789abcdef" * 2, "a-token-of-sixteen-and-more"
NUMBER, CALLER = "+15550100100", "+14155550123"
SPEED = 25.0


async def eventually(check: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> Any:
    """What `check` says as soon as it says something true."""
    async with asyncio.timeout(seconds):
        while not (found := await check()):  # noqa: ASYNC110 - the other side is another program or the database
            await asyncio.sleep(0.01)
        return found


@dataclass(slots=True)
class Stage:
    core: Core
    twilio: TwilioStandin
    accounts: Accounts
    context: WebContext
    factory: Factory
    queue: int
    agents: dict[str, int] = field(default_factory=dict[str, int])

    # -- people ----------------------------------------------------------------------------------------------
    async def agent(self, name: str, *, behavior: Behavior | None = None, phone: str | None = None) -> int:
        """An agent at their telephone; a device without a behavior is answered by hand."""
        agent = await self.factory.agent(name, self.queue)
        self.agents[name] = agent
        await self.put_device(agent, phone)
        if behavior is not None:
            self.twilio.exchange.people.behaviors[phone or f"client:agent_{agent}"] = behavior
        return agent

    async def put_device(self, agent: int, phone: str | None = None) -> None:
        """Their telephone is there."""
        async with events.unit(self.core.db, self.core.feed) as unit:
            await devices.put(unit, agent, "phone" if phone else "browser", phone, ready=True)

    def device(self, name: str) -> str:
        return f"client:agent_{self.agents[name]}"

    async def ringing(self, endpoint: str) -> Call:
        async def found() -> Call | None:
            call = self.twilio.exchange.ringing_at(endpoint)
            return call if call is not None and call.status == "ringing" else None

        return await eventually(found)

    async def answers(self, endpoint: str) -> Call:
        call = await self.ringing(endpoint)
        assert self.twilio.exchange.answer(call)
        return call

    def calls(self, sender: str = CALLER) -> Call:
        """A customer calls."""
        return self.twilio.exchange.incoming(sender)

    # -- the record ------------------------------------------------------------------------------------------
    async def call(self, number: str = CALLER) -> dict[str, Any]:
        rows = await self.core.db.dicts("select * from call where number = %s order by id desc limit 1", [number])
        return rows[0] if rows else {}

    async def in_state(self, *states: str, number: str = CALLER) -> dict[str, Any]:
        async def found() -> dict[str, Any] | None:
            call = await self.call(number)
            return call if call.get("state") in states else None

        return await eventually(found)

    async def legs(self, call_id: int) -> list[dict[str, Any]]:
        return await self.core.db.dicts(
            "select id, role, agent_id, endpoint, external_id, ended_at, end_reason, present, held, muted, mode, consult,"
            " ring_seconds, joined_at from call_leg where call_id = %s order by id",
            [call_id],
        )

    async def leg(self, call_id: int, role: str, **wanted: Any) -> dict[str, Any]:
        async def found() -> dict[str, Any] | None:
            for leg in reversed(await self.legs(call_id)):
                if leg["role"] == role and all(leg[k] == v for k, v in wanted.items()):
                    return leg
            return None

        return await eventually(found)

    async def does(self, what: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        async with events.unit(self.core.db, self.core.feed) as unit:
            return await what(unit, *arguments, **named)

    async def account(self) -> Account:
        return next(a for a in (await self.accounts.all()).values() if a.channel == "voice")

    async def settled(self) -> None:
        """No call lives, every callback has arrived, nothing waits to be asked."""
        await finished(self.twilio.exchange, timeout=15)

        async def quiet() -> bool:
            busy = await self.core.db.value(
                "select exists (select from call_command where state in ('pending', 'claimed', 'wire'))"
                " or exists (select from call where state <> 'ended' and kind = 'call')"
                " or exists (select from call_leg l where ended_at is null)"
            )
            return not busy

        await eventually(quiet)

    async def talk(self, seconds: float) -> None:
        """Let virtual time pass."""
        await self.twilio.exchange.clock.sleep(seconds)

    @contextlib.contextmanager
    def silenced(self, call: Call) -> Generator[None]:
        """Every callback about a call is lost."""
        self.twilio.wire.silent.add(call.sid)
        yield
        self.twilio.wire.silent.discard(call.sid)

    def runner(self) -> Runner:
        return Runner(self.core, self.accounts, self.context.connectors)

    async def wrong(self) -> dict[str, Any]:
        """Everything that should not be: stand-in's complaints, commands that failed, legs left."""
        failed = await self.core.db.dicts(
            "select kind, state, error from call_command where state in ('failed', 'unknown')"
        )
        found = {"problems": self.twilio.exchange.problems, "commands": failed}
        return {k: v for k, v in found.items() if v}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def add_account(core: Core, connectors: dict[str, Any], queue: int, url: str, flow: dict[str, Any]) -> None:
    model = connectors["twilio"].Settings.model_validate(
        {"account_sid": SID, "auth_token": TOKEN, "api_base": url, "voice": flow, "simulate_device": True}
    )
    shown, secrets = split_secrets(model)
    await core.db.execute(
        "insert into account (key, connector, channel, name, address, queue_id, settings, secrets)"
        " values ('phone', 'twilio', 'voice', 'Phone', %s, %s, %s, %s)",
        [NUMBER, queue, Jsonb(shown), seal(core.vault, "phone", secrets)],
    )


@contextlib.asynccontextmanager
async def stage(
    db: Database, feed: Feed, vault: Vault, *, flow: dict[str, Any] | None = None, prefix: str = "", **standin: Any
) -> AsyncGenerator[Stage]:
    """The whole telephone side of a hub, on `http://127.0.0.1:{port}{prefix}` as the provider sees it."""
    port = free_port()
    core = Core(db, feed, vault, f"http://127.0.0.1:{port}{prefix}")
    connectors = load_connectors(core)
    hooks = f"{core.public_url}/hooks/twilio/phone"
    twilio = TwilioStandin(
        SID, TOKEN, number=NUMBER, voice_url=f"{hooks}/voice#rc=2&rp=ct,rt,5xx",
        **{"status_url": f"{hooks}/calls/status#rc=5&rp=ct,rt,5xx", "speed": SPEED, **standin},
    )  # fmt: skip
    await twilio.start()
    factory = Factory(core)
    queue = await factory.queue("care", wrap_up_seconds=30)
    await add_account(core, connectors, queue, twilio.url, flow or {})
    accounts = Accounts(core.db, core.vault, connectors)
    intake = Intake(core, accounts, connectors)
    context = WebContext(core, accounts, connectors, intake, "test")
    # With a prefix, whoever calls plays the proxy that strips it: the hub itself never sees it.
    runner = web.AppRunner(web_application(context, intake.close), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    tasks = [asyncio.create_task(Router(core).run()), asyncio.create_task(Calls(core).run())]
    try:
        yield Stage(core, twilio, accounts, context, factory, queue)
    finally:
        await twilio.stop()
        await end(tasks)
        await runner.cleanup()
        await close_connectors(connectors)


__all__ = ["CALLER", "NUMBER", "Behavior", "Stage", "actions", "eventually", "stage", "store"]
