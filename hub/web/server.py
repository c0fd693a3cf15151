"""The web application, out of what the domains bring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.channels.calls import call_control
from hub.channels.capabilities import capabilities_of
from hub.core import log
from hub.core.bodies import ANONYMOUS
from hub.core.db import Database
from hub.core.networks import CALLER, Allowances
from hub.core.tasks import end
from hub.web import middleware
from hub.web.context import CONTEXT, WebContext, client_ip
from hub.web.endpoints import Endpoint, route
from hub.web.gauges import refresh
from hub.web.health import LOOKED, live, look, ready
from hub.web.openapi import describe
from hub.web.pages import page_routes
from hub.web.prefix import Prefixed
from hub.web.public import ALLOWED, PUBLIC, Shared
from hub.web.realtime.presence import Presences
from hub.web.realtime.socket import PRESENCES, REALTIME, websocket
from hub.web.realtime.topics import Realtime, Renderer

logger = log.get(__name__)
UI = Path(__file__).parent.parent / "_ui"
_SCRAPED: web.AppKey[Shared[bytes]] = web.AppKey("scraped")


Background = Callable[[], Awaitable[None]]  # runs until cancelled


@dataclass(frozen=True, slots=True)
class Domains:
    """What the domains bring: their endpoints, routes of their own, what renders events, what runs beside.

    `background` is asked for once the application is made; `closing` is awaited last.
    """

    endpoints: Sequence[Endpoint]
    routes: Sequence[web.AbstractRouteDef]
    renderer: Renderer
    background: Callable[[web.Application], Sequence[Background]]
    closing: Background


_DOMAINS = web.AppKey("domains", Domains)


def build(context: WebContext, domains: Domains) -> web.Application:
    """The application, ready to run; its background parts start and stop with it."""
    app = web.Application(middlewares=[middleware.outer], client_max_size=ANONYMOUS)
    app[CONTEXT] = context
    app[_DOMAINS] = domains
    app[CALLER] = partial(client_ip, context=context)
    app[PUBLIC] = Allowances(ALLOWED)
    app[LOOKED] = Shared(partial(look, context.core))
    app[_SCRAPED] = Shared(partial(_scraped, context.core.db))
    app[REALTIME] = Realtime(context.core, domains.renderer)
    app[PRESENCES] = Presences(context.core)
    app.add_routes([route(e) for e in _most_literal_first(domains.endpoints)])
    app.add_routes(
        [
            web.get("/ws", websocket),
            web.get("/api/openapi.json", _openapi),
            web.get("/health/live", live),
            web.get("/health/ready", ready),
            web.get("/metrics", _metrics),
        ]
    )
    app.add_routes(domains.routes)
    app.add_routes(
        page_routes(UI, _ancestors(context), demo=context.demo, phones=_phones(context), prefix=context.prefix)
    )
    if context.prefix:
        app.router.register_resource(Prefixed(app.router, context.prefix))
    app.cleanup_ctx.append(_background)
    return app


def _most_literal_first(found: Iterable[Endpoint]) -> list[Endpoint]:
    # aiohttp takes the first route that fits: `/conversations/counts` before `/conversations/{conversation_id}`.
    return sorted(found, key=lambda e: e.path.count("{"))


def _ancestors(context: WebContext) -> Callable[[str], Any]:
    async def frame_ancestors(site: str) -> list[str] | None:
        """The origins that may embed a chat site's widget; None when there is no such site."""
        for account in (await context.accounts.all()).values():
            if capabilities_of(account.channel).visit and account.key == site and account.enabled:
                return [*getattr(account.settings, "origins", []), "'self'"]
        return None

    return frame_ancestors


def _phones(context: WebContext) -> Callable[[], Any]:
    async def origins() -> str:
        """What browser telephones connect to, where a number is configured that has them."""
        found: set[str] = set()
        for account in (await context.accounts.all()).values():
            if not account.enabled or not capabilities_of(account.channel).call:
                continue
            phone = call_control(context.connectors.get(account.connector))
            if phone is not None and not phone.device(account, 0).simulated:
                found.update(phone.capabilities.browser_origins)
        return " ".join(sorted(found))

    return origins


async def _background(app: web.Application) -> AsyncGenerator[None]:
    domains = app[_DOMAINS]
    parts = (app[REALTIME].run, app[PRESENCES].run, *domains.background(app))
    tasks = [asyncio.create_task(_for_ever(part)) for part in parts]
    yield
    for connection in app[REALTIME].connections():
        await connection.close(1012, "restart")
    await end(tasks)
    await domains.closing()


async def _for_ever(part: Callable[[], Any]) -> None:
    """A background part that fails is logged and started again; the others go on."""
    while True:
        try:
            await part()
        except Exception:
            logger.exception("background_part_failed", part=part.__qualname__)
            await asyncio.sleep(1)


async def _openapi(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    body = await asyncio.to_thread(
        openapi, tuple(request.app[_DOMAINS].endpoints), context.version, context.prefix or "/"
    )
    return web.Response(body=body, content_type="application/json")


@cache
def openapi(endpoints: tuple[Endpoint, ...], version: str, server: str) -> bytes:
    """The API's description, to read: a good part of a second to make, so made when somebody first asks, and once."""
    return orjson.dumps(
        describe(endpoints, version=version, server=server), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=await request.app[_SCRAPED].get(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _scraped(db: Database) -> bytes:
    await refresh(db)
    return generate_latest()
