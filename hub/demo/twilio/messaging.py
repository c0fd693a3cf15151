"""The stand-in's messages: their REST API, what becomes of them, and customers who write."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from hub.core.clock import now
from hub.demo.twilio.content import OURS, Content
from hub.demo.twilio.grammar import fields_of
from hub.demo.twilio.messages import (
    API,
    START_WORDS,
    STOP_WORDS,
    UNREACHABLE,
    WINDOW,
    ApiError,
    Media,
    Message,
    checked,
)
from hub.demo.twilio.voice_rest import paged
from hub.demo.twilio.wire import Wire

_KEPT = 20_000
_FAIL_STATUS = 500


@dataclass(slots=True)
class Messaging:
    """Messages of one account. `outcomes` are final statuses, with an error, that a recipient's messages end in."""

    account_sid: str
    token: str
    number: str
    wire: Wire
    hooks: dict[str, str] = field(default_factory=dict[str, str])  # channel -> webhook of received messages
    fallback: str = ""  # asked when such a webhook fails
    base: str = ""
    pace: float = 0.3
    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    outcomes: dict[str, tuple[str, int | None]] = field(default_factory=dict[str, "tuple[str, int | None]"])
    contents: dict[str, Content] = field(default_factory=lambda: dict(OURS))
    opted_out: set[str] = field(default_factory=set[str])
    deleted_media: list[str] = field(default_factory=list[str])
    requests: list[dict[str, list[str]]] = field(default_factory=list[dict[str, list[str]]])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    # -- customers ---------------------------------------------------------------------------------------------------
    async def inbound(
        self,
        sender: str,
        body: str,
        *,
        to: str | None = None,
        media: list[tuple[str, bytes]] | None = None,
        **extra: str,
    ) -> tuple[Message, int]:
        """A customer writes; `extra` are further fields of the webhook. The message, and what the hub answered."""
        files = [Media(kind, content) for kind, content in media or []]
        whatsapp = sender.startswith("whatsapp:")
        ours = to or (f"whatsapp:{self.number}" if whatsapp else self.number)
        message = Message(self.account_sid, sender, ours, body, "inbound", "received", media=files, extra=extra)
        message.sent = message.created
        await self.remember(message)
        word = body.strip().upper()
        if word in STOP_WORDS and not whatsapp:
            self.opted_out.add(sender)
        elif word in START_WORDS:
            self.opted_out.discard(sender)
        return message, await self.redeliver(message)

    async def redeliver(self, message: Message) -> int:
        """The webhook of a received message, perhaps once more; what the hub answered (0: nothing).

        Where the hub is away, its fallback address is told; where that is away too, the provider gives up.
        """
        channel = "whatsapp" if message.sender.startswith("whatsapp:") else "sms"
        url, form = self.hooks.get(channel, ""), message.webhook_form(self.base)
        answer = await self.wire.call(url, form)
        if self.fallback and not 200 <= answer.status < 300:
            failed = {"ErrorCode": "11200", "ErrorUrl": url.partition("#")[0]}
            answer = await self.wire.call(self.fallback, form | failed)
        return answer.status

    def thread(self, customer: str) -> list[Message]:
        """What was said between us and one number, oldest first."""
        return [m for m in self.messages.values() if customer in (m.sender, m.to)]

    async def wait_for(self, found: Callable[[], Message | None], *, timeout: float = 10.0) -> Message:
        """Wait until `found()` finds a message; looked at after every change."""
        async with asyncio.timeout(timeout), self._changed:
            while (message := found()) is None:
                await self._changed.wait()
            return message

    async def remember(self, message: Message) -> None:
        """Put it on record."""
        self.messages[message.sid] = message
        while len(self.messages) > _KEPT:
            del self.messages[next(iter(self.messages))]
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # -- what becomes of a message -----------------------------------------------------------------------------------
    async def _travel(self, message: Message) -> None:
        """The first status is never reported, as with Twilio; the last may be any that was asked for."""
        last = self.outcomes.get(message.to) or await self._end_of(message)
        steps: list[tuple[str, int | None]] = [last] if last[0] == "failed" else [("sent", None), last]
        if last[0] == "read":
            steps.insert(1, ("delivered", None))
        forms: list[dict[str, str]] = []
        for status, error in steps:
            await asyncio.sleep(self.pace)
            message.move(status, error)
            await self._tell()
            if self.wire.faults.reorder:
                forms.insert(0, message.callback_form())
            elif message.callback:
                await self.wire.call(message.callback, message.callback_form())
        for form in forms if message.callback else []:
            await self.wire.call(message.callback or "", form)

    async def _end_of(self, message: Message) -> tuple[str, int | None]:
        if message.to == UNREACHABLE:
            return "undelivered", 30003
        if message.to.startswith("whatsapp:") and not message.content_sid and not self._window_open(message.to):
            return "undelivered", 63016
        for url in message.media_urls:
            fetched = await _fetched(url)
            if fetched is None:
                return "failed", 11200
            message.media.append(fetched)
        message.media_urls.clear()
        return ("read" if message.to.startswith("whatsapp:") else "delivered"), None

    def _window_open(self, customer: str) -> bool:
        heard = [m.created for m in self.messages.values() if m.sender == customer]
        return bool(heard) and now() - max(heard) < WINDOW

    # -- the REST API ------------------------------------------------------------------------------------------------
    def routes(self) -> list[web.RouteDef]:
        """Messages, Media and Content."""
        base = f"/{API}/Accounts/{{account}}/Messages"
        one = base + "/{sid}"
        return [
            web.post(base + ".json", self._create),
            web.get(base + ".json", self._list),
            web.get(one + ".json", self._fetch),
            web.delete(one + ".json", self._delete),
            web.get(one + "/Media.json", self._list_media),
            web.get(one + "/Media/{media}.json", self._fetch_media),
            web.delete(one + "/Media/{media}.json", self._delete_media),
            web.get(one + "/Media/{media}", self._redirect_to_media),
            web.get("/standin/media/{media}", self._media_body),
            web.get("/v1/Content", self._list_contents),
        ]

    def _sign_in(self, request: web.Request) -> None:
        expected = base64.b64encode(f"{self.account_sid}:{self.token}".encode()).decode()
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Basic {expected}"):
            raise ApiError(401, 20003, "Authenticate")
        if request.match_info.get("account", self.account_sid) != self.account_sid:
            raise _missing(request)

    async def _create(self, request: web.Request) -> web.Response:
        self._sign_in(request)
        faults = self.wire.faults
        if faults.take("throttle"):
            raise ApiError(429, 20429, "Too Many Requests", {"Retry-After": "1"})
        if faults.take("fail"):
            raise ApiError(_FAIL_STATUS, 20500, "Internal Server Error")
        message = await self._asked_for(request)
        answer = message.as_json()
        await self.remember(message)
        self.wire.go(self._travel(message)).set_name("callback")
        if faults.take("lose_answer"):
            raise ApiError(_FAIL_STATUS, 20500, "Internal Server Error")
        if faults.take("hang"):
            await asyncio.sleep(3600)
        return _json(answer, 201)

    async def _asked_for(self, request: web.Request) -> Message:
        posted = await request.post()
        many = {name: [str(v) for v in posted.getall(name)] for name in posted}
        self.requests.append(many)
        del self.requests[:-5000]
        if unknown := set(many) - fields_of("messages", "create"):
            raise ApiError(400, 20001, f"Unknown parameters: {sorted(unknown)}")
        form = {name: values[0] for name, values in many.items()}
        return checked(
            form,
            self.account_sid,
            {self.number},
            self.opted_out,
            media_urls=many.get("MediaUrl"),
            contents=self.contents,
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        return _json(self._found(request).as_json())

    async def _delete(self, request: web.Request) -> web.Response:
        del self.messages[self._found(request).sid]
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Message:
        self._sign_in(request)
        message = self.messages.get(request.match_info["sid"])
        if message is None:
            raise _missing(request)
        return message

    async def _list(self, request: web.Request) -> web.Response:
        self._sign_in(request)
        query = dict(request.query)
        found = [m for m in reversed(list(self.messages.values())) if _matches(m, query)]
        return paged(request, "messages", [m.as_json() for m in found])

    # -- files -------------------------------------------------------------------------------------------------------
    async def _list_media(self, request: web.Request) -> web.Response:
        message = self._found(request)
        return paged(request, "media_list", [one.as_json(message) for one in message.media])

    def _media(self, request: web.Request) -> tuple[Message, Media]:
        message = self._found(request)
        media = next((one for one in message.media if one.sid == request.match_info["media"]), None)
        if media is None:
            raise _missing(request)
        return message, media

    async def _fetch_media(self, request: web.Request) -> web.Response:
        message, media = self._media(request)
        return _json(media.as_json(message))

    async def _delete_media(self, request: web.Request) -> web.Response:
        message, media = self._media(request)
        message.media.remove(media)
        self.deleted_media.append(media.sid)
        return web.Response(status=204)

    async def _redirect_to_media(self, request: web.Request) -> web.Response:
        """The storage is another host, as with Twilio, and must not be shown the credentials."""
        _, media = self._media(request)
        elsewhere = self.base.replace("127.0.0.1", "localhost")
        return web.Response(status=307, headers={"Location": f"{elsewhere}/standin/media/{media.sid}"})

    async def _media_body(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            raise ApiError(400, 20001, "Only one auth mechanism allowed")  # as the real storage answers
        for message in self.messages.values():
            for media in message.media:
                if media.sid == request.match_info["media"]:
                    return web.Response(body=media.body, content_type=media.content_type)
        raise _missing(request)

    async def _list_contents(self, request: web.Request) -> web.Response:
        self._sign_in(request)
        found = [content.as_json(self.account_sid) for content in self.contents.values()]
        meta: dict[str, Any] = {
            "page": 0, "page_size": 50, "first_page_url": f"{self.base}/v1/Content?PageSize=50&Page=0",
            "previous_page_url": None, "url": str(request.url), "next_page_url": None, "key": "contents",
        }  # fmt: skip
        return _json({"contents": found, "meta": meta})


async def _fetched(url: str) -> Media | None:
    """A file that the hub sends, fetched from where it says it lies."""
    timeout = aiohttp.ClientTimeout(total=15)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            return Media(answer.content_type, await answer.read()) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


def _missing(request: web.Request) -> ApiError:
    return ApiError(404, 20404, f"The requested resource {request.path} was not found")


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


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
