"""Sockets of a real `hub serve`: memory of idle ones, fan-out to a thousand, and one that never reads."""

from __future__ import annotations

import asyncio
import resource
import socket
import time

import aiohttp
import psutil

from hub.channels.registry import load_connectors
from hub.core.service import Core
from hub.provisioning.apply import apply
from tests.bench.bench_live import CENTER, Sms, _token, hub_serve
from tests.bench.stage import Figure, core, servers, show, sized
from tests.bench.wire import Wire

IDLE, LISTENERS, MESSAGES = sized(1500, 50), sized(1000, 40), sized(60, 10)


def _serve_process(port: int) -> psutil.Process:
    found = next(c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN")
    return psutil.Process(found.pid)


async def measure(hub: Core, url: str) -> list[Figure]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    process = _serve_process(int(url.rsplit(":", 1)[1]))
    headers = await _token(hub, "a0@example.com")
    wire = Wire(url)
    sms = Sms(url, wire)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def post(text: str) -> None:
            await sms.post("+14155550100", text)

        await post("hello")
        conversation = await hub.db.value("select max(id) from conversation")
        before = process.memory_info().rss
        sockets = [
            await http.ws_connect(url.replace("http", "ws") + "/ws", headers=headers, compress=0) for _ in range(IDLE)
        ]
        for ws in sockets:
            await ws.receive()
        per_socket = (process.memory_info().rss - before) / IDLE
        listeners = sockets[:LISTENERS]
        for ws in listeners:
            await ws.send_json({"t": "hello", "topics": {f"c:{conversation}": 1}})
            await ws.send_json({"t": "ping"})
            while (await ws.receive_json()) != {"t": "pong"}:
                pass
        stalled = await _stalled(url, headers, conversation)
        seen = 0

        async def listen(ws: aiohttp.ClientWebSocketResponse) -> None:
            nonlocal seen
            got = 0
            while got < MESSAGES:
                frames = await ws.receive_json()
                got += len(frames) if isinstance(frames, list) else 1
            seen += got

        started = time.perf_counter()
        readers = [asyncio.create_task(listen(ws)) for ws in listeners]
        await asyncio.gather(*[post(f"message {n} " + "x" * 200) for n in range(MESSAGES)])
        async with asyncio.timeout(60):
            await asyncio.gather(*readers)
        fan_out = seen / (time.perf_counter() - started)
        stalled.close()
        wire.close()
        for ws in sockets:
            await ws.close()
    return [
        Figure("memory of an idle socket", f"{per_socket / 1024:.1f} KB", "<= 20 KB", per_socket <= 20 * 1024),
        Figure(
            f"fan-out to {LISTENERS} sockets, one of them never reading",
            f"{fan_out:,.0f}/s",
            ">= 20,000/s",
            fan_out >= 20_000,
        ),
        Figure(
            "every other socket saw every message",
            f"{seen:,} of {LISTENERS * MESSAGES:,}",
            "all",
            seen == LISTENERS * MESSAGES,
        ),
    ]


async def _stalled(url: str, headers: dict[str, str], conversation: int) -> socket.socket:
    """A socket that subscribes and never reads again."""
    host, port = url.removeprefix("http://").split(":")
    raw = socket.create_connection((host, int(port)))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = (
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: {headers['Authorization']}\r\n\r\n"
    )
    raw.sendall(request.encode())
    await asyncio.sleep(0.2)
    hello = f'{{"t":"hello","topics":{{"c:{conversation}":1}}}}'.encode()
    raw.sendall(bytes([0x81, 0x80 | len(hello)]) + b"\x00" * 4 + hello)
    return raw


async def run() -> list[Figure]:
    with servers() as found:
        async with core(found, pool=6) as hub:
            await apply(hub.db, hub.vault, load_connectors(hub), CENTER)
            async with hub_serve(found) as url:
                return await measure(hub, url)


if __name__ == "__main__":
    show("Sockets", asyncio.run(run()))
