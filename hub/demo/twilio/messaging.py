"""The stand-in's messages: what becomes of them, and customers who write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from hub.core.clock import now
from hub.demo.twilio.content import OURS, Content
from hub.demo.twilio.messages import START_WORDS, STOP_WORDS, UNREACHABLE, WINDOW, Media, Message, checked, sid
from hub.demo.twilio.wire import Wire

_KEPT = 20_000


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
        kind = sid("MM" if files and not whatsapp else "SM")
        message = Message(
            self.account_sid, sender, ours, body, "inbound", "received", media=files, extra=extra, sid=kind
        )
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
        if message.leaves is not None:
            await asyncio.sleep(max(0.0, (message.leaves - now()).total_seconds()))
            if message.status == "canceled":
                return
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

    # -- sending -----------------------------------------------------------------------------------------------------
    async def post(self, many: dict[str, list[str]]) -> Message:
        """What the fields of a request ask to be sent; `ApiError` as Twilio would answer."""
        self.requests.append(many)
        del self.requests[:-5000]
        form = {name: values[0] for name, values in many.items()}
        message = checked(
            form,
            self.account_sid,
            {self.number},
            self.opted_out,
            media_urls=many.get("MediaUrl"),
            contents=self.contents,
        )
        await self.remember(message)
        self.wire.go(self._travel(message)).set_name("callback")
        return message


async def _fetched(url: str) -> Media | None:
    """A file that the hub sends, fetched from where it says it lies."""
    timeout = aiohttp.ClientTimeout(total=15)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            return Media(answer.content_type, await answer.read()) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None
