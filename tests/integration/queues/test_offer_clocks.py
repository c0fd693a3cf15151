"""Each offer has a clock of its own, missing what came together is one miss, and what is kept free is said."""

from __future__ import annotations

import pytest

from hub.agents.presence import presence
from hub.core import events
from hub.core.service import Core
from hub.queues import entries, offers
from tests.support.factory import Factory
from tests.support.routers import settle


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


async def clocks(core: Core, agent: int) -> list[int]:
    """Seconds each open offer of an agent has, the shortest first."""
    rows = await core.db.dicts(
        "select extract(epoch from expires_at - offered_at)::int as seconds from offer "
        "where agent_id = %s and state = 'offered' order by expires_at",
        [agent],
    )
    return [row["seconds"] for row in rows]


async def miss(core: Core, offer: int) -> None:
    async with events.unit(core.db, core.feed) as unit:
        assert await offers.time_out(unit, offer, early=True)


async def test_ten_mails_offered_at_once_have_clocks_of_their_own_that_end_somewhere(
    core: Core, factory: Factory
) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    for _ in range(10):
        await factory.waiting(queue, "email")
    await settle(core)
    assert await clocks(core, agent) == [120, 240, 360, 480] + [600] * 6


async def test_a_clock_comes_after_those_that_run_when_another_is_offered_later(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    await factory.waiting(queue, "email")
    await settle(core)
    await factory.waiting(queue, "sms")
    await settle(core)
    assert await clocks(core, agent) == [120, 120]  # a text has sixty seconds, and is the second


async def test_a_telephone_rings_no_longer_beside_mails(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    await core.db.execute(
        "insert into agent_device (agent_id, kind, number) values (%s, 'phone', '+15550100200')", [agent]
    )
    for channel in ("email", "email", "voice"):
        await factory.waiting(queue, channel)
    await settle(core)
    voice = await core.db.value(
        "select extract(epoch from o.expires_at - o.offered_at)::int from offer o join queue_entry e on e.id = o.entry_id "
        "where e.channel = 'voice'"
    )
    assert voice == await core.db.value("select offer_timeout_seconds from channel_policy where channel = 'voice'")


async def test_missing_what_was_offered_together_is_one_miss(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    for _ in range(10):
        await factory.waiting(queue, "email")
    await settle(core)
    for offer in await offers.open_offers(core.db, agent):
        await miss(core, offer["id"])
    assert (await presence(core.db, agent))["state"] == "available"
    _, entry = await factory.waiting(queue, "email")
    again = await factory.offer(entry, agent)  # they had been looking at nothing for a while, and miss this too
    await miss(core, again)
    found = await presence(core.db, agent)
    assert (found["state"], found["reason"]) == ("away", "missed offers")


async def test_a_miss_counts_anew_after_somebody_has_answered(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    for answered in (False, True, False):
        _, entry = await factory.waiting(queue, "email")
        offer = await factory.offer(entry, agent)
        if answered:
            async with events.unit(core.db, core.feed) as unit:
                await offers.accept(unit, offer, agent)
        else:
            await miss(core, offer)
    assert (await presence(core.db, agent))["state"] == "available"


async def test_what_waits_for_a_lock_says_what_is_kept_free_and_until_when(core: Core, factory: Factory) -> None:
    queue = await factory.queue(target_seconds=600)
    agents = [await factory.agent(f"A{n}", queue) for n in range(10)]
    for agent in agents:
        await core.db.execute(
            "insert into agent_device (agent_id, kind, number) values (%s, 'phone', '+15550100200')", [agent]
        )
    for agent in agents[:8]:
        call, _ = await factory.waiting(queue, "voice")
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, call, agent)
    chat, _ = await factory.waiting(queue, "chat")
    await settle(core)
    found = await offers.decisions(core.db, chat)
    assert str(found["waiting_reason"]).startswith("kept free for voice: 2 free, 2 kept until 20")
    assert found["items"][0]["chosen"] is None
    text, _ = await factory.waiting(queue, "sms")  # gives way to calls
    await settle(core)
    assert "voice still fits" not in str((await offers.decisions(core.db, text))["items"][0]["reason"])
    mail, _ = await factory.waiting(queue, "email")
    await settle(core)
    assert (await offers.decisions(core.db, mail))["items"][0]["chosen"] is not None


async def test_who_is_given_something_beside_other_work_is_told_that_a_call_still_fits(
    core: Core, factory: Factory
) -> None:
    queue = await factory.queue()
    agent = await factory.agent("Ann", queue)
    await core.db.execute(
        "insert into agent_device (agent_id, kind, number) values (%s, 'phone', '+15550100200')", [agent]
    )
    call, _ = await factory.waiting(queue, "voice")
    async with events.unit(core.db, core.feed) as unit:
        await entries.close(unit, call, "resolved")
    await core.db.execute("update call set state = 'ended', ended_at = now()")
    await factory.waiting(queue, "email")
    await settle(core)
    text, _ = await factory.waiting(queue, "sms")
    await settle(core)
    assert "voice still fits" in (await offers.decisions(core.db, text))["items"][0]["reason"]
