"""`hub up`: everything on one machine under one supervisor, with servers of its own where none are configured.

This process runs the web side and, beside the screens, the router; a child runs the other services, another the
worker, so that neither holds up a screen. Whichever of them dies is started again.
Ctrl-C or SIGTERM stops everything within seconds and leaves no process; if this process is killed outright, the
kernel stops the children (Linux).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.access import signin
from hub.app import serving, until_stopped
from hub.channels.capabilities import capabilities_of
from hub.channels.registry import load_connectors
from hub.cli.addresses import addresses, embedded, own_servers
from hub.core import log, tasks
from hub.core.embedded import Embedded
from hub.core.errors import ConfigError
from hub.core.folder import write_whole
from hub.core.migrate import migrate
from hub.core.processes import die_with_parent
from hub.core.service import Addresses, Core, open_core
from hub.core.urls import authority
from hub.demo.customers import Customers, Endpoints
from hub.demo.standins import Standins, start_standins
from hub.provisioning.apply import apply
from hub.provisioning.model import Center, read
from hub.settings import Settings

logger = log.get(__name__)
_CHILDREN = ("services", "work")
_SHIPPED = Path(__file__).parents[1] / "demo" / "center.toml"
_SOURCE = Path(__file__).parents[2] / "config" / "center.toml"


def up(settings: Settings, *, demo: bool, customers: bool) -> int:
    """Start, say where everything is, run until told to stop."""
    settings = _with_free_port(settings)
    with contextlib.ExitStack() as stack:
        own: Embedded | None = None
        if own_servers(settings):
            places, own = stack.enter_context(embedded(settings))
        else:
            places = addresses(settings)
        migrate(places.database_url)
        tasks.run(_run(settings, places, own, demo=demo, customers=customers))
    return 0


async def _run(settings: Settings, places: Addresses, own: Embedded | None, *, demo: bool, customers: bool) -> None:
    stopping = asyncio.create_task(until_stopped())
    async with contextlib.AsyncExitStack() as stack:
        play = await stack.enter_async_context(_demo(settings, places)) if demo else None
        if play is not None:  # before anything is ready: who waits for that finds it written
            _leave(settings.data / "demo.json", await _demo_json(settings, places, play))
        await stack.enter_async_context(serving(settings, places, own, demo=demo, services="router"))
        children = [asyncio.create_task(_supervise(command, settings, places)) for command in _CHILDREN]
        stack.push_async_callback(tasks.end, children)
        if play is not None and customers and await _open(play.smtp_port):
            await stack.enter_async_context(Customers(play.endpoints(places.public_url), every=6.0, rounds=1))
        print(await _banner(settings, places, play), flush=True)
        await stopping
        print("Stopping…", flush=True)


# -- the children ----------------------------------------------------------------------------------------------------
async def _supervise(command: str, settings: Settings, places: Addresses) -> None:
    """One process of the hub's, started again when it dies."""
    environment = {
        **os.environ,
        "HUB_DATABASE__URL": places.database_url,
        "HUB_REDIS__URL": places.redis_url,
        "HUB_SECRET_KEY": places.key.decode(),
        "HUB_WEB__PUBLIC_URL": places.public_url,
        "HUB_WEB__SERVICES": "router",
        "HUB_DATA": str(settings.data),
    }
    while True:
        # A session of its own, so that Ctrl-C reaches it through us, in order.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub.cli",
            command,
            "--data",
            str(settings.data),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        try:
            code = await process.wait()
            logger.warning("child_ended", command=command, code=code, effect="started again")
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            ending = asyncio.create_task(_end(process))
            while not ending.done():  # told to stop again meanwhile, it still must not be left behind
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(ending)
            raise


async def _end(process: asyncio.subprocess.Process) -> None:
    for how, seconds in ((signal.SIGTERM, 4.0), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
            return


# -- the demonstration -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Play:
    """What the demonstration adds: stand-ins, listeners' ports, people with passwords."""

    standins: Standins
    center: Center
    smtp_port: int
    lmtp_port: int
    users: list[dict[str, str]]

    @property
    def mailbox(self) -> str:
        """The address customers write to."""
        return next(a.address or "" for a in self.center.account if capabilities_of(a.channel).letter)

    def endpoints(self, hub_url: str) -> Endpoints:
        """Where the scripted customers knock."""
        return Endpoints(hub_url, self.standins.mail, self.standins.twilio, self.mailbox, ("127.0.0.1", self.smtp_port))


def demo_center() -> Path:
    """The demonstration's center, as a file."""
    return _SHIPPED if _SHIPPED.exists() else _SOURCE


@asynccontextmanager
async def _demo(settings: Settings, places: Addresses) -> AsyncGenerator[Play]:
    before = _read_json(settings.data / "demo.json")
    secret = places.key[:32]
    ports = [_free(before.get(part, {}).get("port", 0)) for part in ("smtp", "lmtp")]
    async with await start_standins(hub_url=places.public_url, secret=secret, ports=_standin_ports(before)) as standins:
        center = read(demo_center(), _variables(standins, ports))
        async with open_core(places, pool=3) as core:
            await apply(core.db, core.vault, load_connectors(core), center)
            users = await _people(core, center, before)
        yield Play(standins, center, ports[0], ports[1], users)


def _variables(standins: Standins, ports: list[int]) -> Mapping[str, str]:
    return {
        "DEMO_SMTP_PORT": str(ports[0]),
        "DEMO_LMTP_PORT": str(ports[1]),
        "DEMO_CATCHER_HOST": standins.mail.host,
        "DEMO_CATCHER_PORT": str(standins.mail.port),
        "DEMO_TWILIO_SID": standins.twilio.account_sid,
        "DEMO_TWILIO_TOKEN": standins.twilio.auth_token,
        "DEMO_TWILIO_URL": standins.twilio.url,
    }


async def _people(core: Core, center: Center, before: dict[str, Any]) -> list[dict[str, str]]:
    """Everybody of the center with a password: the ones of last time, or fresh ones."""
    known = {u["email"]: u["password"] for u in before.get("users", [])}
    rows = await core.db.dicts(signin.sql["with_passwords"])
    agents = {row["email"]: row for row in rows}
    passwords = {agent.email: known.get(agent.email) or _password() for agent in center.agent}
    fresh = [email for email in passwords if email not in known or not agents[email]["set"]]
    # Hashing takes its time on purpose: all at once, each on a thread of its own.
    await asyncio.gather(*[signin.set_password(core.db, agents[email]["id"], passwords[email]) for email in fresh])
    return [
        {"email": agent.email, "password": passwords[agent.email], "role": agent.role, "name": agent.name}
        for agent in center.agent
    ]


def _password() -> str:
    return f"{secrets.choice(_WORDS)}-{secrets.choice(_WORDS)}-{secrets.randbelow(9000) + 1000}"


_WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "indigo",
    "juniper",
    "lantern",
    "maple",
    "north",
    "ocean",
    "prairie",
    "river",
)


async def _demo_json(settings: Settings, places: Addresses, play: Play) -> dict[str, Any]:
    token = _read_json(settings.data / "demo.json").get("api_token")
    async with open_core(places, pool=2) as core:
        if token is None or await signin.actor_of_token(core.db, token) is None:
            admin = await core.db.value(signin.sql["first_admin"])
            _, token = await signin.new_api_token(core.db, int(admin), "demo.json")
    return {
        "base_url": places.public_url,
        "api_token": token,
        "users": play.users,
        "smtp": {"host": "127.0.0.1", "port": play.smtp_port, "mailbox": play.mailbox},
        "lmtp": {"host": "127.0.0.1", "port": play.lmtp_port, "mailbox": play.mailbox},
        "chat": {"site": "web", "page": f"{places.public_url}/demo"},
        "listening": f"http://{authority(settings.web.host, settings.web.port)}",
        **play.standins.demo_json(),
    }


async def _banner(settings: Settings, places: Addresses, play: Play | None) -> str:
    lines = [
        "",
        f"  The desk         {places.public_url}/app/",
        f"  API              {places.public_url}/api/openapi.json",
    ]
    if play is None:
        lines += await _first_admin(places)
    else:
        lines += [
            f"  A customer page  {places.public_url}/demo",
            f"  Caught mail      {play.standins.mail.url}",
            f"  Twilio stand-in  {play.standins.twilio.url}",
            "",
            "  Sign in as",
            *(f"    {u['email']:<28} {u['password']:<24} {u['role']}" for u in play.users),
            "",
            f"  For scripts: {settings.data / 'demo.json'}",
        ]
    return "\n".join([*lines, "", "  Ctrl-C stops everything; the data stay.", ""])


async def _first_admin(places: Addresses) -> list[str]:
    """The one-time link with which a fresh installation gets its administrator; none once there is one."""
    async with open_core(places, pool=2) as core:
        if await core.db.value(signin.sql["any_admin"]):
            return []
        agent = await core.db.value(signin.sql["admin_without_password"])
        if agent is None:
            agent = await signin.add_agent(core.db, email="admin@hub.local", name="Administrator", role="admin")
        link = f"{places.public_url}/app/welcome#{await signin.invite(core.db, int(agent))}"
    return ["", f"  First administrator: {link}", "  (once, within a day; `hub user add` makes more)"]


async def _open(port: int, seconds: float = 15.0) -> bool:
    """Wait until somebody listens, so that the first customer is not refused."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        await asyncio.sleep(0.1)
    logger.warning("mail_listener_missing", port=port)
    return False


# -- files and ports -------------------------------------------------------------------------------------------------
def _leave(file: Path, content: dict[str, Any]) -> None:
    """Write JSON for scripts, whole or not at all, for our eyes only."""
    write_whole(file, json.dumps(content, indent=2, ensure_ascii=False).encode())


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return {}


def _with_free_port(settings: Settings) -> Settings:
    """Fail before anything is started when the port is taken; 0 becomes a free one."""
    web = settings.web
    with socket.socket(socket.AF_INET6 if ":" in web.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            raise ConfigError(
                f"Port {web.port} on {web.host} cannot be used: {error.strerror}.",
                remedy="Choose another: PORT=8081 make run, or hub up --port 8081.",
            ) from error
        return settings.model_copy(update={"web": web.model_copy(update={"port": probe.getsockname()[1]})})


def _free(wanted: int) -> int:
    """The port of last time if it is free, else any."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    return 0


def _standin_ports(before: dict[str, Any]) -> tuple[int, int, int]:
    """The stand-ins' ports of last time, where they are free."""
    catcher, twilio = before.get("mail_catcher", {}), before.get("twilio", {})
    return _free(catcher.get("port", 0)), _free(_port(catcher.get("url"))), _free(_port(twilio.get("url")))


def _port(url: str | None) -> int:
    return int(url.rsplit(":", 1)[1].split("/")[0]) if url else 0
