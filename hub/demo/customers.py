"""Scripted customers who write over the real wire and answer what agents tell them.

They know the hub only from outside: a mail server to hand mail to, the stand-ins that carry SMS and WhatsApp and catch
mail, and the chat widget's two addresses. The same seed makes the same customers come in the same order.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Any, cast

import aiohttp

from hub.core import log
from hub.core.clock import now
from hub.demo.mail import MailCatcher
from hub.demo.stories import CHAT, EMAIL, STORIES, WHATSAPP, Story, lamp
from hub.demo.twilio import TwilioStandin
from hub.demo.wire import Refused, deliver

logger = log.get(__name__)
_PATIENCE = 1800.0  # seconds a customer waits for an answer before they give up


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where customers reach the hub: `smtp` (or LMTP) host and port, the mailbox, the chat site of `hub_url`."""

    hub_url: str
    mail: MailCatcher
    twilio: TwilioStandin
    mailbox: str
    smtp: tuple[str, int]
    lmtp: bool = False
    chat_site: str = "web"


@dataclass(slots=True)
class Customers:
    """Lets customers come, one after another, until stopped: `async with Customers(endpoints)`.

    `every` is the mean number of seconds between two of them, `think` between an answer and theirs; `rounds` how
    often the whole list comes (0: for ever), each time as different people.
    """

    endpoints: Endpoints
    seed: int = 1
    every: float = 8.0
    think: float = 4.0
    rounds: int = 0
    arrived: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def __aenter__(self) -> Customers:
        self._go(self._come())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Send everybody home."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _come(self) -> None:
        dice = random.Random(self.seed)
        number = 0
        while self.rounds == 0 or number < self.rounds:
            for story in STORIES:
                self._go(self.play(_another(story, number), dice.uniform(0.5, 1.5)))
                self.arrived += 1
                await asyncio.sleep(self.every * dice.uniform(0.4, 1.6))
            number += 1

    def _go(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def play(self, story: Story, tempo: float = 1.0) -> None:
        """Live one story from its opening to its last answer."""
        kinds: dict[str, Callable[[Story, float], Awaitable[None]]] = {EMAIL: self._by_mail, CHAT: self._by_chat}
        try:
            await kinds.get(story.channel, self._by_message)(story, tempo)
        except (OSError, TimeoutError, Refused, aiohttp.ClientError) as error:
            logger.info("customer_gave_up", channel=story.channel, error=str(error) or type(error).__name__)

    async def _pause(self, tempo: float) -> None:
        await asyncio.sleep(self.think * tempo)

    # -- mail ----------------------------------------------------------------------------------------------------
    async def _by_mail(self, story: Story, tempo: float) -> None:
        endpoints, seen = self.endpoints, max((mail.id for mail in self.endpoints.mail.to(story.address)), default=0)
        await self._post(write(story, endpoints.mailbox), story.address, endpoints.mailbox)
        for answer in story.answers:
            caught = await endpoints.mail.wait_for(story.address, after=seen, timeout=_PATIENCE)
            while caught.message()["Auto-Submitted"]:
                caught = await endpoints.mail.wait_for(story.address, after=caught.id, timeout=_PATIENCE)
            seen = caught.id
            await self._pause(tempo)
            message = caught.message()
            to = parseaddr(str(message["Reply-To"] or message["From"]))[1]
            await self._post(write_back(story, answer, message, caught.text()), story.address, to)

    async def _post(self, message: EmailMessage, sender: str, to: str) -> None:
        await deliver(*self.endpoints.smtp, sender, [to], message.as_bytes(), lmtp=self.endpoints.lmtp)

    # -- SMS and WhatsApp ----------------------------------------------------------------------------------------
    async def _by_message(self, story: Story, tempo: float) -> None:
        twilio, known = self.endpoints.twilio, {}
        sender = story.address
        if story.channel == WHATSAPP:
            sender, known = f"whatsapp:{story.address}", {"ProfileName": story.name, "WaId": story.address.lstrip("+")}
        heard = sum(m.direction == "outbound-api" for m in twilio.thread(sender))
        files = [("image/png", lamp())] if story.picture else []
        await twilio.inbound(sender, story.opening, media=files, **known)
        for skip, answer in enumerate(story.answers, heard):
            await twilio.outgoing_to(sender, skip=skip, timeout=_PATIENCE)
            await self._pause(tempo)
            await twilio.inbound(sender, answer, **known)

    # -- chat ----------------------------------------------------------------------------------------------------
    async def _by_chat(self, story: Story, tempo: float) -> None:
        async with (
            aiohttp.ClientSession() as http,
            ChatVisitor(http, self.endpoints.hub_url, self.endpoints.chat_site) as visitor,
        ):
            await visitor.open(name=story.name, email=story.address, locale=story.locale)
            await visitor.say(story.opening)
            for answer in story.answers:
                await visitor.answer(timeout=_PATIENCE)
                await visitor.typing()
                await self._pause(tempo)
                await visitor.say(answer)
            await self._rate(visitor)

    async def _rate(self, visitor: ChatVisitor) -> None:
        with contextlib.suppress(TimeoutError):
            await visitor.until(lambda frame: frame.get("type") == "rating.ask", timeout=_PATIENCE)
            await visitor.command("rating", {"score": 5, "comment": ""})


class ChatVisitor:
    """A chat customer as the widget would be one: session, hello, commands with ids, a cursor."""

    def __init__(self, http: aiohttp.ClientSession, hub_url: str, site: str):
        self._http = http
        self._base = f"{hub_url}/hooks/chat/{site}"
        self._origin = {"Origin": hub_url}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._backlog: list[dict[str, Any]] = []
        self.token = ""
        self.cursor = 0
        self.events: list[dict[str, Any]] = []

    async def __aenter__(self) -> ChatVisitor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, **who: str) -> None:
        """Get a token (or renew ours) and connect, going on from the cursor."""
        asked = {**who, "token": self.token or None}
        async with self._http.post(f"{self._base}/session", json=asked, headers=self._origin) as answer:
            answer.raise_for_status()
            token = (await answer.json())["token"]
        await self.connect(token)

    async def connect(self, token: str) -> None:
        """Connect with a token, going on from the cursor. `ConnectionError` when it is not taken."""
        self.token = token
        self._socket = await self._http.ws_connect(f"{self._base}/socket", headers=self._origin, heartbeat=30)
        await self.send({"t": "hello", "token": self.token, "cursor": self.cursor})
        await self.until(lambda frame: frame["t"] == "ready", timeout=10)

    async def close(self) -> None:
        """Leave."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def send(self, frame: dict[str, Any]) -> None:
        """Send one frame."""
        assert self._socket is not None  # noqa: S101 - `open` comes first
        await self._socket.send_json(frame)

    async def command(self, kind: str, data: dict[str, Any], *, id: str | None = None) -> dict[str, Any]:  # noqa: A002 - the protocol's word
        """Send a command; its ack."""
        command = id or str(uuid.uuid4())
        await self.send({"t": "cmd", "id": command, "type": kind, "data": data})
        return await self.until(lambda frame: frame["t"] == "ack" and frame["id"] == command, timeout=20)

    async def say(self, text: str) -> dict[str, Any]:
        """Send a message; its ack."""
        return await self.command("message", {"text": text})

    async def typing(self) -> None:
        """Show the agent that we are writing."""
        await self.send({"t": "eph", "type": "typing"})

    async def answer(self, *, timeout: float = 10.0) -> dict[str, Any]:
        """The next message of an agent."""
        frame = await self.until(lambda f: f.get("type") == "message" and f["data"]["from"] == "agent", timeout=timeout)
        return frame["data"]

    async def until(self, wanted: Callable[[dict[str, Any]], bool], *, timeout: float) -> dict[str, Any]:
        """The next frame that is wanted; others are kept for later calls. `ConnectionError` if the socket closes."""
        for at, frame in enumerate(self._backlog):
            if wanted(frame):
                return self._backlog.pop(at)
        async with asyncio.timeout(timeout):
            while True:
                for frame in await self._receive():
                    if wanted(frame):
                        return frame
                    self._backlog.append(frame)

    async def _receive(self) -> list[dict[str, Any]]:
        assert self._socket is not None  # noqa: S101 - `open` comes first
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            # The frame's own code: answering a server that is gone already makes aiohttp call the end abnormal.
            code = message.data if message.type is aiohttp.WSMsgType.CLOSE else self._socket.close_code
            raise ConnectionError(f"the chat closed ({code})")
        frames: Any = message.json()
        several = cast("list[dict[str, Any]]", frames if isinstance(frames, list) else [frames])
        return [frame for frame in several if self._is_new(frame)]

    def _is_new(self, frame: dict[str, Any]) -> bool:
        """Apply the cursor as the widget does: each event once, in order."""
        if frame.get("t") == "reset":
            self.cursor = frame["seq"]
        if frame.get("t") != "ev":
            return True
        if frame["seq"] != self.cursor + 1:
            return False
        self.cursor = frame["seq"]
        self.events.append(frame)
        return True


def write(story: Story, to: str) -> EmailMessage:
    """A story's opening as a mail."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{story.name} <{story.address}>"
    message["To"] = to
    message["Subject"] = story.subject
    message["Date"] = format_datetime(now())
    message["Message-ID"] = make_msgid(domain="customer.example")
    message.set_content(story.opening)
    return message


def write_back(story: Story, text: str, answered: EmailMessage, quoted: str) -> EmailMessage:
    """An answer to an agent's mail, as a mail program writes it: threaded, and with the old text below."""
    subject = str(answered["Subject"] or story.subject)
    message = write(replace(story, subject=subject if subject[:3].lower() == "re:" else f"Re: {subject}"), "")
    del message["To"]
    message["To"] = str(answered["Reply-To"] or answered["From"])
    message["In-Reply-To"] = str(answered["Message-ID"])
    message["References"] = f"{answered['References'] or ''} {answered['Message-ID']}".strip()
    attribution = "写道：" if story.locale.startswith("zh") else "wrote:"
    old = "\n".join(f"> {line}" for line in quoted.splitlines())
    message.set_content(f"{text}\n\nOn {now():%d %b %Y}, {answered['From']} {attribution}\n{old}\n")
    return message


def _another(story: Story, number: int) -> Story:
    """The same matter of somebody else, from the second round on."""
    if number == 0:
        return story
    if "@" in story.address:
        local, _, domain = story.address.partition("@")
        return replace(story, name=f"{story.name} {number + 1}", address=f"{local}{number + 1}@{domain}")
    digits = str(int(re.sub(r"\D", "", story.address)) + 100 * number)
    return replace(story, address=f"+{digits}")
