"""A stand-in for Twilio: stateful, signed, and as unreliable as it is told to be.

It answers the REST calls the hub makes, runs calls and messages, reports what becomes of them, and lets anybody play
the customer: on its page, or by `POST /standin/…`. Shapes, errors and retry rules follow Twilio's reference;
the hub cannot tell it from the real thing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from aiohttp import web

from hub.core import log
from hub.demo.twilio.call import Document
from hub.demo.twilio.clock import Clock
from hub.demo.twilio.exchange import Exchange
from hub.demo.twilio.manual import Hands
from hub.demo.twilio.messages import Message
from hub.demo.twilio.messages_rest import MessagesRest
from hub.demo.twilio.messaging import Messaging
from hub.demo.twilio.people import People
from hub.demo.twilio.request_guard import Handler, RequestGuard, answer
from hub.demo.twilio.voice_rest import VoiceRest
from hub.demo.twilio.wire import Faults, Wire
from hub.demo.wire import Site

logger = log.get(__name__)
_PAGE = Path(__file__).with_name("page.html")


def credentials(secret: bytes) -> tuple[str, str]:
    """An account SID and auth token that stay the same for the same secret."""
    made = [hmac.digest(secret, what, hashlib.sha256).hex()[:32] for what in (b"twilio sid", b"twilio token")]
    return f"AC{made[0]}", made[1]


@dataclass(slots=True)
class TwilioStandin:
    """The stand-in: `async with TwilioStandin(...) as twilio`, or `start` and `stop`. Port 0 takes a free one.

    `sms_url` and `voice_url` are the webhooks of received messages and calls, with connection overrides in their
    fragment as Twilio has them (`#rc=5&rp=all`); `fallback_url` answers calls when the latter fails,
    `sms_fallback_url` hears of messages that the former did not take. `pace` is the
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
    whatsapp_url: str = ""
    sms_fallback_url: str = ""
    _site: Site | None = None
    wire: Wire = field(init=False)
    exchange: Exchange = field(init=False)
    rest: VoiceRest = field(init=False)
    messaging: Messaging = field(init=False)
    guard: RequestGuard = field(init=False)

    def __post_init__(self) -> None:
        clock = Clock(self.speed)
        self.wire = Wire(self.auth_token, clock, self.faults)
        self.exchange = Exchange(self.account_sid, clock, self.wire, People(clock), self.number)
        self.rest = VoiceRest(self.exchange)
        self.messaging = Messaging(self.account_sid, self.auth_token, self.number, self.wire, pace=self.pace)
        self.guard = RequestGuard(self.account_sid, self.auth_token, self.faults, self.exchange.problems)

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
        self.messaging.hooks.update({"sms": self.sms_url, "whatsapp": self.whatsapp_url})
        self.messaging.base, self.messaging.fallback = self.url, self.sms_fallback_url

    async def stop(self) -> None:
        """Stop, dropping what is under way."""
        await self.wire.close()
        if self._site is not None:
            await self._site.stop()

    @property
    def url(self) -> str:
        """The API's base and the page's address."""
        return f"http://{self.host}:{self.port}"

    @property
    def messages(self) -> dict[str, Message]:
        """Every message by its SID, the oldest first."""
        return self.messaging.messages

    @property
    def outcomes(self) -> dict[str, tuple[str, int | None]]:
        """What messages to a recipient come to: a final status, with an error."""
        return self.messaging.outcomes

    def thread(self, customer: str) -> list[Message]:
        """What was said between us and one number, oldest first."""
        return self.messaging.thread(customer)

    async def wait_for(self, found: Callable[[], Message | None], *, timeout: float = 10.0) -> Message:
        """Wait until `found()` finds a message; looked at after every change."""
        return await self.messaging.wait_for(found, timeout=timeout)

    async def outgoing_to(self, customer: str, *, skip: int = 0, timeout: float = 10.0) -> Message:
        """The hub's message number `skip` to a customer, waiting for it."""

        def found() -> Message | None:
            sent = [m for m in self.messages.values() if m.to == customer and m.direction == "outbound-api"]
            return sent[skip] if len(sent) > skip else None

        return await self.wait_for(found, timeout=timeout)

    async def inbound(self, sender: str, body: str, **more: Any) -> tuple[Message, int]:
        """A customer writes: the message, and what the hub answered to the webhook (0: nothing)."""
        return await self.messaging.inbound(sender, body, **more)

    async def redeliver(self, message: Message) -> int:
        """The webhook of a received message once more, as after a lost answer; what the hub answered."""
        return await self.messaging.redeliver(message)

    # -- the REST API --------------------------------------------------------------------------------------------
    def _app(self) -> web.Application:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.guard.pass_through(request, handler)

        app = web.Application(middlewares=[guarded])
        app.add_routes(
            [
                *MessagesRest(self.messaging).routes(),
                *self.rest.routes(),
                *Hands(self.exchange).routes(),
                web.post("/standin/inbound", self._inbound),
                web.get("/standin/messages", self._shown),
                web.route("*", "/standin/faults", self._knobs),
                web.get("/", self._page),
            ]
        )
        return app

    # -- playing the customer ------------------------------------------------------------------------------------
    async def _inbound(self, request: web.Request) -> web.Response:
        asked = await request.json()
        files = [(str(one["content_type"]), base64.b64decode(one["body"])) for one in asked.get("media", [])]
        extra = {str(name): str(value) for name, value in asked.get("fields", {}).items()}
        sender, body = str(asked["from"]), str(asked["body"])
        message, status = await self.inbound(sender, body, to=asked.get("to"), media=files, **extra)
        return answer({"sid": message.sid, "webhook_status": status})

    async def _shown(self, request: web.Request) -> web.Response:
        customer = request.query.get("with", "")
        shown = self.thread(customer) if customer else list(self.messages.values())
        people = dict.fromkeys(m.sender if m.direction == "inbound" else m.to for m in self.messages.values())
        return answer({"number": self.number, "people": list(people), "messages": [_shown(m) for m in shown[-200:]]})

    async def _knobs(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            asked = await request.json()
            for knob in fields(Faults):
                if knob.name in asked:
                    setattr(self.faults, knob.name, type(getattr(self.faults, knob.name))(asked[knob.name]))
        return answer({knob.name: getattr(self.faults, knob.name) for knob in fields(Faults)})

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=_PAGE.read_text(encoding="utf-8"), content_type="text/html")


def _shown(message: Message) -> dict[str, Any]:
    """A message for the page, its files with where they can be seen."""
    files = [{"content_type": one.content_type, "url": f"/standin/media/{one.sid}"} for one in message.media]
    return message.as_json() | {"media": files, "template": message.content_sid}
