"""Requests of people nobody knows: small, unpacked, whole in time, and no more of them than is allowed."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from aiohttp import web

from hub.access import hashing, signin
from hub.core.bodies import ANONYMOUS
from hub.core.networks import Allowance, Allowances, Places
from hub.web import listening, public
from hub.web.listening import GuardedRunner
from tests.attack.scale import SCALE
from tests.support.app import App

JSON = {"Content-Type": "application/json"}


# -- bodies ----------------------------------------------------------------------------------------------------------
async def post(app: App, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    async with app.client.post(path, data=body, headers={**JSON, **headers}) as answer:
        return answer.status, await answer.read()


async def test_body_of_nobody_is_small(app: App) -> None:
    for path in ("/api/v1/session", "/api/v1/session/link"):
        status, said = await post(app, path, b'{"x":"' + b"a" * ANONYMOUS + b'"}')
        assert (status, len(said) < 1000) == (413, True)
        assert "64 KB" in orjson.loads(said)["detail"]


async def test_body_without_a_length_is_read_no_further_than_it_may_be_long(app: App) -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 8192
            yield b"a" * 8192

    async with app.client.post("/api/v1/session", data=endless(), headers=JSON) as answer:
        assert answer.status == 413
    assert sent < 30_000_000


@pytest.mark.parametrize("path", ["/api/v1/session", "/api/v1/session/link"])
async def test_thousands_of_wrong_fields_are_answered_with_a_few(app: App, path: str) -> None:
    fields = {f"x{n}": n for n in range(4000)}
    status, said = await post(app, path, orjson.dumps(fields))
    found = orjson.loads(said)
    assert (status, len(found["errors"]), len(said) < 5000) == (422, 20, True)
    assert "4,00" in found["detail"]
    status, said = await post(app, path, orjson.dumps({"x" * 60_000: 1}))
    assert (status, len(said) < 1500) == (422, True)


async def test_wrong_fields_of_people_who_are_signed_in_are_as_few(app: App) -> None:
    admin = await app.agent("admin")
    body = {"client_id": "a", "text": "x", **{f"x{n}" * 20: n for n in range(3000)}}
    found = await admin.post("/conversations/1/replies", body, status=422)
    assert len(found["errors"]) == 20
    assert all(len(error["field"]) <= 100 for error in found["errors"])


PACKED = {
    "gzip": gzip.compress(b" " * 30_000_000),
    "deflate": zlib.compress(b" " * 30_000_000),
    "br": b"\x0b\x02\x80{}\x03",
    "zstd": b"\x28\xb5\x2f\xfd\x00",
    "gzip, gzip": gzip.compress(gzip.compress(b" " * 30_000_000)),
    "GZIP": gzip.compress(b"{}"),
}


@pytest.mark.parametrize("kind", PACKED)
async def test_packed_body_is_not_taken(app: App, kind: str) -> None:
    admin, packed = await app.agent("admin"), PACKED[kind]
    for path in (
        "/api/v1/session",
        "/hooks/chat/web/session",
        "/hooks/twilio/sms/sms",
        "/api/v1/conversations/1/replies",
    ):
        status, said = await post(app, path, packed, **{"Content-Encoding": kind}, **admin.headers)
        assert status in (415, 400), path
        assert len(said) < 1000


# -- signing in ------------------------------------------------------------------------------------------------------
async def test_link_that_is_none_costs_no_hash_and_is_counted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = hashing.KNOWN.hash

    async def counted(password: str) -> str:
        hashed.append(password)
        return await real(password)

    monkeypatch.setattr(hashing.KNOWN, "hash", counted)
    body = orjson.dumps({"token": "not-a-link", "password": "a good password"})
    answers = await asyncio.gather(*[post(app, "/api/v1/session/link", body) for _ in range(60 * SCALE)])
    assert {status for status, _ in answers} == {401, 429}
    assert hashed == []
    [agent] = await app.core.db.dicts("select id from agent where email like 'amy@%%'")
    token = await signin.invite(app.core.db, agent["id"])
    elsewhere = {"X-Forwarded-For": "192.0.2.9"}
    app.context.trusted_proxies = 1
    status, _ = await post(
        app, "/api/v1/session/link", orjson.dumps({"token": token, "password": "short"}), **elsewhere
    )
    assert status == 422  # and the link is still good
    good = orjson.dumps({"token": token, "password": "a good password"})
    assert (await post(app, "/api/v1/session/link", good, **elsewhere))[0] == 200
    app.client.session.cookie_jar.clear()
    assert (await post(app, "/api/v1/session/link", good, **elsewhere))[0] == 401
    assert hashed == ["a good password"]


async def test_hashes_are_made_one_after_another_and_the_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = most = 0

    def slow(stored: str, password: str) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.01)
        at_once -= 1
        return False

    monkeypatch.setattr(hashing, "_fits", slow)
    line = hashing.Line("test")
    done = await asyncio.gather(*[line.fits("x", "y") for _ in range(hashing.LENGTH + 30)], return_exceptions=True)
    assert (most, sum(done.count(x) for x in [False])) == (1, hashing.LENGTH)
    assert sum(isinstance(one, Exception) for one in done) == 30
    assert await line.fits("x", "y") is False  # and there is room again


# -- how often -------------------------------------------------------------------------------------------------------
async def test_what_anybody_may_ask_for_is_bounded_by_network(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.client.app is not None
    monkeypatch.setattr(app.client.app[public.PUBLIC], "_allowance", Allowance(burst=20, per_second=0.5))
    app.context.trusted_proxies = 1

    async def ask(path: str, address: str) -> int:
        async with app.client.get(path, headers={"X-Forwarded-For": f"203.0.113.9, {address}"}) as answer:
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                assert (await answer.json())["remedy"]
            return answer.status

    here = [await ask("/u/nonsense", f"2001:db8::{n:x}") for n in range(30)]  # one subscriber has them all
    assert here == [404] * 20 + [429] * 10
    assert await ask("/m/nonsense", "2001:db8:0:0:ffff::1") == 429
    assert await ask("/u/nonsense", "2001:db8:0:1::1") == 404
    assert await ask("/u/nonsense", "192.0.2.1") == 404


async def test_metrics_and_health_look_into_the_database_once_for_all_who_ask(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = app.core.db.dicts

    async def counted(query: Any, params: Any = None) -> Any:
        asked.append(query)
        return await real(query, params)

    monkeypatch.setattr(type(app.core.db), "dicts", lambda self, query, params=None: counted(query, params))
    for path in ("/metrics", "/health/ready"):
        before = len(asked)
        answers = await asyncio.gather(*[app.client.get(path) for _ in range(100)])
        assert {answer.status for answer in answers} == {200}
        assert len(asked) - before < 20


def test_allowance_is_one_for_each_key_and_its_table_has_an_end() -> None:
    allowances = Allowances(Allowance(burst=2, per_second=1))
    assert [allowances.take("a") == 0 for _ in range(3)] == [True, True, False]
    assert allowances.take("b") == 0
    for n in range(60_000):
        allowances.take(n)
    assert len(allowances._levels) <= 50_000


def test_places_are_given_back() -> None:
    places = Places(each=2, together=3)
    assert [places.enter("a"), places.enter("a"), places.enter("a"), places.enter("b"), places.enter("c")] == [
        True, True, False, True, False,
    ]  # fmt: skip
    places.leave("a")
    assert (places.enter("c"), places.enter("c")) == (True, False)


# -- connections -----------------------------------------------------------------------------------------------------
@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[int]:
    """A small application behind guarded connections that lose patience soon; its port."""
    for name, seconds in {"HEAD_SECONDS": 0.6, "BODY_SECONDS": 0.6, "ANSWER_SECONDS": 0.6, "_LOOK_EVERY": 0.1}.items():
        monkeypatch.setattr(listening, name, seconds)

    async def read(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 50_000_000)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    app = web.Application(client_max_size=100 * 2**20)
    app.add_routes([web.post("/", read), web.get("/", read), web.get("/large", large), web.get("/ws", socket)])
    runner = GuardedRunner(app, per_address=30, near=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "half", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b", b"POST / HTTP/1.1\r\nHost: x\r\n"]
)
async def test_half_a_request_does_not_stay(guarded: int, half: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded)
    writer.write(half)
    assert await rest(reader) == b""
    writer.close()


async def test_head_that_trickles_does_not_stay(guarded: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded)
    ended = asyncio.create_task(rest(reader))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for n in range(200):
        if ended.done():
            break
        writer.write(f"X-{n}: a\r\n".encode())
        await asyncio.sleep(0.05)
    assert ended.done()
    writer.close()


async def test_body_that_trickles_is_told_so_and_does_not_stay(guarded: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    ended = asyncio.create_task(rest(reader))
    for _ in range(400):
        if ended.done():
            break
        writer.write(b"a")
        await asyncio.sleep(0.05)
    assert (await ended).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_answer_that_nobody_reads_does_not_stay(guarded: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(3)
    assert len(await rest(reader)) < 50_000_000
    writer.close()


async def test_many_half_open_connections_give_their_places_back(guarded: int) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", guarded) for _ in range(40)]
    for _, writer in opened:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    ends = await asyncio.gather(*[rest(reader) for reader, _ in opened])
    refused = [end for end in ends if end.startswith(b"HTTP/1.1 429")]
    assert len(refused) >= 10
    assert b"Retry-After: 5" in refused[0]
    assert b"Too many connections" in refused[0]
    for _, writer in opened:
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded)  # and there is room again
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    assert (await rest(reader)).endswith(b"2")
    writer.close()


async def test_connection_that_is_used_stays(guarded: int, aiohttp_client: Any) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{guarded}/ws") as ws:
        for n in range(4):
            await asyncio.sleep(0.4)
            await ws.send_str(str(n))
            assert (await ws.receive_str()) == str(n)
            async with session.post(f"http://127.0.0.1:{guarded}/", data=b"x" * 1_000_000) as answer:
                assert await answer.text() == "1000000"


async def test_packed_body_reaches_a_handler_as_it_came(guarded: int) -> None:
    import aiohttp

    packed = gzip.compress(b" " * 3_000_000)
    async with aiohttp.ClientSession() as session:
        headers = {"Content-Encoding": "gzip"}
        async with session.post(f"http://127.0.0.1:{guarded}/", data=packed, headers=headers) as answer:
            assert int(await answer.text()) == len(packed)
