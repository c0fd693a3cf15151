"""Twilio: webhooks answered beside a bare aiohttp handler, and sends of our connector beside a bare aiohttp client.

Both of a pair in the same run, in processes of their own: `python -m tests.bench.bench_twilio bare|standin PORT`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from connectors.twilio import Twilio
from connectors.twilio.settings import Settings
from hub.channels.model import Account, Outbound
from hub.channels.registry import load_connectors
from hub.core.service import Core
from hub.demo.twilio import TwilioStandin
from hub.provisioning.apply import apply
from tests.bench.bench_live import CENTER, SID, TOKEN, Sms, free_port, hub_serve, process
from tests.bench.stage import Figure, core, servers, show, sized
from tests.bench.wire import Wire, paced, rate, spread

PER_SECOND, SECONDS = sized(300, 50), sized(60, 10) / 10
SENDS, AT_ONCE = sized(1500, 100), 64
NUMBER = "+15550100100"


# -- the other processes ---------------------------------------------------------------------------------------------
async def bare(port: int) -> None:
    """Reads the form and answers; nothing is verified and nothing kept."""

    async def take(request: web.Request) -> web.Response:
        await request.post()
        return web.Response(text="<Response/>", content_type="text/xml")

    app = web.Application()
    app.add_routes([web.post("/{tail:.*}", take), web.get("/health/ready", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def standin(port: int) -> None:
    """Takes messages; nothing becomes of them while they are counted."""
    async with TwilioStandin(SID, TOKEN, number=NUMBER, port=port, pace=600.0):
        await asyncio.Event().wait()


@asynccontextmanager
async def beside(part: str) -> AsyncGenerator[str]:
    """One of these, once it answers."""
    port = free_port()
    with process("tests.bench.bench_twilio", part, str(port)):
        async with aiohttp.ClientSession() as http:
            for _ in range(200):
                try:
                    async with http.get(f"http://127.0.0.1:{port}/health/ready"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


# -- webhooks --------------------------------------------------------------------------------------------------------
async def answered(url: str) -> tuple[float, tuple[float, float]]:
    """Webhooks per second of 32 senders; p50 and p99 in milliseconds at a steady pace."""
    wire, times = Wire(url), list[float]()
    sms = Sms(url, wire)

    async def timed(n: int) -> None:
        began = time.perf_counter()
        await sms.post(f"+1415555{n % 500:04}", f"message {n}")
        times.append(time.perf_counter() - began)

    await paced(timed, PER_SECOND, 1.0)
    times.clear()
    await paced(timed, PER_SECOND, SECONDS)
    steady = spread(times)
    most = await rate(wire, lambda n: sms.request(f"+1{2_000_000_000 + n}", f"message {n}"), 32, 4)
    wire.close()
    return most, steady


# -- sends -----------------------------------------------------------------------------------------------------------
async def sends(post: Callable[[int], Awaitable[Any]]) -> float:
    """So many sends, `AT_ONCE` of them under way; per second."""
    numbers = iter(range(SENDS))

    async def some() -> None:
        for n in numbers:
            await post(n)

    began = time.perf_counter()
    await asyncio.gather(*[some() for _ in range(AT_ONCE)])
    return SENDS / (time.perf_counter() - began)


async def through_connector(api: str, callbacks: str) -> float:
    connector = Twilio(cast("Core", SimpleNamespace(public_url=callbacks)))
    settings = Settings.model_validate({"account_sid": SID, "auth_token": TOKEN, "api_base": api})
    account = Account(1, "sms", "twilio", "sms", "SMS", NUMBER, settings, None, None, True)
    begun = datetime.now(UTC)

    async def crossed() -> None:
        pass

    async def one(n: int) -> None:
        to, text = f"+1415{n:07}", f"Your order {n} is on its way."
        await connector.send(account, Outbound(n, 1, n, "sms", to, text, 1, "<m@x>", begun, "t"), crossed)

    try:
        return await sends(one)
    finally:
        await connector.close()


async def through_aiohttp(api: str, callbacks: str) -> float:
    headers = {
        "Authorization": aiohttp.encode_basic_auth(SID, TOKEN),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    async with aiohttp.ClientSession(headers=headers) as http:

        async def one(n: int) -> None:
            form = {"To": f"+1415{n:07}", "From": NUMBER, "Body": f"Your order {n} is on its way.",
                    "StatusCallback": f"{callbacks}/hooks/twilio/sms/status/{n}"}  # fmt: skip
            url = f"{api}/2010-04-01/Accounts/{SID}/Messages.json"
            async with http.post(url, data=urlencode(form)) as answer:
                assert answer.status == 201
                await answer.json()

        return await sends(one)


async def measure_sends() -> list[Figure]:
    ours, theirs = list[float](), list[float]()
    async with beside("bare") as callbacks, beside("standin") as api:
        for _ in range(3):  # in turn, so that a busy moment of the machine hits both
            ours.append(await through_connector(api, callbacks))
            theirs.append(await through_aiohttp(api, callbacks))
    connector, client = statistics.median(ours), statistics.median(theirs)
    return [
        Figure(f"sends through the connector, {AT_ONCE} at once", f"{connector:,.0f}/s"),
        Figure("a bare aiohttp client on the same stand-in", f"{client:,.0f}/s"),
        Figure("ratio", f"{connector / client:.2f}x"),
    ]


async def run() -> list[Figure]:
    with servers() as found:
        async with core(found) as hub:
            await apply(hub.db, hub.vault, load_connectors(hub), CENTER)
        async with hub_serve(found) as url:
            most, (middle, slow) = await answered(url)
    async with beside("bare") as url:
        bare_most, (bare_middle, bare_slow) = await answered(url)
    return [
        Figure("webhooks answered with 200: signed, durable, queued", f"{most:,.0f}/s"),
        Figure("a bare aiohttp handler that keeps nothing", f"{bare_most:,.0f}/s"),
        Figure("ratio", f"{most / bare_most:.2f}x"),
        Figure(f"webhook to 200 at {PER_SECOND}/s, p50 / p99", f"{middle:.1f} / {slow:.1f} ms"),
        Figure("the bare handler", f"{bare_middle:.1f} / {bare_slow:.1f} ms"),
        *await measure_sends(),
    ]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run({"bare": bare, "standin": standin}[sys.argv[1]](int(sys.argv[2])))
    else:
        show("Twilio", asyncio.run(run()))
