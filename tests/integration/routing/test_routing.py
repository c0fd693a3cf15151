"""The router on real servers: one leader, decisions committed, offers announced."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from hub.access import roles
from hub.conversations import lifecycle
from hub.core import events
from hub.core.service import Core
from hub.queues import entries, offers
from hub.queues.decision_reasons import coded_reason
from routing.engine import Router
from tests.support.app import App
from tests.support.factory import Factory
from tests.support.routers import leading


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


@asynccontextmanager
async def routing(core: Core) -> AsyncGenerator[None]:
    task = asyncio.create_task(Router(core, ttl=1.0).run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(read: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    """The first true value of `read`."""
    async with asyncio.timeout(seconds):
        while not (found := await read()):  # noqa: ASYNC110 - the database rings no event
            await asyncio.sleep(0.02)
        return found


async def offered(core: Core, agent: int) -> list[offers.Offer]:
    return await until(lambda: offers.open_offers(core.db, agent))


async def test_offer_reaches_the_agent_when_something_waits(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    pubsub = core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(f"t:u:{agent}")
    async with routing(core):
        conversation, _ = await factory.waiting(queue)
        found = await offered(core, agent)
        assert found[0]["conversation_id"] == conversation
        assert found[0]["reason"].startswith("works in this queue")
        message = await until(lambda: pubsub.get_message(timeout=1))
        while orjson.loads(message["data"])["type"] != "offer.created":
            message = await until(lambda: pubsub.get_message(timeout=1))
        assert orjson.loads(message["data"])["data"]["offer_id"] == found[0]["id"]
        told = await offers.decisions(core.db, conversation)
        assert told["items"][0]["chosen"] == {"id": agent, "name": "Ann"}
        assert told["items"][0]["candidates"][0]["chosen"] is True
    await pubsub.aclose()


async def test_best_level_is_asked_and_the_others_know_why_not(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    await factory.agent("Low", queue, skills={"billing": 2})
    best = await factory.agent("Best", queue, skills={"billing": 5})
    await factory.agent("None", queue)
    await factory.agent("Gone", queue, skills={"billing": 5}, state="away")
    async with routing(core):
        conversation, _ = await factory.waiting(queue, requirements=[{"skills": {"billing": 2}, "seconds": None}])
        await offered(core, best)
        item = (await offers.decisions(core.db, conversation))["items"][0]
        reasons = {c["agent"]["name"]: c["reason"] for c in item["candidates"]}
        assert reasons == {
            "Best": "chosen",
            "Low": "level 2, the chosen has 5",
            "None": "lacks billing 2",
            "Gone": "away",
        }


async def test_requirement_relaxes_when_its_time_is_over(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    async with routing(core):
        await factory.waiting(
            queue, requirements=[{"skills": {"law": 3}, "seconds": 1}, {"skills": {}, "seconds": None}]
        )
        assert (await offered(core, agent))[0]["waited_seconds"] >= 0.9


async def test_capacity_bounds_what_is_offered(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue, capacity=60)
    async with routing(core):
        for _ in range(4):
            await factory.waiting(queue, "chat")
        await until(lambda: core.db.value("select count(*) = 2 from offer where state = 'offered'"))
        await factory.waiting(queue, "email")  # 10 of 60 are left: this is served past the chats that cannot be
        await until(lambda: core.db.value("select count(*) = 3 from offer where state = 'offered'"))
        used = await core.db.value("select sum(weight) from queue_entry where agent_id = %s", [agent])
        assert used == 60


async def test_declined_item_goes_to_another_in_its_place(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    async with routing(core):
        await factory.waiting(queue)
        offer = (await offered(core, ann))[0]
        bob = await factory.agent("Bob", queue)
        async with events.unit(core.db, core.feed) as unit:
            await offers.decline(unit, offer["id"], ann)
        assert (await offered(core, bob))[0]["conversation_id"] == offer["conversation_id"]


async def test_held_for_one_agent_until_they_leave(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue, capacity=25)
    bob = await factory.agent("Bob", queue)
    async with routing(core):
        full, _ = await factory.waiting(queue, sticky_agent_id=ann, sticky_seconds=60)
        await offered(core, ann)
        conversation, _ = await factory.waiting(queue, sticky_agent_id=ann, sticky_seconds=60)
        other, _ = await factory.waiting(queue)
        assert [o["conversation_id"] for o in await offered(core, bob)] == [other]
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, full, ann)
        await factory.presence(ann, "away")
        await until(
            lambda: core.db.value(
                "select agent_id = %s from queue_entry where conversation_id = %s", [bob, conversation]
            )
        )


async def test_automatic_channel_is_assigned_without_asking(core: Core, factory: Factory) -> None:
    await core.db.execute("update channel_policy set auto_accept = true where channel = 'chat'")
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    async with routing(core):
        conversation, _ = await factory.waiting(queue)
        await until(
            lambda: core.db.value("select agent_id = %s from conversation where id = %s", [agent, conversation])
        )


async def test_missed_offer_moves_on_when_time_is_over(core: Core, factory: Factory) -> None:
    await core.db.execute("update channel_policy set offer_timeout_seconds = 1 where channel = 'chat'")
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    async with routing(core):
        conversation, _ = await factory.waiting(queue)
        await offered(core, ann)
        bob = await factory.agent("Bob", queue)
        assert (await offered(core, bob))[0]["conversation_id"] == conversation


async def test_wrap_up_ends_by_itself(core: Core, factory: Factory) -> None:
    queue = await factory.queue(wrap_up_seconds=1)
    agent = await factory.agent("Ann", queue)
    async with routing(core):
        conversation, _ = await factory.waiting(queue)
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, conversation, agent)
            await lifecycle.start_wrap_up(unit, conversation)
        await until(
            lambda: core.db.value("select state = 'closed' from queue_entry where conversation_id = %s", [conversation])
        )


async def test_chat_of_somebody_gone_returns_to_the_queue(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    conversation, _ = await factory.waiting(queue)
    async with events.unit(core.db, core.feed) as unit:
        await entries.pull(unit, conversation, ann)
    await factory.presence(ann, "offline", "disconnected")
    await core.db.execute("update agent_state set since = now() - interval '1 minute' where agent_id = %s", [ann])
    await core.db.execute("update queue_entry set assigned_at = now() - interval '1 minute' where agent_id = %s", [ann])
    bob = await factory.agent("Bob", queue)
    async with routing(core):
        assert (await offered(core, bob))[0]["conversation_id"] == conversation


@pytest.mark.breaks_rules  # whose right was taken away holds work until the sweeper looks
async def test_nothing_is_offered_to_who_may_not_handle_it_nor_after_that_is_taken_away(
    core: Core, factory: Factory
) -> None:
    queue = await factory.queue()
    ann, bob = await factory.agent("Ann", queue), await factory.agent("Bob", queue)
    await core.db.execute("update agent set role = 'analyst' where id = %s", [ann])
    async with routing(core):
        first, _ = await factory.waiting(queue)
        assert (await offered(core, bob))[0]["conversation_id"] == first
        admin = await core.db.value(
            "insert into agent (email, name, role) values ('a@x.example', 'A', 'admin') returning id"
        )
        async with events.unit(core.db, core.feed) as unit:
            await roles.give(unit, ann, "agent", actor_id=admin)
            await roles.give(unit, bob, "analyst", actor_id=admin)
        second, _ = await factory.waiting(queue)
        assert (await offered(core, ann))[0]["conversation_id"] == second


async def test_second_router_takes_over_when_the_first_ends(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    first = asyncio.create_task(Router(core, ttl=1.0).run())
    await until(lambda: core.db.value("select holder from lease where name = 'router'"))
    async with routing(core):
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        agent = await factory.agent("Ann", queue)
        await factory.waiting(queue)
        await offered(core, agent)


async def test_commit_refuses_when_another_leads(core: Core, factory: Factory) -> None:
    from hub.core.leases import LeaseLost
    from routing.model import Pick
    from routing.offers import commit

    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    _, entry = await factory.waiting(queue)
    await core.db.execute("insert into lease values ('router', 'somebody', 7, now() + interval '1 hour')")
    pick = Pick(entry, agent, "chat", 25, 0.0, 30, [coded_reason("queue")], "[]")
    async with core.db.connection() as conn:
        with pytest.raises(LeaseLost):
            await commit(conn, "router", 6, [pick], {})
        assert [m.entry_id for m in await commit(conn, "router", 7, [pick], {})] == [entry]
        assert await commit(conn, "router", 7, [pick], {}) == []


async def test_commit_leaves_out_who_is_away_or_full(core: Core, factory: Factory) -> None:
    from routing.model import Pick
    from routing.offers import commit

    queue = await factory.queue()
    away = await factory.agent("Away", queue, state="away")
    small = await factory.agent("Small", queue, capacity=50)
    waiting = [(await factory.waiting(queue))[1] for _ in range(4)]
    await core.db.execute("insert into lease values ('router', 'me', 1, now() + interval '1 hour')")
    agents = [away, small, small, small]
    picks = [Pick(e, a, "chat", 25, 0.0, 30, [], "[]") for e, a in zip(waiting, agents, strict=True)]
    async with core.db.connection() as conn:
        made = await commit(conn, "router", 1, picks, {})
    assert [m.entry_id for m in sorted(made, key=lambda m: m.offer_id)] == waiting[1:3]


async def test_what_an_agent_is_told_of_an_offer_is_what_reading_it_says(app: App) -> None:
    core = app.core
    amy = await app.agent("amy")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    pubsub = core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(f"t:u:{amy.id}")
    async with routing(core):
        await asyncio.sleep(0.3)  # it leads, so intake's notification arrives without Redis
        await app.sms("Is the oak oiled?", sender="+14155550177")
        read = (await offered(core, amy.id))[0]
        heard: dict[str, Any] = {}
        while heard.get("type") != "offer.created":
            heard = orjson.loads((await until(lambda: pubsub.get_message(timeout=1)))["data"])
    told = heard["view"]["offer"]
    clocks = {"server_now", "waited_seconds"}
    assert {k: v for k, v in told.items() if k not in clocks} == {k: v for k, v in read.items() if k not in clocks}
    assert told.keys() == read.keys()
    await pubsub.aclose()


async def test_an_entry_told_too_late_is_offered_to_nobody(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    async with leading(core) as leader:
        _, entry = await factory.waiting(queue)
        row = await core.db.value("select row_to_json(r)::text from router_entry_ever r where id = %s", [entry])
        await core.db.execute("update queue_entry set state = 'closed' where id = %s", [entry])
        leader.tell(f'{{"entries":[{row}]}}')
        await leader.catch_up()
        assert await leader.settle() == 0
    assert entry not in leader.pool.waiting
    assert await offers.open_offers(core.db, agent) == []
