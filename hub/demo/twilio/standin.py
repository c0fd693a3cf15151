"""A stand-in for Twilio: stateful, signed, and as unreliable as it is told to be.

It answers the REST calls the hub makes, runs calls and messages, reports what becomes of them, and lets anybody play
the customer: on its page, or by `POST /standin/…`. Shapes, errors and retry rules follow Twilio's reference;
the hub cannot tell it from the real thing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from hub.core import log
from hub.demo.twilio.call import Document
from hub.demo.twilio.clock import Clock
from hub.demo.twilio.exchange import Exchange
from hub.demo.twilio.hands import Hands
from hub.demo.twilio.messages import API, START_WORDS, STOP_WORDS, UNREACHABLE, ApiError, Message, checked
from hub.demo.twilio.people import People
from hub.demo.twilio.voice_rest import VoiceRest, paged
from hub.demo.twilio.wire import Faults, Wire
from hub.demo.wire import Site

logger = log.get(__name__)
_PAGE = Path(__file__).with_name("page.html")
_KEPT = 5000
_FAIL_STATUS = 500


def credentials(secret: bytes) -> tuple[str, str]:
    """An account SID and auth token that stay the same for the same secret."""
    made = [hmac.digest(secret, what, hashlib.sha256).hex()[:32] for what in (b"twilio sid", b"twilio token")]
    return f"AC{made[0]}", made[1]


@dataclass(slots=True)
class TwilioStandin:
    """The stand-in: `async with TwilioStandin(...) as twilio`, or `start` and `stop`. Port 0 takes a free one.

    `sms_url` and `voice_url` are the webhooks of received messages and calls, with connection overrides in their
    fragment as Twilio has them (`#rc=5&rp=all`); `fallback_url` answers calls when the latter fails. `pace` is the
    seconds between two statuses of a message, `speed` how fast the time of calls runs.
    """

    account_sid: str
    auth_token: str
    number: str = "+15550100100"
    sms_url: str = ""
    voice_url: str = ""
    fallback_url: str = ""
    status_url: str = ""
    speed: float = 1.0
    host: str = "127.0.0.1"
    port: int = 0
    pace: float = 0.3
    faults: Faults = field(default_factory=Faults)
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    _opted_out: set[str] = field(default_factory=set[str])
    _site: Site | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    wire: Wire = field(init=False)
    exchange: Exchange = field(init=False)
    rest: VoiceRest = field(init=False)

    def __post_init__(self) -> None:
        clock = Clock(self.speed)
        self.wire = Wire(self.auth_token, clock, self.faults)
        self.exchange = Exchange(self.account_sid, clock, self.wire, People(clock), self.number)
        self.rest = VoiceRest(self.exchange, self.auth_token, self.faults)

    @property
    def webhooks(self) -> list[tuple[str, int]]:
        """Every request made to the hub: (url, status; 0: no answer)."""
        return self.wire.made

    async def __aenter__(self) -> TwilioStandin:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `OSError` if the port is taken."""
        self.wire.open()
        self.exchange.voice = Document(self.voice_url, fallback=self.fallback_url)
        self.exchange.status_url = self.status_url
        self._site = Site(self._app(), self.host, self.port)
        await self._site.start()
        self.port = self._site.port

    async def stop(self) -> None:
        """Stop, dropping what is under way."""
        await self.wire.close()
        if self._site is not None:
            await self._site.stop()

    @property
    def url(self) -> str:
        """The API's base and the page's address."""
        return f"http://{self.host}:{self.port}"

    def thread(self, customer: str) -> list[Message]:
        """What was said between us and one number, oldest first."""
        return [m for m in self.messages.values() if customer in (m.sender, m.to)]

    async def wait_for(self, found: Callable[[], Message | None], *, timeout: float = 10.0) -> Message:
        """Wait until `found()` finds a message; looked at after every change."""
        async with asyncio.timeout(timeout), self._changed:
            while (message := found()) is None:
                await self._changed.wait()
            return message

    async def outgoing_to(self, customer: str, *, skip: int = 0, timeout: float = 10.0) -> Message:
        """The hub's message number `skip` to a customer, waiting for it."""

        def found() -> Message | None:
            sent = [m for m in self.messages.values() if m.to == customer and m.direction == "outbound-api"]
            return sent[skip] if len(sent) > skip else None

        return await self.wait_for(found, timeout=timeout)

    async def inbound(self, sender: str, body: str, *, to: str | None = None) -> tuple[Message, int]:
        """A customer writes: the message, and what the hub answered to the webhook (0: nothing)."""
        message = Message(self.account_sid, sender, to or self.number, body, "inbound", "received")
        await self._remember(message)
        word = body.strip().upper()
        if word in STOP_WORDS:
            self._opted_out.add(sender)
        elif word in START_WORDS:
            self._opted_out.discard(sender)
        return message, await self._call(self.sms_url, message.webhook_form())

    async def redeliver(self, message: Message) -> int:
        """The webhook of a received message once more, as after a lost answer; what the hub answered."""
        return await self._call(self.sms_url, message.webhook_form())

    # -- calling the hub -----------------------------------------------------------------------------------------
    async def _call(self, url: str, form: dict[str, str]) -> int:
        return (await self.wire.call(url, form)).status

    async def _travel(self, message: Message) -> None:
        """What becomes of a sent message; the first status is never reported, as with Twilio."""
        last = ("undelivered", 30003) if message.to == UNREACHABLE else ("delivered", None)
        steps: list[tuple[str, int | None]] = [("sent", None), last]
        forms: list[dict[str, str]] = []
        for status, error in steps:
            await asyncio.sleep(self.pace)
            message.move(status, error)
            await self._tell()
            if self.faults.reorder:
                forms.insert(0, message.callback_form())
            elif message.callback:
                await self._call(message.callback, message.callback_form())
        for form in forms if message.callback else []:
            await self._call(message.callback or "", form)

    async def _remember(self, message: Message) -> None:
        self.messages[message.sid] = message
        while len(self.messages) > _KEPT:
            del self.messages[next(iter(self.messages))]
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # -- the REST API --------------------------------------------------------------------------------------------
    def _app(self) -> web.Application:
        app = web.Application(middlewares=[_errors])
        base = f"/{API}/Accounts/{{account}}/Messages"
        app.add_routes(
            [
                web.post(base + ".json", self._create),
                web.get(base + ".json", self._list),
                web.get(base + "/{sid}.json", self._fetch),
                web.delete(base + "/{sid}.json", self._delete),
                *self.rest.routes(),
                *Hands(self.exchange).routes(),
                web.post("/standin/inbound", self._inbound),
                web.get("/standin/messages", self._shown),
                web.route("*", "/standin/faults", self._knobs),
                web.get("/", self._page),
            ]
        )
        return app

    def _sign_in(self, request: web.Request) -> None:
        expected = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Basic {expected}"):
            raise ApiError(401, 20003, "Authenticate")
        if request.match_info["account"] != self.account_sid:
            raise ApiError(404, 20404, f"The requested resource {request.path} was not found")

    async def _create(self, request: web.Request) -> web.Response:
        self._sign_in(request)
        if self.faults.take("throttle"):
            raise ApiError(429, 20429, "Too Many Requests", {"Retry-After": "1"})
        if self.faults.take("fail"):
            raise ApiError(_FAIL_STATUS, 20500, "Internal Server Error")
        form = {name: str(value) for name, value in (await request.post()).items()}
        message = checked(form, self.account_sid, {self.number}, self._opted_out)
        answer = message.as_json()
        await self._remember(message)
        self.wire.go(self._travel(message))
        if self.faults.take("lose_answer"):
            raise ApiError(_FAIL_STATUS, 20500, "Internal Server Error")
        if self.faults.take("hang"):
            await asyncio.sleep(3600)
        return _json(answer, 201)

    async def _fetch(self, request: web.Request) -> web.Response:
        return _json(self._found(request).as_json())

    async def _delete(self, request: web.Request) -> web.Response:
        del self.messages[self._found(request).sid]
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Message:
        self._sign_in(request)
        message = self.messages.get(request.match_info["sid"])
        if message is None:
            raise ApiError(404, 20404, f"The requested resource {request.path} was not found")
        return message

    async def _list(self, request: web.Request) -> web.Response:
        self._sign_in(request)
        query = request.query
        found = [m for m in reversed(list(self.messages.values())) if _matches(m, dict(query))]
        return paged(request, "messages", [m.as_json() for m in found])

    # -- playing the customer ------------------------------------------------------------------------------------
    async def _inbound(self, request: web.Request) -> web.Response:
        asked = await request.json()
        message, status = await self.inbound(str(asked["from"]), str(asked["body"]), to=asked.get("to"))
        return _json({"sid": message.sid, "webhook_status": status})

    async def _shown(self, request: web.Request) -> web.Response:
        customer = request.query.get("with", "")
        shown = self.thread(customer) if customer else list(self.messages.values())
        people = dict.fromkeys(m.sender if m.direction == "inbound" else m.to for m in self.messages.values())
        return _json({"number": self.number, "people": list(people), "messages": [m.as_json() for m in shown[-200:]]})

    async def _knobs(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            asked = await request.json()
            for knob in fields(Faults):
                if knob.name in asked:
                    setattr(self.faults, knob.name, type(getattr(self.faults, knob.name))(asked[knob.name]))
        return _json({knob.name: getattr(self.faults, knob.name) for knob in fields(Faults)})

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=_PAGE.read_text(encoding="utf-8"), content_type="text/html")


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _json(error.body, error.status, error.headers)
    except (KeyError, ValueError) as error:
        return _json({"code": 20001, "message": f"Bad request: {error}", "status": 400}, 400)


def _matches(message: Message, query: dict[str, str]) -> bool:
    day = (message.sent or message.created).date()
    with contextlib.suppress(ValueError):
        if "DateSent" in query and day != date.fromisoformat(query["DateSent"][:10]):
            return False
        if "DateSent>" in query and day < date.fromisoformat(query["DateSent>"][:10]):
            return False
        if "DateSent<" in query and day > date.fromisoformat(query["DateSent<"][:10]):
            return False
    return query.get("To", message.to) == message.to and query.get("From", message.sender) == message.sender


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=headers)
