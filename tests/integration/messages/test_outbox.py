"""The outbox: sent at most once, never silently stuck, whatever dies when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.channels.model import Account, DeliveryStatus, Outbound, Outcome, SendError, Wire
from hub.channels.model import Delivery as Report
from hub.core import events
from hub.core.service import Core
from hub.messages import replies
from hub.messages.outbox import ClaimLost, Outbox
from tests.integration.messages.test_intake import Desk, Fake, sms
from workers.context import JobContext
from workers.deliver import Delivery


class Wired(Fake):
    """A connector that keeps a list of what reached the customer."""

    def __init__(self) -> None:
        self.arrived: list[Outbound] = []
        self.fail: Exception | None = None
        self.fail_after_wire: Exception | None = None

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        if self.fail:
            raise self.fail
        await wire()
        self.arrived.append(outbound)
        if self.fail_after_wire:
            raise self.fail_after_wire
        return f"P{outbound.id}"


class Office(Desk):
    """A desk that can answer."""

    def __init__(self, core: Core):
        super().__init__(core)
        self.wire = Wired()
        self.outbox = Outbox(core)
        connectors: Any = {"fake": self.wire}
        self.delivery = Delivery(JobContext(core, connectors, self.accounts))

    async def answer(self, conversation: int, key: str = "k1", text: str = "We are on it.") -> int:
        async with events.unit(self.core.db, self.core.feed) as unit:
            done = await replies.reply(unit, self.core.vault, conversation, replies.Reply(text, key), actor_id=1)
        return done.interaction_id

    async def states(self) -> dict[str, Any]:
        [row] = await self.core.db.dicts(
            "select o.state, o.attempt, o.error, i.status, v.failed, o.due_at > now() as later from outbound o "
            "join interaction i on i.id = o.interaction_id join conversation v on v.id = o.conversation_id order by o.id desc limit 1"
        )
        return row


@pytest.fixture
async def office(core: Core) -> Office:
    office = Office(core)
    await office.prepare()
    return office


async def _waiting(office: Office) -> int:
    done = await office.intake.message(sms(1, "SM1"))
    assert done.conversation_id
    return done.conversation_id


async def test_an_answer_leaves_once_and_reports_move_it_forward(office: Office) -> None:
    conversation = await _waiting(office)
    await asyncio.gather(*[office.answer(conversation) for _ in range(10)])  # the same client id: one answer
    assert await office.delivery.drain() == 1
    assert [o.text for o in office.wire.arrived] == ["We are on it."]
    assert office.wire.arrived[0].to == "+14155550100"
    assert (await office.states())["status"] == "sent"
    for status in (
        DeliveryStatus.DELIVERED,
        DeliveryStatus.SENT,
        DeliveryStatus.READ,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.FAILED,
    ):
        await office.outbox.reports.record(Report("fake", status, f"P{office.wire.arrived[0].id}"))
    assert (await office.states())["status"] == "read"


async def test_reports_that_come_before_the_send_is_recorded_count(office: Office) -> None:
    await office.answer(await _waiting(office))
    [claim] = await office.outbox.claim()
    await office.outbox.wire(claim)
    await office.outbox.reports.record(Report("fake", DeliveryStatus.DELIVERED, "P9"))
    await office.outbox.reports.sent(claim, "P9")
    assert (await office.states())["status"] == "delivered"


async def test_a_crash_before_the_wire_is_retried_and_after_it_is_unknown(office: Office) -> None:
    conversation = await _waiting(office)
    await office.answer(conversation)
    [claim] = await office.outbox.claim()
    await office.core.db.execute("update outbound set lease_until = now() - interval '1 second'")
    assert await office.outbox.recover() == 1
    assert (await office.states())["state"] == "pending"
    with pytest.raises(ClaimLost):
        await office.outbox.wire(claim)
    [claim] = await office.outbox.claim()
    await office.outbox.wire(claim)
    await office.core.db.execute("update outbound set lease_until = now() - interval '1 second'")
    await office.outbox.recover()
    assert await office.states() == {
        "state": "unknown",
        "attempt": 2,
        "status": "unknown",
        "failed": True,
        "later": True,  # the next look into the mailbox that may know
        "error": "The worker stopped while sending; it may have arrived.",
    }
    assert await office.delivery.drain() == 0  # never resent blindly
    await office.outbox.reports.record(Report("fake", DeliveryStatus.DELIVERED, "P1", outbound_id=claim.id))
    assert (await office.states())["status"] == "delivered"
    assert not (await office.states())["failed"]


async def test_a_send_nobody_knows_of_keeps_the_conversation_red_whatever_leaves_later(office: Office) -> None:
    conversation = await _waiting(office)
    office.wire.fail_after_wire = RuntimeError("the line broke")
    await office.answer(conversation, "k1")
    await office.delivery.drain()
    office.wire.fail_after_wire = None
    await office.answer(conversation, "k2", "And another thing.")
    await office.delivery.drain()
    assert (await office.states())["status"] == "sent"
    assert (await office.states())["failed"]
    first = await office.core.db.value("select min(id) from outbound")
    await office.outbox.decide(first, arrived=True, actor_id=1)
    assert not (await office.states())["failed"]


async def test_failures_become_states_with_the_providers_words(office: Office) -> None:
    conversation = await _waiting(office)
    await office.answer(conversation)
    office.wire.fail = SendError("451 busy", outcome=Outcome.RETRY)
    await office.delivery.drain()
    assert await office.states() == {
        "state": "pending",
        "attempt": 1,
        "error": "451 busy",
        "status": "pending",
        "failed": False,
        "later": True,
    }
    await office.core.db.execute("update outbound set due_at = now()")
    office.wire.fail = SendError("550 no such user", outcome=Outcome.FAILED)
    await office.delivery.drain()
    assert await office.states() == {
        "state": "failed",
        "attempt": 2,
        "error": "550 no such user",
        "status": "failed",
        "failed": True,
        "later": False,
    }


async def test_a_connector_that_breaks_after_the_wire_leaves_unknown_for_a_person(office: Office) -> None:
    await office.answer(await _waiting(office))
    office.wire.fail_after_wire = RuntimeError("boom")
    await office.delivery.drain()
    assert (await office.states())["state"] == "unknown"
    office.wire.fail_after_wire = None
    await office.outbox.decide(office.wire.arrived[0].id, arrived=False, actor_id=1)
    await office.delivery.drain()
    assert (await office.states())["state"] == "sent"
    assert len(office.wire.arrived) == 2


async def test_messages_of_one_conversation_keep_their_order(office: Office) -> None:
    conversation = await _waiting(office)
    for n in range(12):
        await office.answer(conversation, f"k{n}", f"line {n}")
    assert await office.delivery.drain() == 12
    assert [o.text for o in office.wire.arrived] == [f"line {n}" for n in range(12)]


async def test_two_workers_share_and_never_double(office: Office) -> None:
    done = await asyncio.gather(*[office.intake.message(sms(1, f"S{n}", sender=f"+1415555{n:04}")) for n in range(150)])
    for d in done:
        assert d.conversation_id
        await office.answer(d.conversation_id)
    other = Office(office.core)
    other.wire.arrived = office.wire.arrived
    tried = await asyncio.gather(office.delivery.drain(), other.delivery.drain())
    assert sum(tried) == 150
    assert sorted(o.id for o in office.wire.arrived) == sorted({o.id for o in office.wire.arrived})
    assert len(office.wire.arrived) == 150


async def test_a_send_that_is_tried_again_by_many_at_once_leaves_once_more(office: Office) -> None:
    """A double click, two supervisors, a second browser: one of them decides, the others hear that it is decided."""
    await office.answer(await _waiting(office))
    office.wire.fail_after_wire = SendError("the line broke", outcome=Outcome.UNKNOWN)
    assert await office.delivery.drain() == 1
    office.wire.fail_after_wire = None
    outbound = office.wire.arrived[0].id
    tries = [office.outbox.decide(outbound, arrived=False, actor_id=1) for _ in range(8)]
    heard = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in heard) == ["Conflict"] * 7 + ["NoneType"]
    await asyncio.gather(office.delivery.drain(), office.delivery.drain())
    assert [o.id for o in office.wire.arrived] == [outbound, outbound]
    assert (await office.states())["state"] == "sent"
