"""The contract, once for every connector: what came in is in the record exactly once, whatever happened on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

import connectors.email.listener
from tests.integration.connectors.channel_clients import ChatWire, Gateway, Mail, Sms, Wire
from tests.integration.connectors.harness import Hub

WIRES = {"email": Mail, "sms": Sms, "gateway": Gateway, "chat": ChatWire}


@pytest.fixture(params=list(WIRES))
async def wire(request: pytest.FixtureRequest, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Wire]:
    monkeypatch.setattr(connectors.email.listener, "MAX_BYTES", 2_000_000)
    wire: Wire = WIRES[request.param](hub)
    await wire.open()
    yield wire
    await wire.close()


async def test_message_is_stored_once_before_it_is_acknowledged(hub: Hub, wire: Wire) -> None:
    assert await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == ["Hello"]
    assert await hub.value("select count(*) from queue_entry where state = 'waiting'") == 1
    assert await hub.value("select octet_length(body) > 5 from raw")


async def test_duplicate_changes_nothing(hub: Hub, wire: Wire) -> None:
    assert await wire.say("one", "Hello")
    assert await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == ["Hello"]


async def test_many_duplicates_at_once_are_one_message(hub: Hub, wire: Wire) -> None:
    acknowledged = await asyncio.gather(*(wire.say("one", "Hello") for _ in range(10)))
    assert all(acknowledged)
    assert await hub.texts(wire.channel) == ["Hello"]


async def test_messages_out_of_order_are_each_stored_once(hub: Hub, wire: Wire) -> None:
    for key in ("third", "first", "second", "first"):
        assert await wire.say(key, key)
    assert sorted(await hub.texts(wire.channel)) == ["first", "second", "third"]


async def test_malformed_is_kept_or_refused_and_the_next_one_flows(hub: Hub, wire: Wire) -> None:
    outcome = await wire.malformed()
    held = await hub.quarantined(wire.connector)
    assert (outcome, len(held)) in (("quarantined", 1), ("refused", 0))
    assert all(row["reason"] for row in held)
    assert await wire.say("next", "Still here")
    assert await hub.texts(wire.channel) == ["Still here"]


async def test_huge_is_refused_and_the_next_one_flows(hub: Hub, wire: Wire) -> None:
    assert await wire.huge()
    assert await wire.say("next", "Still here")
    assert await hub.texts(wire.channel) == ["Still here"]


async def test_forged_is_refused_and_leaves_nothing(hub: Hub, wire: Wire) -> None:
    assert await wire.forged() == []
    assert await hub.value("select count(*) from raw") == 0


async def test_retry_is_stored_once_when_killed_before_the_commit(hub: Hub, wire: Wire) -> None:
    hub.gate.breaks = "before"
    assert not await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == []
    assert await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == ["Hello"]


async def test_retry_changes_nothing_when_killed_after_the_commit(hub: Hub, wire: Wire) -> None:
    hub.gate.breaks = "after"
    assert not await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == ["Hello"]
    assert await wire.say("one", "Hello")
    assert await hub.texts(wire.channel) == ["Hello"]


async def test_twenty_messages_of_a_new_customer_at_once_make_one_contact(hub: Hub, wire: Wire) -> None:
    assert all(await asyncio.gather(*(wire.say(f"m{n}", f"text {n}") for n in range(20))))
    assert len(await hub.texts(wire.channel)) == 20
    assert await hub.value("select count(*) from contact") == 1


async def test_replay_of_the_stored_bytes_gives_the_same_message(hub: Hub, wire: Wire) -> None:
    assert await wire.say("one", "Hello 你好")
    row = (await hub.db.dicts("select * from raw"))[0]
    account = await hub.accounts.get(row["account_id"])
    again = hub.connectors[wire.connector].translate(account, bytes(row["body"]), row["content_type"], row["meta"])
    assert again.text == "Hello 你好"
    assert again.dedup_key == row["dedup_key"]
