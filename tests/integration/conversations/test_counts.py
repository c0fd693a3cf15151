"""Counts of what lies in queues are kept as it changes, and are at every moment those that would be counted."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from hub.conversations import actions, counts, lifecycle
from hub.core import events
from hub.core.clock import now
from hub.core.db import Database
from hub.core.errors import HubError
from hub.queues import entries
from tests.support.app import App

_COUNTED = """
select (select count(*) from conversation where status = 'open')::int as open,
       (select count(*) from conversation where status = 'snoozed')::int as snoozed,
       (select count(*) from queue_entry where state in ('waiting', 'offered'))::int as waiting
"""


async def _kept(db: Database) -> dict[str, int]:
    rows = await db.dicts("select what, sum(n)::int as n from queue_counts group by what")
    return {"open": 0, "snoozed": 0, "waiting": 0} | {row["what"]: row["n"] for row in rows}


async def _anything(app: App, draw: random.Random, known: list[int], queues: list[int], agents: list[int]) -> None:
    """One thing that customers, agents or the clock do; refused where it makes no sense."""
    core = app.core
    if not known or draw.random() < 0.3:
        sender = f"+1415555{draw.randrange(12):04}"
        known.append(
            await (
                app.sms(sender=sender) if draw.random() < 0.7 else app.mail(sender=f"a{draw.randrange(9)}@x.example")
            )
        )
        return
    one, agent = draw.choice(known), draw.choice(agents)
    async with events.unit(core.db, core.feed) as unit:
        match draw.randrange(7):
            case 0:
                await actions.resolve(unit, one, actor_id=agent)
            case 1:
                await actions.snooze(unit, one, now() + timedelta(days=30), actor_id=agent)
            case 2:
                await lifecycle.reopen(unit, one, actor_id=agent)
            case 3:
                await entries.pull(unit, one, agent)
            case 4:
                await entries.transfer(unit, one, queue_id=draw.choice(queues), actor_id=agent)
            case 5:
                await entries.transfer(unit, one, agent_id=agent, actor_id=agent)
            case _:
                await actions.resolve(unit, one, actor_id=agent)
                raise HubError("taken back: nothing of it has happened")


@pytest.mark.breaks_rules  # what is erased in the end leaves halves behind
async def test_kept_counts_are_those_counted_whatever_is_done_at_once(app: App) -> None:
    db = app.core.db
    queues = [row["id"] for row in await db.dicts("select id from queue order by id")]
    agents = [row["id"] for row in await db.dicts("select distinct agent_id as id from agent_queue order by 1 limit 4")]
    draw, known, done = random.Random(7), list[int](), [0, 0]

    async def somebody() -> None:
        for _ in range(60):
            try:
                await _anything(app, draw, known, queues, agents)
                done[0] += 1
            except HubError:
                done[1] += 1

    async def the_clock(until: asyncio.Event) -> None:
        while not until.is_set():
            await counts.fold(db)
            assert await counts.recount(db) == []  # in the middle of all that, too

    over = asyncio.Event()
    clock = asyncio.gather(the_clock(over), the_clock(over))  # two, though one is meant
    await asyncio.gather(*[somebody() for _ in range(4)])
    over.set()
    await clock
    async with events.unit(db, app.core.feed) as unit:
        [one] = await db.dicts("select min(id) as id from conversation where status = 'open'")
        await actions.snooze(unit, one["id"], now() + timedelta(days=30), actor_id=agents[0])
    [counted] = await db.dicts(_COUNTED)
    assert await _kept(db) == counted
    assert done[0] > 100
    assert min(counted.values()) > 0
    await db.execute("delete from interaction")  # what is erased is not counted on
    await db.execute("delete from conversation where id %% 2 = 0", {})
    await db.execute("delete from queue_entry where id %% 2 = 1", {})
    [counted] = await db.dicts(_COUNTED)
    assert await _kept(db) == counted
    await db.execute("truncate conversation, queue_entry cascade")
    assert await _kept(db) == {"open": 0, "snoozed": 0, "waiting": 0}


async def test_a_wrong_count_is_put_right_and_said(app: App) -> None:
    db = app.core.db
    await app.sms()
    [queue] = await db.dicts("select queue_id as id from conversation")
    await db.execute(
        "insert into queue_count_change values (%s, 'open', 5), (%s, 'snoozed', 1)", [queue["id"], queue["id"]]
    )
    assert await _kept(db) == {"open": 6, "snoozed": 1, "waiting": 1}
    found = await counts.recount(db)
    assert {(m.what, m.n) for m in found} == {("open", -5), ("snoozed", -1)}
    assert await counts.recount(db) == []
    assert await _kept(db) == {"open": 1, "snoozed": 0, "waiting": 1}


async def test_counts_read_few_rows_once_changes_were_added_up(app: App) -> None:
    db = app.core.db
    for number in range(30):
        await app.sms(sender=f"+1415556{number:04}")
    assert await db.value("select count(*) from queue_count_change") > 30
    before = await _kept(db)
    assert await counts.fold(db) > 30
    assert await counts.fold(db) == 0
    assert await db.value("select count(*) from queue_count") <= 3
    assert await _kept(db) == before
