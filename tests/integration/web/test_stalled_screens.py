"""Screens that stop reading: they are let go, and nobody waits for them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType

from hub.core.service import Core
from hub.web.realtime import connection
from hub.web.realtime.socket import REALTIME
from hub.web.realtime.topics import Realtime
from tests.integration.connectors.harness import eventually
from tests.support.app import App, Headers, open_app

STALLED = 40


@pytest.fixture
async def app(core: Core, aiohttp_client: Callable[..., Any]) -> App:
    return await open_app(core, aiohttp_client)


async def _stalled(app: App, headers: Headers, hello: object) -> socket.socket:
    """A screen that says what it wants to hear, and then reads nothing; its machine has room for little."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    server: Any = app.client.server
    await loop.sock_connect(raw, (server.host, server.port))
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Host": "localhost", **headers}  # fmt: skip
    lines = ["GET /ws HTTP/1.1", *[f"{name}: {value}" for name, value in wanted.items()], "", ""]
    await loop.sock_sendall(raw, "\r\n".join(lines).encode())
    assert b" 101 " in await loop.sock_recv(raw, 1000)
    body = orjson.dumps(hello)
    assert len(body) < 126
    await loop.sock_sendall(raw, bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)  # masked with nothing
    return raw


async def test_screens_that_read_nothing_are_let_go_and_hold_up_no_other(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TOO_MUCH", 64 * 1024)
    amy = await app.agent("amy")
    conversation = await app.sms()
    topics = {"t": "hello", "topics": {f"c:{conversation}": 1}}
    stalled = [await _stalled(app, amy.headers, topics) for _ in range(STALLED)]
    reader = await app.client.ws_connect("/ws", headers=amy.headers)
    await reader.send_json(topics)
    heard: list[int] = []
    try:
        for n in range(60):
            await app.sms(f"{n} " + "x" * 60_000)
            while len(heard) <= n:  # it hears each before the next is written, whoever does not read
                message = await asyncio.wait_for(reader.receive(), 20)
                assert message.type is WSMsgType.TEXT
                data: Any = message.json()
                frames: list[dict[str, Any]] = data if isinstance(data, list) else [data]
                heard += [f["seq"] for f in frames if f["t"] == "ev"]
        assert heard == list(range(2, 62))

        server: Any = app.client.server
        realtime: Realtime = server.app[REALTIME]

        async def let_go() -> bool:
            return len(tuple(realtime.connections())) == 1

        await eventually(let_go, 30)
    finally:
        for one in stalled:
            one.close()
        await reader.close()
