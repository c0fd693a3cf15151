"""Readers of the log: never past what may still be written, and never held up by what cannot be."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from hub.core import events, readers
from hub.core.db import Database, fetch_dicts
from hub.core.embedded import Embedded
from hub.core.functions import CURRENT
from hub.core.migrate import migrate
from tests.support.log import said, take_any_kind
from tests.support.postgres import open_writer, other_database


@pytest.fixture
async def db(db: Database) -> Database:
    await take_any_kind(db)
    return db


async def _log(db: Database, *kinds: str) -> None:
    for kind in kinds:
        async with db.transaction() as conn:
            await events.append(conn, said(kind))


async def _read(reader: events.Reader) -> list[str]:
    async with reader.batch() as batch:
        return [event.kind for event in batch.events]


async def test_writer_in_another_database_holds_up_no_reader(db: Database, database_url: str) -> None:
    reader = events.Reader(db, "test")
    with other_database(database_url) as elsewhere, open_writer(elsewhere), open_writer(elsewhere):
        await _log(db, "one", "two")
        assert await _read(reader) == ["one", "two"]
        await _log(db, "three")
        assert await _read(reader) == ["three"]


async def test_writer_in_our_database_is_waited_for_whatever_runs_elsewhere(db: Database, database_url: str) -> None:
    reader = events.Reader(db, "test")
    with other_database(database_url) as elsewhere, open_writer(elsewhere):
        with open_writer(database_url) as ours:
            await _log(db, "later")
            assert await _read(reader) == []
            ours.execute("insert into event (kind) values ('early')")  # with the older transaction id
            ours.commit()
        assert await _read(reader) == ["early", "later"]


async def test_order_is_by_number_when_transaction_ids_grow_by_a_digit(db: Database) -> None:
    rows = [("99999", "one"), ("100000", "two"), ("999999", "three"), ("1000000", "four")]
    for xid, kind in rows:  # of the past: the cluster is made to be further
        await db.execute(
            "insert into event (xid, kind) values (%s::text::xid8, %s)", [str(int(xid) // 10**4 + 3), kind]
        )
    reader = events.Reader(db, "test")
    async with reader.batch(limit=2) as batch:
        assert [e.kind for e in batch.events] == ["one", "two"]
    assert await _read(reader) == ["three", "four"]
    assert await _read(reader) == []


async def test_reader_writes_in_its_own_transaction_and_reads_that_next_time(db: Database) -> None:
    reader = events.Reader(db, "test")
    await _log(db, "one")
    async with reader.batch() as batch:
        assert [e.kind for e in batch.events] == ["one"]
        await events.append(batch.conn, said("answer"))
    assert await _read(reader) == ["answer"]


async def test_who_may_not_see_the_sessions_waits_for_all_of_them(db: Database, database_url: str) -> None:
    reader = events.Reader(db, "test")
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("create role blind login nosuperuser")
        admin.execute("grant all on all tables in schema public to blind")
        admin.execute(SQL("grant usage on schema {} to blind").format(Identifier(CURRENT.schema)))
        admin.execute("revoke select on pg_stat_activity from public")
    try:
        with other_database(database_url) as elsewhere, open_writer(elsewhere):
            await _log(db, "one")
            async with db.transaction() as conn:
                await conn.execute("set local role blind")
                assert await fetch_dicts(conn, events.sql["read"], {"xid": "0", "id": 0, "limit": 9}) == []
            assert await _read(reader) == ["one"]  # an owner sees
    finally:
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("grant select on pg_stat_activity to public")
            admin.execute("drop owned by blind")
            admin.execute("drop role blind")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
async def test_every_event_is_read_once_whatever_commits_when(db: Database, database_url: str, seed: int) -> None:
    """Writers here and elsewhere begin, linger, commit and roll back in any order while two readers read on."""
    dice = random.Random(seed)
    await db.execute("truncate event, event_cursor")
    written: set[str] = set()
    over = asyncio.Event()

    async def write(url: str, name: str, *, log: bool) -> None:
        async with await psycopg.AsyncConnection.connect(url) as conn:
            for n in range(12):
                await conn.execute("select pg_current_xact_id()")
                await asyncio.sleep(dice.random() * 0.02)
                if log:
                    await conn.execute("insert into event (kind) values (%s)", [f"{name}.{n}"])
                    await asyncio.sleep(dice.random() * 0.02)
                if dice.random() < 0.2:
                    await conn.rollback()
                else:
                    await conn.commit()
                    written.update({f"{name}.{n}"} if log else ())

    async def read(name: str, seen: list[str]) -> None:
        reader = events.Reader(db, name)
        while not over.is_set():
            seen += await _read(reader)
            await asyncio.sleep(dice.random() * 0.005)

    first: list[str] = []
    second: list[str] = []
    with other_database(database_url) as elsewhere:
        reading = [asyncio.create_task(read("a", first)), asyncio.create_task(read("b", second))]
        await asyncio.gather(
            *[write(database_url, f"ours{n}", log=True) for n in range(5)],
            *[write(elsewhere, f"theirs{n}", log=False) for n in range(3)],
        )
        over.set()
        await asyncio.gather(*reading)
        for name, seen in (("a", first), ("b", second)):
            seen += await _read(events.Reader(db, name))
            assert sorted(seen) == sorted(written)


@pytest.fixture(scope="module")
def preparing() -> Generator[str]:
    """A PostgreSQL that allows prepared transactions, which the hub's own does not."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = Embedded(Path(folder) / "data", durable=False)
        with psycopg.connect(server.start().database_url, autocommit=True) as admin:
            admin.execute("alter system set max_prepared_transactions = 10")
        server.stop()
        url = server.start().database_url
        migrate(url)
        yield url
        server.stop()


@pytest.mark.slow
async def test_prepared_transactions_are_waited_for_here_and_nowhere_else(
    preparing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(preparing, size=2)
    await db.open()
    await take_any_kind(db)
    reader = events.Reader(db, "test")
    with other_database(preparing) as elsewhere:
        left = {elsewhere: "left elsewhere", preparing: "left here"}
        for url, expected in ((elsewhere, ["after"]), (preparing, [])):
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute("begin")
                conn.execute("create table if not exists prepared (n int)")
                if url == preparing:
                    conn.execute("insert into event (kind) values ('prepared')")
                conn.execute(SQL("prepare transaction {}").format(left[url]))
            await _log(db, "after")
            assert await _read(reader) == expected
        monkeypatch.setattr(readers, "OPEN_SECONDS", 0.0)
        [writer] = await readers.writers(db)
        assert (writer.pid, writer.remedy) == (None, "rollback prepared 'left here'")
        for url in (preparing, elsewhere):
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute(SQL("commit prepared {}").format(left[url]))
        assert await _read(reader) == ["prepared", "after"]
    await db.close()
