"""A hub in processes of its own on servers of its own, with every neighbour played here, for as long as a soak lasts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from hub.access import signin
from hub.channels.registry import load_connectors
from hub.core.embedded import Embedded
from hub.core.migrate import migrate
from hub.core.service import Addresses, Core, open_core
from hub.demo import MailCatcher, TwilioStandin
from hub.provisioning.apply import apply
from hub.provisioning.model import Center
from tests.chaos.harness import KEY, NUMBER, SID, TOKEN, Fleet, Program, start
from tests.integration.connectors.harness import free_port

MAILBOX = "support@hub.example"
SITE = "web"
AGENTS = ("amy", "ben", "chiara")
GATEWAY_SECRET = "a-secret-of-sixteen-and-more"
PHONE = "+15550100200"
DISK = "1200m"


@dataclass(slots=True)
class Gateway:
    """A gateway that speaks plain HTTP, and what left through it. `refuse`: requests answered with 503, nothing done."""

    port: int = field(default_factory=free_port)
    sent: list[str] = field(default_factory=list[str])
    refuse: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        app = web.Application()
        app.router.add_post("/send", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if self.refuse > 0:
            self.refuse -= 1
            return web.Response(status=503)
        self.sent.append((await request.json())["text"])
        return web.json_response({"id": f"g-{len(self.sent)}"})


@dataclass(slots=True)
class World:
    """Everything that a fault can hit, and everybody that load comes from."""

    folder: Path
    embedded: Embedded
    fleet: Fleet
    twilio: TwilioStandin
    mail: MailCatcher
    http: aiohttp.ClientSession
    mail_port: int
    small_disk: bool
    seed: int
    dice: random.Random
    clock: Path | None  # where libfaketime reads how far the clocks of the hub's processes are off
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, int] = field(default_factory=dict[str, int])
    programs: dict[str, Program] = field(default_factory=dict[str, Program])
    ports: dict[str, int] = field(default_factory=dict[str, int])
    keeper: asyncio.Task[None] | None = None
    gateway: Gateway = field(default_factory=lambda: Gateway())

    @property
    def places(self) -> Addresses:
        url, redis = self.fleet.environment["HUB_DATABASE__URL"], self.fleet.environment["HUB_REDIS__URL"]
        return Addresses(url, redis, KEY.encode(), self.fleet.public_url)

    def url(self) -> str:
        """Some web process: a load balancer that does not look."""
        return f"http://127.0.0.1:{self.dice.choice(list(self.ports.values()))}"

    def launch(self, name: str) -> None:
        """Start one of the hub's processes, by name (`serve-1`, `work-2`…)."""
        more: dict[str, str] = {}
        if name.startswith("serve"):
            more["HUB_WEB__PORT"] = str(self.ports[name])
        if self.clock is not None:
            more |= {
                "LD_PRELOAD": str(_faketime()), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
        environment = {**self.fleet.environment, **more}
        program = start(self.folder / "logs", name.split("-", maxsplit=1)[0], **environment)
        program.url = f"http://127.0.0.1:{self.ports.get(name, 0)}"
        self.programs[name] = program

    async def keep(self) -> None:
        """Start again what has ended: the part of a service manager."""
        while True:
            for name, program in list(self.programs.items()):
                if program.process.poll() is not None:
                    self.launch(name)
            await asyncio.sleep(1)

    def server_pid(self, name: str) -> int | None:
        """The process of `PostgreSQL` or `Valkey`."""
        return next((s.pid for s in self.embedded.states() if s.name.lower().startswith(name)), None)

    def end(self) -> None:
        if self.keeper is not None:
            self.keeper.cancel()
        for program in self.programs.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(program.pid, signal.SIGCONT)
            program.kill()


def _faketime() -> Path | None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


@contextmanager
def _disk(folder: Path) -> Generator[bool]:
    """The data folder on a disk that can be filled, where we may mount one."""
    data = folder / "data"
    data.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "tmpfs", str(data)]
    mounted = os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(data)], check=True)


def _center(world: World) -> dict[str, Any]:
    twilio = {"account_sid": SID, "auth_token": TOKEN, "api_base": world.twilio.url, "timeout_seconds": 10}
    gateway = {
        "send": {
            "url": f"http://127.0.0.1:{world.gateway.port}/send",
            "format": "json",
            "fields": {"to": "{to}", "text": "{text}"},
        },
        "answer": {"id_path": "id"},
        "received": {"id": "id", "sender": "from", "text": "body"},
        "hook_secret": GATEWAY_SECRET,
    }
    mail = {
        "smtp": {"host": world.mail.host, "port": world.mail.port, "tls": "none", "timeout_seconds": 10},
        "listen_smtp": f"127.0.0.1:{world.mail_port}",
    }
    accounts = [
        {"key": "sms", "connector": "twilio", "channel": "sms", "name": "SMS", "address": NUMBER, "settings": twilio},
        {"key": "phone", "connector": "twilio", "channel": "voice", "name": "Phone", "address": PHONE,
         "settings": {**twilio, "simulate_device": True}},
        {"key": "gate", "connector": "httpsms", "channel": "sms", "name": "Gateway", "address": "+15550100300", "settings": gateway},
        {"key": "mail", "connector": "email", "channel": "email", "name": "Mail", "address": MAILBOX, "settings": mail},
        {"key": SITE, "connector": "chat", "channel": "chat", "name": "Chat", "settings": {"leave_seconds": 5, "new_chats": 100_000, "new_chats_of_site": 100_000}},
    ]  # fmt: skip
    one = {"weight": 1, "max_per_agent": 1_000, "offer_timeout_seconds": 20}
    weights = {channel: one for channel in ("sms", "email", "chat", "voice", "voicemail")}  # noqa: C420 - never changed
    return {
        "queue": [{"key": "care", "name": "Care"}],
        "agent": [{"email": f"{n}@hub.example", "name": n, "queues": ["care"], "capacity": 10_000} for n in AGENTS],
        "account": [{**a, "queue": "care"} for a in accounts],
        "channel": weights,
        "automation": {},
    }


@asynccontextmanager
async def open_world(folder: Path, seed: int) -> AsyncGenerator[World]:
    """Servers, stand-ins and five processes of the hub, kept running."""
    folder.chmod(0o755)  # noqa: ASYNC240 - once; as root, PostgreSQL runs as somebody else
    with _disk(folder) as small_disk:
        embedded = Embedded(folder / "data" / "hub", durable=True)
        servers = await asyncio.to_thread(embedded.start)
        fleet = Fleet(folder, servers.database_url, servers.redis_url)
        ports = {"serve-1": fleet.port, "serve-2": free_port()}
        hooks = fleet.public_url + "/hooks/twilio"
        retry = "#rc=5&rp=all"
        twilio = TwilioStandin(
            SID, TOKEN, number=NUMBER, pace=0.05, speed=10.0, voice_url=f"{hooks}/phone/voice{retry}",
            status_url=f"{hooks}/phone/calls/status{retry}",
        )  # fmt: skip
        clock = folder / "clock" if _faketime() else None
        if clock is not None:
            clock.write_text("+0")
        try:
            async with twilio, MailCatcher() as mail, aiohttp.ClientSession() as http:
                world = World(
                    folder, embedded, fleet, twilio, mail, http, free_port(), small_disk, seed, random.Random(seed), clock,
                    ports=ports,
                )  # fmt: skip
                async with world.gateway.open():
                    try:
                        yield await _begun(world)
                    finally:
                        world.end()
        finally:
            await asyncio.to_thread(embedded.stop)


async def _begun(world: World) -> World:
    migrate(world.places.database_url)
    async with open_core(world.places, pool=2) as core:
        await _people(world, core)
    for name in ("serve-1", "serve-2", "work-1", "work-2"):
        world.launch(name)
    world.keeper = asyncio.create_task(world.keep())
    return world


async def _people(world: World, core: Core) -> None:
    await apply(core.db, core.vault, load_connectors(core), Center.model_validate(_center(world)))
    for row in await core.db.dicts("select id, name from agent"):
        world.ids[row["name"]] = row["id"]
        _, world.tokens[row["name"]] = await signin.new_api_token(core.db, row["id"], "soak")
