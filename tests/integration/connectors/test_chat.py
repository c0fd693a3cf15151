"""Web chat: one gapless thread for the visitor, whatever their connection does, and nothing that is not theirs."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.chat import token
from hub.conversations import actions
from hub.core import events
from hub.core.errors import Unauthorized
from hub.core.secrets import Vault
from hub.demo import ChatVisitor
from hub.messages import replies
from tests.integration.connectors.harness import SITE, Hub, eventually


@pytest.fixture
async def visitor(hub: Hub) -> AsyncGenerator[ChatVisitor]:
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.open(name="Ann", locale="zh-CN")
        yield visitor


async def agent(hub: Hub) -> int:
    number = await hub.value("insert into agent (email, name) values ('amy@example.com', 'Amy') returning id")
    await hub.db.execute("insert into agent_state (agent_id) values (%s)", [number])
    return number


async def reply(hub: Hub, text: str, agent_id: int | None) -> None:
    async with events.unit(hub.db, hub.feed) as unit:
        await replies.reply(
            unit, hub.vault, 1, replies.Reply(client_id=str(uuid.uuid4()), text=text), actor_id=agent_id
        )


def messages(visitor: ChatVisitor) -> list[tuple[str, str]]:
    return [(e["data"]["from"], e["data"]["text"]) for e in visitor.events if e["type"] == "message"]


def gapless(visitor: ChatVisitor) -> bool:
    return [e["seq"] for e in visitor.events] == list(range(1, len(visitor.events) + 1))


async def test_session_greets_in_the_visitors_language(hub: Hub) -> None:
    asked = {"name": "安", "locale": "zh-CN"}
    async with hub.http.post(f"{hub.url}/hooks/chat/{SITE}/session", json=asked, headers={"Origin": hub.url}) as answer:
        session = await answer.json()
    assert session["site"]["greeting"] == "你好"
    assert session["conversation"] is None
    assert await hub.value("select count(*) from address") == 0


async def test_session_says_whether_anybody_works_now(hub: Hub) -> None:
    for week, is_open in (("{}", False), ('{"mon": [["00:00", "24:00"]]}', None), (None, True)):
        if week is not None:
            await hub.db.execute("insert into hours (key, timezone, week) values (%s, 'UTC', %s)", [week, week])
        hours = None if week is None else await hub.value("select max(id) from hours")
        await hub.db.execute("update queue set hours_id = %s", [hours])
        async with hub.http.post(
            f"{hub.url}/hooks/chat/{SITE}/session", json={}, headers={"Origin": hub.url}
        ) as answer:
            found = (await answer.json())["site"]["open"]
        assert found is (datetime.now(UTC).weekday() == 0 if is_open is None else is_open)


async def test_ack_carries_the_stored_event(hub: Hub, visitor: ChatVisitor) -> None:
    command = str(uuid.uuid4())
    ack = await visitor.command("message", {"text": "Hello"}, id=command)
    data = ack["ev"]["data"]
    assert (ack["ev"]["seq"], data["from"], data["text"], data["client_id"]) == (1, "customer", "Hello", command)
    assert visitor.events[0]["data"] == data


async def test_agents_answer_reaches_the_visitor_and_notes_do_not(hub: Hub, visitor: ChatVisitor) -> None:
    amy = await agent(hub)
    await visitor.say("Hello")
    async with events.unit(hub.db, hub.feed) as unit:
        await replies.note(unit, 1, "an awkward customer", None, actor_id=amy)
    await reply(hub, "Hello Ann", amy)
    answer = await visitor.answer()
    assert (answer["name"], answer["text"]) == ("Amy", "Hello Ann")
    assert messages(visitor) == [("customer", "Hello"), ("agent", "Hello Ann")]
    assert "awkward" not in str(visitor.events)
    assert gapless(visitor)


async def test_everything_is_replayed_in_order_after_an_absence(hub: Hub, visitor: ChatVisitor) -> None:
    amy = await agent(hub)
    await visitor.say("one")
    await visitor.close()
    for text in ("two", "three", "four"):
        await reply(hub, text, amy)
    await visitor.open()
    await visitor.say("five")
    assert [text for _, text in messages(visitor)] == ["one", "two", "three", "four", "five"]
    assert gapless(visitor)


async def test_thread_is_whole_for_a_new_page_with_the_same_token(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("one")
    amy = await agent(hub)
    for n in range(230):
        await reply(hub, f"line {n}", amy)
    async with ChatVisitor(hub.http, hub.url, SITE) as page:
        page.token = visitor.token
        await page.open()
        await page.until(lambda f: f.get("type") == "message" and f["data"]["text"] == "line 229", timeout=10)
        assert len(messages(page)) == 231
        assert gapless(page)


async def test_lost_publish_heals_by_asking_again(
    hub: Hub, visitor: ChatVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy = await agent(hub)
    await visitor.say("Hello")

    async def lost(_: Any) -> None: ...

    monkeypatch.setattr(hub.feed, "publish", lost)
    await reply(hub, "unheard", amy)
    await visitor.send({"t": "sub", "topic": "chat", "cursor": visitor.cursor})
    assert (await visitor.answer())["text"] == "unheard"


async def test_same_command_on_two_connections_is_one_message(hub: Hub, visitor: ChatVisitor) -> None:
    command = str(uuid.uuid4())
    first = await visitor.command("message", {"text": "Hello"}, id=command)
    await visitor.close()
    await visitor.open()
    again = await visitor.command("message", {"text": "Hello"}, id=command)
    assert again["ev"] == first["ev"]
    assert await hub.texts("chat") == ["Hello"]


async def test_queue_position_and_agent_are_told(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    waiting = await visitor.until(lambda f: f.get("type") == "status", timeout=5)
    assert waiting["data"] == {"status": "open", "position": 1, "agent": None}
    amy = await agent(hub)
    await hub.db.execute("update queue_entry set state = 'assigned', agent_id = %s", [amy])
    await hub.db.execute("update conversation set agent_id = %s", [amy])
    await reply(hub, "Hi", amy)
    found = await visitor.until(lambda f: f.get("type") == "status" and f["data"]["agent"], timeout=5)
    assert found["data"] == {"status": "open", "position": None, "agent": {"name": "Amy"}}


async def test_rating_is_asked_for_and_kept_when_the_matter_is_resolved(hub: Hub, visitor: ChatVisitor) -> None:
    amy = await agent(hub)
    await visitor.say("Hello")
    await reply(hub, "Hi", amy)
    async with events.unit(hub.db, hub.feed) as unit:
        await actions.resolve(unit, 1, disposition=None, actor_id=amy)
    await visitor.until(lambda f: f.get("type") == "rating.ask", timeout=5)
    for _ in range(2):
        ack = await visitor.command("rating", {"score": 4, "comment": "quick"})
        assert "ev" in ack
    assert await hub.db.dicts("select score, comment, agent_id from rating") == [
        {"score": 4, "comment": "quick", "agent_id": amy}
    ]
    assert await hub.value("select count(*) from event where kind = 'conversation.rated'") == 1
    assert gapless(visitor)


async def test_low_rating_brings_the_conversation_back_to_a_person_with_the_words(
    hub: Hub, visitor: ChatVisitor
) -> None:
    amy = await agent(hub)
    await visitor.say("Hello")
    await reply(hub, "Hi", amy)
    async with events.unit(hub.db, hub.feed) as unit:
        await actions.resolve(unit, 1, disposition=None, actor_id=amy)
    await visitor.until(lambda f: f.get("type") == "rating.ask", timeout=5)
    refused = await visitor.command("rating", {"score": 1, "comment": "x" * 1001})
    assert "too long" in refused["err"]["detail"]
    for _ in range(2):
        await visitor.command("rating", {"score": 1, "comment": "still broken"})
    assert await hub.value("select status from conversation") == "open"
    assert await hub.value("select count(*) from queue_entry where state = 'waiting'") == 1
    assert await hub.value("select waiting_since is not null from conversation")
    notes = await hub.db.dicts("select text from interaction where kind = 'note'")
    assert [n["text"].splitlines()[-1] for n in notes] == ["still broken"]
    assert gapless(visitor)


async def test_rating_is_asked_for_once_and_not_when_the_clock_closed_the_matter(
    hub: Hub, visitor: ChatVisitor
) -> None:
    amy = await agent(hub)
    asked = "select count(*) from chat_log where kind = 'rating.ask'"
    for n, actor in enumerate((None, amy, amy)):
        await visitor.say(f"Hello {n}")
        await reply(hub, f"Hi {n}", amy)
        async with events.unit(hub.db, hub.feed) as unit:
            await actions.resolve(unit, 1, disposition=None, actor_id=actor)
        await visitor.until(lambda f: f.get("type") == "status" and f["data"]["status"] == "resolved", timeout=5)
        assert await hub.value(asked) == min(n, 1)
    assert gapless(visitor)


async def test_typing_is_passed_both_ways(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    heard = hub.feed.redis.pubsub(ignore_subscribe_messages=True)
    await heard.subscribe("t:c:1")
    await heard.get_message(timeout=1)
    await visitor.typing()
    message = await eventually(lambda: heard.get_message(ignore_subscribe_messages=True, timeout=1))
    assert b'"from":"customer"' in message["data"]
    await heard.aclose()
    typing = {"t": "eph", "topic": "c:1", "type": "typing", "data": {"agent": {"id": 1, "name": "Amy"}}}
    await hub.feed.publish([("c:1", typing)])
    notice = await visitor.until(lambda f: f["t"] == "eph", timeout=5)
    assert (notice["type"], notice["data"]["agent"]["name"]) == ("typing", "Amy")


async def test_leaving_while_waiting_is_logged_once(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    await visitor.close()

    async def left() -> int:
        return await hub.value("select count(*) from event where kind = 'chat.left' and conversation_id = 1")

    assert await eventually(left) == 1
    await visitor.open()
    await visitor.say("I am back")
    assert await left() == 1


async def test_coming_back_within_the_grace_is_not_leaving(hub: Hub, visitor: ChatVisitor) -> None:
    await hub.configure("web", "leave_seconds", 600)
    await visitor.say("Hello")
    await visitor.close()
    await visitor.open()
    assert await hub.chat.record.departures(600.0, 120.0) == 0
    assert await hub.value("select count(*) from event where kind = 'chat.left'") == 0


async def test_visitors_are_told_to_come_back_when_the_server_ends(hub: Hub, visitor: ChatVisitor) -> None:
    await hub.chat.close()
    with pytest.raises(ConnectionError, match="1012"):
        await visitor.until(lambda _: False, timeout=5)


async def test_commands_are_slowed_down_beyond_a_burst(hub: Hub, visitor: ChatVisitor) -> None:
    ids = [str(uuid.uuid4()) for _ in range(40)]
    for n, command in enumerate(ids):  # nobody waits for an answer, so that no time passes in which more is allowed
        await visitor.send({"t": "cmd", "id": command, "type": "message", "data": {"text": f"message {n}"}})
    acks = [await visitor.until(lambda f: f["t"] == "ack" and f["id"] in ids, timeout=20) for _ in ids]
    refused = [ack["err"]["code"] for ack in acks if "err" in ack]
    assert refused
    assert set(refused) == {429}


def test_token_is_bound_to_its_site_and_its_time(vault: Vault) -> None:
    visitor = token.Visitor("a" * 32, "Ann", "ann@customer.example", "en", browser="b" * 32)
    issued = token.issue(vault, "web", visitor, 1)
    assert token.read(vault, "web", issued) == visitor
    for site, given in (("other", issued), ("web", token.issue(vault, "web", visitor, -1)), ("web", issued[:-1])):
        with pytest.raises(Unauthorized):
            token.read(vault, site, given)
