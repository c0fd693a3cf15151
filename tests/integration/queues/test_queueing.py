"""The queue entry's life and offers, on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from hub.agents.load import load
from hub.agents.presence import mark_offline, presence, set_presence
from hub.conversations import lifecycle
from hub.core import events
from hub.core.errors import Conflict, Invalid
from hub.core.service import Core
from hub.queues import entries, offers
from hub.web.realtime.presence import Presences
from tests.support.factory import Factory


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


async def test_enqueue_is_once_when_asked_twice(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    conversation, entry = await factory.waiting(queue)
    async with events.unit(core.db, core.feed) as unit:
        assert await entries.enqueue(unit, conversation, queue, channel="chat") is None
    assert [e["data"]["entry_id"] for e in await factory.events("entry.queued")] == [entry]
    assert (await factory.entry(conversation))["weight"] == 25


async def test_accept_gives_the_conversation_to_one_when_many_try(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    conversation, entry = await factory.waiting(queue)
    offer = await factory.offer(entry, agent)

    async def accept() -> int:
        async with events.unit(core.db, core.feed) as unit:
            return await offers.accept(unit, offer, agent)

    results = await asyncio.gather(*[accept() for _ in range(5)], return_exceptions=True)
    assert [r for r in results if not isinstance(r, Exception)] == [conversation]
    assert all(isinstance(r, offers.OfferGone) for r in results if isinstance(r, Exception))
    row = await factory.entry(conversation)
    assert (row["state"], row["agent_id"]) == ("assigned", agent)
    answered = await factory.events("entry.answered")
    assert len(answered) == 1
    assert answered[0]["data"]["in_target"] is True
    assert await core.db.value("select agent_id from conversation where id = %s", [conversation]) == agent


async def test_decline_keeps_the_place_and_spares_the_agent(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    conversation, entry = await factory.waiting(queue)
    before = await factory.entry(conversation)
    offer = await factory.offer(entry, agent)
    async with events.unit(core.db, core.feed) as unit:
        await offers.decline(unit, offer, agent, "busy")
    after = await factory.entry(conversation)
    assert after["state"] == "waiting"
    assert after["entered_at"] == before["entered_at"]
    assert list(after["excluded"]) == [str(agent)]
    with pytest.raises(offers.OfferGone):
        async with events.unit(core.db, core.feed) as unit:
            await offers.accept(unit, offer, agent)
    assert "just declined" in str((await offers.decisions(core.db, conversation))["waiting_reason"])


async def test_silent_agent_goes_away_when_two_offers_are_missed(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    _, first = await factory.waiting(queue)
    _, second = await factory.waiting(queue)
    for entry, state in ((first, "available"), (second, "away")):
        offer = await factory.offer(entry, agent, seconds=-1)
        async with events.unit(core.db, core.feed) as unit:
            assert await offers.time_out(unit, offer)
        assert (await presence(core.db, agent))["state"] == state
    assert (await presence(core.db, agent))["reason"] == "missed offers"


async def test_time_out_leaves_an_offer_alone_when_it_still_runs(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    _, entry = await factory.waiting(queue)
    offer = await factory.offer(entry, agent, seconds=30)
    async with events.unit(core.db, core.feed) as unit:
        assert not await offers.time_out(unit, offer)
    assert [o["id"] for o in await offers.open_offers(core.db, agent)] == [offer]


async def test_going_away_takes_offers_back(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    conversation, entry = await factory.waiting(queue)
    await factory.offer(entry, agent)
    await factory.presence(agent, "away", "lunch")
    assert (await factory.entry(conversation))["state"] == "waiting"
    assert await offers.open_offers(core.db, agent) == []
    ended = await factory.events("offer.ended")
    assert ended[0]["data"]["state"] == "rescinded"
    assert ended[0]["agent_seq"] is not None


async def test_going_away_and_accepting_never_both_hold(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue, capacity=10_000)

    async def accept(offer: int) -> None:
        async with events.unit(core.db, core.feed) as unit:
            await offers.accept(unit, offer, agent)

    async def leave() -> None:
        async with events.unit(core.db, core.feed) as unit:
            await set_presence(unit, agent, "away")

    for _ in range(15):
        await factory.presence(agent, "available")
        conversation, entry = await factory.waiting(queue)
        offer = await factory.offer(entry, agent)
        results = await asyncio.gather(accept(offer), leave(), return_exceptions=True)
        assert results[1] is None
        state = (await factory.entry(conversation))["state"]
        assert state == ("waiting" if results[0] else "assigned")


async def test_pull_rescinds_the_offer_to_another(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann, bob = await factory.agent("Ann", queue), await factory.agent("Bob", queue)
    conversation, entry = await factory.waiting(queue)
    await factory.offer(entry, ann)
    async with events.unit(core.db, core.feed) as unit:
        await entries.pull(unit, conversation, bob)
    assert (await factory.entry(conversation))["agent_id"] == bob
    assert [(e["agent_id"], e["data"]["state"]) for e in await factory.events("offer.ended")] == [(ann, "rescinded")]
    with pytest.raises(Conflict):
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, conversation, ann)


async def test_transfer_keeps_the_age_and_counts_once(core: Core, factory: Factory) -> None:
    support, sales = await factory.queue("support"), await factory.queue("sales")
    conversation, _ = await factory.waiting(support)
    before = await factory.entry(conversation)
    async with events.unit(core.db, core.feed) as unit:
        await entries.transfer(unit, conversation, queue_id=sales)
    after = await factory.entry(conversation)
    assert after["queue_id"] == sales
    assert after["entered_at"] == before["entered_at"]
    assert after["queued_at"] > before["queued_at"]
    assert len(await factory.events("entry.flowed_out")) == 1
    assert len(await factory.events("entry.queued")) == 2


async def test_transfer_to_an_agent_waits_for_them(core: Core, factory: Factory) -> None:
    support, sales = await factory.queue("support"), await factory.queue("sales")
    ann, bob = await factory.agent("Ann", support), await factory.agent("Bob", sales)
    conversation, entry = await factory.waiting(support)
    offer = await factory.offer(entry, ann)
    async with events.unit(core.db, core.feed) as unit:
        await offers.accept(unit, offer, ann)
    async with events.unit(core.db, core.feed) as unit:
        await entries.transfer(unit, conversation, agent_id=bob, actor_id=ann)
    row = await factory.entry(conversation)
    assert (row["queue_id"], row["sticky_agent_id"], row["state"]) == (sales, bob, "waiting")
    assert [e["agent_id"] for e in await factory.events("conversation.unassigned")] == [ann]
    with pytest.raises(Invalid):
        async with events.unit(core.db, core.feed) as unit:
            await entries.transfer(unit, conversation)


async def test_wrap_up_holds_the_capacity_until_it_ends(core: Core, factory: Factory) -> None:
    queue = await factory.queue(wrap_up_seconds=60)
    agent = await factory.agent("Ann", queue)
    conversation, _ = await factory.waiting(queue)
    async with events.unit(core.db, core.feed) as unit:
        await entries.pull(unit, conversation, agent)
        assert await lifecycle.start_wrap_up(unit, conversation) is not None
    async with core.db.connection() as conn:
        assert (await load(conn, agent))["by_channel"]["chat"] == {"count": 1, "max": 4}
    async with events.unit(core.db, core.feed) as unit:
        await lifecycle.end_wrap_up(unit, conversation, agent, "solved")
    async with core.db.connection() as conn:
        assert (await load(conn, agent))["used"] == 0
    closed = await factory.events("entry.closed")
    assert closed[0]["data"]["outcome"] == "resolved"
    assert closed[0]["data"]["handle_seconds"] >= 0


async def test_abandoning_is_short_when_it_comes_at_once(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    conversation, _ = await factory.waiting(queue)
    async with events.unit(core.db, core.feed) as unit:
        assert await entries.close(unit, conversation, "abandoned")
        assert not await entries.close(unit, conversation, "abandoned")
    assert [e["data"]["short"] for e in await factory.events("entry.abandoned")] == [True]


async def test_disconnecting_makes_offline_once(core: Core, factory: Factory) -> None:
    agent = await factory.agent("Ann", await factory.queue())
    async with events.unit(core.db, core.feed) as unit:
        assert not await mark_offline(unit, agent)  # a script, which never had a screen
    await core.db.execute("update agent_state set connected_until = now() - interval '1 s'")
    async with events.unit(core.db, core.feed) as unit:
        assert await mark_offline(unit, agent)
        assert not await mark_offline(unit, agent)
    assert (await presence(core.db, agent))["reason"] == "disconnected"


@pytest.mark.parametrize(
    ("minutes", "state", "reason"), [(1, "busy", "training"), (9, "busy", "training"), (11, "offline", None)]
)
async def test_who_comes_back_is_what_they_were_and_no_longer_said_to_be_disconnected(
    core: Core, factory: Factory, minutes: int, state: str, reason: str | None
) -> None:
    agent = await factory.agent("Ann", await factory.queue())
    screens = Presences(core)
    async with events.unit(core.db, core.feed) as unit:
        await set_presence(unit, agent, "busy", "training")
    await core.db.execute("update agent_state set connected_until = now() - interval '1 s'")
    assert await screens.count_out() == [agent]
    await core.db.execute("update agent_state set since = now() - make_interval(mins => %s)", [minutes])
    await screens.arrived(agent)
    found = await presence(core.db, agent)
    assert (found["state"], found["reason"]) == (state, reason)
    changes = len(await factory.events("presence.changed"))
    await screens.arrived(agent)  # another screen changes nothing
    async with events.unit(core.db, core.feed) as unit:
        await set_presence(unit, agent, "offline", "signed out")
    await screens.arrived(agent)
    assert (await presence(core.db, agent))["reason"] == "signed out"
    assert len(await factory.events("presence.changed")) == changes + 1
