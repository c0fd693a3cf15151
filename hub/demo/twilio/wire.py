"""How the stand-in calls the hub: signed, repeated by the rules in the URL's fragment, and as unreliable as told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from hub.demo.twilio.clock import Clock
from hub.demo.twilio.messages import signature

_KEPT = 5000


@dataclass(slots=True)
class Faults:
    """What goes wrong next; counts go down as they are used, the rest stays until changed."""

    throttle: int = 0  # POSTs answered 429
    fail: int = 0  # POSTs refused with 500, nothing done
    lose_answer: int = 0  # POSTs done and answered 500: the ambiguous case
    hang: int = 0  # POSTs done and never answered
    drop: int = 0  # webhooks and callbacks not made
    duplicate: bool = False  # each webhook and callback made twice
    reorder: bool = False  # `delivered` told before `sent`
    delay: float = 0.0  # seconds before each webhook and callback
    jitter: float = 0.0  # virtual seconds, at most, by which each callback about a call is late: they overtake
    down: int = 0  # requests for documents that find nobody: the hub is away

    def take(self, name: str) -> bool:
        """Whether this fault is due now."""
        left = int(getattr(self, name))
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub answered; status 0: nobody did in time."""

    status: int
    body: str = ""
    content_type: str = ""


@dataclass(slots=True)
class Wire:
    """Makes the requests of one account; remembers them in `made` as (url, status)."""

    token: str
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    made: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    silent: set[str] = field(default_factory=set[str])  # calls about which nothing is told
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _http: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Begin; inside the loop that will use it."""
        # Twilio's own limits: 5 s to connect, 15 s in all (its error 11205).
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15, connect=5))

    async def close(self) -> None:
        """Drop what is under way."""
        while self._tasks:  # what is cancelled may still tell its end
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    def go(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something happen beside."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settled(self) -> None:
        """Return when every callback on its way has arrived."""
        while waiting := [t for t in self._tasks if t.get_name() == "callback"]:
            await asyncio.wait(waiting)

    def tell(self, url: str | None, form: dict[str, str]) -> None:
        """Make a callback beside: late by chance, so that callbacks overtake each other."""
        if url and form.get("CallSid") not in self.silent:
            self.go(self._late(url, form)).set_name("callback")

    async def _late(self, url: str, form: dict[str, str]) -> None:
        if self.faults.jitter:
            await self.clock.sleep(self.dice.uniform(0, self.faults.jitter))
        await self.call(url, form)

    async def call(self, url: str, form: dict[str, str], method: str = "POST") -> Answer:
        """Make a request by Twilio's rules: one retry if nobody answers, more as the URL's fragment says."""
        if not url or self.faults.take("drop"):
            return Answer(0)
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        address, _, overrides = url.partition("#")
        asked = parse_qs(overrides)
        tries = 1 + min(int(asked.get("rc", ["1"])[0]), 5)
        policy = asked.get("rp", ["ct"])[0].split(",")
        answer = Answer(0)
        for attempt in range(tries):
            answer = await self._post(address, form, method)
            if self.faults.duplicate:
                await self._post(address, form, method)
            if not _again(answer.status, policy):
                break
            await asyncio.sleep(0.2 * (attempt + 1) / self.clock.speed)
        return answer

    async def _post(self, address: str, form: dict[str, str], method: str) -> Answer:
        assert self._http is not None  # noqa: S101 - opened before anything can call
        if method == "GET":
            address += ("&" if urlsplit(address).query else "?") + urlencode(form)
        signed_fields = form if method == "POST" else {}
        headers = {
            "X-Twilio-Signature": signature(self.token, address, signed_fields),
            "User-Agent": "TwilioProxy/1.1",
        }
        body = urlencode(form).encode() if method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        answer = Answer(0)
        try:
            if not self.faults.take("down"):
                async with self._http.request(method, address, data=body, headers=headers) as got:
                    answer = Answer(got.status, await got.text(), got.content_type)
        except (aiohttp.ClientError, TimeoutError):
            answer = Answer(0)
        self.made.append((address, answer.status))
        del self.made[:-_KEPT]
        return answer


def _again(status: int, policy: list[str]) -> bool:
    if status == 0:
        return True
    if "all" in policy:
        return status >= 400
    return ("4xx" in policy and 400 <= status < 500) or ("5xx" in policy and status >= 500)
