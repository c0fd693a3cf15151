"""One locked record delays its own messages and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import psycopg
import pytest

from hub.channels.model import Accepted, AddressKind, Delivery, DeliveryStatus, Inbound
from hub.core import contention
from hub.core.contention import Aside, Busy
from hub.core.groupcommit import GroupCommit
from tests.support.app import App
from tests.support.postgres import open_writer


class Records:
    """Rows of which some are locked by somebody else."""

    def __init__(self) -> None:
        self.locked: set[str] = set()
        self.stored: list[str] = []
        self.waits: list[tuple[str, float]] = []

    async def flush(self, items: Sequence[str]) -> list[str]:
        await asyncio.sleep(0.01)
        if self.locked.intersection(item[0] for item in items):
            raise psycopg.errors.LockNotAvailable
        self.stored += items
        return list(items)

    async def alone(self, item: str, seconds: float) -> str:
        self.waits.append((item, seconds))
        for _ in range(round(seconds / 0.01)):
            if item[0] not in self.locked:
                return (await self.flush([item]))[0]
            await asyncio.sleep(0.01)
        raise psycopg.errors.LockNotAvailable


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def group(records: Records) -> GroupCommit[str, str]:
    return GroupCommit(records.flush, aside=Aside(records.alone, key=lambda item: item[0]))


async def test_neighbours_of_a_locked_item_are_stored_and_it_follows_when_it_is_free(
    records: Records, group: GroupCommit[str, str]
) -> None:
    records.locked = {"x"}
    tasks = {item: asyncio.create_task(group.submit(item)) for item in ("a1", "x1", "b1", "x2", "c1")}
    for item in ("a1", "b1", "c1"):
        assert await asyncio.wait_for(tasks[item], 5) == item
    assert await group.submit("d1") == "d1"  # the next batch is not held up
    tasks["x3"] = asyncio.create_task(group.submit("x3"))  # comes after those of its own that wait
    assert not tasks["x1"].done()
    records.locked = set()
    assert [await tasks[item] for item in ("x1", "x2", "x3")] == ["x1", "x2", "x3"]
    assert [item for item in records.stored if item[0] == "x"] == ["x1", "x2", "x3"]
    await group.close()


async def test_what_stays_locked_is_told_to_come_back(
    records: Records, group: GroupCommit[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contention, "BRISK", 0.05)
    monkeypatch.setattr(contention, "PATIENT", 0.2)
    records.locked = {"x", "y"}
    with pytest.raises(Busy):
        await group.submit("x1")
    assert records.waits == [("x1", 0.05), ("x1", 0.2)]  # a moment, then as long as its caller can
    records.locked = set()
    assert await group.submit("x1") == "x1"


@pytest.fixture
def sms(app: App) -> Callable[[str, str], asyncio.Task[Accepted]]:
    async def send(sender: str, key: str) -> Accepted:
        account = next(a for a in await app.context.intake.accounts("twilio"))
        message = Inbound(account.id, key, b"Hello", "text/plain", AddressKind.PHONE, sender, "Hello")
        return await app.context.intake.message(message)

    return lambda sender, key: asyncio.create_task(send(sender, key))


async def test_a_locked_conversation_delays_nobody_elses_message(
    app: App, sms: Callable[[str, str], asyncio.Task[Accepted]]
) -> None:
    locked = (await sms("+14155550100", "SM1")).conversation_id
    with open_writer(app.core.db.url) as foreign:
        foreign.execute("select from conversation where id = %s for update", [locked])
        stuck = [sms("+14155550100", f"SM-stuck-{n}") for n in range(3)]
        others = [sms(f"+141555502{n:02}", f"SM-other-{n}") for n in range(40)]
        done = await asyncio.wait_for(asyncio.gather(*others), 6)  # less than the locked ones may wait
        assert len({accepted.conversation_id for accepted in done}) == 40
        assert not any(task.done() for task in stuck)
        foreign.rollback()
        assert {accepted.conversation_id for accepted in await asyncio.gather(*stuck)} == {locked}
    texts = await app.core.db.dicts(
        "select r.dedup_key as key from interaction i join raw r on r.id = i.raw_id where i.conversation_id = %s order by i.seq",
        [locked],
    )
    assert [row["key"] for row in texts] == ["SM1", "SM-stuck-0", "SM-stuck-1", "SM-stuck-2"]


async def test_a_message_that_stays_locked_is_answered_with_try_again_and_kept_the_next_time(
    app: App, sms: Callable[[str, str], asyncio.Task[Accepted]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contention, "PATIENT", 0.3)
    locked = (await sms("+14155550100", "SM1")).conversation_id
    with open_writer(app.core.db.url) as foreign:
        foreign.execute("select from conversation where id = %s for update", [locked])
        with pytest.raises(Busy):
            await sms("+14155550100", "SM2")
    assert await app.core.db.value("select count(*) from raw where state = 'quarantined'") == 0
    assert (await sms("+14155550100", "SM2")).conversation_id == locked


async def test_reports_about_other_conversations_pass_one_that_is_locked(app: App) -> None:
    amy = await app.agent("amy")
    ids: list[int] = []
    for n in range(3):
        conversation = await app.sms(sender=f"+1415555030{n}")
        await app.core.db.execute("update conversation set agent_id = %s where id = %s", [amy.id, conversation])
        await amy.post(f"/conversations/{conversation}/replies", {"text": "On its way.", "client_id": f"k{n}"})
        ids.append(conversation)
    sends = {row["conversation_id"]: row["id"] for row in await app.core.db.dicts("select * from outbound")}
    reports = [Delivery("twilio", DeliveryStatus.DELIVERED, f"SM{sends[c]}", outbound_id=sends[c]) for c in ids]
    with open_writer(app.core.db.url) as foreign:
        foreign.execute("select from conversation where id = %s for update", [ids[0]])
        tasks = [asyncio.create_task(app.context.intake.delivery(report)) for report in reports]
        await asyncio.wait_for(asyncio.gather(*tasks[1:]), 6)
        assert not tasks[0].done()
        foreign.rollback()
        await tasks[0]
    states = await app.core.db.dicts("select state, rank from outbound")
    assert states == [{"state": "sent", "rank": 2}] * 3


async def test_messages_are_taken_in_while_the_database_hangs_up_again_and_again(
    app: App, sms: Callable[[str, str], asyncio.Task[Accepted]]
) -> None:
    """Connections end in the middle of batches: what was stored is not stored twice, and nobody has to come back."""
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'omnihub intake'"
    for n in range(12):
        tasks = [sms(f"+1415555{k:04}", f"SM-{n}-{k}") for k in range(20)]
        await asyncio.sleep(0.002 * (n % 4))
        await app.core.db.execute(cut)
        await asyncio.gather(*tasks)
    assert await app.core.db.value("select count(*) from interaction where direction = 'in'") == 240
    assert await app.core.db.value("select count(distinct raw_id) from interaction where direction = 'in'") == 240
