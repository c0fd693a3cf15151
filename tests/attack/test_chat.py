"""Chats by the dozen from one place: refused in words, with the seconds to wait, and others go on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.chat import limits
from connectors.chat.connection import CROWDED, TOO_FAST
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.networks import CALLER, Allowance, network_of
from hub.core.secrets import Vault
from tests.integration.connectors.harness import SITE, Hub

NAT, OTHER = "198.51.100.7", "2001:db8:1:2::99"


@pytest.fixture
async def hub(db: Database, feed: Feed, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Hub]:
    """A hub behind a proxy that says whom it asks for."""
    serve = web.AppRunner.setup

    async def setup(self: web.AppRunner) -> None:
        if self.app is not None and CALLER not in self.app:
            self.app[CALLER] = lambda request: request.headers.get("X-Forwarded-For", request.remote or "")
        await serve(self)

    monkeypatch.setattr(web.AppRunner, "setup", setup)
    async with Hub(db, feed, vault) as hub:
        yield hub


class Visitor:
    """A program that speaks for a visitor, from some address."""

    def __init__(self, hub: Hub, address: str):
        self.hub = hub
        self.headers = {"Origin": hub.url, "X-Forwarded-For": address}

    async def session(self) -> tuple[int, Any, Any]:
        path = f"{self.hub.url}/hooks/chat/{SITE}/session"
        async with self.hub.http.post(path, json={}, headers=self.headers) as answer:
            said = await answer.json() if answer.status == 200 else await answer.text()
            return answer.status, said, answer.headers

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        return await self.hub.http.ws_connect(f"{self.hub.url}/hooks/chat/{SITE}/socket", headers=self.headers)

    async def chat(self) -> aiohttp.ClientWebSocketResponse:
        """A socket of a fresh visitor, ready to write."""
        _, said, _ = await self.session()
        socket = await self.socket()
        await socket.send_json({"t": "hello", "token": said["token"], "cursor": 0})
        assert (await socket.receive_json())["t"] == "ready"
        return socket


async def write(socket: aiohttp.ClientWebSocketResponse, text: str) -> dict[str, Any]:
    """The acknowledgement of one message."""
    command = str(uuid.uuid4())
    await socket.send_json({"t": "cmd", "id": command, "type": "message", "data": {"text": text}})
    async with asyncio.timeout(20):
        while True:
            frames = await socket.receive_json()
            for frame in frames if isinstance(frames, list) else [frames]:
                if frame["t"] == "ack" and frame["id"] == command:
                    return frame


async def test_one_network_begins_so_many_chats_and_the_next_network_begins_its_own(hub: Hub) -> None:
    await hub.configure(SITE, "new_chats", 5)
    sockets = [await Visitor(hub, f"2001:db8:7:7::{n:x}").chat() for n in range(12)]  # one subscriber has them all
    acks = [await write(socket, "hello") for socket in sockets]
    refused = [ack["err"] for ack in acks if "err" in ack]
    assert len(acks) - len(refused) == 5
    assert {error["code"] for error in refused} == {429}
    assert all(1 <= error["retry_after"] <= 600 and "new chats" in error["detail"] for error in refused)
    elsewhere = await Visitor(hub, OTHER).chat()
    assert "ev" in await write(elsewhere, "hello")
    assert "ev" in await write(sockets[0], "and one more thing")  # who has a chat goes on with it
    assert await hub.value("select count(*) from conversation") == 6
    for socket in [*sockets, elsewhere]:
        await socket.close()


async def test_a_site_begins_so_many_chats_wherever_they_come_from(hub: Hub) -> None:
    await hub.configure(SITE, "new_chats_of_site", 4)
    sockets = [await Visitor(hub, f"198.51.100.{n}").chat() for n in range(8)]
    acks = [await write(socket, "hello") for socket in sockets]
    assert sum("ev" in ack for ack in acks) == 4
    for socket in sockets:
        await socket.close()


async def test_visitor_who_writes_very_fast_is_told_how_long_to_wait(hub: Hub) -> None:
    socket = await Visitor(hub, NAT).chat()
    acks = [await write(socket, f"hello {n}") for n in range(40)]
    refused = [ack["err"] for ack in acks if "err" in ack]
    assert 5 <= len(refused) < 25
    assert {error["code"] for error in refused} == {429}
    again = await Visitor(hub, NAT).chat()  # another line of another visitor is not theirs
    assert "ev" in await write(again, "hello")
    await socket.close()
    await again.close()


async def test_visits_sockets_and_frames_are_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    own = hub.chat._limits
    monkeypatch.setattr(own._sessions, "_allowance", Allowance(burst=8, per_second=0.5))
    monkeypatch.setattr(own._sockets, "_each", 3)
    visitor = Visitor(hub, NAT)
    found = [await visitor.session() for _ in range(12)]
    assert [status for status, _, _ in found] == [200] * 8 + [429] * 4
    assert int(found[-1][2]["Retry-After"]) >= 1
    token = found[0][1]["token"]
    sockets = [await visitor.socket() for _ in range(5)]
    for socket in sockets:
        await socket.send_json({"t": "hello", "token": token, "cursor": 0})
    first = [await socket.receive() for socket in sockets]
    assert [message.data for message in first if message.type is aiohttp.WSMsgType.CLOSE] == [CROWDED] * 2
    for _ in range(60):
        await sockets[0].send_json({"t": "sub", "topic": "chat", "cursor": 0})
    while not sockets[0].closed:
        message = await sockets[0].receive()
        if message.type is aiohttp.WSMsgType.CLOSE:
            assert message.data == TOO_FAST
    for socket in sockets:
        await socket.close()
    other = await Visitor(hub, OTHER).chat()
    assert "ev" in await write(other, "hello")
    await other.close()


def test_places_of_sockets_are_given_back() -> None:
    found = limits.Limits()
    for _ in range(limits.SOCKETS * 3):
        assert found.enter("web", NAT)
        found.leave("web", NAT)
    assert [found.enter("web", NAT) for _ in range(limits.SOCKETS + 1)].count(False) == 1
    assert found.enter("web", None)
    assert found.enter("web", network_of(OTHER))


async def test_a_neighbour_is_bounded_unless_it_may_be_a_proxy_nobody_told_us_of(
    db: Database, feed: Feed, vault: Vault
) -> None:
    """Straight from this machine: sixty chats are too many; said to be for others, they may be sixty people's."""
    async with Hub(db, feed, vault) as plain:
        await plain.configure(SITE, "new_chats", 20)
        for headers, most in (({}, 20), ({"X-Forwarded-For": NAT}, 60)):
            taken = 0
            for _ in range(60):
                visitor = Visitor(plain, NAT)
                visitor.headers = {"Origin": plain.url, **headers}
                socket = await visitor.chat()
                taken += "ev" in await write(socket, "hello")
                await socket.close()
            assert taken == most
