"""Nothing leaves a restored database until somebody has looked; what had left already does not leave again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.automation.firing import fire_next
from hub.backup import freeze
from hub.channels.extras import Traces
from hub.channels.model import Account, Outbound
from hub.core.errors import Unavailable
from hub.core.service import Core
from hub.messages.outbox import ClaimLost
from tests.integration.connectors.harness import eventually
from tests.integration.messages.test_outbox import Office, Wired, _waiting
from workers.context import JobContext
from workers.deliver import Delivery
from workers.sweeper import Sweeper


class Listing(Wired):
    """A provider with a list of what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: dict[str, list[str]] = {}
        self.away = False

    async def traces(self, account: Account, outbound: Outbound) -> Traces:
        if self.away:
            raise Unavailable("The list does not answer.")
        others = [one for text, ids in self.listed.items() if text != outbound.text for one in ids]
        return Traces(tuple(self.listed.get(outbound.text, [])), tuple(others))


class Folder(Wired):
    """A mailbox that keeps copies of some of what it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[str] = set()

    async def find(self, account: Account, outbound: Outbound) -> bool:
        return outbound.text in self.kept


def with_wire(office: Office, wire: Wired) -> None:
    office.wire = wire
    connectors: Any = {"fake": wire}
    office.delivery = Delivery(JobContext(office.core, connectors, office.accounts))


def thaw_of(office: Office) -> freeze.Thaw:
    connectors: Any = {"fake": office.wire}
    return freeze.Thaw(office.core, office.accounts, connectors)


async def written_before(office: Office, *texts: str) -> list[int]:
    """Answers that wait as long as nobody drains, written ten minutes ago; their ids in the outbox."""
    conversation = await _waiting(office)
    for n, text in enumerate(texts):
        await office.answer(conversation, f"before-{n}", text)
    db = office.core.db
    await db.execute(
        "update outbound set due_at = due_at - interval '10 minutes', created_at = created_at - interval '10 minutes', "
        "payload = jsonb_set(payload, '{date}', to_jsonb((payload ->> 'date')::timestamptz - interval '10 minutes'))"
    )
    return [row["id"] for row in await db.dicts("select id from outbound order by id")]


@pytest.fixture
async def office(core: Core) -> Office:
    office = Office(core)
    await office.prepare()
    await core.db.execute("update agent set capacity = 100")
    return office


async def restored(core: Core) -> None:
    """As a restored dump is: in another database than the one it was made of."""
    await core.db.execute("update sending set identity = 'another.1.2'")


async def by_state(core: Core) -> dict[str, int]:
    rows = await core.db.dicts("select state, count(*) as n from outbound group by 1")
    return {row["state"]: row["n"] for row in rows}


# -- frozen ------------------------------------------------------------------------------------------------------------
async def test_a_copy_of_another_database_sends_nothing_before_anybody_notices(office: Office) -> None:
    await written_before(office, "One", "Two")
    await restored(office.core)
    assert await office.outbox.anything_due() is False
    assert await office.outbox.claim() == []
    assert await office.delivery.drain() == 0
    assert await by_state(office.core) == {"pending": 2}
    assert (await freeze.state(office.core.db)).frozen


async def test_a_worker_of_an_older_version_claims_nothing_either(office: Office) -> None:
    await written_before(office, "One")
    await restored(office.core)
    older = "update outbound set state = 'claimed', attempt = attempt + 1 where state = 'pending'"
    assert await office.core.db.execute(older) == 0
    assert await by_state(office.core) == {"pending": 1}


async def test_a_send_that_was_claimed_before_the_freeze_does_not_cross_the_line(office: Office) -> None:
    await written_before(office, "One")
    [claim] = await office.outbox.claim()
    assert await freeze.freeze(office.core, "restored", restored=True)
    with pytest.raises(ClaimLost):
        await office.outbox.wire(claim)
    assert office.wire.arrived == []
    assert await by_state(office.core) == {"pending": 1}


async def test_the_sweeper_notices_a_copy_within_seconds(office: Office) -> None:
    ids = await written_before(office, "One", "Two")
    await restored(office.core)
    sweeping = asyncio.create_task(Sweeper(office.core).run())
    try:

        async def noticed() -> freeze.State | None:
            found = await freeze.state(office.core.db)
            return found if found.reason else None

        found = await eventually(noticed, 20)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
    assert (found.frozen, found.reason, found.doubtful, found.waiting) == (True, freeze.FOREIGN, 2, 0)
    assert await office.core.db.value("select doubtful_to from sending") == ids[-1]
    assert await freeze.notice(office.core.db) is False


async def test_an_ordinary_restart_freezes_nothing(office: Office) -> None:
    await written_before(office, "One")
    assert await freeze.notice(office.core.db) is False
    assert await office.delivery.drain() == 1
    assert [o.text for o in office.wire.arrived] == ["One"]


async def test_nothing_is_written_to_customers_by_itself_while_sending_is_frozen(office: Office) -> None:
    conversation = await _waiting(office)
    for kind in ("satisfaction", "wake"):
        await office.core.db.execute(
            "insert into follow_up (key, kind, conversation_id, due_at) values (%s, %s, %s, now() - interval '1 minute')",
            [kind, kind, conversation],
        )
    await freeze.freeze(office.core, "restored", restored=True)
    while await fire_next(office.core):
        pass
    states = "select kind, state, reason from follow_up order by kind"
    assert [(r["kind"], r["state"]) for r in await office.core.db.dicts(states)] == [
        ("satisfaction", "scheduled"),
        ("wake", "cancelled"),
    ]
    thaw = thaw_of(office)
    assert await thaw.thaw(await thaw.look())
    while await fire_next(office.core):
        pass
    [first, _] = await office.core.db.dicts(states)
    assert (first["state"], first["reason"]) == ("cancelled", "sending was frozen when it was due")


# -- thawed ------------------------------------------------------------------------------------------------------------
async def test_thawing_sends_what_the_providers_list_lacks_and_nothing_else_again(office: Office) -> None:
    wire = Listing()
    with_wire(office, wire)
    await written_before(office, "Had left", "Had not")
    wire.listed = {"Had left": ["P-there"]}
    await freeze.freeze(office.core, "restored", restored=True)
    conversation = await office.core.db.value("select max(id) from conversation")
    await office.answer(conversation, "after", "Written since")
    thaw = thaw_of(office)
    looked = await thaw.look()
    assert (len(looked.left), len(looked.absent), len(looked.unsure)) == (1, 1, 0)
    assert wire.arrived == []
    assert await thaw.thaw(looked)
    await office.delivery.drain()
    await office.delivery.drain()
    assert [o.text for o in wire.arrived] == ["Had not", "Written since"]
    rows = await office.core.db.dicts(
        "select o.payload ->> 'text' as text, o.state, i.status, o.provider_id from outbound o join interaction i on i.id = o.interaction_id order by o.id"
    )
    assert rows[0] == {"text": "Had left", "state": "sent", "status": "sent", "provider_id": "P-there"}
    assert {row["state"] for row in rows} == {"sent"}
    assert await thaw.thaw(looked) is False


async def test_what_may_read_otherwise_at_the_provider_is_left_to_people(office: Office) -> None:
    wire = Listing()
    with_wire(office, wire)
    await written_before(office, "See https://shop.example/orders/1")
    wire.listed = {"See https://twil.io/x": ["P-there"]}
    await freeze.freeze(office.core, "restored", restored=True)
    looked = await thaw_of(office).look()
    assert (len(looked.left), len(looked.absent), len(looked.unsure)) == (0, 0, 1)


@pytest.mark.parametrize("unsure", [False, True])
async def test_what_nobody_can_look_up_is_left_to_people_unless_told_otherwise(office: Office, unsure: bool) -> None:
    wire = Folder()
    with_wire(office, wire)
    await written_before(office, "Kept", "Not kept")
    wire.kept = {"Kept"}
    await freeze.freeze(office.core, "restored", restored=True)
    thaw = thaw_of(office)
    looked = await thaw.look()
    assert (len(looked.left), len(looked.absent), len(looked.unsure)) == (1, 0, 1)
    await thaw.thaw(looked, send_unsure=unsure)
    await office.delivery.drain()
    assert [o.text for o in wire.arrived] == (["Not kept"] if unsure else [])
    assert await by_state(office.core) == ({"sent": 2} if unsure else {"sent": 1, "unknown": 1})
    row = await office.states()
    assert row["failed"] is (not unsure)
    if not unsure:
        assert (row["status"], row["error"]) == ("unknown", freeze.IN_DOUBT)
        await office.outbox.decide(looked.unsure[0], arrived=False, actor_id=None)
        await office.delivery.drain()
        assert [o.text for o in wire.arrived] == ["Not kept"]


async def test_a_provider_that_does_not_answer_makes_nothing_leave(office: Office) -> None:
    wire = Listing()
    with_wire(office, wire)
    await written_before(office, "One")
    wire.away = True
    await freeze.freeze(office.core, "restored", restored=True)
    thaw = thaw_of(office)
    looked = await thaw.look()
    assert len(looked.unsure) == 1
    await thaw.thaw(looked)
    await office.delivery.drain()
    assert wire.arrived == []


async def test_two_sends_of_one_text_are_never_both_taken_for_the_one_that_is_listed(office: Office) -> None:
    wire = Listing()
    with_wire(office, wire)
    await written_before(office, "OK", "OK")
    wire.listed = {"OK": ["P-1"]}
    await freeze.freeze(office.core, "restored", restored=True)
    looked = await thaw_of(office).look()
    assert (len(looked.left), len(looked.absent)) == (1, 1)


async def test_what_is_meant_for_later_leaves_later(office: Office) -> None:
    await written_before(office, "Tomorrow")
    await office.core.db.execute("update outbound set due_at = now() + interval '1 day'")
    await freeze.freeze(office.core, "restored", restored=True)
    state = await freeze.state(office.core.db)
    assert (state.doubtful, state.waiting) == (0, 1)
    thaw = thaw_of(office)
    looked = await thaw.look()
    assert looked == freeze.Looked((), (), ())
    await thaw.thaw(looked)
    await office.core.db.execute("update outbound set due_at = now()")
    await office.delivery.drain()
    assert [o.text for o in office.wire.arrived] == ["Tomorrow"]


async def test_an_operators_freeze_puts_nothing_in_doubt(office: Office) -> None:
    await written_before(office, "One")
    assert await freeze.freeze(office.core, "Nothing today.")
    assert await freeze.freeze(office.core, "Again.") is False
    assert await office.delivery.drain() == 0
    thaw = thaw_of(office)
    await thaw.thaw(await thaw.look())
    await office.delivery.drain()
    assert [o.text for o in office.wire.arrived] == ["One"]
    kinds = [
        row["kind"]
        for row in await office.core.db.dicts("select kind from event where kind like 'sending.%' order by id")
    ]
    assert kinds == ["sending.frozen", "sending.thawed"]
