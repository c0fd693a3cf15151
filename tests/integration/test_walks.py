"""The walks of `docs/develop/architecture.md`, walked: what is called on the way of a mail comes in the order written down."""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import sys
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hub.automation.plans import plan_next
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo import MailCatcher
from routing.engine import Router
from tests.integration.calls.stage import Behavior, stage
from tests.integration.connectors.harness import eventually
from tests.support.app import App
from workers.context import parts
from workers.deliver import Delivery
from workers.followups import run_due

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/develop/architecture.md"
MOST = 9
MAIL = "From: Ann <ann@customer.example>\r\nTo: {to}\r\nSubject: Hello\r\nMessage-ID: <1@customer.example>\r\n\r\nWhere is it?\r\n"


@dataclass(frozen=True, slots=True)
class Stop:
    """A line of a walk: a file, and the function, SQL function or query in it."""

    file: str
    name: str

    @property
    def is_called(self) -> bool:
        """Whether this process can see it being called."""
        return self.file.endswith(".py")

    def is_there(self) -> bool:
        """Whether the file has it."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        if self.file.endswith(".sql"):
            return f"create function {self.name}(" in text or f"-- {self.name}:" in text
        own = self.name.rsplit(".", 1)[-1]
        return bool(re.search(rf"def {own}\b" if self.is_called else rf"\b{own}\b", text))


def _walks() -> dict[str, list[Stop]]:
    """Every walk by its heading."""
    page = PAGE.read_text(encoding="utf-8").split("## Five walks")[1].split("\n## ")[0]
    return {
        title: [Stop(*found) for found in re.findall(r"^\d\. `([^`]+)` `([^`]+)`", text, re.MULTILINE)]
        for title, text in re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", page, re.MULTILINE | re.DOTALL)
    }


WALKS = _walks()


@contextlib.contextmanager
def walked(title: str) -> Generator[None]:
    """Fail unless the stops of a walk that can be seen were called in their order."""
    expected = [stop for stop in WALKS[title] if stop.is_called]
    seen: list[Stop] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and (found := by_code.get((frame.f_code.co_filename, frame.f_code.co_qualname))):
            seen.append(found)

    by_code = {(str(ROOT / stop.file), _qualified(stop)): stop for stop in expected}
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
    ahead = iter(seen)
    missed = [stop for stop in expected if stop not in ahead]
    assert not missed, f"{title}: not called, or not in this order: {missed}"


def _qualified(stop: Stop) -> str:
    return "Listener.handle_DATA" if stop.name == "handle_DATA" else stop.name


def _unseen(stops: Iterable[Stop]) -> list[Stop]:
    return [stop for stop in stops if not stop.is_there()]


@pytest.mark.parametrize("title", WALKS)
def test_walk_has_few_stops_that_are_all_there_and_none_twice(title: str) -> None:
    stops = WALKS[title]
    assert 5 < len(stops) <= MOST
    assert len({stop.file for stop in stops}) == len(stops)
    assert not _unseen(stops)


def test_all_that_was_promised_is_walked() -> None:
    assert list(WALKS) == ["A mail", "A reply", "A call", "A follow-up", "A page of the desk: the inbox"]


@asynccontextmanager
async def in_background(*work: Any) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_mail_reply_follow_up_and_page_walk_as_written(app: App) -> None:
    core, accounts = app.core, app.context.accounts
    catcher = MailCatcher()
    await catcher.start()
    await core.db.execute(
        """update account set settings = settings || jsonb_build_object('listen_smtp', '127.0.0.1:0', 'listen_lmtp', null,
            'smtp', settings -> 'smtp' || jsonb_build_object('host', %s::text, 'port', %s::int)) where connector = 'email'""",
        [catcher.host, catcher.port],
    )
    await core.db.execute("update queue set hours_id = null")  # open, whatever the time of the test
    accounts._read_at = -9e9
    account = next(a for a in await app.context.intake.accounts("email"))
    email: Any = app.context.connectors["email"]
    amy = await app.agent("amy")
    await plan_next(core.db)  # the reader of the log begins here
    async with in_background(Router(core, ttl=1.0).run(), email.run(app.context.intake)):
        await amy.call("PUT", "/me/presence", {"state": "available"})

        async def listening() -> Any:
            return email.listening.get("smtp://127.0.0.1:0")

        host, port = await eventually(listening)

        def deliver() -> None:
            with smtplib.SMTP(host, port, timeout=20) as client:
                client.sendmail("ann@customer.example", [account.address or ""], MAIL.format(to=account.address))

        async def offered() -> list[dict[str, Any]]:
            return (await amy.get("/me/offers"))["items"]

        with walked("A mail"):
            await asyncio.to_thread(deliver)
            offer = (await eventually(offered))[0]
            await amy.post(f"/offers/{offer['id']}/accept")
        with walked("A page of the desk: the inbox"):
            assert (await amy.get("/conversations?view=mine"))["items"]
        conversation = offer["conversation_id"]
        with walked("A reply"):
            await amy.post(
                f"/conversations/{conversation}/replies", {"text": "On its way.", "client_id": "reply-00000001"}
            )
            async with parts(core) as context:
                await Delivery(context).drain()
        assert len(catcher.mails) == 1
        await amy.post(f"/conversations/{conversation}/resolve", {})

        async def planned() -> Any:
            await plan_next(core.db)
            return await core.db.value("select count(*) from follow_up where state = 'scheduled'")

        with walked("A follow-up"):
            assert await eventually(planned)
            await core.db.execute("update follow_up set due_at = now() - interval '1 minute' where state = 'scheduled'")
            assert await run_due(core)
    await catcher.stop()


async def test_call_walks_as_written(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        await scene.agent("Amy", behavior=Behavior(answers=1))
        with walked("A call"):
            caller = scene.calls()
            await scene.in_state("talking")
        caller.hang_up()
        await scene.settled()
