"""A gateway that is configured and not programmed: whatever it calls things, in whatever shape."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.httpsms import Settings
from connectors.httpsms.mapping import at, document, filled, nested, text_at
from hub.channels.model import Outcome
from tests.integration.connectors.harness import Hub, free_port
from tests.integration.connectors.messaging import PHONE, shown, worker, write
from tests.integration.connectors.test_sending import Crossing, failing, send

SECRET = "a-secret-of-sixteen-and-more"


@dataclass
class Loft:
    """A gateway as one finds them."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    answer: Any = field(default_factory=lambda: {"messages": [{"id": "m-1", "status": "0"}]})
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture
async def loft() -> AsyncGenerator[Loft]:
    here = Loft(f"http://127.0.0.1:{free_port()}")

    async def send(request: web.Request) -> web.Response:
        body = await request.read()
        here.asked.append({"method": request.method, "query": dict(request.query), "body": document(body, request.content_type),
                           "headers": dict(request.headers)})  # fmt: skip
        if isinstance(here.answer, str):
            return web.Response(status=here.status, text=here.answer, headers=here.headers)
        return web.json_response(here.answer, status=here.status, headers=here.headers)

    app = web.Application()
    app.router.add_route("*", "/send", send)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(here.url.rpartition(":")[2])).start()
    yield here
    await runner.cleanup()


def settings(loft: Loft, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "send": {
            "url": f"{loft.url}/send", "format": "json", "headers": {"Authorization": "Bearer {token}"},
            "fields": {
                "messages.0.destination.number": "{to_digits}", "messages.0.from": "{from}", "messages.0.text": "{text}",
                "messages.0.callback": "{status_url}", "messages.0.ref": "{reference}",
            },
        },
        "answer": {"id_path": "messages.0.id", "ok_path": "messages.0.status", "ok_values": ["0"], "retry_values": ["1"], "error_path": "messages.0.error"},
        "received": {"id": "id", "sender": "from", "text": "body", "list_path": "results"},
        "reported": {"id": "id", "status": "state", "error": "why"},
        "hook_secret": SECRET, "token": "t0ken",
    }  # fmt: skip
    return {**made, **more}


async def configured(hub: Hub, loft: Loft, **more: Any) -> None:
    await hub.account("gateway", "httpsms", "sms", "+15550100300", **settings(loft, **more))
    await hub.db.execute("update account set enabled = false where key = 'sms'")
    hub.forget_accounts()


async def post(hub: Hub, path: str, body: Any, key: str = SECRET) -> int:
    async with hub.http.post(f"{hub.url}/hooks/httpsms/gateway/{path}", json=body, params={"key": key}) as answer:
        return answer.status


async def test_a_conversation_there_and_back_and_delivered(hub: Hub, loft: Loft) -> None:
    await configured(hub, loft)
    several = {
        "results": [{"id": "a", "from": "14155550101", "body": "Hello"}, {"id": "b", "from": PHONE, "body": "你好 🙂"}]
    }
    assert await post(hub, "received", several) == 200
    assert await post(hub, "received", several) == 200
    assert await hub.texts("sms") == ["Hello", "你好 🙂"]
    assert await hub.value("select count(*) from contact") == 1
    number = await write(hub, 'Yes: "{to}" \\ & co')
    await worker(hub).drain()
    [asked] = loft.asked
    message = asked["body"]["messages"][0]
    assert message["text"] == 'Yes: "{to}" \\ & co'  # what a person types is never a place
    assert (message["destination"]["number"], message["from"]) == (PHONE[1:], "+15550100300")
    assert asked["headers"]["Authorization"] == "Bearer t0ken"
    assert (await shown(hub, number))[0] == "sent"
    async with hub.http.post(message["callback"], json={"id": "m-1", "state": "DELIVRD"}) as answer:
        assert answer.status == 200
    assert (await shown(hub, number))[0] == "delivered"
    assert await post(hub, "status", {"id": "m-1", "state": "UNDELIV", "why": "late and wrong"}) == 200
    assert (await shown(hub, number))[0] == "delivered"  # never back


async def test_national_numbers_are_read_as_the_countrys(hub: Hub, loft: Loft) -> None:
    received = {"id": "id", "sender": "from", "text": "body", "country": "GB"}
    await configured(hub, loft, received=received)
    for key, sender in (("a", "07400 123456"), ("b", "447400123456"), ("c", "+447400123456")):
        assert await post(hub, "received", {"id": key, "from": sender, "body": key}) == 200
    assert await hub.value("select string_agg(value, ' ') from address") == "+447400123456"


async def test_a_report_settles_a_send_whose_answer_was_lost(hub: Hub, loft: Loft) -> None:
    await configured(hub, loft)
    await post(hub, "received", {"id": "a", "from": PHONE, "body": "Hello"})
    loft.status = 502
    number = await write(hub, "Yes")
    await worker(hub).drain()
    assert (await shown(hub, number))[0] == "unknown"
    async with hub.http.post(
        loft.asked[0]["body"]["messages"][0]["callback"], json={"id": "m-9", "state": "delivered"}
    ) as answer:
        assert answer.status == 200
    assert (await shown(hub, number))[0] == "delivered"
    await worker(hub).drain()
    assert len(loft.asked) == 1


@pytest.mark.parametrize(
    ("status", "answer", "outcome", "words"),
    [
        (200, {"messages": [{"id": "m", "status": "1", "error": "queue full"}]}, Outcome.RETRY, "queue full"),
        (200, {"messages": [{"status": "7", "error": "no such number"}]}, Outcome.FAILED, "no such number"),
        (200, "<html>captive portal</html>", Outcome.FAILED, "captive portal"),
        (400, {"messages": [{"error": "bad number"}]}, Outcome.FAILED, "bad number"),
        (401, "who are you?", Outcome.FAILED, "who are you?"),
        (302, "", Outcome.FAILED, "302"),
        (429, "", Outcome.RETRY, "429"),
        (503, "", Outcome.RETRY, "503"),
        (500, "", Outcome.UNKNOWN, "500"),
    ],
)
async def test_each_answer_means_what_the_settings_say(
    hub: Hub, loft: Loft, status: int, answer: Any, outcome: Outcome, words: str
) -> None:
    await configured(hub, loft)
    loft.status, loft.answer = status, answer
    loft.headers = {"Location": f"{loft.url}/elsewhere"} if status == 302 else {}
    failure = await failing(hub, "gateway", channel="sms", to=PHONE)
    assert failure.outcome is outcome
    assert words in failure.detail
    assert len(loft.asked) == 1


async def test_a_gateway_that_is_away_is_tried_again_and_one_that_hangs_is_unknown(hub: Hub, loft: Loft) -> None:
    await configured(hub, loft, send={**settings(loft)["send"], "url": f"http://127.0.0.1:{free_port()}/send"})
    assert (await failing(hub, "gateway", channel="sms", to=PHONE)).outcome is Outcome.RETRY


async def test_an_old_gateway_with_everything_in_the_query(hub: Hub, loft: Loft) -> None:
    old = {
        "url": f"{loft.url}/send", "method": "GET", "format": "query",
        "fields": {"user": "{user}", "pass": "{password}", "dest": "{to_digits}", "msg": "{text}"},
    }  # fmt: skip
    await configured(hub, loft, send=old, answer={}, user="shop", password="p&ss=1", received={"id": "mid", "sender": "msisdn", "text": "msg"})  # fmt: skip
    loft.answer = "OK 12345"
    assert await send(hub, "gateway", Crossing(), channel="sms", to=PHONE, text="a=b&c 你好") == "gateway:7"
    assert loft.asked[0]["query"] == {"user": "shop", "pass": "p&ss=1", "dest": PHONE[1:], "msg": "a=b&c 你好"}
    query = {"key": SECRET, "mid": "1", "msisdn": "0014155550101", "msg": "Grüße & 你好"}
    async with hub.http.get(f"{hub.url}/hooks/httpsms/gateway/received", params=query) as answer:
        assert (answer.status, await answer.text()) == (200, "OK")
    assert await hub.texts("sms") == ["Grüße & 你好"]
    assert await hub.value("select value from address where kind = 'phone'") == PHONE
    assert SECRET.encode() not in bytes(await hub.value("select body from raw"))


async def test_stop_is_obeyed_and_confirmed_through_the_gateway(hub: Hub, loft: Loft) -> None:
    await configured(hub, loft)
    await post(hub, "received", {"id": "a", "from": PHONE, "body": "STOP"})
    await worker(hub).drain()
    assert len(loft.asked) == 1
    assert "START" in loft.asked[0]["body"]["messages"][0]["text"]
    assert await hub.value("select opted_out_at is not null from address")
    assert await hub.value("select count(*) from queue_entry where state <> 'closed'") == 0  # nobody could answer it
    assert await hub.value("select status from conversation") == "resolved"


async def test_basic_sign_in_proves_a_webhook_and_nothing_else_does(hub: Hub, loft: Loft) -> None:
    await configured(hub, loft, hook_proof="basic", previous_hook_secret="the-secret-before-this-one")
    body = {"id": "a", "from": PHONE, "body": "Hello"}

    async def knock(header: str | None) -> int:
        headers = {"Authorization": header} if header else {}
        async with hub.http.post(f"{hub.url}/hooks/httpsms/gateway/received", json=body, headers=headers) as answer:
            return answer.status

    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"gateway:{password}".encode()).decode()

    wrong = [None, "Basic", "Basic !!", "Bearer " + SECRET, basic(""), basic("wrong"), basic(SECRET[:-1])]
    assert [await knock(one) for one in wrong] == [403] * len(wrong)
    assert await post(hub, "received", body) == 403  # in the address it proves nothing here
    assert [await knock(basic(SECRET)), await knock(basic("the-secret-before-this-one"))] == [200, 200]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"send": {"url": "http://x.example/", "fields": {"to": "{to}"}}}, "{text}"),
        ({"send": {"url": "http://x.example/", "fields": {"m": "{text} {tel}"}}}, "{tel}"),
        ({"send": {"url": "http://x.example/", "method": "GET", "fields": {"m": "{text}"}}}, "query"),
        ({"send": {"url": "ftp://x.example/", "fields": {"m": "{text}"}}}, "URL scheme"),
        ({"hook_secret": "short"}, "16"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("{", r"\{").replace("}", r"\}")):
        Settings.model_validate({**settings(Loft("http://127.0.0.1:1")), **change})


def test_paths_find_what_is_there_and_nothing_else() -> None:
    data = {"a": {"b": [{"c": 1}, {"c": True}]}, "x.y": "dotted"}
    assert [text_at(data, p) for p in ("a.b.0.c", "a.b.1.c", "x.y", "a.b.9.c", "a.b", "a.b.c", "z")] == ["1", "true", "dotted", "", "", "", ""]  # fmt: skip
    assert at(data, None) is None
    assert nested({"m.0.to": "1", "m.1.to": "2", "n.0.x.y": "3"}) == {
        "m": [{"to": "1"}, {"to": "2"}],
        "n": [{"x": {"y": "3"}}],
    }
    assert filled("{to}{text}", {"to": "{text}", "text": "x"}) == "{text}x"
    assert document(b"\xff\xfe", "text/plain") == {"body": "\ufffd\ufffd"}
