"""What a message costs does not grow with what is stored: plans made on small tables stay right on large ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.channels.model import Account, AddressKind, Inbound
from hub.core.leases import Lease
from hub.core.service import Core
from hub.messages import views
from hub.queues import offers
from routing.engine import LEASE, Leader
from tests.support.app import App

_STORED = 2_000  # messages of as many strangers
_FEW = 300  # rows: far more than anything needs, far fewer than are stored

pytestmark = pytest.mark.breaks_rules  # its crowd is written by hand, beside the queue


@dataclass
class Crowd:
    """Strangers who write, and where their messages went."""

    app: App
    account: Account
    said: int = 0
    conversations: list[int] = field(default_factory=list)
    interactions: list[int] = field(default_factory=list)

    async def writes(self, people: int) -> None:
        """As many strangers write one message each, all at once."""
        numbers = range(self.said, self.said + people)
        self.said += people
        await asyncio.gather(*[self.one(n, f"SM{n}") for n in numbers])

    async def one(self, number: int, key: str, **more: Any) -> None:
        inbound = Inbound(
            self.account.id,
            key,
            b"x",
            "text/plain",
            AddressKind.PHONE,
            f"+1415{number:07}",
            "Hello",
            external_id=key,
            **more,
        )
        done = await self.app.context.intake.message(inbound)
        assert done.conversation_id
        assert done.interaction_id
        self.conversations.append(done.conversation_id)
        self.interactions.append(done.interaction_id)

    async def small(self, stored: int) -> None:
        """What a morning begins with: `stored` messages that are done with, and the statistics of so small a database."""
        await self.writes(stored)
        await self.app.core.db.execute("update queue_entry set state = 'closed'")
        if stored:
            await self.app.core.db.execute("vacuum analyze")


@pytest.fixture
async def crowd(app: App) -> Crowd:
    await app.core.db.execute("""
        do $$
        declare
            name name;
        begin
            for name in select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
                execute format('alter table %I set (autovacuum_enabled = off)', name);
            end loop;
        end $$
    """)
    account = next(a for a in await app.context.intake.accounts("twilio") if a.channel == "sms")
    return Crowd(app, account)


async def read_by(core: Core, name: str, work: Callable[[], Awaitable[Any]]) -> int:
    """How many rows and index entries `work` had read, by what the lane of this name counts."""
    before = await _read(core, name)
    await work()
    return await _read(core, name) - before


async def _read(core: Core, name: str) -> int:
    for lane in {"intake", name}:  # what intake did before is not to be counted later
        await core.db.lane(lane).value("select pg_stat_force_next_flush()")
        await core.db.lane(lane).value("select 1")
    count = (
        "select (select sum(coalesce(seq_tup_read, 0)) from pg_stat_user_tables) "
        "+ (select sum(idx_tup_read) from pg_stat_user_indexes)"
    )
    return int(await core.db.lane(name).value(count))


@pytest.mark.parametrize("stored", [0, 60])
async def test_taking_a_message_in_reads_no_more_when_more_is_stored(crowd: Crowd, stored: int) -> None:
    core = crowd.app.core
    await crowd.writes(5)
    await crowd.small(stored)

    async def stranger() -> None:
        await crowd.writes(1)

    async def repeated() -> None:
        await crowd.one(3, "SM3")

    async def known() -> None:
        crowd.said += 1
        await crowd.one(3, f"SM{crowd.said}-known")

    async def answer() -> None:
        crowd.said += 1
        await crowd.one(3, f"SM{crowd.said}-answer", references=("SM3",))

    kinds = (stranger, repeated, known, answer)
    for kind in kinds:
        await kind()
    await crowd.writes(_STORED)
    # The least of three: what others were at just then (accounts read anew, the board) is in the counts of the server, too.
    read = {kind.__name__: min([await read_by(core, "intake", kind) for _ in range(3)]) for kind in kinds}
    assert max(read.values()) < _FEW, read


@pytest.mark.parametrize("stored", [0, 60])
async def test_an_offer_reads_no_more_when_more_waits(crowd: Crowd, stored: int) -> None:
    core = crowd.app.core
    await crowd.small(stored)
    amy = await crowd.app.agent("amy")
    epoch = await Lease(core.db, LEASE).try_acquire()
    assert epoch is not None
    screens = core.db.lane("screens")
    async with core.db.lane("router").connection() as conn:
        leader = Leader(core, conn, epoch)
        await leader.rebuild()

    async def waits() -> None:
        await crowd.writes(1)
        entry = await core.db.value("select max(id) from queue_entry")
        await amy.call("PUT", "/me/presence", {"state": "away", "reason": "lunch"})
        await amy.call("PUT", "/me/presence", {"state": "available"})
        leader.hint(f'{{"entries": [{entry}]}}')
        leader.hint("agents")

    async def decides() -> None:
        await leader.catch_up()
        assert await leader.settle() > 0

    async def shown() -> None:
        last = await core.db.value("select max(id) from offer")
        assert await offers.offers(screens, [last])
        assert await views.summaries(screens, set(crowd.conversations[-2:]))
        assert await views.interactions(screens, set(crowd.interactions[-2:]))

    for _ in range(2):
        await waits()
        await decides()
        await shown()
        await crowd.writes(_STORED - crowd.said)
    await waits()
    await core.db.execute("analyze queue_entry")  # as autovacuum does seconds later
    await leader.catch_up()  # reads once what all of them brought
    read = {"decides": await read_by(core, "router", decides), "shown": await read_by(core, "screens", shown)}
    assert max(read.values()) < _FEW, read
