"""What is kept for a time only goes in pages, and nothing that a number, a report or open work needs goes with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.core import retention
from hub.core.clock import now
from hub.core.db import Database
from hub.core.file_upkeep import sweep
from hub.core.retention import Retention, forget
from hub.core.service import Core
from hub.reports.buckets import count_next
from tests.integration.files.stage import age, files, lying
from tests.support.app import App, open_app

MONTH = Retention(decisions=30, originals=30, deliveries=30)


async def count(db: Database, table: str) -> int:
    return int(await db.value(f"select count(*) from {table}"))  # pyright: ignore[reportArgumentType] - a test's own words


@pytest.fixture
async def app(core: Core, tmp_path: Path, aiohttp_client: Any) -> App:
    return await open_app(replace(core, files=files("folder", tmp_path / "files", at_least=1000)), aiohttp_client)


async def past(db: Database, days: int) -> None:
    """So many days went by."""
    for table, column in (
        ("decision", "at"),
        ("offer", "offered_at"),
        ("delivery", "received_at"),
        ("raw", "received_at"),
    ):
        await db.execute(f"update {table} set {column} = {column} - make_interval(days => %s)", [days])  # pyright: ignore[reportArgumentType] - a test's own words


async def decided(db: Database, conversation_id: int, offer: str = "declined") -> None:
    """The router chose somebody for what waits."""
    entry = await db.value(
        "select id from queue_entry where conversation_id = %s order by id desc limit 1", [conversation_id]
    )
    values = {"entry": entry, "offer": offer}
    await db.execute(
        "with o as (insert into offer (entry_id, agent_id, state, expires_at, ended_at, epoch)"
        " values (%(entry)s, 1, %(offer)s, now(), now(), 1) returning id)"
        " insert into decision (entry_id, offer_id, agent_id, key, reason) select %(entry)s, id, 1, 0, 'test' from o",
        values,
    )


async def test_old_decisions_go_with_work_that_is_over_and_stay_with_what_is_not(app: App) -> None:
    db, admin = app.core.db, await app.agent("admin")
    over, still = await app.sms(sender="+14155550101"), await app.sms(sender="+14155550102")
    for one in (over, still):
        await decided(db, one)
    await admin.post(f"/conversations/{over}/resolve", {})
    await past(db, 31)
    await decided(db, still)
    assert await forget(db, MONTH) == {"decisions": 1, "offers": 1, "originals": 2}
    assert (await admin.get(f"/conversations/{over}/decisions"))["items"] == []
    assert len((await admin.get(f"/conversations/{still}/decisions"))["items"]) == 2
    assert await forget(db, MONTH) == {}


async def test_nothing_that_is_shown_goes_unless_it_is_asked_for(app: App) -> None:
    db, admin = app.core.db, await app.agent("admin")
    done = await app.sms()
    await decided(db, done)
    await admin.post(f"/conversations/{done}/resolve", {})
    await db.execute("insert into delivery (connector, provider_id, status) values ('twilio', 'SM1', 'delivered')")
    await past(db, 4000)
    assert await forget(db, Retention()) == {"deliveries": 1}


async def test_bytes_of_old_messages_go_and_no_message_is_taken_in_twice(app: App, tmp_path: Path) -> None:
    db, admin = app.core.db, await app.agent("admin")
    first = await app.sms("x" * 3000, key="SM-old")
    assert len(lying(tmp_path / "files")) == 1
    await past(db, 31)
    await app.sms("young", key="SM-young")
    proof = await app.sms("STOP", key="SM-stop")
    await db.execute("update raw set received_at = received_at - interval '60 days' where dedup_key = 'SM-stop'")
    await db.execute(
        "insert into consent (address_id, channel, wanted, source, raw_id)"
        " select i.address_id, i.channel, false, 'word', i.raw_id from interaction i join raw r on r.id = i.raw_id"
        " where r.dedup_key = 'SM-stop'"
    )
    await forget(db, MONTH)
    [message] = await db.dicts(
        "select id, text from interaction where conversation_id = %s and direction = 'in' order by id limit 1", [first]
    )
    assert message["text"] == "x" * 3000
    refused = await admin.get(f"/interactions/{message['id']}/original", status=404)
    assert refused["code"] == "file.expired"
    kept = await db.dicts("select dedup_key from raw where body is not null or file_id is not null order by id")
    assert [row["dedup_key"] for row in kept] == ["SM-young", "SM-stop"]
    before = await count(db, "interaction")
    assert await app.sms("x" * 3000, key="SM-old") == first
    assert await count(db, "interaction") == before
    assert proof
    await sweep(db, app.core.files)
    await age(db)
    await sweep(db, app.core.files)
    assert lying(tmp_path / "files") == {}  # and the folder has room again


async def test_a_years_backlog_drains_in_pages_and_waits_for_autovacuum(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_REST", 0)
    monkeypatch.setattr(retention, "_PAUSE", 0)
    monkeypatch.setattr(retention, "PAGES", 3)
    await db.execute(
        "insert into delivery (connector, provider_id, status, received_at)"
        " select 'twilio', 'SM' || n, 'sent', now() - interval '400 days' + n * interval '100 minutes' from generate_series(1, 5760) n"
    )
    young = await db.value("select count(*) from delivery where received_at >= now() - interval '30 days'")
    assert await forget(db, MONTH) == {"deliveries": 3000}
    rounds = 0
    while await forget(db, MONTH):
        rounds += 1
    assert rounds == 1
    assert await count(db, "delivery") == young

    async def holes(*_: object) -> bool:
        return True

    await db.execute("update delivery set received_at = now() - interval '60 days'")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "value", holes)
        assert await forget(db, replace(MONTH, originals=0)) == {}
    assert await forget(db, MONTH) == {"deliveries": young}


async def test_reports_say_the_same_after_it(app: App) -> None:
    db, admin = app.core.db, await app.agent("admin")
    for n in range(3):
        done = await app.sms(sender=f"+1415555020{n}")
        await decided(db, done, "accepted")
        await admin.post(f"/conversations/{done}/resolve", {})
    while await count_next(db):
        pass
    moment = now()

    def asked(back: int) -> str:
        since, until = (f"{moment - timedelta(days=back + n):%Y-%m-%dT%H:%M:%SZ}" for n in (1, -1))
        return f"/reports/queues?since={since}&until={until}"

    before = await admin.get(asked(0))
    assert before["items"]
    assert before != await admin.get(asked(9))
    await past(db, 31)
    assert set(await forget(db, MONTH)) == {"decisions", "offers", "originals"}
    assert await admin.get(asked(0)) == before
