"""Wiring: the parts of one process, put together once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import entry_points

from aiohttp import web

from hub.access.api import roles as access_roles
from hub.access.api import signin as access
from hub.agents import api as agents
from hub.automation import api as automation
from hub.calls.api import calls
from hub.calls.handler import Desk
from hub.channels.accounts import Accounts
from hub.channels.api import connectors as channels
from hub.channels.api import mailboxes, messaging
from hub.channels.calls import call_control
from hub.channels.registry import load_connectors
from hub.contacts import api as contacts
from hub.conversations import api as conversations
from hub.conversations.rendering import Renderer
from hub.core import jobs, keycheck, log
from hub.core.embedded import Embedded
from hub.core.errors import ConfigError
from hub.core.release import hub_version
from hub.core.service import Addresses, Core, Service, open_core
from hub.core.tasks import end
from hub.core.urls import authority
from hub.messages.api import operations, public, reading, writing
from hub.messages.intake import Intake
from hub.queues.api import administration as queue_administration
from hub.queues.api import offers as queues
from hub.reports import api as reports
from hub.reports.live import Live
from hub.settings import Services, Settings
from hub.web import event_log, notices, server
from hub.web.context import WebContext
from hub.web.endpoints import Endpoint
from hub.web.listening import GuardedRunner
from hub.web.realtime.socket import REALTIME
from hub.web.server import Domains

logger = log.get(__name__)
_AFTER_SCREENS = 5  # niceness of what can wait: statistics, follow-ups, files
_WORKER_POOL = 8
_FINISH = 40.0  # seconds a worker may take to finish what is on the wire
Part = tuple[str, Callable[[], Awaitable[None]]]  # a name and what runs until cancelled
SHUTDOWN = 5.0  # seconds requests in flight may take when the process ends


_AREAS = (
    access.session, access.config, agents.oneself, agents.colleagues, queues.queues, conversations.conversations,
    conversations.outcomes, reading.messages, reading.files, writing.writing, writing.canned, calls.calls,
    contacts.contacts, contacts.messaging, notices.notices, mailboxes.mailboxes, messaging.messaging, reports.reports,
    event_log.event_log, operations.operations, queue_administration.queues, access_roles.administration,
    channels.installed,
)  # fmt: skip
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for area in _AREAS for endpoint in area.all)


def web_application(context: WebContext, closing: Callable[[], Awaitable[None]]) -> web.Application:
    """The web side: everything the domains answer. `closing` is awaited when it has stopped."""
    live = Live(context.core.db)
    domains = Domains(
        ENDPOINTS,
        [*public.unsubscribe_routes(), *automation.rating_routes(), *public.file_routes(), *_connector_routes(context)],
        Renderer(context.core.db.lane("screens")),
        lambda app: [reports.Wall(live, app[REALTIME]).run],
        closing,
    )
    app = server.build(context, domains)
    app[reports.LIVE] = live
    return app


def _connector_routes(context: WebContext) -> list[web.AbstractRouteDef]:
    found: list[web.AbstractRouteDef] = []
    for connector in context.connectors.values():
        found += connector.routes(context.intake)
        if (phone := call_control(connector)) is not None:
            found += phone.routes(Desk(context.core, context.accounts), context.intake)
    return found


def openapi(version: str, where: str) -> bytes:
    """The API's description (OpenAPI 3.1) for an installation at the address `where`."""
    return server.openapi(ENDPOINTS, version, where)


@asynccontextmanager
async def serving(
    settings: Settings,
    places: Addresses,
    own: Embedded | None = None,
    *,
    demo: bool = False,
    services: Services = "all",
) -> AsyncGenerator[str]:
    """Web, sockets, webhooks, listeners and the wanted ones of the leased services; yields where it listens."""
    async with open_core(places, pool=settings.database.pool) as core:
        await keycheck.note(core.db, core.vault)
        connectors = load_connectors(core)
        accounts = Accounts(core.db, core.vault, connectors)
        intake = Intake(core, accounts, connectors)
        context = WebContext(
            core,
            accounts,
            connectors,
            intake,
            hub_version(),
            demo=demo,
            allowed_origins=frozenset(settings.web.allowed_origins),
            trusted_proxies=settings.web.trusted_proxies,
            own_servers=own.states if own else None,
        )
        runner = GuardedRunner(
            web_application(context, intake.close),
            per_address=0 if settings.web.trusted_proxies else settings.web.connections_per_address,
            access_log=None,
            shutdown_timeout=SHUTDOWN,
            handle_signals=False,
        )
        await runner.setup()
        try:
            where = await _listen(runner, settings)
            parts: list[Part] = [(c.name, partial(c.run, intake)) for c in connectors.values()]
            parts += [(s.name, s.run) for s in _services(core, router=services != "none", others=services == "all")]
            tasks = _start(parts)
            try:
                _collect_seldom()
                yield where
            finally:
                await end(tasks)
        finally:
            await runner.cleanup()


def _collect_seldom() -> None:
    """Keep the cycle collector from walking over all that lives as long as the process, hundreds of times a minute.

    What a request leaves behind goes by reference count; a full collection is a pause that every screen would feel.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def serve(settings: Settings, places: Addresses, own: Embedded | None = None) -> None:
    """`hub serve`: until SIGTERM or SIGINT."""
    async with serving(settings, places, own, services=settings.web.services) as where:
        logger.info("serving", url=where, public_url=places.public_url)
        await until_stopped()
        logger.info("stopping")


async def run_services(settings: Settings, places: Addresses) -> None:
    """`hub services`: the leased services that are not beside a web side, until SIGTERM or SIGINT."""
    beside = settings.web.services == "router"
    if beside:
        os.nice(_AFTER_SCREENS)
    async with open_core(places, pool=settings.database.pool) as core:
        tasks = _start([(s.name, s.run) for s in _services(core, router=not beside)])
        try:
            _collect_seldom()
            logger.info("services_running")
            await until_stopped()
            logger.info("stopping")
        finally:
            await end(tasks)


async def run_worker(places: Addresses) -> None:
    """`hub work`: sends until SIGTERM or SIGINT. It looks by its own clock; Redis only makes it look sooner."""
    async with open_core(places, pool=_WORKER_POOL) as core:
        senders = [point.load()(core) for point in entry_points(group="hub.senders")]
        if not senders:
            raise ConfigError("Nothing is installed that sends.", remedy="Install the hub again: `pip install .`.")
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        tasks = _start([(sender.name, partial(sender.run, stopping)) for sender in senders])

        def heard() -> None:
            for sender in senders:
                loop.call_soon_threadsafe(sender.ring)

        listener = jobs.Listener(places.redis_url, heard)
        listener.start()
        try:
            logger.info("working")
            await until_stopped()
            logger.info("stopping")
            stopping.set()
            await asyncio.wait(tasks, timeout=_FINISH)
        finally:
            listener.stop()
            await end(tasks)


def _start(parts: list[Part]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(_keep_running(name, run), name=name) for name, run in parts]


async def until_stopped() -> None:
    """Return at the first SIGTERM or SIGINT."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    try:
        await stopped.wait()
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


def _services(core: Core, *, router: bool = True, others: bool = True) -> list[Service]:
    found = [point.load()(core) for point in entry_points(group="hub.services")]
    return [service for service in found if (router if service.name == "router" else others)]


async def _listen(runner: web.AppRunner, settings: Settings) -> str:
    site = web.TCPSite(runner, settings.web.host, settings.web.port, reuse_port=False)
    try:
        await site.start()
    except OSError as error:
        raise ConfigError(
            f"Port {settings.web.port} on {settings.web.host} cannot be used: {error.strerror}.",
            remedy="Choose another: PORT=8081 make run, or HUB_WEB__PORT=8081.",
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://{authority(host, port)}"


async def _keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """A part that fails is logged and started again; a configuration error says what to do and waits for a restart."""
    while True:
        try:
            await run()
        except ConfigError as error:
            logger.error("part_not_started", part=name, error=str(error))  # noqa: TRY400 - the message is for a person; no trace
        except Exception:
            logger.exception("part_failed", part=name)
            await asyncio.sleep(2)
            continue
        return
