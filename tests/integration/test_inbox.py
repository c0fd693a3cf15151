"""Each view's own statement shows what one statement for all of them, plain and slow, would show."""

from __future__ import annotations

from typing import Any

import pytest

from hub.conversations import store
from hub.conversations.store import Filter
from hub.core.db import Database
from hub.demo.history import fill
from tests.support.app import App

_PLAIN = """
select v.id from conversation v
where (%(sees_all)s or v.agent_id = %(viewer)s
       or v.queue_id = any(%(queues)s))
  and case %(view)s
        when 'mine' then v.agent_id = %(viewer)s and v.status = 'open'
        when 'waiting' then v.status = 'open' and v.agent_id is null and exists (
            select from queue_entry e where e.conversation_id = v.id and e.state in ('waiting', 'offered'))
        when 'snoozed' then v.status = 'snoozed'
        when 'resolved' then v.status = 'resolved'
        else true end
  and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
  and (%(channel)s::text is null or v.channel = %(channel)s)
order by v.updated_at desc, v.id desc
"""
_COUNTS = """
with mine as (
    select v.id, v.status, v.agent_id, v.queue_id, v.resolved_at
    from conversation v
    where (%(sees_all)s or v.agent_id = %(viewer)s
           or v.queue_id = any(%(queues)s))
      and (v.status <> 'resolved' or v.resolved_at > now() - interval '1 day')
)
select count(*) filter (where agent_id = %(viewer)s and status = 'open')::int as mine,
       (select count(*) from queue_entry e where e.state in ('waiting', 'offered')
            and (%(sees_all)s or e.queue_id = any(%(queues)s)))::int as waiting,
       count(*) filter (where status = 'snoozed')::int as snoozed,
       count(*) filter (where status = 'resolved')::int as resolved_today,
       coalesce((select jsonb_object_agg(queue_id, n) from (
           select queue_id, count(*) as n from mine where status = 'open' and queue_id is not null group by queue_id) q), '{}') as queues
from mine
"""
# What a history does not have: no queue, a rare channel, agents in others' queues, much at one moment.
_ODD = """
update conversation set queue_id = null where id % 17 = 0;
update conversation set channel = 'voicemail' where id % 41 = 0;
update conversation set updated_at = date_trunc('year', updated_at) where id % 3 = 0;
update conversation set updated_at = clock_timestamp(), resolved_at = clock_timestamp() where status = 'resolved' and id % 13 = 0;
update conversation v set agent_id = (select id from agent where email like 'amy@%') where v.status = 'resolved' and id % 7 = 0;
delete from agent_queue m using agent a where a.id = m.agent_id and a.email like 'eva@%' and m.queue_id % 3 = 0;
"""


@pytest.fixture
async def filled(app: App) -> App:
    await fill(app.core.db, conversations=400, interactions=1_200, report=lambda _: None)
    for statement in _ODD.strip().split(";\n"):
        await app.core.db.execute(statement)
    return app


async def _viewers(db: Database) -> list[dict[str, Any]]:
    people = await db.dicts(
        "select a.id, a.role, array(select q.queue_id from agent_queue q where q.agent_id = a.id) as queues from agent a "
        "where a.role <> 'agent' or a.email !~ 'colleague[2-9]' order by a.id"
    )
    viewers = [
        {"viewer": p["id"], "sees_all": p["role"] == "admin", "queues": p["queues"], "offered": []} for p in people
    ]
    return [*viewers, {**viewers[0], "sees_all": False, "queues": []}]  # and somebody who sees their own only


@pytest.mark.breaks_rules
async def test_views_show_what_the_plain_statement_shows_page_by_page(filled: App) -> None:
    db = filled.core.db
    viewers = await _viewers(db)
    queues = [row["id"] for row in await db.dicts("select id from queue order by id")]
    seen = 0
    for viewer in viewers:
        for view in ("mine", "waiting", "snoozed", "resolved", "all"):
            for queue, channel in (
                (None, None),
                (queues[0], None),
                (queues[-1], "sms"),
                (None, "chat"),
                (None, "voicemail"),
            ):
                values = {"view": view, "queue_id": queue, "channel": channel, **viewer}
                expected = [row["id"] for row in await db.dicts(_PLAIN, values)]
                assert await _paged(db, Filter(view, queue, channel, limit=23), viewer) == expected, values
                seen += len(expected)
    assert seen > 5_000


async def _paged(db: Database, wanted: Filter, viewer: dict[str, Any]) -> list[int]:
    found: list[int] = []
    before, before_id = None, None
    while rows := await store.listed(
        db,
        Filter(wanted.view, wanted.queue_id, wanted.channel, before, before_id, wanted.limit),
        viewer,
    ):
        found += [row["id"] for row in rows]
        before, before_id = rows[-1]["updated_at"], rows[-1]["id"]
    return found


@pytest.mark.breaks_rules
async def test_counts_are_those_of_the_plain_statement(filled: App) -> None:
    db = filled.core.db
    for viewer in await _viewers(db):
        [expected] = await db.dicts(_COUNTS, viewer)
        assert await store.counts(db, viewer) == expected, viewer
