"""Customers on every channel and agents who answer them. Each insists until the border has said yes, and counts it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import aiohttp

from hub.demo import ChatVisitor
from hub.demo.wire import Refused, deliver
from tests.chaos.harness import Provider, sms
from tests.soak.world import AGENTS, GATEWAY_SECRET, MAILBOX, SITE, World

LATE = (OSError, TimeoutError, aiohttp.ClientError, Refused, ConnectionError, asyncio.IncompleteReadError)


@dataclass(slots=True)
class Ledger:
    """What the border has said yes to, by its own unique words."""

    taken: dict[str, str] = field(default_factory=dict[str, str])  # text -> channel
    replies: set[str] = field(default_factory=set[str])  # texts of answers that were accepted
    tried: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    calls: set[str] = field(default_factory=set[str])  # SIDs
    insisting: dict[str, str] = field(default_factory=dict[str, str])  # what is not taken yet -> what was heard last


@dataclass(slots=True)
class Load:
    """The people. `pause`: mean seconds between two of somebody's words."""

    world: World
    ledger: Ledger
    stopping: asyncio.Event
    pause: float = 0.6
    number: int = 0

    async def run(self) -> None:
        """Everybody, until `stopping` is set and the last word has been taken."""
        people: list[Callable[[random.Random], Awaitable[None]]] = [
            self._sms, self._sms, self._mail, self._mail, self._gateway, self._chat, self._chat, self._call,
        ]  # fmt: skip
        async with asyncio.TaskGroup() as group:
            for n, say in enumerate(people):
                group.create_task(self._forever(say, random.Random(f"{self.world.dice.random()}-{n}")))
            for name in AGENTS:
                group.create_task(self._agent(name, random.Random(name)))

    async def _forever(self, say: Callable[[random.Random], Awaitable[None]], dice: random.Random) -> None:
        while not self.stopping.is_set():
            await say(dice)
            await asyncio.sleep(dice.expovariate(1 / self.pause))

    def _words(self, channel: str) -> str:
        self.number += 1
        return f"{channel} word {self.number} 你好"

    async def _insist(self, channel: str, text: str, once: Callable[[], Awaitable[bool]]) -> None:
        """Until it is taken; sometimes once more although it was."""
        while True:
            self.ledger.tried[channel] += 1
            try:
                async with asyncio.timeout(30):
                    if await once():
                        break
                self.ledger.insisting[text] = "not taken"
            except LATE as error:
                self.ledger.insisting[text] = f"{type(error).__name__}: {error}"
            await asyncio.sleep(0.5)
        self.ledger.insisting.pop(text, None)
        self.ledger.taken[text] = channel
        if self.world.dice.random() < 0.1:
            with contextlib.suppress(*LATE):
                async with asyncio.timeout(30):
                    await once()

    async def _sms(self, dice: random.Random) -> None:
        text = self._words("sms")
        message = sms(f"+1415555{dice.randrange(40):04d}", text)
        provider = Provider(self.world.http, self.world.fleet.public_url)

        async def once() -> bool:
            heard = await provider.post(self.world.url(), message)
            self.ledger.statuses[f"sms {heard}"] += 1
            return heard == 200

        await self._insist("sms", text, once)

    async def _gateway(self, dice: random.Random) -> None:
        text = self._words("gateway")
        body = {"id": uuid.uuid4().hex, "from": f"+1415556{dice.randrange(20):04d}", "body": text}

        async def once() -> bool:
            url = f"{self.world.url()}/hooks/httpsms/gate/received?key={GATEWAY_SECRET}"
            async with self.world.http.post(url, json=body) as answer:
                self.ledger.statuses[f"gateway {answer.status}"] += 1
                return answer.status < 300

        await self._insist("gateway", text, once)

    async def _mail(self, dice: random.Random) -> None:
        text = self._words("mail")
        sender = f"customer{dice.randrange(40)}@home.example"
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"], message["Subject"] = sender, MAILBOX, f"Matter of {text}"
        message["Message-ID"] = f"<{uuid.uuid4().hex}@home.example>"
        message.set_content(text)

        async def once() -> bool:
            answers = await deliver(
                "127.0.0.1", self.world.mail_port, sender, [MAILBOX], message.as_bytes(), timeout=25
            )
            heard = answers[MAILBOX].code
            self.ledger.statuses[f"mail {heard}"] += 1
            return heard == 250

        await self._insist("mail", text, once)

    async def _chat(self, dice: random.Random) -> None:
        """A visitor with some words, over a line that may break at any moment."""
        token = ""
        for _ in range(dice.randrange(1, 6)):
            text, command = self._words("chat"), str(uuid.uuid4())

            async def once(text: str = text, command: str = command) -> bool:
                nonlocal token
                async with ChatVisitor(self.world.http, self.world.url(), SITE) as visitor:
                    visitor.token = token
                    await visitor.open(name="Visitor")
                    token = visitor.token
                    ack = await visitor.command("message", {"text": text}, id=command)
                    self.ledger.statuses[f"chat {'ok' if 'ev' in ack else ack['err']['code']}"] += 1
                    return "ev" in ack

            await self._insist("chat", text, once)
            await asyncio.sleep(dice.random() * 2)

    async def _call(self, dice: random.Random) -> None:
        """Somebody calls, waits a while and hangs up."""
        call = self.world.twilio.exchange.incoming(f"+1415557{dice.randrange(1000):04d}")
        self.ledger.calls.add(call.sid)
        await asyncio.sleep(2 + dice.random() * 4)
        call.hang_up()
        await asyncio.sleep(5)

    # -- agents --------------------------------------------------------------------------------------------------
    async def _agent(self, name: str, dice: random.Random) -> None:
        """Takes what is offered, answers, and closes some matters."""
        while not self.stopping.is_set():
            with contextlib.suppress(*LATE):
                await self._work(name, dice)
            await asyncio.sleep(dice.random() * 2)

    async def _work(self, name: str, dice: random.Random) -> None:
        await self._ask(name, "PUT", "/me/presence", {"state": "available"})
        offers = (await self._ask(name, "GET", "/me/offers")).get("items", [])
        for offer in offers[:5]:
            await self._ask(name, "POST", f"/offers/{offer['id']}/accept", {})
        mine = (await self._ask(name, "GET", "/conversations?view=mine&limit=20")).get("items", [])
        for item in dice.sample(mine, min(3, len(mine))):
            await self._answer(name, int(item["id"]))
            if dice.random() < 0.4:
                await self._ask(name, "POST", f"/conversations/{item['id']}/resolve", {})

    async def _answer(self, name: str, conversation: int) -> None:
        """One answer under one client id, insisted on until the hub has said yes or no."""
        self.number += 1
        text, body = f"answer {self.number} of {name}", {"client_id": str(uuid.uuid4())}
        while not self.stopping.is_set():
            with contextlib.suppress(*LATE):
                answer = await self._ask(name, "POST", f"/conversations/{conversation}/replies", {**body, "text": text})
                if answer.get("id"):
                    self.ledger.replies.add(text)
                    return
                if 400 <= answer.get("status", 0) < 500 and answer.get("status") != 429:
                    return  # a no is an answer, too
            await asyncio.sleep(0.5)

    async def _ask(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.world.tokens[name]}"}
        timeout = aiohttp.ClientTimeout(total=20)
        url = f"{self.world.url()}/api/v1{path}"
        async with self.world.http.request(method, url, json=body, headers=headers, timeout=timeout) as answer:
            self.ledger.statuses[f"api {answer.status}"] += 1
            if answer.status >= 500:
                raise aiohttp.ClientError(str(answer.status))
            found = await answer.json(content_type=None) if answer.status != 204 else {}
            return found if isinstance(found, dict) else {}
