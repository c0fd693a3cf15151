"""Whether a process is alive, and whether it can work: for load balancers, and for whoever is called at night."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import psycopg
from aiohttp import web

from hub.core import problems
from hub.core.errors import HubError, Unavailable
from hub.core.problems import Problem
from hub.core.service import Core
from hub.web.context import CONTEXT
from hub.web.endpoints import json_response
from hub.web.public import Shared

LOOKED: web.AppKey[Shared[tuple[list[Problem] | None, list[Problem]]]] = web.AppKey("looked")
SECONDS = 2.0  # a load balancer does not wait for a database that is away


async def live(request: web.Request) -> web.Response:
    """The process answers."""
    return json_response({"status": "alive"})


async def ready(request: web.Request) -> web.Response:
    """200 while messages can be stored: `ready`, or `degraded` with what is wrong; 503 when they cannot.

    Redis may be away, and readers of the log behind: that costs seconds, not messages.
    """
    context = request.app[CONTEXT]
    own = context.own_servers() if context.own_servers else ()
    found, beside = await request.app[LOOKED].get()
    if found is None:
        dead = [f"{s.name} is down ({s.last_problem}) and is being started again." for s in own if not s.running]
        raise Unavailable(" ".join(["The database does not answer.", *dead]))
    closed = [problem for problem in found if problem.code == "database.read_only"]
    if closed:
        raise Unavailable(f"The database {closed[0].detail}.", remedy=closed[0].remedy)
    wrong = [*beside, *found]
    return json_response(
        {
            "status": "degraded" if any(problem.fault for problem in wrong) else "ready",
            "database": True,
            "redis": not any(problem.code.startswith("redis.") for problem in beside),
            "problems": [problem.shown() for problem in wrong],
            "servers": [asdict(state) for state in own],
        }
    )


async def look(core: Core) -> tuple[list[Problem] | None, list[Problem]]:
    """What is wrong in the database (None: it does not answer), and with Redis and the place of files."""
    found, redis, files = await asyncio.gather(_inside(core), problems.redis(core.feed), _files(core))
    return found, [*redis, *files]


async def _files(core: Core) -> list[Problem]:
    try:
        async with asyncio.timeout(SECONDS):
            return await problems.files(core.db, core.files)
    except TimeoutError:
        return [Problem("files.away", {"store": core.files.settings.store, "error": "no answer"})]
    except (HubError, psycopg.Error):
        return []  # the database's absence is said by the others


async def _inside(core: Core) -> list[Problem] | None:
    try:
        async with asyncio.timeout(SECONDS):
            return [*await problems.inside(core.db), *await problems.key(core.db, core.vault)]
    except (HubError, psycopg.Error, TimeoutError):
        return None
