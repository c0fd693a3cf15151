"""One row that makes no sense stops nobody else's automation, statistics or calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb

from hub.automation import firing
from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.calls.runner import Runner
from hub.cli import doctor
from hub.core.clock import now
from hub.core.service import Core
from hub.reports.buckets import count_next
from tests.integration.automation.desk import Desk
from workers.followups import run_due

ALL_WEEK = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}

pytestmark = pytest.mark.breaks_rules  # its rows are bad on purpose


class Told:
    def __init__(self) -> None:
        self.rows: list[str] = []

    def __call__(self, error: Exception, row: object) -> None:
        self.rows.append(f"{row}: {type(error).__name__}")


@pytest.fixture
def desk(core: Core) -> Desk:
    return Desk(core)


BAD_HOURS: list[dict[LiteralString, Any]] = [
    {"holidays": [{"country": "ZZ"}]},
    {"holidays": [{"country": "DE", "subdivision": "Bavaria-on-Sea"}]},
    {"holidays": [{"country": 7}]},
    {"holidays": [7]},
    {"timezone": "Mars/Olympus"},
    {"timezone": "../../etc/passwd"},
    {"week": {"mon": [["9", "x"]], "tue": [["9", "x"]], "wed": [["9", "x"]], "thu": [["9", "x"]], "fri": [["9", "x"]], "sat": [["9", "x"]], "sun": [["9", "x"]]}},
    {"week": dict.fromkeys(ALL_WEEK, "all day")},
]  # fmt: skip


@pytest.mark.parametrize("columns", BAD_HOURS, ids=str)
async def test_hours_that_make_no_sense_stop_no_other_queues_automation(
    desk: Desk, columns: dict[LiteralString, Any]
) -> None:
    db = desk.core.db
    good = await desk.queue("good")
    bad = await desk.queue("bad")
    hours = await desk.hours(ALL_WEEK)
    for column, value in columns.items():
        await db.execute(f"update hours set {column} = %s", [value if column == "timezone" else Jsonb(value)])
    await db.execute("update queue set hours_id = %s where id = %s", [hours, bad])
    closed = await db.value("insert into hours (key, timezone, week) values ('closed', 'UTC', '{}') returning id")
    await db.execute("update queue set hours_id = %s where id = %s", [closed, good])
    told = Told()
    await desk.customer(queue=bad, name="Bea")
    _, conversation = await desk.customer("sms", queue=good, name="Gus")
    assert await plan_next(db, bad=told) > 0
    assert [e["conversation_id"] for e in await db.dicts("select * from follow_up where kind = 'acknowledgement'")] == [
        conversation
    ]
    await db.execute("update conversation set waiting_since = now() - interval '1 day', status = 'open'")
    assert await note_late(db, bad=told) == 2
    assert await plan_next(db, bad=told) == 0
    if columns.get("holidays") != [7]:
        wrong = [f for f in await doctor.hours_findings(db) if f.what == "Hours h"]
        assert wrong
        assert all(f.ok is False for f in wrong)


async def test_a_follow_up_that_breaks_is_put_off_and_given_up_while_the_others_fire(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = desk.core.db
    _, conversation = await desk.customer()

    async def broken(_: object) -> str | None:
        raise ZeroDivisionError("no")

    monkeypatch.setitem(firing._WAYS, firing.Kind.RATING, broken)
    for kind, ago in (("rating", 20), ("wake", 10)):
        await db.execute(
            "insert into follow_up (key, kind, conversation_id, stops_on_reply, due_at) "
            "values (%s, %s, %s, false, now() - make_interval(mins => %s))",
            [kind, kind, conversation, ago],
        )
    told = Told()
    assert await run_due(desk.core, bad=told) == 2
    rows = {
        r["kind"]: r
        for r in await db.dicts("select kind, state, attempts, reason, due_at > now() as later from follow_up")
    }
    assert (rows["rating"]["state"], rows["rating"]["attempts"], rows["rating"]["later"]) == ("scheduled", 1, True)
    assert rows["wake"]["state"] == "cancelled"  # awake already
    assert len(told.rows) == 1
    for _ in range(firing.TRIES):
        await db.execute("update follow_up set due_at = now() where state = 'scheduled'")
        await run_due(desk.core, bad=told)
    rows = {r["kind"]: r for r in await db.dicts("select kind, state, attempts, reason from follow_up")}
    assert (rows["rating"]["state"], rows["rating"]["attempts"]) == ("cancelled", firing.TRIES)
    assert rows["rating"]["reason"] == "ZeroDivisionError: no"


async def test_an_event_that_cannot_be_planned_for_is_passed_over(desk: Desk) -> None:
    db = desk.core.db
    _, first = await desk.customer(name="Ann")
    _, second = await desk.customer("sms", name="Ben")
    await plan_next(db)
    for conversation, until in ((first, "not a date"), (second, (now() + timedelta(days=1)).isoformat())):
        await db.execute(
            "insert into event (kind, conversation_id, data) values ('conversation.snoozed', %s, %s)",
            [conversation, Jsonb({"until": until})],
        )
    told = Told()
    assert await plan_next(db, bad=told) == 2
    assert [
        r["conversation_id"] for r in await db.dicts("select conversation_id from follow_up where kind = 'wake'")
    ] == [second]
    assert len(told.rows) == 1
    assert told.rows[0].endswith(": ValueError")
    assert await plan_next(db, bad=told) == 0


async def test_an_event_that_cannot_be_counted_is_passed_over(desk: Desk) -> None:
    db = desk.core.db
    queue = await desk.queue()
    good = {"channel": "chat", "queued_at": now().isoformat()}
    for data in (good, {**good, "queued_at": "no date"}, good):
        await db.execute(
            "insert into event (kind, queue_id, data) values ('entry.queued', %s, %s)", [queue, Jsonb(data)]
        )
    told = Told()
    for _ in range(20):
        if not await count_next(db, 8, bad=told):
            break
    assert await db.value("select sum(entered) from stat_bucket") == 2
    assert len(told.rows) == 1
    assert told.rows[0].endswith("InvalidDatetimeFormat")


async def test_a_call_that_breaks_stops_no_other_call(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    runner = Runner(desk.core, None, {}, bad=told)  # type: ignore[arg-type] - none of it is reached
    rows = [{"call_id": 1}, {"call_id": 2}, {"call_id": 3}]
    done: list[int] = []

    async def dicts(_: object) -> list[dict[str, int]]:
        return rows

    monkeypatch.setattr(desk.core.db, "dicts", dicts)

    async def work(_: object, row: dict[str, Any]) -> None:
        if row["call_id"] == 2:
            raise KeyError("leg")
        done.append(row["call_id"])

    await runner._each("to_ring", work)
    assert done == [1, 3]
    assert told.rows == ["to_ring, call 2: KeyError"]
