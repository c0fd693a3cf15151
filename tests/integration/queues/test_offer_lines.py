"""Offers that stand in a line behind others: given to whoever would come to them sooner, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.core.service import Core
from hub.queues import entries
from tests.support.factory import Factory
from tests.support.routers import leading


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


async def settle(core: Core) -> int:
    """One look of a router: what waits is offered, lines are rebalanced, and what that freed is offered; how many were."""
    async with leading(core) as leader:
        await leader.settle()
        moved = await leader.rebalance()
        await leader.rebuild()
        await leader.settle()
    return moved


async def lined(core: Core, factory: Factory, agent: int, queue: int, number: int = 5) -> None:
    """So many mails on offer to somebody, for a while."""
    for _ in range(number):
        await factory.waiting(queue, "email")
    await settle(core)
    assert await held(core) == {agent: number}
    await later(core)


async def later(core: Core, seconds: int = 20) -> None:
    """Everything was offered so much earlier."""
    await core.db.execute(
        "update offer set offered_at = offered_at - make_interval(secs => %s) where state = 'offered'", [seconds]
    )


async def held(core: Core) -> dict[int, int]:
    rows = await core.db.dicts(
        "select agent_id, count(*)::int as n from offer where state = 'offered' group by agent_id order by agent_id"
    )
    return {row["agent_id"]: row["n"] for row in rows}


async def test_line_behind_a_silent_agent_is_shared_with_whoever_comes(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await lined(core, factory, ann, queue)
    ben = await factory.agent("Ben", queue)
    assert await settle(core) == 2  # the third of a line of three would come no sooner in a line of three
    assert await held(core) == {ann: 3, ben: 2}
    assert await core.db.value("select missed from agent_state where agent_id = %s", [ann]) == 0  # without blame
    await later(core)
    assert await settle(core) == 0  # nothing goes to and fro


async def test_somebody_who_reads_their_cards_in_time_keeps_them(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await lined(core, factory, ann, queue)
    await factory.agent("Ben", queue)
    await core.db.execute("update offer set offered_at = clock_timestamp()")
    assert await settle(core) == 0
    assert await held(core) == {ann: 5}


async def test_the_only_card_of_who_has_just_missed_one_goes_to_a_colleague(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await lined(core, factory, ann, queue, 1)
    ben = await factory.agent("Ben", queue)
    assert await settle(core) == 0
    await core.db.execute("update agent_state set missed = 1 where agent_id = %s", [ann])
    assert await settle(core) == 1
    assert await held(core) == {ben: 1}


UNFIT: dict[str, Callable[[Factory, int], object]] = {
    "works in another queue": lambda f, _: f.agent("Ben"),
    "is away": lambda f, queue: f.agent("Ben", queue, state="away"),
    "has no room": lambda f, queue: f.agent("Ben", queue, capacity=1),
}


@pytest.mark.parametrize("who", UNFIT)
async def test_line_stays_where_nobody_who_could_take_of_it_is_ready(core: Core, factory: Factory, who: str) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await lined(core, factory, ann, queue)
    await UNFIT[who](factory, queue)  # type: ignore[misc] - each is a coroutine
    assert await settle(core) == 0
    assert await held(core) == {ann: 5}


async def test_what_was_handed_to_exactly_one_agent_stays_in_their_line(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    for _ in range(3):
        await factory.waiting(queue, "email", sticky_agent_id=ann, sticky_seconds=entries.DIRECT_SECONDS)
    await settle(core)
    await later(core)
    await factory.agent("Ben", queue)
    assert await settle(core) == 0
    assert await held(core) == {ann: 3}


async def test_calls_stand_in_no_line(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await lined(core, factory, ann, queue, 1)
    _, call = await factory.waiting(queue, "voice")
    await factory.offer(call, ann)
    await later(core)
    await factory.agent("Ben", queue)
    assert await settle(core) == 0
