"""A made-up history is one that the hub could have written itself."""

from __future__ import annotations

import pytest

from hub.automation.overdue import note_late
from hub.core.errors import ConfigError
from hub.demo.history import fill
from hub.queues import entries
from hub.reports.buckets import count_next, rebuild
from tests.support.app import App

_BUCKETS = "select queue_id, channel, at, entered, answered, answered_in_target from stat_bucket order by 1, 2, 3"


async def test_a_history_keeps_the_rules_of_work_and_of_the_log(app: App) -> None:
    shown: list[str] = []
    db = app.core.db
    rows = await fill(db, conversations=300, interactions=1_200, report=shown.append)
    [there] = await db.dicts("""
        select (select count(*) from conversation) as conversations, (select count(*) from interaction) as interactions,
               (select count(*) from interaction group by contact_id order by 1 desc limit 1) as most,
               (select count(distinct status) from conversation) as statuses,
               (select count(*) from interaction i where not exists (
                   select from event e where e.conversation_id = i.conversation_id and e.conversation_seq = i.seq)) as unlogged,
               (select count(*) from conversation v where v.seq < (
                   select max(e.conversation_seq) from event e where e.conversation_id = v.id)) as behind
    """)
    assert there["conversations"] == 300
    assert 900 < there["interactions"] < 1_500
    assert there["most"] >= 50  # the faithful one's
    assert there["statuses"] == 3
    assert there["unlogged"] == there["behind"] == 0
    assert rows.written > 5 * there["interactions"]
    assert shown
    # The fixture looks at the invariants, and at what each event says.


async def test_history_without_a_backlog_opens_on_a_calm_present(app: App) -> None:
    db = app.core.db
    await fill(db, conversations=3_000, interactions=9_000, backlog=False, report=lambda _: None)
    [now] = await db.dicts("""
        select (select count(*) from queue_entry where state = 'waiting') as waiting,
               (select count(*) from conversation where status = 'open' and waiting_since is not null) as unanswered,
               (select max(now() - waiting_since) < '300 s' from conversation where status = 'open') as just_written,
               (select count(*) from queue_entry where state = 'assigned') as on_desks,
               (select max(n) from (select count(*) as n from queue_entry where state = 'assigned' group by agent_id) d) as most,
               (select min(updated_at) > now() - interval '15 days' from conversation where status = 'open') as of_late,
               (select bool_and(snoozed_until > now()) from conversation where status = 'snoozed') as asleep,
               (select count(*) from conversation where status <> 'resolved' and channel = 'chat') as chats,
               (select count(*) from offer where state = 'offered') as on_offer
    """)
    assert (now["waiting"], now["unanswered"], now["just_written"]) == (8, 8, True)
    assert now["on_desks"] > 0
    assert now["most"] <= 3
    assert now["of_late"]
    assert now["asleep"]
    assert now["chats"] == now["on_offer"] == 0
    assert await entries.stranded(db, 0, 10) == []
    assert await note_late(db) == 0


@pytest.mark.parametrize("backlog", [True, False])
async def test_the_numbers_of_a_history_are_those_of_its_log(app: App, backlog: bool) -> None:
    db = app.core.db
    await fill(db, conversations=60, interactions=240, backlog=backlog, report=lambda _: None)
    written = await db.dicts(_BUCKETS)
    assert await count_next(db) == 0  # it is counted already
    await rebuild(db)
    assert await db.dicts(_BUCKETS) == written


async def test_a_history_goes_on_with_real_messages(app: App) -> None:
    db = app.core.db
    await fill(db, conversations=60, interactions=240, report=lambda _: None)
    [known] = await db.dicts("select a.value, a.contact_id from address a where a.kind = 'phone' order by a.id limit 1")
    conversation = await app.sms("It is me again", sender=known["value"])
    assert await db.value("select contact_id from conversation where id = %s", [conversation]) == known["contact_id"]


async def test_a_history_is_refused_where_customers_are(app: App) -> None:
    await app.sms()
    with pytest.raises(ConfigError, match="customers already"):
        await fill(app.core.db, conversations=60, interactions=240, report=lambda _: None)


@pytest.mark.parametrize(("conversations", "interactions"), [(0, 0), (9, 100), (50, 49)])
async def test_a_history_of_nothing_is_refused(app: App, conversations: int, interactions: int) -> None:
    with pytest.raises(ConfigError, match="cannot have"):
        await fill(
            app.core.db, conversations=conversations, interactions=interactions, report=lambda _: None
        )  # fmt: skip
