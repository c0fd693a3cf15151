"""What follows while a queue is closed waits for it to open, and so does the clock of an answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.automation.overdue import note_late
from hub.core.clock import now
from hub.core.service import Core
from tests.integration.automation.desk import Desk

pytestmark = pytest.mark.breaks_rules  # its customers' rows are written by hand, beside the queue


@pytest.fixture
def desk(core: Core) -> Desk:
    return Desk(core)


def from_hour(opens: datetime) -> dict[str, Any]:
    """A week (in UTC) that opens each day at a moment's hour, for two hours."""
    span = [[f"{opens:%H}:00", f"{opens + timedelta(hours=2):%H}:00"]]
    return dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), span)


async def test_clock_of_a_reply_starts_in_the_morning_when_the_customer_wrote_at_night(desk: Desk) -> None:
    opens = (now() + timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    queue = await desk.queue("later", hours_id=await desk.hours(from_hour(opens)))
    await desk.customer(queue=queue)
    await desk.tick(hours=1)
    [follow_up] = await desk.follow_ups("missed_reply")
    assert (follow_up["state"], follow_up["due_at"]) == ("scheduled", opens + timedelta(minutes=30))


async def test_missed_reply_is_off_when_another_wait_has_begun(desk: Desk) -> None:
    contact, conversation = await desk.customer(queue=await desk.queue())
    await desk.core.db.execute("update conversation set waiting_since = waiting_since - interval '1 hour'")
    await note_late(desk.core.db)
    await desk.answers(conversation)
    await desk.writes(contact, conversation, "And another thing")
    await desk.tick()
    assert [f["reason"] for f in await desk.follow_ups("missed_reply")] == ["answered"]


@pytest.mark.parametrize("kind", ["reminder", "close"])
async def test_what_asks_for_an_answer_waits_for_the_queue_to_open(desk: Desk, kind: str) -> None:
    opens = (now() + timedelta(hours=8)).replace(minute=0, second=0, microsecond=0)
    queue = await desk.queue("later", hours_id=await desk.hours(from_hour(opens)))
    _, conversation = await desk.customer(queue=queue)
    await desk.answers(conversation)
    await desk.tick()
    await desk.core.db.execute(
        "insert into follow_up (key, kind, conversation_id, due_at, payload) values ('x', %s, %s, now(), '{}') "
        "on conflict do nothing", [kind, conversation]
    )  # fmt: skip
    before = await desk.sent(conversation)
    await desk.tick()
    [planned] = [f for f in await desk.follow_ups(kind) if f["key"] == "x"]
    assert (planned["state"], planned["due_at"]) == ("scheduled", opens)
    assert await desk.sent(conversation) == before
    assert await desk.core.db.value("select status from conversation where id = %s", [conversation]) == "open"
