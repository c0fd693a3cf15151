"""The sockets: every event once, in order, only to those who may see it, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from hub.access import signin
from hub.web.realtime import socket, topics
from tests.support.app import Agent, App


class Screen:
    """A desk's socket in a test."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse):
        self.ws = ws
        self.seen: list[dict[str, Any]] = []

    async def say(self, **frame: Any) -> None:
        await self.ws.send_json(frame)

    async def until(self, wanted: Any, timeout: float = 30) -> dict[str, Any]:
        """The next frame (lists flattened) for which `wanted` is true."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.ws.receive()
                assert message.type is WSMsgType.TEXT, message
                data = message.json()
                frames = data if isinstance(data, list) else [data]
                self.seen += frames
                for frame in frames:
                    if wanted(frame):
                        return frame


async def _screen(app: App, agent: Agent, **topics: int) -> Screen:
    ws = await app.client.ws_connect("/ws", headers=agent.headers)
    screen = Screen(ws)
    await screen.until(lambda f: f["t"] == "ready")
    await screen.say(t="hello", topics={k.replace("_", ":"): v for k, v in topics.items()})
    await screen.say(t="ping")
    await screen.until(lambda f: f["t"] == "pong")
    return screen


async def test_a_message_appears_live_with_its_text(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    screen = await _screen(app, amy, **{f"c_{conversation}": 1})
    await app.sms("Second line")
    frame = await screen.until(lambda f: f["t"] == "ev")
    assert (frame["topic"], frame["seq"], frame["type"]) == (f"c:{conversation}", 2, "interaction.created")
    assert frame["data"]["interaction"]["text"] == "Second line"


async def test_one_message_says_one_thing_to_the_conversation_and_another_to_its_agent(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    seq = (await amy.get(f"/conversations/{conversation}"))["seq"]
    me = await amy.get("/me")
    screen = await _screen(app, amy, **{f"c_{conversation}": seq, f"u_{amy.id}": me["seq"]})
    await app.sms("Second line")
    await screen.until(lambda _: {f["topic"][0] for f in screen.seen if f["t"] == "ev"} == {"c", "u"})
    said = {f["type"]: f["data"] for f in screen.seen if f["t"] == "ev"}
    assert said["interaction.created"]["interaction"]["text"] == "Second line"
    assert said["conversation.updated"]["conversation"]["preview"] == "Second line"


async def test_a_screen_that_comes_late_gets_what_it_missed_then_goes_on(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms("1")
    for n in range(2, 30):
        await app.sms(str(n))
    screen = await _screen(app, amy)
    await screen.say(t="sub", topic=f"c:{conversation}", cursor=0)
    await asyncio.gather(*[app.sms(str(n), key=f"late{n}") for n in range(30, 60)])
    await screen.until(lambda f: f["t"] == "ev" and f["seq"] == 59)
    assert [f["seq"] for f in screen.seen if f["t"] == "ev"] == list(range(1, 60))


async def test_a_lost_publish_heals(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "HEAL_EVERY", 0.2)
    amy = await app.agent("amy")
    conversation = await app.sms("1")
    screen = await _screen(app, amy, **{f"c_{conversation}": 1})

    async def deaf(*_: object) -> None:
        return None

    with monkeypatch.context() as lost:
        lost.setattr(app.core.feed, "publish", deaf)
        await app.sms("2")
    await app.sms("3")
    await screen.until(lambda f: f["t"] == "ev" and f["seq"] == 3)
    with monkeypatch.context() as lost:
        lost.setattr(app.core.feed, "publish", deaf)
        await app.sms("4")  # and nothing after it
    await screen.until(lambda f: f["t"] == "ev" and f["seq"] == 4)
    assert [f["seq"] for f in screen.seen if f["t"] == "ev"] == [2, 3, 4]


async def test_a_backlog_too_long_is_a_reset(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "BACKLOG", 5)
    amy = await app.agent("amy")
    conversation = await app.sms("0")
    for n in range(9):
        await app.sms(str(n))
    screen = await _screen(app, amy)
    await screen.say(t="sub", topic=f"c:{conversation}", cursor=0)
    assert (await screen.until(lambda f: f["t"] == "reset"))["seq"] == 10
    await app.sms("after")
    assert (await screen.until(lambda f: f["t"] == "ev"))["seq"] == 11


async def test_foreign_topics_are_refused(app: App) -> None:
    chiara, amy = await app.agent("chiara"), await app.agent("amy")
    conversation = await app.sms()
    screen = await _screen(app, chiara)
    care = await app.core.db.value("select id from queue where key = 'care'")
    for topic in (f"c:{conversation}", f"u:{amy.id}", f"q:{care}"):
        await screen.say(t="sub", topic=topic, cursor=0)
        assert (await screen.until(lambda f: f["t"] == "err"))["code"] == 404
    await screen.say(t="sub", topic="c:*", cursor=0)
    assert (await screen.until(lambda f: f["t"] == "err"))["code"] == 422


async def test_a_foreign_page_cannot_connect(app: App) -> None:
    amy = await app.agent("amy")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await app.client.ws_connect("/ws", headers={**amy.headers, "Origin": "https://evil.example"})
    assert refused.value.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as nobody:
        await app.client.ws_connect("/ws")
    assert nobody.value.status == 401


async def test_signing_out_closes_the_sockets(app: App) -> None:
    row = (await app.core.db.dicts("select id from agent where email = 'amy@lumen-oak.example'"))[0]
    done = await signin.open_session(app.core.db, row["id"], ip="", user_agent="")
    headers = {"Cookie": f"hub_session={done.token}"}
    ws = await app.client.ws_connect("/ws", headers=headers)
    assert (await ws.receive_json())["t"] == "ready"
    response = await app.client.delete("/api/v1/session", headers={**headers, "X-Hub-Request": "1"})
    assert response.status == 204
    message = await ws.receive(timeout=6)
    assert message.type is WSMsgType.CLOSE
    assert ws.close_code == 4401


async def test_colleagues_see_who_types_and_the_typist_does_not(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await app.sms()
    topic = f"c:{conversation}"
    hers, his = (
        await _screen(app, amy, **{f"c_{conversation}": 1}),
        await _screen(app, ben, **{f"c_{conversation}": 1}),
    )
    await hers.say(t="eph", topic=topic, type="typing")
    frame = await his.until(lambda f: f["t"] == "eph")
    assert frame["data"]["agent"]["id"] == amy.id
    await his.say(t="eph", topic=topic, type="viewing")
    assert (await hers.until(lambda f: f["t"] == "eph"))["data"]["agent"]["id"] == ben.id


async def test_the_wall_and_queues_are_snapshots(app: App) -> None:
    amy = await app.agent("amy")
    await app.sms()
    care = await app.core.db.value("select id from queue where key = 'care'")
    screen = await _screen(app, amy, wall=0, **{f"q_{care}": 0})
    wall = await screen.until(lambda f: f["t"] == "snap" and f["topic"] == "wall")
    assert wall["data"]["waiting"] == 1
    queue = await screen.until(lambda f: f["t"] == "snap" and f["topic"] == f"q:{care}")
    assert queue["data"]["queue"]["waiting"] == 1


async def test_an_agent_whose_last_screen_is_gone_goes_offline_after_the_grace(app: App) -> None:
    amy = await app.agent("amy")
    presences = app.client.app[socket.PRESENCES]
    screen = await _screen(app, amy)
    await amy.call("PUT", "/me/presence", {"state": "available"})
    assert await presences.count_out() == []
    await screen.ws.close()
    await app.core.db.execute(
        "update agent_state set connected_until = now() - interval '1 second' where agent_id = %s", [amy.id]
    )
    assert await presences.count_out() == [amy.id]
    assert (await amy.get("/me"))["presence"]["state"] == "offline"
    await amy.call("PUT", "/me/presence", {"state": "available"})  # before her next screen is connected
    assert await presences.count_out() == []


async def test_an_agent_who_comes_back_while_they_are_counted_out_stays(app: App) -> None:
    amy = await app.agent("amy")
    presences = app.client.app[socket.PRESENCES]
    await amy.call("PUT", "/me/presence", {"state": "available"})
    db = app.core.db
    await db.execute(
        "update agent_state set connected_until = now() - interval '1 second' where agent_id = %s", [amy.id]
    )
    async with db.transaction() as conn:
        await conn.execute(
            "update agent_state set connected_until = now() + interval '30 s' where agent_id = %s", [amy.id]
        )
        counting = asyncio.create_task(presences.count_out())
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        while not await db.value(waits):  # noqa: ASYNC110 - the other side is the database
            await asyncio.sleep(0.02)
    assert await counting == []
    assert (await amy.get("/me"))["presence"]["state"] == "available"
