"""Who signs out with customers at their desk: whom they are told of, and how these are handed back."""

from __future__ import annotations

import pytest

from hub.channels.model import AddressKind, Inbound
from hub.conversations import conversation, invariants
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


async def on_the_telephone(app: App, conversation_id: int) -> None:
    await app.core.db.execute(
        "insert into call (conversation_id, account_id, interaction_id, direction, number, our_number, state, entry_id) "
        "select e.conversation_id, v.account_id, 1, 'in', '+14155550161', '+1', 'talking', e.id "
        "from queue_entry e join conversation v on v.id = e.conversation_id where e.conversation_id = %s",
        [conversation_id],
    )


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
    await on_the_telephone(app, waits)
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


async def test_right_to_answer_is_taken_only_by_who_knows_what_goes_back(app: App, amy: Agent) -> None:
    silent, waits, here = await answered(app, amy), await owed(app, amy), await chat(app, amy)
    path, admin = f"/agents/{amy.id}/role", await app.agent("admin")
    told = await admin.call("PUT", path, {"role": "analyst"}, status=409)
    assert (told["code"], told["params"]) == ("role.work", {"number": 3, "waiting": 1, "talking": 0})
    assert (await amy.get("/me"))["agent"]["role"] == "agent"
    assert [(await entry(app, c))["state"] for c in (silent, waits, here)] == ["assigned"] * 3
    assert await admin.call("PUT", path, {"role": "supervisor"}) == {"handed_back": 0}  # who still answers keeps it
    assert await admin.call("PUT", path, {"role": "analyst", "hand_back": True}) == {"handed_back": 3}
    assert [(await entry(app, c))["state"] for c in (silent, waits, here)] == ["waiting"] * 3
    assert (await amy.get("/me"))["presence"]["state"] == "offline"
    assert await admin.call("PUT", path, {"role": "analyst"}) == {"handed_back": 0}


async def test_role_that_loses_the_right_hands_back_what_lies_with_all_who_have_it(app: App, amy: Agent) -> None:
    admin, ben = await app.agent("admin"), await app.agent("ben")
    allowed = {"conversation.read": "all", "conversation.handle": "all"}
    made = await admin.post("/roles", {"key": "numbers", "name": "Numbers", "permissions": allowed})
    waits, other = await owed(app, amy), await app.mail()
    await ben.post(f"/conversations/{other}/pull")
    for agent in (amy, ben):
        await admin.call("PUT", f"/agents/{agent.id}/role", {"role": "numbers"})
    less = {"version": made["version"], "permissions": {"conversation.read": "all"}}
    told = await admin.call("PATCH", f"/roles/{made['id']}", less, status=409)
    assert (told["code"], told["params"]) == ("role.work", {"number": 2, "waiting": 2, "talking": 0})
    changed = await admin.call("PATCH", f"/roles/{made['id']}", {**less, "hand_back": True})
    assert (changed["permissions"], changed["handed_back"]) == ({"conversation.read": "all"}, 2)
    assert [(await entry(app, c))["state"] for c in (waits, other)] == ["waiting"] * 2


async def test_whoever_talks_as_their_right_is_taken_talks_on_and_is_over_with_it_then(app: App, amy: Agent) -> None:
    waits, admin = await owed(app, amy), await app.agent("admin")
    await on_the_telephone(app, waits)
    path = f"/agents/{amy.id}/role"
    told = await admin.call("PUT", path, {"role": "analyst"}, status=409)
    assert told["params"] == {"number": 0, "waiting": 0, "talking": 1}
    assert await admin.call("PUT", path, {"role": "analyst", "hand_back": True}) == {"handed_back": 0}
    await invariants.sweep(app.core)
    assert (await entry(app, waits))["state"] == "assigned"
    await app.core.db.execute("update call set state = 'ended', ended_at = clock_timestamp()")
    await invariants.sweep(app.core)
    assert (await entry(app, waits))["state"] == "waiting"
