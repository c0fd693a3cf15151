"""Playing the people by hand: what the stand-in's page and the demonstration's softphone ask of it."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from aiohttp import web

from hub.demo.twilio.call import Call
from hub.demo.twilio.exchange import Exchange
from hub.demo.twilio.people import until

_PATIENCE = 4.0  # seconds


class Hands:
    """`POST /standin/calls` calls as a customer; keys, words, answering and hanging up for any number or device."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """Every route."""
        return [
            web.post("/standin/calls", self._dial),
            web.get("/standin/line", self._line),
            web.post("/standin/line", self._act),
        ]

    async def _dial(self, request: web.Request) -> web.Response:
        asked = await request.json()
        return _json(self._shown(self._exchange.incoming(str(asked["from"]))))

    async def _line(self, request: web.Request) -> web.Response:
        """The live call of an endpoint, or with `last` its newest; who looks is there to answer by hand."""
        endpoint, exchange = request.query["endpoint"], self._exchange
        exchange.people.watched[endpoint] = exchange.clock.elapsed()
        call = exchange.talking_at(endpoint)
        if call is None and "last" in request.query:
            call = next((c for c in reversed(exchange.calls.values()) if endpoint in (c.to, c.sender)), None)
        return _json(self._shown(call) if call else {})

    async def _act(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        endpoint, exchange = str(asked["endpoint"]), self._exchange
        if asked["do"] == "answer":
            # Whoever was told of a call may press before it rings here.
            with contextlib.suppress(TimeoutError):
                await until(lambda: exchange.ringing_at(endpoint) is not None, timeout=_PATIENCE)
        call = exchange.ringing_at(endpoint) if asked["do"] in {"answer", "refuse"} else exchange.talking_at(endpoint)
        done = call is not None and self._do(call, asked)
        return _json({"done": done}, 200 if done else 409)

    def _do(self, call: Call, asked: dict[str, Any]) -> bool:
        match asked["do"]:
            case "answer":
                return self._exchange.answer(call)
            case "refuse":
                return self._exchange.refuse(call)
            case "hangup":
                return call.hang_up()
            case "press":
                call.press(str(asked["keys"]))
            case "say":
                call.say(str(asked["words"]))
            case _:
                return False
        return True

    def _shown(self, call: Call) -> dict[str, Any]:
        return {
            "sid": call.sid, "status": call.status, "direction": call.direction, "from": call.sender, "to": call.to,
            "seconds": call.seconds(), "ran": call.ran[-12:], "heard": call.played[-12:], "over": call.over,
            "lines": call.lines[-40:],
        }  # fmt: skip


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
