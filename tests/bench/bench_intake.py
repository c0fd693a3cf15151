"""Intake, durable: against a transaction for each message, against its own statement, and against the same rows alone.

The rates are measured in turns, so that a machine that slows down slows all of them; the median and the spread are given.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Json, Jsonb

from hub.channels.accounts import Accounts
from hub.channels.model import AddressKind, Inbound
from hub.core.db import fetch_value
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages.arrival_steps import LIMITS
from hub.messages.intake import Intake
from hub.messages.intake import sql as intake_sql
from tests.bench.stage import Figure, core, servers, show, sized
from tests.integration.messages.test_intake import Fake

SECONDS = sized(100, 3) / 10  # of each, in all turns
SENDERS, TURNS = 32, sized(5, 1)
same_rows = Queries.beside(__file__, "same_rows.sql")

Work = Callable[[], Awaitable[None]]

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


@dataclass(frozen=True, slots=True)
class Turn:
    """What was measured one after the other: messages a second, and what Python takes for one, in microseconds."""

    hub: float
    python: float
    each: float
    bare: float
    rows: float


async def _turn(hub: Core, grouped: Work, each: Work, bare_100: Work, rows_100: Work) -> Turn:
    began, used = await _count(hub), time.process_time()
    rate = await _rate(grouped, seconds=SECONDS / TURNS)
    python = (time.process_time() - used) / (await _count(hub) - began)
    return Turn(
        rate,
        python * 1e6,
        await _rate(each, seconds=SECONDS / TURNS),
        await _rate(bare_100, 1, SECONDS / TURNS) * 100,
        await _rate(rows_100, 1, SECONDS / TURNS) * 100,
    )


async def _count(hub: Core) -> int:
    return await hub.db.value("select count(*) from raw")


def spread(values: Sequence[float], unit: str) -> str:
    """The median, and the least and the most beside it."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f}){unit}"


def _ratio(values: Sequence[float], least: float | None) -> Figure:
    middle = statistics.median(values)
    said = f"{middle:.2f} ({min(values):.2f}-{max(values):.2f})x"
    return Figure("ratio", said, f">= {least:g}x" if least else "", middle >= least if least else None)


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

    async def rows_100() -> None:
        own = [f"+1{numbers.next()}" for _ in range(100)]
        await hub.db.execute(same_rows["new_texts"], {"numbers": own, "texts": [_message("1").text] * 100})

    alone_hub, alone_bare = await _lone(grouped), await _lone(transaction)
    turns = [await _turn(hub, grouped, transaction, bare_100, rows_100) for _ in range(TURNS)]
    return [
        Figure(f"intake, {SENDERS} senders, group commit", spread([t.hub for t in turns], "/s")),
        Figure("of the processors: Python here", spread([t.python for t in turns], " µs a message")),
        Figure("one transaction for each message", spread([t.each for t in turns], "/s")),
        _ratio([t.hub / t.each for t in turns], 3),
        Figure("intake's own statement bare, 100 at a time", spread([t.bare for t in turns], "/s")),
        _ratio([t.hub / t.bare for t in turns], 0.5),
        Figure("the same rows by the shortest statement, 100 at a time", spread([t.rows for t in turns], "/s")),
        _ratio([t.hub / t.rows for t in turns], None),
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
