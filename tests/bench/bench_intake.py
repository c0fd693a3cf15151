"""Intake, durable: group commit against a transaction for each message, and against the bare statement."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from psycopg.types.json import Json, Jsonb

from hub.channels.accounts import Accounts
from hub.channels.model import AddressKind, Inbound
from hub.core.db import fetch_value
from hub.core.service import Core
from hub.messages.arrival_steps import LIMITS
from hub.messages.intake import Intake
from hub.messages.intake import sql as intake_sql
from tests.bench.stage import Figure, core, servers, show, sized
from tests.integration.messages.test_intake import Fake

SECONDS = sized(40, 3) / 10
SENDERS = 32

# What a program without group commit does for each message: look up, insert, log, commit.
FIND = "select contact_id from address where kind = 'phone' and value = %s"
CONTACT = "insert into contact (id, root_id, name) overriding system value values (nextval('contact_id_seq'), currval('contact_id_seq'), '') returning id"
ADDRESS = "insert into address (contact_id, kind, value) values (%s, 'phone', %s)"
CONVERSATION = (
    "insert into conversation (contact_id, account_id, channel, queue_id, seq) values (%s, 1, 'sms', 1, 1) returning id"
)
MESSAGE = "insert into interaction (conversation_id, contact_id, seq, kind, direction, channel, text) values (%s, %s, 1, 'message', 'in', 'sms', %s) returning id"
EVENT = "insert into event (kind, conversation_id, conversation_seq, data) values ('interaction.created', %s, 1, %s)"

ROW = {
    "account_id": 1,
    "connector": "fake",
    "raw_type": "text/plain",
    "kind": "phone",
    "name": "",
    "subject": "",
    "text": "x" * 90,
    "html": None,
    "external_id": None,
    "refs": [],
    "hint": None,
    "session": True,
    "verified": False,
    "automatic": False,
    "locale": None,
    "at": None,
    "meta": {},
    "channel": "sms",
}


def _message(n: str) -> Inbound:
    text = "Where is my order? It was promised for Tuesday and the tracking page has not moved since."
    return Inbound(1, n, text.encode(), "text/plain", AddressKind.PHONE, f"+1{n}", text)


class _Numbers:
    """Fresh ten-digit numbers."""

    def __init__(self) -> None:
        self._n = 2_000_000_000

    def next(self) -> str:
        self._n += 1
        return str(self._n)


async def _rate(work: Any, senders: int = SENDERS, seconds: float = SECONDS) -> float:
    """Calls of `work()` per second by so many senders, after a short warm-up."""
    done, ends = 0, time.perf_counter() + 0.5

    async def send(until: float) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await work()
            done += 1

    await asyncio.gather(*[send(ends) for _ in range(senders)])
    done, started = 0, time.perf_counter()
    await asyncio.gather(*[send(started + seconds) for _ in range(senders)])
    return done / (time.perf_counter() - started)


async def _lone(work: Any, calls: int = sized(300, 20)) -> float:
    """The median seconds of one call at a time."""
    times: list[float] = []
    for _ in range(calls):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def measure(hub: Core) -> list[Figure]:
    """The figures of the issue."""
    await hub.db.execute("insert into queue (key, name) values ('q', 'Q')")
    await hub.db.execute(
        "insert into account (key, connector, channel, name, queue_id) values ('sms', 'fake', 'sms', 'SMS', 1)"
    )
    connectors: Any = {"fake": Fake()}
    intake = Intake(hub, Accounts(hub.db, hub.vault, connectors), connectors)
    numbers = _Numbers()

    async def grouped() -> None:
        await intake.message(_message(numbers.next()))

    async def transaction() -> None:
        number = "+1" + numbers.next()
        async with hub.db.transaction() as conn:
            if await fetch_value(conn, FIND, [number]) is None:
                contact = await fetch_value(conn, CONTACT)
                await conn.execute(ADDRESS, [contact, number])
                conversation = await fetch_value(conn, CONVERSATION, [contact])
                interaction = await fetch_value(conn, MESSAGE, [conversation, contact, _message("1").text])
                await conn.execute(EVENT, [conversation, Jsonb({"interaction_id": interaction})])

    async def bare_100() -> None:
        # The statement itself, a hundred messages at a time, without anything of ours around it.
        batch = [{**ROW, "n": n, "dedup_key": (number := numbers.next()), "address": f"+1{number}"} for n in range(100)]
        await hub.db.dicts(
            intake_sql["intake"], {"batch": Json(batch), "bodies": [b"x" * 90] * 100, "limits": Json(LIMITS)}
        )

    alone_hub, alone_bare = await _lone(grouped), await _lone(transaction)
    hub_rate, each_rate, bare_rate = await _rate(grouped), await _rate(transaction), await _rate(bare_100, 1) * 100
    again = await _rate(grouped)
    rate = statistics.mean([hub_rate, again])
    return [
        Figure(f"intake, {SENDERS} senders, group commit", f"{rate:,.0f}/s"),
        Figure("one transaction for each message", f"{each_rate:,.0f}/s"),
        Figure("ratio", f"{rate / each_rate:.1f}x", ">= 3x", rate / each_rate >= 3),
        Figure("the set-based statement bare, 100 at a time", f"{bare_rate:,.0f}/s"),
        Figure("ratio", f"{rate / bare_rate:.2f}x", ">= 0.5x", rate / bare_rate >= 0.5),
        Figure("a lone sender, median", f"{alone_hub * 1000:.2f} ms"),
        Figure("a bare transaction alone, median", f"{alone_bare * 1000:.2f} ms"),
        Figure("ratio", f"{alone_hub / alone_bare:.2f}x", "<= 1.3x", alone_hub / alone_bare <= 1.3),
    ]


async def run() -> list[Figure]:
    with servers() as found:
        async with core(found) as hub:
            return await measure(hub)


if __name__ == "__main__":
    show("Intake", asyncio.run(run()))
