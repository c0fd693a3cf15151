"""The web application: every route of the hub in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.calls.handler import Desk
from hub.channels.calls import call_control
from hub.core import log
from hub.core.bodies import ANONYMOUS
from hub.core.db import Database
from hub.core.networks import CALLER, Allowances
from hub.core.tasks import end
from hub.web import middleware
from hub.web.calls import calls
from hub.web.center import desk_lists, files, operations, records
from hub.web.context import CONTEXT, WebContext, client_ip
from hub.web.desk import desk
from hub.web.endpoints import Endpoint, route
from hub.web.files import file_routes
from hub.web.gauges import refresh
from hub.web.health import LOOKED, live, look, ready
from hub.web.letters import letters
from hub.web.mail import mail, unsubscribe_routes
from hub.web.mailboxes import mailboxes
from hub.web.messaging import messaging
from hub.web.notices import notices
from hub.web.numbers import Wall, numbers
from hub.web.openapi import describe
from hub.web.pages import page_routes
from hub.web.prefix import Prefixed
from hub.web.presence import Presences
from hub.web.public import ALLOWED, PUBLIC, Shared
from hub.web.rating import rating_routes
from hub.web.realtime import Realtime
from hub.web.render import Renderer
from hub.web.sessions import session
from hub.web.socket import PRESENCES, REALTIME, websocket

logger = log.get(__name__)
UI = Path(__file__).parent.parent / "_ui"
_SCRAPED: web.AppKey[Shared[bytes]] = web.AppKey("scraped")


def endpoints() -> list[Endpoint]:
    """Every operation of the API."""
    return [
        e
        for area in (
            session,
            desk,
            letters,
            mail,
            calls,
            records,
            desk_lists,
            notices,
            files,
            mailboxes,
            messaging,
            numbers,
            operations,
        )
        for e in area.all
    ]


def build(context: WebContext) -> web.Application:
    """The application, ready to run; its background parts start and stop with it."""
    app = web.Application(middlewares=[middleware.outer], client_max_size=ANONYMOUS)
    app[CONTEXT] = context
    app[CALLER] = partial(client_ip, context=context)
    app[PUBLIC] = Allowances(ALLOWED)
    app[LOOKED] = Shared(partial(look, context.core))
    app[_SCRAPED] = Shared(partial(_scraped, context.core.db))
    app[REALTIME] = Realtime(context.core, Renderer(context.core.db.lane("screens")))
    app[PRESENCES] = Presences(context.core)
    app.add_routes([route(e) for e in _most_literal_first(endpoints())])
    app.add_routes(
        [
            web.get("/ws", websocket),
            web.get("/api/openapi.json", _openapi),
            web.get("/health/live", live),
            web.get("/health/ready", ready),
            web.get("/metrics", _metrics),
        ]
    )
    app.add_routes(unsubscribe_routes())
    app.add_routes(rating_routes())
    app.add_routes(file_routes())
    for connector in context.connectors.values():
        app.add_routes(connector.routes(context.intake))
        if (phone := call_control(connector)) is not None:
            app.add_routes(phone.routes(Desk(context.core, context.accounts), context.intake))
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
            if account.channel == "chat" and account.key == site and account.enabled:
                return [*getattr(account.settings, "origins", []), "'self'"]
        return None

    return frame_ancestors


def _phones(context: WebContext) -> Callable[[], Any]:
    async def origins() -> str:
        """What browser telephones connect to, where a number is configured that has them."""
        found: set[str] = set()
        for account in (await context.accounts.all()).values():
            phone = call_control(context.connectors.get(account.connector)) if account.channel == "voice" else None
            if phone is not None and account.enabled and not phone.device(account, 0).simulated:
                found.update(phone.capabilities.browser_origins)
        return " ".join(sorted(found))

    return origins


async def _background(app: web.Application) -> AsyncGenerator[None]:
    parts = (app[REALTIME].run, app[PRESENCES].run, Wall(app[CONTEXT].live, app[REALTIME]).run)
    tasks = [asyncio.create_task(_for_ever(part)) for part in parts]
    yield
    for connection in app[REALTIME].connections():
        await connection.close(1012, "restart")
    await end(tasks)
    await app[CONTEXT].intake.close()


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
    body = await asyncio.to_thread(openapi, context.version, context.prefix or "/")
    return web.Response(body=body, content_type="application/json")


@cache
def openapi(version: str, server: str) -> bytes:
    """The API's description, to read: a good part of a second to make, so made when somebody first asks, and once."""
    return orjson.dumps(
        describe(endpoints(), version=version, server=server), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=await request.app[_SCRAPED].get(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _scraped(db: Database) -> bytes:
    await refresh(db)
    return generate_latest()
