"""Each change of what a list shows moves its queue's snapshot, so that every desk with the list looks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from hub.channels.model import Delivery, DeliveryStatus
from hub.core import events
from hub.messages.delivery import Reports
from hub.queues import entries
from hub.reports.live import Live
from tests.support.app import Agent, App

Change = Callable[[App, int], Awaitable[object]]


async def _reply(app: App, conversation: int) -> None:
    ben = await app.agent("ben")  # though Amy has it: its place in the queue stays as it is
    await ben.post(f"/conversations/{conversation}/replies", {"client_id": "b", "text": "It is here."}, status=201)


async def _read(app: App, conversation: int) -> None:
    amy = await app.agent("amy")
    seq = (await amy.get(f"/conversations/{conversation}"))["seq"]
    assert (await amy.get(f"/conversations/{conversation}"))["unread"]
    await amy.post(f"/conversations/{conversation}/read", {"seq": seq})


async def _hand_over(app: App, conversation: int) -> None:
    async with events.unit(app.core.db, app.core.feed) as unit:
        await entries.release(unit, conversation)
        await entries.pull(unit, conversation, (await app.agent("ben")).id)


async def _fail(app: App, conversation: int) -> None:
    await _reply(app, conversation)
    send = await app.core.db.value("select max(id) from outbound")
    await Reports(app.core).record(Delivery("twilio", DeliveryStatus.FAILED, "P1", outbound_id=send, error="No."))


async def _write(app: App, _: int) -> None:
    await app.sms("And another thing")


CHANGES: dict[str, Change] = {
    "a colleague answers": _reply,
    "its agent reads it": _read,
    "another has it now": _hand_over,
    "an answer does not arrive": _fail,
    "the customer writes more": _write,
}


def of(live: Live, queue: int) -> Callable[[], Awaitable[tuple[int, tuple[int, ...]]]]:
    """A queue's changes, and the numbers that were all that desks went by."""

    async def look() -> tuple[int, tuple[int, ...]]:
        live._board = None
        found = await live.queue(queue)
        assert found is not None
        return found["changes"], (found["waiting"], found["offered"], found["assigned"])

    return look


@pytest.mark.parametrize("change", CHANGES)
async def test_what_a_list_shows_moves_its_queue_and_no_other(app: App, change: str) -> None:
    amy: Agent = await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    queue = (await amy.get(f"/conversations/{conversation}"))["queue"]["id"]
    other = await app.core.db.value("select max(id) from queue where id <> %s", [queue])
    live = Live(app.core.db)
    mine, others = of(live, queue), of(live, other)
    before, numbers = await mine()
    assert (await mine())[0] == before  # nothing has happened
    still = (await others())[0]
    await CHANGES[change](app, conversation)
    after, same = await mine()
    assert after > before
    assert same == numbers
    assert (await others())[0] == still


async def test_what_commits_late_is_not_left_out(app: App) -> None:
    conversation = await app.sms()
    queue = await app.core.db.value("select queue_id from conversation where id = %s", [conversation])
    look = of(Live(app.core.db), queue)
    await look()
    async with app.core.db.transaction() as conn:
        await conn.execute(
            "insert into event (kind, conversation_id, queue_id) values ('conversation.reopened', %s, %s)",
            [conversation, queue],
        )
        await app.sms("Meanwhile")
        between = (await look())[0]
    assert (await look())[0] > between
