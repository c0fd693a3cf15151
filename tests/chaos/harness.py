"""Programs of the hub in processes of their own, a provider that insists, and what must be true after every crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hub.access import signin
from hub.channels.registry import load_connectors
from hub.core import events
from hub.core.processes import die_with_parent
from hub.core.service import Core
from hub.demo import TwilioStandin
from hub.demo.twilio.messages import Message, signature
from hub.messages import replies
from hub.provisioning.apply import apply
from hub.provisioning.model import Center
from tests.integration.connectors.harness import eventually, free_port

ROOT = Path(__file__).parent.parent.parent
KEY = "test-key-" * 8  # the key of the `vault` fixture
SID, TOKEN, NUMBER = "AC" + "0123456789abcdef" * 2, "a-token-of-sixteen-and-more", "+15550100100"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}


# -- programs --------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Program:
    """`hub …` in a process of its own, its words kept in a file."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    async def ready(self, seconds: float = 90) -> float:
        """Wait for `/health/ready`; how long that took."""
        started = time.monotonic()

        async def answers() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said[-3000:]}"
            return await status(f"{self.url}/health/ready") == 200

        try:
            await eventually(answers, seconds)
        except TimeoutError:
            raise AssertionError(f"not ready after {seconds} s:\n{self.said[-3000:]}") from None
        return time.monotonic() - started

    def kill(self) -> None:
        """As a power failure would."""
        self.process.kill()
        self.process.wait(10)

    async def ended(self, seconds: float) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.to_thread(self.process.wait, seconds)

    async def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 15) -> float:
        """Ask it to end; how long it took, -9 only after `seconds`."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await self.ended(seconds)
        took = time.monotonic() - started
        if self.process.poll() is None:
            self.kill()
        return took


def start(folder: Path, *arguments: str, **environment: str) -> Program:
    """Start `hub ARGUMENTS` with only these variables of ours, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**CLEAN, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
            # A test that is itself killed leaves nothing behind.
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    return Program(process, log)


class Fleet:
    """Any number of `hub serve` and `hub work` on one database and one Redis."""

    def __init__(self, folder: Path, database_url: str, redis_url: str):
        self.folder = folder
        self.port = free_port()  # of the first `hub serve`, and so of the public URL
        self.running: list[Program] = []
        self.environment = {
            "HUB_DATABASE__URL": database_url,
            "HUB_REDIS__URL": redis_url,
            "HUB_SECRET_KEY": KEY,
            "HUB_DATA": str(folder / "data"),
            "HUB_WEB__PUBLIC_URL": self.public_url,
        }

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Fleet:
        return self

    async def __aexit__(self, *_: object) -> None:
        for program in self.running:
            if program.process.poll() is None:
                program.kill()

    def serve(self, port: int | None = None) -> Program:
        """One `hub serve`; by default at the public URL."""
        port = port or self.port
        program = start(self.folder, "serve", HUB_WEB__PORT=str(port), **self.environment)
        program.url = f"http://127.0.0.1:{port}"
        self.running.append(program)
        return program

    def work(self) -> Program:
        """One `hub work`."""
        program = start(self.folder, "work", **self.environment)
        self.running.append(program)
        return program


# -- the outside -----------------------------------------------------------------------------------------------------
async def status(url: str, *, timeout: float = 6, **request: Any) -> int:
    """The status of one GET; 0 when nobody answers."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as http,
            http.get(url, **request) as answer,
        ):
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


async def leaders(*programs: Program, lease: str = "router") -> list[Program]:
    """The programs whose metrics say that they hold the lease."""
    found: list[Program] = []
    async with aiohttp.ClientSession() as http:
        for program in programs:
            async with http.get(f"{program.url}/metrics") as answer:
                families = text_string_to_metric_families(await answer.text())
            samples = [s for family in families if family.name == "hub_leader" for s in family.samples]
            if any(s.labels["lease"] == lease and s.value == 1 for s in samples):
                found.append(program)
    return found


def sms(sender: str, text: str) -> Message:
    """A customer's message as the provider holds it."""
    return Message(SID, sender, NUMBER, text, "inbound", "received")


@dataclass(slots=True)
class Provider:
    """Twilio's receiving side: signs for the public URL, posts to any process, and insists until it hears 200."""

    http: aiohttp.ClientSession
    public_url: str
    answers: list[int] = field(default_factory=list[int])  # every status heard; 0: none

    async def post(self, base: str, message: Message) -> int:
        """One try."""
        path, form = "/hooks/twilio/sms/sms", message.webhook_form()
        headers = {"X-Twilio-Signature": signature(TOKEN, self.public_url + path, form)}
        timeout = aiohttp.ClientTimeout(total=15)
        try:
            async with self.http.post(base + path, data=form, headers=headers, timeout=timeout) as answer:
                await answer.read()
                heard = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            heard = 0
        self.answers.append(heard)
        return heard

    async def insist(self, base: str, message: Message, seconds: float = 60) -> None:
        """Until it hears 200."""
        async with asyncio.timeout(seconds):
            while await self.post(base, message) != 200:  # noqa: ASYNC110 - the other side is another process
                await asyncio.sleep(0.2)

    async def insist_on_all(self, base: str, messages: list[Message], *, at_once: int = 24, every: float = 0.0) -> None:
        """All of them, several at a time, every tenth once more although it was taken."""
        places = asyncio.Semaphore(at_once)

        async def one(number: int, message: Message) -> None:
            async with places:
                await self.insist(base, message)
                await asyncio.sleep(every)
                if number % 10 == 0:
                    await self.insist(base, message)

        async with asyncio.TaskGroup() as group:
            for number, message in enumerate(messages):
                group.create_task(one(number, message))


class SlowTwilio(TwilioStandin):
    """Takes its time before and after storing a message, so that whoever dies then dies in the middle."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.faults.slow = 0.15


def arrived(twilio: TwilioStandin) -> list[int]:
    """The outbound ids that reached the provider, in order, each as often as it did."""
    return [
        int(urlsplit(m.callback or "").path.rsplit("/", 1)[1])
        for m in twilio.messages.values()
        if m.direction == "outbound-api"
    ]


class Screen:
    """A desk's socket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse):
        self._ws = ws
        self.seen: list[dict[str, Any]] = []

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, url: str, token: str, **topics: int) -> Screen:
        """Connect and subscribe: `u_3=0` is topic `u:3` from its beginning."""
        ws = await http.ws_connect(f"{url}/ws", headers={"Authorization": f"Bearer {token}"})
        screen = cls(ws)
        await ws.send_json({"t": "hello", "topics": {k.replace("_", ":"): n for k, n in topics.items()}})
        await screen.until(lambda frame: frame["t"] == "ready")
        return screen

    async def subscribe(self, topic: str, cursor: int = 0) -> None:
        await self._ws.send_json({"t": "sub", "topic": topic, "cursor": cursor})

    async def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 15) -> dict[str, Any]:
        """The first frame, past ones included, that is wanted."""
        for frame in self.seen:
            if wanted(frame):
                return frame
        async with asyncio.timeout(seconds):
            while True:
                message = await self._ws.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, message
                data = message.json()
                frames: list[dict[str, Any]] = data if isinstance(data, list) else [data]
                self.seen += frames
                for frame in frames:
                    if wanted(frame):
                        return frame

    async def close(self) -> None:
        await self._ws.close()


# -- the inside ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Town:
    """A queue, agents with tokens, and an SMS number at a stand-in."""

    core: Core
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    async def build(cls, core: Core, twilio_url: str, *agents: str) -> Town:
        town = cls(core)
        settings = {"account_sid": SID, "auth_token": TOKEN, "api_base": twilio_url, "timeout_seconds": 10}
        account = {"key": "sms", "connector": "twilio", "channel": "sms", "name": "SMS", "address": NUMBER}
        people = [
            {"email": f"{name}@hub.example", "name": name, "queues": ["care"], "capacity": 10_000} for name in agents
        ]
        center = Center.model_validate(
            {
                "queue": [{"key": "care", "name": "Care"}],
                "agent": people,
                "account": [{**account, "queue": "care", "settings": settings}],
                "channel": {"sms": {"weight": 1, "max_per_agent": 10_000, "offer_timeout_seconds": 60}},
            }
        )
        await apply(core.db, core.vault, load_connectors(core), center)
        for row in await core.db.dicts("select id, name from agent"):
            town.ids[row["name"]] = row["id"]
            _, town.tokens[row["name"]] = await signin.new_api_token(core.db, row["id"], "test")
        return town

    async def call(self, http: aiohttp.ClientSession, agent: str, method: str, url: str, body: Any = None) -> Any:
        """One request as an agent; its JSON, or an assertion."""
        headers = {"Authorization": f"Bearer {self.tokens[agent]}"}
        async with http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {url}: {answer.status} {text}"
            return await answer.json() if text else None

    async def conversations(self, provider: Provider, base: str, count: int) -> list[int]:
        """So many customers write once each; their conversations."""
        people = [sms(f"+1415555{n:04d}", f"Hello {n}") for n in range(count)]
        await asyncio.gather(*[provider.insist(base, message) for message in people])
        return [row["id"] for row in await self.core.db.dicts("select id from conversation order by id")]

    async def answer_all(self, conversations: list[int], count: int, first: int = 0) -> None:
        """Write `count` answers, in turn to each conversation, all due at once."""

        async def some(mine: list[int]) -> None:
            for n in range(first, first + count):
                if (conversation := conversations[n % len(conversations)]) in mine:
                    async with events.unit(self.core.db, self.core.feed) as unit:
                        await replies.reply(
                            unit, self.core.vault, conversation, replies.Reply(f"Answer {n}", f"k{n}"), actor_id=1
                        )
                        unit.notify("outbox")

        await asyncio.gather(*[some(conversations[n::6]) for n in range(6)])

    async def states(self) -> dict[str, int]:
        """How many sends are in which state."""
        rows = await self.core.db.dicts("select state, count(*) as n from outbound group by state")
        return {row["state"]: row["n"] for row in rows}


async def settled(check: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait until `check` is true; how long it took."""
    started = time.monotonic()
    await eventually(check, seconds)
    return time.monotonic() - started


def measured(what: str, seconds: float) -> None:
    """Shown with `pytest -s`, and when a test fails."""
    sys.stdout.write(f"{what}: {seconds:.2f} s\n")
