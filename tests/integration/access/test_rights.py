"""Who may see and do what is decided by the rights in force at that moment: by pages and by sockets alike."""

from __future__ import annotations

from typing import Any

import pytest

from hub.access import signin
from hub.web.realtime import topics
from tests.integration.web.test_realtime import Screen
from tests.support.app import Agent, App


async def open_screen(app: App, agent: Agent, *topics: str) -> Screen:
    screen = Screen(await app.client.ws_connect("/ws", headers=agent.headers))
    await screen.until(lambda f: f["t"] == "ready")
    await screen.say(t="hello", topics=dict.fromkeys(topics, 0))
    await screen.say(t="ping")
    await screen.until(lambda f: f["t"] == "pong")
    return screen


async def queue_id(app: App, key: str) -> int:
    return int(await app.core.db.value("select id from queue where key = %s", [key]))


async def leave_queues(app: App, agent: Agent) -> None:
    await app.core.db.execute("delete from agent_queue where agent_id = %s", [agent.id])


def texts(screen: Screen) -> list[str]:
    return [f["data"]["interaction"]["text"] for f in screen.seen if "interaction" in f.get("data", {})]


@pytest.fixture(autouse=True)
def _only_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    """No healing round comes to the rescue: the delivery itself must ask."""
    monkeypatch.setattr(topics, "HEAL_EVERY", 3600.0)


# -- sockets ---------------------------------------------------------------------------------------------------------
async def _transferred(app: App, agent: Agent, conversation: int) -> None:
    billing = await queue_id(app, "billing")
    eva = await app.agent("eva")
    await eva.post(f"/conversations/{conversation}/transfer", {"queue_id": billing})


async def _out_of_the_queue(app: App, agent: Agent, conversation: int) -> None:
    await leave_queues(app, agent)


async def _demoted(app: App, agent: Agent, conversation: int) -> None:
    await app.core.db.execute("update agent set role = 'agent' where id = %s", [agent.id])


@pytest.mark.parametrize(("name", "lose"), [("amy", _transferred), ("amy", _out_of_the_queue), ("admin", _demoted)])
async def test_a_screen_hears_no_more_of_a_conversation_when_its_right_is_gone(app: App, name: str, lose: Any) -> None:
    agent = await app.agent(name)
    conversation = await app.sms("first")
    screen = await open_screen(app, agent, f"c:{conversation}")
    await app.sms("second")
    await screen.until(lambda f: "second" in texts(screen))
    await lose(app, agent, conversation)
    await app.sms("the secret third")
    refused = await screen.until(lambda f: f["t"] == "err")
    assert (refused["topic"], refused["code"]) == (f"c:{conversation}", 404)
    await app.sms("the secret fourth")
    await screen.say(t="sub", topic=f"c:{conversation}", cursor=0)  # nor by asking again
    await screen.until(lambda f: f["t"] == "err" and f is not refused)
    assert "the secret third" not in texts(screen)


async def _disabled(app: App, agent: Agent) -> None:
    await app.core.db.execute("update agent set disabled_at = now() where id = %s", [agent.id])


async def _token_dropped(app: App, agent: Agent) -> None:
    await app.core.db.execute("delete from api_token where agent_id = %s", [agent.id])


async def _token_expired(app: App, agent: Agent) -> None:
    await app.core.db.execute("update api_token set expires_at = now() where agent_id = %s", [agent.id])


@pytest.mark.parametrize("lose", [_disabled, _token_dropped, _token_expired])
async def test_a_screen_is_closed_when_its_account_or_token_is_gone(app: App, lose: Any) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms("first")
    screen = await open_screen(app, amy, f"c:{conversation}")
    await lose(app, amy)
    await app.sms("the secret second")
    message = await screen.ws.receive(timeout=30)
    while message.data is not None and message.type.name == "TEXT":
        screen.seen.append(message.json())
        message = await screen.ws.receive(timeout=30)
    assert screen.ws.close_code == 4401
    assert "the secret second" not in texts(screen)


async def test_a_screen_that_listens_to_nothing_is_closed_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "HEAL_EVERY", 0.1)
    amy = await app.agent("amy")
    screen = await open_screen(app, amy)
    await app.core.feed.notify("sessions")
    await _token_dropped(app, amy)
    await app.core.feed.notify("sessions")
    assert (await screen.ws.receive(timeout=30)).type.name in {"CLOSE", "CLOSED"}
    assert screen.ws.close_code == 4401


async def test_a_queues_numbers_end_with_the_right_to_see_it(app: App) -> None:
    amy = await app.agent("amy")
    topic = f"q:{await queue_id(app, 'care')}"
    screen = await open_screen(app, amy, topic)
    await screen.until(lambda f: f["t"] == "snap")
    await leave_queues(app, amy)
    assert (await screen.until(lambda f: f["t"] == "err"))["topic"] == topic


async def test_who_reads_conversations_and_no_board_hears_when_their_lists_have_changed(app: App) -> None:
    """Else their lists would be as old as the last thing that happened to themselves."""
    amy, admin = await app.agent("amy"), await app.agent("admin")
    role = {"key": "desk-only", "name": "Desk only", "permissions": {"conversation.read": "queue"}}
    await admin.post("/roles", role, status=201)
    await admin.call("PUT", f"/agents/{amy.id}/role", {"role": "desk-only"})
    topic = f"q:{await queue_id(app, 'care')}"
    screen = await open_screen(app, amy, topic)

    def moved(frame: dict[str, Any]) -> bool:
        return frame["t"] == "snap" and frame["data"]["queue"]["changes"] != first["data"]["queue"]["changes"]

    await screen.say(t="sub", topic="wall", cursor=0)
    assert (await screen.until(lambda f: f["t"] == "err"))["topic"] == "wall"
    first = await screen.until(lambda f: f["t"] == "snap")
    assert (first["topic"], first["data"]["queue"].keys()) == (topic, {"id", "changes"})
    await app.sms("something that a list shows")
    await screen.until(moved)

    await admin.post(
        "/roles", {**role, "key": "people", "name": "People", "permissions": {"contact.read": "all"}}, status=201
    )
    await admin.call("PUT", f"/agents/{amy.id}/role", {"role": "people"})
    refused = await screen.until(lambda f: f["t"] == "err" and f["topic"] == topic)
    assert refused["code"] == 404


async def test_typing_is_not_told_by_who_sees_the_conversation_no_more(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await app.sms()
    hers, his = [await open_screen(app, a, f"c:{conversation}") for a in (amy, ben)]
    await hers.say(t="eph", topic=f"c:{conversation}", type="typing")
    await his.until(lambda f: f["t"] == "eph")
    his.seen.clear()
    await leave_queues(app, amy)
    await hers.say(t="eph", topic=f"c:{conversation}", type="typing")
    await app.sms("second")
    await his.until(lambda f: "second" in texts(his))
    assert not [f for f in his.seen if f["t"] == "eph"]


async def test_an_agents_own_log_shows_nothing_of_what_left_their_sight(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms("my card is 4111")
    await amy.post(f"/conversations/{conversation}/pull")
    await _transferred(app, amy, conversation)
    screen = await open_screen(app, amy, f"u:{amy.id}")  # everything from the beginning
    said = [f for f in screen.seen if f["t"] == "ev"]
    assert "4111" not in str(said)
    assert {"conversation_id": conversation} in [f["data"] for f in said if f["type"] == "conversation.unassigned"]
    assert [f["seq"] for f in said] == list(range(1, len(said) + 1))  # no gap where something is hidden


# -- sends and accounts ----------------------------------------------------------------------------------------------
async def foreign_account(app: App, key: str = "billing") -> int:
    """The SMS number, moved to a queue that is not Amy's."""
    account = next(a for a in await app.context.intake.accounts("twilio") if a.channel == "sms")
    await app.core.db.execute("update account set queue_id = %s where id = %s", [await queue_id(app, key), account.id])
    return account.id


async def test_nobody_writes_first_from_a_number_outside_their_queues(app: App) -> None:
    account = await foreign_account(app)
    amy, chiara, admin = [await app.agent(n) for n in ("amy", "chiara", "admin")]
    opening = {"channel": "sms", "text": "Hello", "address": {"kind": "phone", "value": "+14155550100"}}
    for n, more in enumerate(({"account_id": account}, {})):
        problem = await amy.post("/conversations", {**opening, **more, "client_id": f"a{n}"}, status=403)
        assert "queue" in problem["detail"]
    assert await app.core.db.value("select count(*) from outbound") == 0
    for agent in (chiara, admin):
        await agent.post("/conversations", {**opening, "account_id": account, "client_id": "b"}, status=201)
    assert account not in {a["id"] for a in (await amy.get("/config"))["accounts"]}
    assert account in {a["id"] for a in (await chiara.get("/config"))["accounts"]}


async def test_nobody_answers_from_a_number_outside_their_queues_unless_the_customer_used_it(app: App) -> None:
    account = await foreign_account(app)
    amy = await app.agent("amy")
    by_mail = await app.mail()
    contact = await app.core.db.value("select contact_id from conversation where id = %s", [by_mail])
    await amy.post(f"/contacts/{contact}/addresses", {"kind": "phone", "value": "+14155550177"})
    await amy.post(
        f"/conversations/{by_mail}/replies",
        {"client_id": "r1", "text": "By SMS", "channel": "sms", "account_id": account}, status=403,
    )  # fmt: skip
    assert "sms" not in {w["channel"] for w in (await amy.get(f"/conversations/{by_mail}"))["reply_channels"]}
    # A text to the foreign number that was handed over to her queue is hers to answer.
    by_sms = await app.sms()
    await (await app.agent("eva")).post(f"/conversations/{by_sms}/transfer", {"queue_id": await queue_id(app, "care")})
    await amy.post(f"/conversations/{by_sms}/replies", {"client_id": "r2", "text": "Hi"}, status=201)


@pytest.mark.breaks_rules  # its conversations are written by hand
async def test_unknown_sends_are_settled_only_by_who_may_see_them(app: App) -> None:
    eva, admin = await app.agent("eva"), await app.agent("admin")
    conversation = await app.sms()
    await eva.post(f"/conversations/{conversation}/replies", {"client_id": "r", "text": "x"}, status=201)
    await app.core.db.execute("update outbound set state = 'unknown'")
    [send] = (await eva.get("/outbox/unsettled"))["items"]
    await leave_queues(app, eva)
    await app.core.db.execute("update conversation set agent_id = null")
    assert (await eva.get("/outbox/unsettled"))["items"] == []
    await eva.post(f"/outbox/{send['id']}/settle", {"arrived": True}, status=404)
    await admin.post(f"/outbox/{send['id']}/settle", {"arrived": True}, status=204)


@pytest.mark.breaks_rules  # its conversations are written by hand
async def test_many_unknown_sends_are_settled_at_once_by_who_may_see_them_and_a_second_click_does_nothing(
    app: App,
) -> None:
    eva, admin, amy = await app.agent("eva"), await app.agent("admin"), await app.agent("amy")
    conversation = await app.sms()
    for n in range(3):
        await eva.post(f"/conversations/{conversation}/replies", {"client_id": f"r{n}", "text": "x"}, status=201)
    await app.core.db.execute("update outbound set state = 'unknown'")
    ids = [send["id"] for send in (await eva.get("/outbox/unsettled"))["items"]]
    assert len(ids) == 3
    await amy.post("/outbox/settle", {"ids": ids, "arrived": True}, status=403)
    await eva.post("/outbox/settle", {"ids": [], "arrived": True}, status=422)
    done = await eva.post("/outbox/settle", {"ids": [ids[0], 10**12], "arrived": True})
    assert done == {"settled": [ids[0]], "passed": [10**12]}
    await leave_queues(app, eva)
    await app.core.db.execute("update conversation set agent_id = null")
    assert await eva.post("/outbox/settle", {"ids": ids, "arrived": False}) == {"settled": [], "passed": ids}
    for settled in (ids[1:], []):
        done = await admin.post("/outbox/settle", {"ids": ids, "arrived": False})
        assert done["settled"] == settled
    rows = await app.core.db.dicts("select state from outbound order by id")
    assert [row["state"] for row in rows] == ["sent", "pending", "pending"]


async def test_quarantine_is_handled_by_the_queue_of_its_account(app: App) -> None:
    eva, admin = await app.agent("eva"), await app.agent("admin")
    account = await foreign_account(app)
    for account_id in (account, None):
        await app.context.intake.quarantine(
            connector="twilio", account_id=account_id, dedup_key=f"k{account_id}", raw=b"?", raw_type="text/plain",
            reason="odd",
        )  # fmt: skip
    [held] = (await eva.get("/quarantine"))["items"]
    await leave_queues(app, eva)
    assert (await eva.get("/quarantine"))["items"] == []
    await eva.post(f"/quarantine/{held['id']}/replay", status=404)
    await eva.call("DELETE", f"/quarantine/{held['id']}", status=404)
    assert len((await admin.get("/quarantine"))["items"]) == 2
    await admin.call("DELETE", f"/quarantine/{held['id']}", status=204)


async def test_records_are_changed_only_by_who_serves_the_customer(app: App) -> None:
    amy, chiara = await app.agent("amy"), await app.agent("chiara")
    one, other = await app.sms(sender="+14155550111"), await app.sms(sender="+14155550112")
    ids = [await app.core.db.value("select contact_id from conversation where id = %s", [c]) for c in (one, other)]
    address = await app.core.db.value("select id from address where contact_id = %s", [ids[0]])
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", f"/contacts/{ids[0]}/addresses/{address}/consent", {"wanted": False}),
        ("PATCH", f"/contacts/{ids[0]}", {"name": "Somebody"}),
        ("POST", f"/contacts/{ids[0]}/addresses", {"kind": "email", "value": "x@customer.example"}),
        ("POST", f"/contacts/{ids[0]}/link", {"contact_id": ids[1]}),
        ("POST", f"/contacts/{ids[1]}/link", {"contact_id": ids[0]}),
    ]
    for method, path, body in calls:  # texts go to a queue that is not Chiara's
        problem = await chiara.call(method, path, body, status=403)
        assert problem["remedy"]
    assert await app.core.db.value("select count(*) from address where opted_out_at is not null") == 0
    for method, path, body in calls[:4]:
        await amy.call(method, path, body)
    link = (await amy.get(f"/contacts/{ids[0]}"))["linked"][0]["link_id"]
    await chiara.call("DELETE", f"/contacts/{ids[0]}/links/{link}", status=403)
    await amy.call("DELETE", f"/contacts/{ids[0]}/links/{link}")
    assert await chiara.call("PATCH", "/contacts/999999", {"name": "x"}, status=404)


async def test_somebody_new_may_be_described_by_anybody(app: App) -> None:
    chiara = await app.agent("chiara")
    contact = await app.core.db.value(
        "insert into contact (id, root_id, name) overriding system value "
        "select n, n, 'New' from nextval('contact_id_seq') n returning id"
    )
    await chiara.call("PATCH", f"/contacts/{contact}", {"name": "Newer"})


# -- changes that say part of it -------------------------------------------------------------------------------------
async def test_attributes_that_are_not_named_stay(app: App) -> None:
    amy = await app.agent("amy")
    contact = await app.core.db.value("select contact_id from conversation where id = %s", [await app.sms()])
    path = f"/contacts/{contact}"
    await amy.call("PATCH", path, {"attributes": {"tier": "gold", "vip": True, "orders": 3}})
    assert (await amy.call("PATCH", path, {"attributes": {"orders": 4}}))["attributes"] == {
        "tier": "gold", "vip": True, "orders": 4,
    }  # fmt: skip
    assert (await amy.call("PATCH", path, {"attributes": {"vip": None}}))["attributes"] == {"tier": "gold", "orders": 4}
    assert (await amy.call("PATCH", path, {"name": "Ada"}))["attributes"] == {"tier": "gold", "orders": 4}
    assert (await amy.call("PATCH", path, {"attributes": {}}))["name"] == "Ada"


# -- the next person at the same screen ------------------------------------------------------------------------------
async def test_nothing_private_is_left_in_the_browsers_cache(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.mail(html="<p>private</p>")
    [said] = (await amy.get(f"/conversations/{conversation}"))["interactions"]
    file = await app.core.db.value(
        "insert into attachment (interaction_id, name, content_type, body) values (%s, 'a.png', 'image/png', 'x') returning id",
        [said["id"]],
    )
    for path in (
        f"/attachments/{file}", f"/interactions/{said['id']}/original", f"/interactions/{said['id']}/page",
        f"/conversations/{conversation}",
    ):  # fmt: skip
        response = await app.client.get(f"/api/v1{path}", headers=amy.headers)
        assert response.status == 200, path
        assert "no-store" in response.headers["Cache-Control"], path


async def test_signing_out_empties_the_browsers_cache(app: App) -> None:
    amy = await app.agent("amy")
    await signin.set_password(app.core.db, amy.id, "correct horse battery")
    await app.client.post(
        "/api/v1/session", json={"email": "amy@lumen-oak.example", "password": "correct horse battery"}
    )
    done = await app.client.delete("/api/v1/session", headers={"X-Hub-Request": "1"})
    assert done.headers["Clear-Site-Data"] == '"cache"'
