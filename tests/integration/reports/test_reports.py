"""The numbers: counted once from the log, the same after a rebuild, and shown as defined."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.core import events
from hub.core.clock import now
from hub.core.errors import Invalid
from hub.core.service import Core
from hub.queues import entries
from hub.reports import buckets
from hub.reports.definitions import Counts
from hub.reports.history import history
from hub.reports.live import Live
from tests.support.factory import Factory


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


async def busy_day(core: Core, factory: Factory) -> int:
    queue = await factory.queue(service_level_seconds=20, short_abandon_seconds=5)
    agent = await factory.agent("Ann", queue, capacity=1000)
    for waited, outcome in ((3, "pull"), (40, "pull"), (2, "abandoned"), (60, "abandoned"), (9, "transferred")):
        conversation, entry = await factory.waiting(queue)
        await core.db.execute(
            "update queue_entry set queued_at = queued_at - make_interval(secs => %s) where id = %s", [waited, entry]
        )
        async with events.unit(core.db, core.feed) as unit:
            if outcome == "pull":
                await entries.pull(unit, conversation, agent)
            else:
                await entries.close(unit, conversation, outcome)
    await factory.waiting(queue)
    return queue


async def test_board_shows_the_day_as_defined(core: Core, factory: Factory) -> None:
    queue = await busy_day(core, factory)
    while await buckets.count_next(core.db):
        pass
    live = await Live(core.db).queue(queue)
    assert live is not None
    assert (live["answered"], live["abandoned"], live["waiting"], live["assigned"]) == (2, 1, 1, 2)
    assert live["service_level"]["offered"] == 4  # the one who left after two seconds is not counted
    assert live["service_level"]["percent"] == 25.0
    assert live["average_speed_of_answer"] == pytest.approx(21.5, abs=1)
    assert (live["agents_available"], live["agents_total"]) == (1, 1)
    board = await Live(core.db).board()
    assert len(board["series"]) == 12
    assert sum(f["arrived"] for f in board["series"]) == 6
    assert sum(f["answered"] for f in board["series"]) == 2
    assert board["agents"]["available"] == 1
    assert board["agent_list"][0]["conversations"] == 2


async def test_rebuild_counts_the_same(core: Core, factory: Factory) -> None:
    await busy_day(core, factory)
    while await buckets.count_next(core.db, 3):
        pass
    query = "select * from stat_bucket order by queue_id, channel, at"
    before = await core.db.dicts(query)
    flow = await core.db.dicts("select * from stat_flow order by at")
    await buckets.rebuild(core.db)
    assert await core.db.dicts(query) == before
    assert await core.db.dicts("select * from stat_flow order by at") == flow
    assert sum(b["entered"] for b in before) == 6


async def test_history_marks_what_is_still_open(core: Core, factory: Factory) -> None:
    queue = await busy_day(core, factory)
    await buckets.rebuild(core.db)
    since = buckets.floor(now(), 86_400) - timedelta(days=1)
    found = await history(core.db, since, since + timedelta(days=3), seconds=86_400 * 3, queue_ids=[queue])
    assert [(i["entered"], i["open"], i["flowed_out"], i["short_abandoned"]) for i in found] == [(6, 1, 1, 1)]
    with pytest.raises(Invalid):
        await history(core.db, since, now(), seconds=1000)


async def test_days_of_the_history_last_from_midnight_to_midnight_when_clocks_change(
    core: Core, factory: Factory
) -> None:
    queue = await factory.queue()
    zone = ZoneInfo("Europe/Berlin")
    for day in range(23, 29):  # on 25 October 2026 the clocks go back, and the day has 25 hours
        for hour in ("00:00", "23:45"):
            at = datetime.fromisoformat(f"2026-10-{day}T{hour}").replace(tzinfo=zone)
            await core.db.execute(
                "insert into stat_bucket (queue_id, channel, at, entered) values (%s, 'sms', %s, 1)", [queue, at]
            )
    since, until = datetime(2026, 10, 23, tzinfo=zone), datetime(2026, 10, 29, tzinfo=zone)
    found = await history(core.db, since, until, seconds=86_400, timezone="Europe/Berlin")
    assert [i["entered"] for i in found] == [2] * 6
    starts = [datetime.fromisoformat(i["at"]).astimezone(zone) for i in found]
    assert {(start.hour, start.minute) for start in starts} == {(0, 0)}
    await core.db.execute("insert into hours (key, timezone, week) values ('h', 'Europe/Berlin', '{}')")
    await core.db.execute("update queue set hours_id = (select id from hours)")
    assert await history(core.db, since, until, seconds=86_400) == found  # by the queue's own calendar
    week = await history(core.db, since, until, seconds=6 * 86_400)
    assert [i["entered"] for i in week] == [12]
    with pytest.raises(Invalid):
        await history(core.db, since, until, seconds=86_400, timezone="Mars/Olympus")


async def test_what_is_released_and_taken_again_was_answered_once(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann, bob = await factory.agent("Ann", queue, capacity=1000), await factory.agent("Bob", queue, capacity=1000)
    queued = [(await factory.waiting(queue))[0] for _ in range(3)]
    never = await factory.conversation()  # taken without having waited
    for conversation in (*queued, never):
        for agent in (ann, bob):
            async with events.unit(core.db, core.feed) as unit:
                await entries.pull(unit, conversation, agent)
            async with events.unit(core.db, core.feed) as unit:
                await entries.release(unit, conversation)
    async with events.unit(core.db, core.feed) as unit:
        await entries.close(unit, queued[0], "abandoned")  # gives up after all: their wait had ended long before
    async with events.unit(core.db, core.feed) as unit:
        await entries.transfer(unit, queued[1], queue_id=queue)
    await buckets.rebuild(core.db)
    [counts] = await core.db.dicts("select sum(entered)::int as entered, sum(answered)::int as answered, "
                                   "sum(abandoned + flowed_out)::int as gone from stat_bucket")  # fmt: skip
    assert counts == {"entered": 4, "answered": 3, "gone": 0}  # the one handed over waits anew


def test_service_level_is_the_published_vector() -> None:
    # ICMI's example: 1000 answered, 860 of them in time, 60 abandoned of which 10 within five seconds.
    counts = Counts(1060, 1000, 860, 50, 10, 0, 8184.0)
    assert counts.service_level == pytest.approx(81.9)
    assert counts.average_speed_of_answer == 8.2
    assert counts.still_waiting == 0
    assert Counts().service_level is None
