"""What comes page by page is complete, in order, and nothing twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.core import events
from hub.core.clock import now
from hub.demo.history import fill
from tests.support.app import Agent, App

_VISIBLE = """
select e.id from event e
where %(sees_all)s or e.conversation_id is null or e.conversation_id in (
    select v.id from conversation v where v.agent_id = %(viewer)s
       or v.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s))
order by e.xid, e.id
"""
_SAID = """
select i.id from interaction i join contact c on c.id = i.contact_id join conversation v on v.id = i.conversation_id
where c.root_id = %(id)s and i.kind <> 'system' and i.status <> 'cancelled'
  and (%(sees_all)s or v.agent_id = %(viewer)s or v.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s))
order by i.id desc
"""


@pytest.fixture
async def filled(app: App) -> App:
    await fill(app.core.db, conversations=300, interactions=1_200, report=lambda _: None)
    return app


async def _all(agent: Agent, path: str, **query: Any) -> tuple[list[dict[str, Any]], int]:
    items: list[dict[str, Any]] = []
    pages, cursor = 0, None
    while pages == 0 or cursor is not None:
        more = {} if cursor is None else {"cursor": cursor}
        page = await agent.get(f"{path}?{urlencode({**query, **more})}")
        items += page["items"]
        pages, cursor = pages + 1, page["next_cursor"]
    return items, pages


@pytest.mark.breaks_rules
async def test_the_log_comes_whole_though_most_of_it_is_not_to_be_seen(
    filled: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_WALK", 30)  # as far as a page looks: 300 events of some 3,000
    db = filled.core.db
    one = await db.value(
        "select queue_id from conversation group by queue_id having count(*) < 20 order by count(*) limit 1"
    )
    eva, admin = await filled.agent("eva"), await filled.agent("admin")
    await db.execute("delete from agent_queue where agent_id = %s and queue_id <> %s", [eva.id, one])
    for agent, sees_all in ((eva, False), (admin, True)):
        expected = [row["id"] for row in await db.dicts(_VISIBLE, {"viewer": agent.id, "sees_all": sees_all})]
        found, pages = await _all(agent, "/events", limit=100 if sees_all else 7)
        assert [event["id"] for event in found] == expected
        assert pages > 5


async def test_a_timeline_comes_whole_and_in_order(filled: App) -> None:
    db = filled.core.db
    faithful = await db.value("select min(id) from contact")
    [other] = await db.dicts(
        "select contact_id as id from conversation where contact_id <> %s order by id limit 1", [faithful]
    )
    await db.execute(
        "update contact set root_id = %s, merged_into = %s where id = %s", [faithful, faithful, other["id"]]
    )
    for name in ("ben", "eva", "admin"):
        agent = await filled.agent(name)
        values = {"id": faithful, "viewer": agent.id, "sees_all": name == "admin"}
        expected = [row["id"] for row in await db.dicts(_SAID, values)]
        found, _ = await _all(agent, f"/contacts/{faithful}/timeline", limit=9)
        assert [said["id"] for said in found] == expected


async def test_contacts_come_whole_and_in_order(filled: App) -> None:
    expected = [
        row["id"] for row in await filled.core.db.dicts("select id from contact where id = root_id order by id desc")
    ]
    found, pages = await _all(await filled.agent("amy"), "/contacts", limit=40)
    assert [one["id"] for one in found] == expected
    assert pages == 8


async def test_a_report_comes_whole_and_in_order(filled: App) -> None:
    period = {"since": (now() - timedelta(days=360)).isoformat(), "until": now().isoformat()}
    for name, seconds in (("admin", 900), ("eva", 86_400)):
        agent = await filled.agent(name)
        whole, pages = await _all(agent, "/reports/queues", **period, seconds=seconds, limit=2000)
        assert pages == 1
        assert len(whole) > 30
        assert whole == sorted(whole, key=lambda one: (one["at"], one["queue_id"], one["channel"]))
        assert (await _all(agent, "/reports/queues", **period, seconds=seconds, limit=7))[0] == whole
    await agent.get(f"/reports/queues?{urlencode({**period, 'cursor': 'bm9uc2Vuc2U='})}", status=422)
