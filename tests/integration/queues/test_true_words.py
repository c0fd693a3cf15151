"""What a card, a reason and a load say is so: of what was put back, of what gives way, of who is there."""

from __future__ import annotations

import pytest

from hub.agents.load import load
from hub.core import events
from hub.core.clock import iso
from hub.core.service import Core
from hub.queues import entries, offers
from tests.integration.queues.test_offer_clocks import settle
from tests.support.factory import Factory


@pytest.fixture
def factory(core: Core) -> Factory:
    return Factory(core)


async def put_back(core: Core, factory: Factory, queue: int, *, waits: bool) -> int:
    """Entered an hour ago, taken, put back; its customer wrote again a minute ago, or was answered."""
    ann = await factory.agent("Ann", queue)
    conversation, _ = await factory.waiting(queue, "email")
    async with events.unit(core.db, core.feed) as unit:
        await entries.pull(unit, conversation, ann)
        await entries.release(unit, conversation)
    await core.db.execute("update queue_entry set entered_at = now() - interval '1 hour'")
    since = "now() - interval '1 minute'" if waits else "null"
    await core.db.execute(f"update conversation set waiting_since = {since}")
    return ann


async def shown(core: Core, agent: int) -> offers.Offer:
    await settle(core)
    [offer] = await offers.open_offers(core.db, agent)
    return offer


async def test_wait_on_the_card_is_the_customers_own(core: Core, factory: Factory) -> None:
    ann = await put_back(core, factory, await factory.queue(), waits=True)
    offer = await shown(core, ann)
    assert offer["customer_waits"]
    assert 55 < offer["waited_seconds"] < 120
    since = await core.db.value("select waiting_since from conversation")
    assert offer["waiting_since"] == iso(since)  # from which a card that stays open goes on counting


async def test_card_of_what_was_answered_and_put_back_says_that_nobody_waits(core: Core, factory: Factory) -> None:
    ann = await put_back(core, factory, await factory.queue(), waits=False)
    offer = await shown(core, ann)
    assert not offer["customer_waits"]
    assert offer["waiting_since"] is None


async def test_call_beside_mail_that_gives_way_is_not_said_to_find_the_mail_in_its_way(
    core: Core, factory: Factory
) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    await core.db.execute(
        "insert into agent_device (agent_id, kind, number) values (%s, 'phone', '+15550100200')", [ann]
    )
    for _ in range(3):
        mail, _ = await factory.waiting(queue, "email")
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, mail, ann)
        await core.db.execute("update conversation set waiting_since = now()")
    held = await core.db.value("select sum(weight)::int from queue_entry where agent_id = %s", [ann])
    call, _ = await factory.waiting(queue, "voice")
    await settle(core)
    [decision, *_] = (await offers.decisions(core.db, call))["items"]
    codes = [why["code"] for why in decision["because"]]
    assert "used" not in codes
    assert {"code": "givesWay", "params": {"used": held}} in decision["because"]
    assert decision["candidates"][0]["load"] == 0


async def test_load_says_how_much_of_it_gives_way(core: Core, factory: Factory) -> None:
    queue = await factory.queue()
    ann = await factory.agent("Ann", queue)
    for channel in ("voice", "email"):
        conversation, _ = await factory.waiting(queue, channel)
        async with events.unit(core.db, core.feed) as unit:
            await entries.pull(unit, conversation, ann)
        await core.db.execute("update conversation set waiting_since = now()")
    async with core.db.connection() as conn:
        found = await load(conn, ann)
    mail = await core.db.value("select weight from queue_entry where channel = 'email'")
    assert (found["used"], found["gives_way"]) == (100 + mail, mail)


@pytest.mark.parametrize("alone", [True, False])
async def test_others_are_said_to_stay_free_only_where_there_are_some(
    core: Core, factory: Factory, alone: bool
) -> None:
    queue = await factory.queue()
    agents = [await factory.agent("Ann", queue)] + ([] if alone else [await factory.agent("Ben", queue)])
    for agent in agents:
        await core.db.execute(
            "insert into agent_device (agent_id, kind, number) values (%s, 'phone', '+15550100200')", [agent]
        )
    seen, _ = await factory.waiting(queue, "voice")  # so that calls are known to come
    async with events.unit(core.db, core.feed) as unit:
        await entries.close(unit, seen, "resolved")
    await core.db.execute("update call set state = 'ended', ended_at = now()")
    chat, _ = await factory.waiting(queue, "chat")
    async with events.unit(core.db, core.feed) as unit:
        await entries.pull(unit, chat, agents[0])
    second, _ = await factory.waiting(queue, "chat")
    await settle(core)
    [decision, *_] = (await offers.decisions(core.db, second))["items"]
    assert decision["chosen"] == {"id": agents[0], "name": "Ann"}
    assert ("othersFree" in {why["code"] for why in decision["because"]}) is not alone
