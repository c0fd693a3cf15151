"""A stand-in for Twilio's Programmable Messaging: stateful, signed, and as unreliable as it is told to be.

It answers the REST calls the hub makes, reports `sent` and `delivered` to the status callback, and lets anybody play
the customer: on its page, or by `POST /standin/inbound`. Shapes, errors and retry rules follow Twilio's reference;
the hub cannot tell it from the real thing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import aiohttp
import orjson
from aiohttp import web

from hub.core import log
from hub.demo.twilio.messages import API, START_WORDS, STOP_WORDS, UNREACHABLE, ApiError, Message, checked, signature
from hub.demo.wire import Site

logger = log.get(__name__)
_PAGE = Path(__file__).with_name("page.html")
_KEPT = 5000
_FAIL_STATUS = 500


@dataclass(slots=True)
class Faults:
    """What goes wrong next; counts go down as they are used, the rest stays until changed."""

    throttle: int = 0  # POSTs answered 429
    fail: int = 0  # POSTs refused with 500, nothing stored
    lose_answer: int = 0  # POSTs stored and answered 500: the ambiguous case
    hang: int = 0  # POSTs stored and never answered
    drop: int = 0  # webhooks and callbacks not made
    duplicate: bool = False  # each webhook and callback made twice
    reorder: bool = False  # `delivered` told before `sent`
    delay: float = 0.0  # seconds before each webhook and callback

    def take(self, name: str) -> bool:
        """Whether this fault is due now."""
        left = int(getattr(self, name))
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


def credentials(secret: bytes) -> tuple[str, str]:
    """An account SID and auth token that stay the same for the same secret."""
    made = [hmac.digest(secret, what, hashlib.sha256).hex()[:32] for what in (b"twilio sid", b"twilio token")]
    return f"AC{made[0]}", made[1]


@dataclass(slots=True)
class TwilioStandin:
    """The stand-in: `async with TwilioStandin(...) as twilio`, or `start` and `stop`. Port 0 takes a free one.

    `sms_url` is the webhook of received messages, with connection overrides in its fragment as Twilio has them
    (`#rc=5&rp=all`). `pace` is the seconds between two statuses.
    """

    account_sid: str
    auth_token: str
    number: str = "+15550100100"
    sms_url: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    pace: float = 0.3
    faults: Faults = field(default_factory=Faults)
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    webhooks: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])  # (url, status; 0: no answer)
    _opted_out: set[str] = field(default_factory=set[str])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _site: Site | None = None
    _http: aiohttp.ClientSession | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> TwilioStandin:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `OSError` if the port is taken."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15, connect=5))
        self._site = Site(self._app(), self.host, self.port)
        await self._site.start()
        self.port = self._site.port

    async def stop(self) -> None:
        """Stop, dropping what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._site is not None:
            await self._site.stop()
        if self._http is not None:
            await self._http.close()

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
        """Post a signed webhook by Twilio's rules: one retry if nobody answers, more as the URL's fragment says."""
        if not url or self.faults.take("drop"):
            return 0
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        address, _, overrides = url.partition("#")
        asked = parse_qs(overrides)
        tries = 1 + min(int(asked.get("rc", ["1"])[0]), 5)
        policy = asked.get("rp", ["ct"])[0].split(",")
        status = 0
        for attempt in range(tries):
            status = await self._post(address, form)
            if self.faults.duplicate:
                await self._post(address, form)
            if not _again(status, policy):
                break
            await asyncio.sleep(0.2 * (attempt + 1))
        return status

    async def _post(self, address: str, form: dict[str, str]) -> int:
        assert self._http is not None  # noqa: S101 - started before anything can call
        headers = {
            "X-Twilio-Signature": signature(self.auth_token, address, form),
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
        }
        try:
            async with self._http.post(address, data=urlencode(form).encode(), headers=headers) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.webhooks.append((address, status))
        del self.webhooks[:-_KEPT]
        return status

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        self._go(self._travel(message))
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
        size = min(max(int(query.get("PageSize", "50")), 1), 1000)
        page = max(int(query.get("Page", "0")), 0)
        here = found[page * size : (page + 1) * size]

        def uri(number: int) -> str:
            return f"{request.path}?{urlencode({**query, 'PageSize': size, 'Page': number})}"

        return _json(
            {
                "messages": [m.as_json() for m in here],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(here) - 1, 0),
                "uri": uri(page),
                "first_page_uri": uri(0),
                "previous_page_uri": uri(page - 1) if page else None,
                "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None,
            }
        )

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


def _again(status: int, policy: list[str]) -> bool:
    if status == 0:
        return True
    if "all" in policy:
        return status >= 400
    return ("4xx" in policy and 400 <= status < 500) or ("5xx" in policy and status >= 500)


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
