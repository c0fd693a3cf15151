"""The ground floor: log, leases, group commit, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import psycopg
import pytest

from hub.conversations.events import ConversationReopened, ConversationUpdated
from hub.core import events, leases
from hub.core.db import Database
from hub.core.errors import Contended, Unavailable
from hub.core.groupcommit import GroupCommit
from hub.core.service import Core
from tests.support.log import said, take_any_kind
from tools.event_catalogue import CATALOGUE


async def test_reader_skips_nothing_when_an_earlier_transaction_commits_late(db: Database) -> None:
    await take_any_kind(db)
    reader = events.Reader(db, "test")
    async with db.transaction() as slow:
        await events.append(slow, said("early"))
        async with db.transaction() as quick:
            await events.append(quick, said("late"))
        async with reader.batch() as batch:
            assert batch.events == []  # "late" is committed, but "early" may still come before it
    async with reader.batch() as batch:
        assert [e.kind for e in batch.events] == ["early", "late"]
    async with reader.batch() as batch:
        assert batch.events == []


async def test_reader_reads_again_when_its_work_fails(db: Database) -> None:
    await take_any_kind(db)
    reader = events.Reader(db, "test")
    async with db.transaction() as conn:
        await events.append(conn, said("one"))
    with pytest.raises(RuntimeError):
        async with reader.batch() as batch:
            assert [e.kind for e in batch.events] == ["one"]
            raise RuntimeError
    async with reader.batch() as batch:
        assert [e.kind for e in batch.events] == ["one"]


async def test_reader_moves_past_what_it_does_not_want(db: Database) -> None:
    await take_any_kind(db)
    async with db.transaction() as conn:
        for kind in ("one", "other", "one", "other", "other"):
            await events.append(conn, said(kind))
    query = events.sql["read"].replace("true as wanted", "kind = 'one' as wanted")
    reader = events.Reader(db, "test", query=query)
    async with reader.batch(4) as batch:
        assert ([e.kind for e in batch.events], batch.read) == (["one", "one"], 4)
    async with reader.batch(4) as batch:
        assert (batch.events, batch.read) == ([], 1)
    async with reader.batch(4) as batch:
        assert (batch.events, batch.read) == ([], 0)


async def test_unit_publishes_nothing_when_rolled_back(core: Core) -> None:
    pubsub = core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.psubscribe("t:*")
    agent = await core.db.value("insert into agent (email, name) values ('a@example.com', 'A') returning id")
    await core.db.execute("insert into agent_state (agent_id) values (%s)", [agent])
    with pytest.raises(RuntimeError):
        async with events.unit(core.db, core.feed) as unit:
            await unit.log(ConversationReopened(), agent_id=agent)
            raise RuntimeError
    async with events.unit(core.db, core.feed) as unit:
        await unit.log(ConversationUpdated(), agent_id=agent)
    heard = [
        m["data"] for _ in range(3) if (m := await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.3))
    ]
    assert len(heard) == 1
    assert b'"conversation.updated"' in heard[0]
    assert b'"seq":1' in heard[0]
    await pubsub.aclose()


async def test_lease_moves_with_a_new_epoch_when_its_holder_is_gone(db: Database) -> None:
    first, second = leases.Lease(db, "router", ttl=0.3), leases.Lease(db, "router", ttl=0.3)
    assert await first.try_acquire() == 1
    assert await first.try_acquire() == 1
    assert await second.try_acquire() is None
    await asyncio.sleep(0.4)
    assert await second.try_acquire() == 2
    async with db.transaction() as conn:
        with pytest.raises(leases.LeaseLost):
            await leases.check(conn, "router", 1)
        await leases.check(conn, "router", 2)


async def test_group_commit_isolates_the_poisonous_item(db: Database) -> None:
    flushes: list[int] = []

    async def flush(items: Sequence[int]) -> list[int]:
        flushes.append(len(items))
        await asyncio.sleep(0.01)
        if 13 in items:
            raise ValueError("poison")
        return [i * 2 for i in items]

    group = GroupCommit(flush, limit=64)
    results = await asyncio.gather(*[group.submit(i) for i in range(40)], return_exceptions=True)
    assert isinstance(results[13], ValueError)
    assert [r for i, r in enumerate(results) if i != 13] == [i * 2 for i in range(40) if i != 13]
    assert max(flushes) > 10


async def test_group_commit_waits_for_nobody_when_alone() -> None:
    sizes: list[int] = []

    async def flush(items: Sequence[str]) -> Sequence[str]:
        sizes.append(len(items))
        return items

    group = GroupCommit(flush)
    assert await group.submit("a") == "a"
    assert await group.submit("b") == "b"
    assert sizes == [1, 1]


async def test_publisher_whose_connection_was_cut_opens_another_at_once(core: Core) -> None:
    pubsub = core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe("t:x")
    for n in range(3):
        await core.feed.publish([("x", {"n": n})])
        async with asyncio.timeout(5):
            while (heard := await pubsub.get_message(timeout=1)) is None:
                pass
        assert orjson.loads(heard["data"]) == {"n": n}
        await core.feed.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(0.05)  # until the end of the line has reached us
    await pubsub.aclose()


async def test_group_commit_repeats_what_met_a_deadlock_and_leaves_who_waits_to_himself() -> None:
    met = {"deadlock": 2, "locked": 99}

    async def flush(items: Sequence[str]) -> Sequence[str]:
        for item in items:
            if met.get(item, 0):
                met[item] -= 1
                raise Contended(at_once=item == "deadlock")
        return items

    group = GroupCommit(flush)
    names = ["a", "deadlock", "b", "locked", "c"]
    results = await asyncio.gather(*[group.submit(n) for n in names], return_exceptions=True)
    assert [r for r in results if not isinstance(r, Exception)] == ["a", "deadlock", "b", "c"]
    assert isinstance(results[3], Contended)


async def test_group_commit_asks_an_absent_database_once_for_all() -> None:
    flushes: list[int] = []

    async def flush(items: Sequence[int]) -> list[int]:
        flushes.append(len(items))
        raise Unavailable

    group = GroupCommit(flush)
    results = await asyncio.gather(*[group.submit(i) for i in range(9)], return_exceptions=True)
    assert all(type(r) is Unavailable for r in results)
    assert sum(flushes) == 9


async def test_group_commit_parts_what_is_too_heavy_together() -> None:
    weights: list[int] = []

    async def flush(items: Sequence[int]) -> Sequence[int]:
        weights.append(sum(items))
        await asyncio.sleep(0.01)
        return items

    group = GroupCommit(flush, weighed=(lambda item: item, 100))
    items = [40, 70, 30, 500, 1, 1, 98, 1]
    assert await asyncio.gather(*[group.submit(i) for i in items]) == items
    assert sum(weights) == sum(items)
    assert all(weight <= 100 or weight == 500 for weight in weights)


async def test_only_kinds_of_the_catalogue_are_logged(db: Database) -> None:
    for kind in CATALOGUE:
        await db.execute("insert into event (kind) values (%s)", [kind])
    with pytest.raises(psycopg.errors.CheckViolation, match="event_kind_known"):
        await db.execute("insert into event (kind) values ('entry.queed')")
    await db.execute("truncate event")
