"""A database of 0.1.0 that was worked with becomes one of this version: nothing is lost, and work goes on in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from hub.app import web_application
from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.migrate import migrate
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.queues.decision_reasons import english
from hub.web.context import WebContext
from routing.engine import Router
from tests.integration.connectors.harness import eventually
from tests.migration.released import FIRST, FIRST_KEY, load
from tests.support.app import App
from tests.support.postgres import other_database

Columns = dict[str, list[str]]
COLUMNS = """
    select c.relname, array_agg(a.attname order by a.attnum) from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname
"""
# What is changed of rows that are there, on purpose; everything else stays to the letter.
CHANGED = {
    "event": {"xid"},  # of another cluster
    "event_cursor": {"xid"},
    "interaction": {"meta"},  # and to what the hub wrote by itself
    "decision": {"candidates"},  # codes are added to the words
}


def columns(url: str) -> Columns:
    with psycopg.connect(url) as conn:
        return dict(conn.execute(COLUMNS).fetchall())


def rows(url: str, of: Columns) -> dict[str, Counter[str]]:
    """Every row of each table as text, but for what is changed on purpose."""
    found: dict[str, Counter[str]] = {}
    with psycopg.connect(url) as conn:
        for table, names in of.items():
            shown = SQL(", ").join(Identifier(name) for name in names if name not in CHANGED.get(table, ()))
            query = SQL("select to_jsonb(r) from (select {} from public.{}) r").format(shown, Identifier(table))
            found[table] = Counter(json.dumps(row[0], ensure_ascii=False) for row in conn.execute(query))
    return found


@pytest.fixture
def old(database_url: str) -> Generator[str]:
    """A database as 0.1.0 left it."""
    with other_database(database_url, finds_functions=False) as url:
        load(FIRST, url)
        yield url


@pytest.fixture
async def app(old: str, feed: Feed, aiohttp_client: Any) -> AsyncGenerator[App]:
    """This version at work on it."""
    migrate(old)
    db = Database(old, size=8)
    await db.open()
    core = Core(db, feed, Vault(FIRST_KEY.encode()), "http://127.0.0.1:8080")
    connectors = load_connectors(core)
    accounts = Accounts(db, core.vault, connectors)
    intake = Intake(core, accounts, connectors)
    context = WebContext(core, accounts, connectors, intake, "test")
    router = asyncio.create_task(Router(core, ttl=1.0).run())
    yield App(core, await aiohttp_client(web_application(context, intake.close)), context)
    router.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await router
    await db.close()


def test_every_table_of_the_first_release_has_rows_to_lose(old: str) -> None:
    assert [table for table, found in rows(old, columns(old)).items() if not found] == []


def test_nothing_of_the_first_release_is_lost_when_its_database_is_migrated(old: str) -> None:
    of = columns(old)
    before = rows(old, of)
    migrate(old)
    after = rows(old, of)
    lost = {table: list((found - after[table]).elements())[:3] for table, found in before.items()}
    assert {table: some for table, some in lost.items() if some} == {}
    more = {table for table, found in after.items() if found - before[table]}
    assert more == {"channel_policy", "migration"}
    assert migrate(old) == []


async def test_reasons_of_the_first_release_are_codes(app: App) -> None:
    rows = await app.core.db.dicts("select reason, because, candidates from decision")
    assert len(rows) > 20
    for row in rows:
        assert english(row["because"]).startswith(row["reason"]) or "idle for" in row["reason"]
        assert row["because"]
        for candidate in row["candidates"]:
            assert english(candidate["because"]).startswith(candidate["reason"])  # a code may say more by now
        codes = {one["code"] for one in [*row["because"], *(b for c in row["candidates"] for b in c["because"])]}
        assert "text" not in codes


async def test_every_conversation_of_the_first_release_is_shown(app: App) -> None:
    eva = await app.agent("eva")
    shown = [page async for page in _pages(eva, "/conversations?view=all")]
    there = await app.core.db.value("select count(*) from conversation")
    assert len({row["id"] for row in shown}) == there > 20
    for row in shown:
        told = await eva.get(f"/conversations/{row['id']}/interactions")
        count = await app.core.db.value("select count(*) from interaction where conversation_id = %s", [row["id"]])
        assert len(told["items"]) == count
        await eva.get(f"/contacts/{row['contact']['id']}/timeline")
        await eva.get(f"/conversations/{row['id']}/decisions")
        await eva.get(f"/conversations/{row['id']}/calls")
    await eva.get("/board")
    await eva.get("/calls")
    admin = await app.agent("admin")
    for path in ("/mailboxes", "/messaging/accounts", "/quarantine", "/tokens", "/events"):
        await admin.get(path)


async def _pages(agent: Any, path: str) -> AsyncGenerator[dict[str, Any]]:
    cursor = ""
    while True:
        page = await agent.get(path + cursor)
        for row in page["items"]:
            yield row
        if not page.get("next"):
            return
        cursor = f"&cursor={page['next']}"


async def test_work_goes_on_in_a_database_of_the_first_release(app: App) -> None:
    """Customers who are known write again, by mail and text: they are offered, accepted, answered and resolved."""
    db = app.core.db
    amy = await app.agent("amy")
    app.ids["n"] = 9000  # of what is written: no id that was there
    await db.execute("update queue_entry set state = 'closed', closed_at = now() where state <> 'closed'")
    await db.execute(
        "update conversation set status = 'resolved', resolved_at = now() - interval '1 year', waiting_since = null"
    )
    await db.execute("update agent_state set state = 'offline'")
    known = await db.dicts("""
        select distinct on (a.kind) a.kind, a.value, c.root_id, i.channel from address a join contact c on c.id = a.contact_id
        join interaction i on i.address_id = a.id and i.direction = 'in' and i.channel in ('email', 'sms')
        order by a.kind, a.id
    """)
    assert {row["channel"] for row in known} == {"email", "sms"}
    await amy.call("PUT", "/me/presence", {"state": "available"})
    for row in known:
        write = app.mail if row["channel"] == "email" else app.sms
        conversation = await write("It has arrived, but the shade is cracked.", row["value"])
        contact = await db.value(
            "select c.root_id from conversation v join contact c on c.id = v.contact_id where v.id = %s", [conversation]
        )
        assert contact == row["root_id"]

        async def offered(of: int = conversation) -> int | None:
            found = [o["id"] for o in (await amy.get("/me/offers"))["items"] if o["conversation_id"] == of]
            return found[0] if found else None

        offer = await eventually(offered, 20)
        await amy.post(f"/offers/{offer}/accept")
        reply = {"client_id": f"c-{row['kind']}", "text": "A new one leaves today."}
        await amy.post(f"/conversations/{conversation}/replies", reply)
        assert await db.value(
            "select count(*) from outbound where conversation_id = %s and state = 'pending'", [conversation]
        )
        await amy.post(f"/conversations/{conversation}/resolve", {"disposition": None})
