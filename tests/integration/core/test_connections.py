"""Connections whose other end has gone: nobody who asks afterwards has to notice."""

from __future__ import annotations

import psycopg
import pytest

from hub.core.db import Database
from hub.core.errors import Unavailable
from tests.support.proxy import Proxy

CUT = "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


def _cut(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as admin:
        row = admin.execute(CUT).fetchone()
    assert row
    return int(row[0])


async def test_the_first_question_on_every_connection_is_answered_after_a_cut(db: Database, database_url: str) -> None:
    lanes = [db.lane(name) for name in ("intake", "router", "screens")]
    for lane in lanes:
        assert await lane.value("select 1") == 1
    held = [db.connection() for _ in range(8)]
    for one in held:
        await one.__aenter__()
    for one in held:
        await one.__aexit__(None, None, None)  # eight idle connections in the pool
    for _ in range(3):
        assert _cut(database_url) >= 4
        for where in (*lanes, *[db] * 8):
            assert await where.value("select 1") == 1  # no `Unavailable`


async def test_a_transaction_after_a_cut_begins_anew(db: Database, database_url: str) -> None:
    await db.execute("create table kept (n int)")
    lane = db.lane("intake")
    for n in range(5):
        async with lane.transaction() as conn:
            await conn.execute("insert into kept values (%s)", [n])
        _cut(database_url)
    assert await db.value("select count(*) from kept") == 5


async def test_sessions_of_ours_are_known_by_their_name(db: Database) -> None:
    lane = db.lane("intake")
    asked = "select application_name from pg_stat_activity where pid = pg_backend_pid()"
    assert (await db.value(asked), await lane.value(asked)) == ("omnihub", "omnihub intake")


@pytest.mark.slow
async def test_a_statement_that_is_never_answered_ends_by_our_own_clock(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.core.db.ANSWER_SECONDS", 0.5)
    async with Proxy.before(database_url) as proxy:
        db = Database(proxy.url, size=2)
        await db.open()
        assert await db.value("select 1") == 1
        proxy.swallow()
        with pytest.raises(Unavailable):
            await db.value("select 2")
        proxy.pass_on()
        assert await db.value("select 3") == 3
        await db.close()
