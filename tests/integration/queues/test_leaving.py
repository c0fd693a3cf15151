"""Who signs out with customers at their desk: whom they are told of, and how these are handed back."""

from __future__ import annotations

import pytest

from hub.channels.model import AddressKind, Inbound
from hub.conversations import conversation
from hub.core import events
from tests.integration.queues.test_silence import answered, entry
from tests.support.app import Agent, App


@pytest.fixture
async def amy(app: App) -> Agent:
    amy = await app.agent("amy")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    return amy


async def owed(app: App, amy: Agent) -> int:
    conversation_id = await app.sms(sender="+14155550161")
    await amy.post(f"/conversations/{conversation_id}/pull")
    return conversation_id


async def chat(app: App, amy: Agent) -> int:
    account = next(a for a in await app.context.intake.accounts("chat"))
    came = Inbound(account.id, "V1", b"Hello?", "application/json", AddressKind.VISITOR, "v1", "Hello?")
    number = (await app.context.intake.message(came)).conversation_id
    assert number is not None
    await amy.post(f"/conversations/{number}/pull")
    async with events.unit(app.core.db, app.core.feed) as unit:
        await conversation.stop_waiting(unit.conn, number)  # answered in the chat, and still there
    return number


async def test_those_who_wait_and_chat_are_named_and_handed_back_and_what_is_answered_stays(
    app: App, amy: Agent
) -> None:
    silent, waits, here = await answered(app, amy), await owed(app, amy), await chat(app, amy)
    found = (await amy.get("/me/customers"))["items"]
    assert [(c["conversation_id"], c["waits"], c["talks"]) for c in found] == [
        (waits, True, False),
        (here, False, False),
    ]
    assert await amy.post("/me/hand-back") == {"number": 2}
    assert [(await entry(app, c))["state"] for c in (silent, waits, here)] == ["assigned", "waiting", "waiting"]
    me = await amy.get("/me")
    assert (me["presence"]["state"], me["presence"]["reason"]) == ("offline", "signed out")
    assert (await amy.get("/me/customers"))["items"] == []
    assert await amy.post("/me/hand-back") == {"number": 0}


async def test_nobody_is_handed_back_during_a_call(app: App, amy: Agent) -> None:
    waits = await owed(app, amy)
    await app.core.db.execute(
        "insert into call (conversation_id, account_id, interaction_id, direction, number, our_number, state, entry_id) "
        "select e.conversation_id, v.account_id, 1, 'in', '+14155550161', '+1', 'talking', e.id "
        "from queue_entry e join conversation v on v.id = e.conversation_id where e.conversation_id = %s",
        [waits],
    )
    assert [c["talks"] for c in (await amy.get("/me/customers"))["items"]] == [True]
    assert (await amy.post("/me/hand-back", status=409))["code"] == "leaving.call"
    assert (await entry(app, waits))["state"] == "assigned"
    assert (await amy.get("/me"))["presence"]["state"] == "available"


async def test_what_a_colleague_has_taken_meanwhile_stays_theirs(app: App, amy: Agent) -> None:
    waits = await owed(app, amy)
    ben = await app.agent("ben")
    await amy.call("PUT", "/me/presence", {"state": "offline"})
    await ben.post(f"/conversations/{waits}/pull")
    assert await amy.post("/me/hand-back") == {"number": 0}
    assert (await entry(app, waits))["agent_id"] == ben.id
