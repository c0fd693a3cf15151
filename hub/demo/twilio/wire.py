"""How the stand-in calls the hub: signed, repeated by the rules in the URL's fragment, and as unreliable as told."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
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
    slow: float = 0.0  # seconds that a POST takes, half before anything is done and half after
    no_media: int = 0  # requests for files answered 404: they are not stored yet
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
    """What the hub answered; status 0: nobody did, and `failure` says whether we got through: `ct` no, `rt` yes."""

    status: int
    body: str = ""
    content_type: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Connection overrides in the fragment of a webhook's address, within the provider's limits.

    Seconds; by default one more try, and only where nobody could be reached (Twilio: "Webhooks connection overrides").
    """

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        """Those of `#rc=2&rp=ct,5xx&ct=500&rt=1000&tt=3000`; what makes no sense counts as not said."""
        asked = {name: values[0] for name, values in parse_qs(fragment).items()}

        def seconds(name: str, most: float) -> float:
            text = asked.get(name, "")
            return min(max(int(text) / 1000, 0.1), most) if text.isdigit() else min(most, 15.0 if name != "ct" else 5.0)

        count = asked.get("rc", "")
        return cls(
            min(int(count), 5) if count.isdigit() else 1,
            frozenset(asked.get("rp", "ct").lower().split(",")),
            seconds("ct", 10.0),
            seconds("rt", 15.0),
            seconds("tt", 15.0),
        )

    def retried_after(self, answer: Answer) -> bool:
        """Whether such an answer is worth another try."""
        if answer.status == 0:
            return "all" in self.policy or answer.failure in self.policy
        kind = f"{answer.status // 100}xx"
        return answer.status >= 400 and ("all" in self.policy or kind in self.policy)


@dataclass(slots=True)
class Wire:
    """Makes the requests of one account; remembers them in `made` as (url, status)."""

    token: str
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    made: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    silent: set[str] = field(default_factory=set[str])  # calls about which nothing is told
    pause: float = 0.2  # virtual seconds before the second try, and as many more before each further one
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _http: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Begin; inside the loop that will use it."""
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200))

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
        """Make a request by Twilio's rules: one retry if nobody can be reached, more as the URL's fragment says."""
        if not url or self.faults.take("drop"):
            return Answer(0)
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        address, _, fragment = url.partition("#")
        rules, answer = Overrides.of(fragment), Answer(0)
        ends = time.monotonic() + rules.total
        for attempt in range(1 + rules.retries):
            answer = await self._post(address, form, method, rules, ends - time.monotonic())
            if self.faults.duplicate:
                await self._post(address, form, method, rules, rules.total)
            pause = self.pause * (attempt + 1) / self.clock.speed
            if not rules.retried_after(answer) or attempt == rules.retries or time.monotonic() + pause >= ends:
                break
            await asyncio.sleep(pause)
        return answer

    async def _post(self, address: str, form: dict[str, str], method: str, rules: Overrides, left: float) -> Answer:
        assert self._http is not None  # noqa: S101 - opened before anything can call
        if method == "GET":
            address += ("&" if urlsplit(address).query else "?") + urlencode(form)
        signed_fields = form if method == "POST" else {}
        headers = {
            "X-Twilio-Signature": signature(self.token, address, signed_fields),
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": _token(address, form),
        }
        body = urlencode(form).encode() if method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        timeout = aiohttp.ClientTimeout(total=max(left, 0.1), connect=rules.connect, sock_read=rules.read)
        try:
            if self.faults.take("down"):
                answer = Answer(0, failure="ct")
            else:
                async with self._http.request(method, address, data=body, headers=headers, timeout=timeout) as got:
                    answer = Answer(got.status, await got.text(), got.content_type)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            answer = Answer(0, failure="ct")
        except (aiohttp.ClientError, TimeoutError):
            answer = Answer(0, failure="rt")
        self.made.append((address, answer.status))
        del self.made[:-_KEPT]
        return answer


def _token(address: str, form: dict[str, str]) -> str:
    """The same for every try of one request, and for no other."""
    return hashlib.sha256((address + urlencode(sorted(form.items()))).encode()).hexdigest()[:36]
