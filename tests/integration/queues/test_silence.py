"""An answered matter weighs nothing while its customer is silent; what they write next reaches somebody at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.channels.model import AddressKind, Inbound
from hub.core import events
from hub.core.clock import now
from hub.queues import entries
from tests.support.app import Agent, App

PHONE = "+14155550155"


async def entry(app: App, conversation: int) -> dict[str, Any]:
    rows = await app.core.db.dicts(
        "select id, state, agent_id, resting, weight from queue_entry where conversation_id = %s and state <> 'closed'",
        [conversation],
    )
    assert len(rows) == 1
    return rows[0]


async def used(agent: Agent) -> int:
    return (await agent.get("/me"))["load"]["used"]


async def answered(app: App, agent: Agent, sender: str = PHONE) -> int:
    """A text that an agent who is available has taken and answered."""
    await agent.call("PUT", "/me/presence", {"state": "available"})
    conversation = await app.sms(sender=sender)
    await agent.post(f"/conversations/{conversation}/pull")
    await agent.post(f"/conversations/{conversation}/replies", {"client_id": sender[1:], "text": "Hello"}, status=201)
    return conversation


async def test_what_is_answered_weighs_nothing_until_the_customer_writes(app: App) -> None:
    amy = await app.agent("amy")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    conversation = await app.sms(sender=PHONE)
    await amy.post(f"/conversations/{conversation}/pull")
    weight = (await entry(app, conversation))["weight"]
    assert await used(amy) == weight
    await amy.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "Hello"}, status=201)
    assert await used(amy) == 0
    before = await entry(app, conversation)
    await app.sms("And one more thing", sender=PHONE)
    assert await used(amy) == weight
    assert (await entry(app, conversation)) == {**before, "resting": False}


@pytest.mark.parametrize("state", ["away", "offline"])
async def test_the_next_message_waits_for_anybody_when_its_agent_is_gone(app: App, state: str) -> None:
    amy = await app.agent("amy")
    conversation = await answered(app, amy)
    first = (await entry(app, conversation))["id"]
    await amy.call("PUT", "/me/presence", {"state": state})
    await app.sms("Hello?", sender=PHONE)
    found = await entry(app, conversation)
    assert (found["state"], found["agent_id"]) == ("waiting", None)
    assert found["id"] != first  # a wait of its own, with a target of its own
    assert await app.core.db.value("select agent_id from conversation where id = %s", [conversation]) is None
    told = await app.core.db.value(
        "select count(*) from event where kind = 'conversation.unassigned' and agent_id = %s", [amy.id]
    )
    assert told == 1


async def test_the_next_message_waits_for_anybody_when_its_agent_is_full(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await answered(app, amy)
    await app.core.db.execute("update agent set capacity = 10 where id = %s", [amy.id])
    await app.sms("Hello?", sender=PHONE)
    assert (await entry(app, conversation))["state"] == "waiting"


async def test_what_was_not_answered_yet_stays_with_its_agent_who_is_away(app: App) -> None:
    amy = await app.agent("amy")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    conversation = await app.sms(sender=PHONE)
    await amy.post(f"/conversations/{conversation}/pull")
    await amy.call("PUT", "/me/presence", {"state": "away"})
    await app.sms("Hello?", sender=PHONE)
    assert (await entry(app, conversation))["agent_id"] == amy.id


async def test_a_channel_that_does_not_release_keeps_its_weight(app: App) -> None:
    await app.core.db.execute("update channel_policy set release_on_silence = false where channel = 'sms'")
    amy = await app.agent("amy")
    conversation = await answered(app, amy)
    assert (await entry(app, conversation))["resting"] is False
    assert await used(amy) > 0


async def test_messages_of_many_at_once_never_fill_an_agent_beyond_their_capacity(app: App) -> None:
    amy = await app.agent("amy")
    senders = [f"+141555502{n:02}" for n in range(7)]
    conversations = [await answered(app, amy, sender) for sender in senders]
    assert await used(amy) == 0
    await asyncio.gather(*[app.sms("Me again", sender=sender) for sender in senders])
    states = [(await entry(app, c))["state"] for c in conversations]
    assert sorted(states) == ["assigned"] * 5 + ["waiting"] * 2
    assert await used(amy) == 100


async def test_what_is_taken_while_silent_and_put_back_is_whole_again_when_the_customer_writes(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await answered(app, amy)
    async with events.unit(app.core.db, app.core.feed) as unit:
        await entries.release(unit, conversation)
    await app.sms("Hello?", sender=PHONE)
    assert (await entry(app, conversation))["resting"] is False


@pytest.mark.parametrize("again", ["reopen", "wake"])
async def test_what_is_opened_again_with_nothing_owed_rests_and_is_anybodys_when_its_agent_is_gone(
    app: App, again: str
) -> None:
    amy = await app.agent("amy")
    conversation = await answered(app, amy)
    if again == "reopen":
        await amy.post(f"/conversations/{conversation}/resolve")
    else:
        until = f"{now() + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
        await amy.post(f"/conversations/{conversation}/snooze", {"until": until})
    await amy.post(f"/conversations/{conversation}/reopen")
    assert ((await entry(app, conversation))["resting"], await used(amy)) == (True, 0)
    await amy.call("PUT", "/me/presence", {"state": "away"})
    await app.sms("Hello?", sender=PHONE)
    assert (await entry(app, conversation))["state"] == "waiting"


@pytest.mark.parametrize("state", ["away", "offline"])
async def test_what_somebody_owes_who_is_offline_may_be_taken(app: App, state: str) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    conversation = await app.sms(sender=PHONE)
    await amy.post(f"/conversations/{conversation}/pull")
    await amy.call("PUT", "/me/presence", {"state": state})
    await ben.post(f"/conversations/{conversation}/pull", status=200 if state == "offline" else 409)
    who = ben if state == "offline" else amy
    assert (await entry(app, conversation))["agent_id"] == who.id


async def test_what_is_owed_by_somebody_offline_goes_back_after_a_while_and_silent_work_stays(app: App) -> None:
    amy = await app.agent("amy")
    silent = await answered(app, amy)
    owed = await app.sms(sender="+14155550156")
    await amy.post(f"/conversations/{owed}/pull")
    await amy.call("PUT", "/me/presence", {"state": "offline"})
    assert await entries.stranded(app.core.db, 30, 10) == []
    await app.core.db.execute("update agent_state set since = since - interval '6 minutes'")
    assert await entries.stranded(app.core.db, 30, 10) == []  # a short while after they took it
    await app.core.db.execute("update queue_entry set assigned_at = assigned_at - interval '6 minutes'")
    assert await entries.stranded(app.core.db, 30, 10) == [owed]
    assert silent != owed


async def test_a_chat_taken_by_somebody_offline_stays_with_them_for_a_while(app: App) -> None:
    amy = await app.agent("amy")
    account = next(a for a in await app.context.intake.accounts("chat"))
    came = Inbound(account.id, "V1", b"Hello?", "application/json", AddressKind.VISITOR, "v1", "Hello?")
    chat = (await app.context.intake.message(came)).conversation_id
    await app.core.db.execute("update agent_state set since = since - interval '1 hour'")
    await amy.post(f"/conversations/{chat}/pull")
    assert await entries.stranded(app.core.db, 30, 10) == []
    await app.core.db.execute("update queue_entry set assigned_at = assigned_at - interval '1 minute'")
    assert await entries.stranded(app.core.db, 30, 10) == [chat]


@pytest.mark.parametrize("screen", [True, False], ids=["at the desk page", "by the API"])
async def test_whoever_takes_and_answers_though_offline_keeps_the_chat(app: App, screen: bool) -> None:
    amy = await app.agent("amy")
    account = next(a for a in await app.context.intake.accounts("chat"))
    came = Inbound(account.id, "V1", b"Hello?", "application/json", AddressKind.VISITOR, "v1", "Hello?")
    chat = (await app.context.intake.message(came)).conversation_id
    await amy.call("PUT", "/me/presence", {"state": "offline"})
    await app.core.db.execute(
        "update agent_state set since = since - interval '1 hour', connected_until = %s",
        [now() + timedelta(minutes=5) if screen else None],
    )
    await amy.post(f"/conversations/{chat}/pull")
    assert (await amy.get("/me"))["presence"]["state"] == ("busy" if screen else "offline")
    await amy.call("PUT", "/me/presence", {"state": "offline"})
    await app.core.db.execute("update agent_state set since = since - interval '1 hour'")
    await app.core.db.execute("update queue_entry set assigned_at = assigned_at - interval '1 minute'")
    await amy.post(f"/conversations/{chat}/replies", {"client_id": "a", "text": "Here I am."}, status=201)
    assert (await amy.get("/me"))["presence"]["state"] == ("busy" if screen else "offline")
    assert await entries.stranded(app.core.db, 30, 10) == []  # the last they did here was just now
