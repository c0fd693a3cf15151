"""An answer after the visitor left: by mail once, or said to the agent; never to who is there, or was to read it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from hub.automation.plans import plan_next
from hub.channels.model import Delivery, DeliveryStatus
from hub.core import events
from hub.demo import ChatVisitor
from hub.demo.wire import deliver
from hub.messages import replies
from hub.messages.delivery import Reports
from hub.messages.outbox import Outbox
from hub.queues import entries
from tests.integration.connectors.harness import MAILBOX, SITE, Hub, eventually
from workers.followups import run_due

ADDRESS = "ida@home.example"


async def answer(hub: Hub, text: str, conversation: int = 1) -> int:
    """An agent answers in the chat, and it is sent."""
    amy = await hub.value(
        "insert into agent (email, name) values ('amy@example.com', 'Amy') "
        "on conflict (email) do update set name = 'Amy' returning id"
    )
    async with events.unit(hub.db, hub.feed) as unit:
        said = replies.Reply(client_id=str(uuid.uuid4()), text=text, channel="chat")
        written = await replies.reply(unit, hub.vault, conversation, said, actor_id=amy)
    outbox = Outbox(hub.core)

    async def wire() -> None:
        return None

    for claim in await outbox.claim():
        outbound = await outbox.outbound(claim)
        if outbound.channel == "chat":
            await hub.chat.send(await hub.of(SITE), outbound, wire)
            await outbox.reports.sent(claim, "chat:1")
        else:
            await outbox.reports.given_back(claim)
    return written.interaction_id


async def mails(hub: Hub) -> list[dict[str, Any]]:
    return await hub.db.dicts("select payload from outbound where payload ->> 'channel' = 'email' order by id")


async def settled(hub: Hub) -> None:
    """Until nothing waits to be looked at."""

    async def done() -> bool:
        return not await hub.value("select count(*) from chat_unseen where state = 'waiting'")

    await hub.db.execute("update chat_unseen set due_at = now()")
    await eventually(done)


async def unseen(hub: Hub, interaction_id: int) -> Any:
    return await hub.value("select meta -> 'unseen' from interaction where id = %s", interaction_id)


async def left(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.close()

    async def gone() -> bool:
        return await hub.value("select bool_and(gone) from chat_visitor")

    await eventually(gone)


@pytest.fixture
async def quick(hub: Hub) -> Hub:
    await hub.configure(SITE, "mail_after_seconds", 0.2)
    return hub


async def test_answers_to_who_has_left_go_by_one_mail_that_comes_back_to_the_conversation(quick: Hub) -> None:
    hub = quick
    await hub.configure("mail", "from_name", "Lumen & Oak")
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.open(name="Ida Roth", email=ADDRESS)
        await visitor.say("Is the lamp in stock?")
        await left(hub, visitor)
        await hub.db.execute("insert into queue (key, name) values ('mail', 'Mail')")
        await hub.db.execute("update account set queue_id = 2 where key = 'mail'")  # another one, and the only mailbox
        await hub.configure(SITE, "mail_after_seconds", 3600)
        first, second = await answer(hub, "It is."), await answer(hub, "Shall I send it?")
        await settled(hub)
        [mail] = [row["payload"] for row in await mails(hub)]
        assert (mail["to"], mail["automatic"], mail["cc"]) == (ADDRESS, False, [])
        assert mail["subject"] == "Your chat with Lumen & Oak"  # as the mail's From
        assert mail["text"].startswith("It is.\n\nShall I send it?\n\n")
        assert "> Is the lamp in stock?" in mail["text"]
        for one in (first, second):
            assert await unseen(hub, one) == {"state": "mailed", "to": ADDRESS}
        raw = (
            f"From: Ida <{ADDRESS}>\r\nTo: {MAILBOX}\r\nSubject: Re: x\r\nMessage-ID: <a@home.example>\r\n"
            f"In-Reply-To: {mail['message_id']}\r\n\r\nYes please.\r\n"
        )
        await deliver("127.0.0.1", hub.smtp_port, ADDRESS, [MAILBOX], raw.encode())
        await eventually(lambda: hub.value("select count(*) from interaction where text like 'Yes please%%'"))
        assert await hub.value("select count(*) from conversation") == 1
        await visitor.open()  # and what was mailed stands in the chat as well
        await visitor.answer()
        assert [e["data"]["text"] for e in visitor.events if e["data"].get("from") == "agent"] == [
            "It is.",
            "Shall I send it?",
        ]
        await settled(hub)
        assert len(await mails(hub)) == 1


async def test_nothing_is_mailed_to_who_is_there_or_was_when_it_came(quick: Hub) -> None:
    hub = quick
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.open(name="Ida Roth", email=ADDRESS)
        await visitor.say("Is the lamp in stock?")
        here = await answer(hub, "It is.")
        await visitor.answer()
        await left(hub, visitor)
        await settled(hub)
        assert await mails(hub) == []
        assert await unseen(hub, here) is None
        await hub.configure(SITE, "mail_after_seconds", 3600)
        away = await answer(hub, "Still there?")
        await visitor.open()  # back before anything was mailed
        await settled(hub)
        assert await mails(hub) == []
        assert await unseen(hub, away) is None


async def test_without_a_way_the_agent_reads_that_they_left_and_that_they_are_back(quick: Hub) -> None:
    hub = quick
    for email, reason in (("", "no address"), ("not an address", "none"), (MAILBOX, "ours"), (ADDRESS, "no mailbox")):
        if email == ADDRESS:
            await hub.db.execute("update account set enabled = false where key = 'mail'")
        async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
            await visitor.open(name=f"Ida {reason}", email=email)
            await visitor.say("Is the lamp in stock?")
            conversation = await hub.value("select max(id) from conversation")
            await left(hub, visitor)
            said = await answer(hub, "It is.", conversation)
            await settled(hub)
            assert await unseen(hub, said) == {"state": "left", "to": None}, reason
            await visitor.open()

            async def back(number: int = said) -> bool:
                return (await unseen(hub, number))["state"] == "back"

            await eventually(back)
            await left(hub, visitor)
    assert await mails(hub) == []


async def test_chat_that_was_answered_and_left_stays_with_its_agent_when_they_go(quick: Hub) -> None:
    hub = quick
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.open(name="Ida Roth", email=ADDRESS)
        await visitor.say("Is the lamp in stock?")
        await answer(hub, "It is.")
        amy = await hub.value("select id from agent where email = 'amy@example.com'")
        await hub.db.execute(
            "insert into agent_state (agent_id, state) values (%s, 'available') on conflict do nothing", [amy]
        )
        async with events.unit(hub.db, hub.feed) as unit:
            await entries.pull(unit, 1, amy)
        await hub.db.execute("update queue_entry set assigned_at = now() - interval '5 minutes'")
        await hub.db.execute("update agent_state set state = 'offline', since = now() - interval '5 minutes'")
        assert await entries.stranded(hub.db, 30, 10) == []  # a short while after their agent answered
        await hub.db.execute("update interaction set at = at - interval '5 minutes' where direction = 'out'")
        assert await entries.stranded(hub.db, 30, 10) == [1]  # they are there, and may go on
        await hub.db.execute("update interaction set at = at + interval '5 minutes' where direction = 'out'")
        await left(hub, visitor)
        assert await entries.stranded(hub.db, 30, 10) == []
        await settled(hub)
        assert await entries.stranded(hub.db, 30, 10) == []  # their answer went by mail
        await visitor.open()
        await visitor.say("Then I take two.")
        await hub.db.execute("update interaction set at = at - interval '5 minutes' where direction = 'out'")
        assert await entries.stranded(hub.db, 30, 10) == [1]


async def _bounced(hub: Hub, mail_id: int) -> None:
    """The mail that an answer went by comes back, and what follows from that has followed."""
    outbound = await hub.value("select id from outbound where interaction_id = %s", mail_id)
    report = Delivery(
        "email", DeliveryStatus.FAILED, "<gone@home.example>", outbound_id=outbound, error="No such mailbox."
    )
    assert await Reports(hub.core).record(report)
    while await plan_next(hub.core.db):
        pass
    await run_due(hub.core)


async def _answered_by_mail(hub: Hub, visitor: ChatVisitor) -> int:
    """A chat whose visitor had left when it was answered; the mail that the answer went by."""
    await visitor.open(name="Ida Roth", email=ADDRESS)
    await visitor.say("Is the lamp in stock?")
    await left(hub, visitor)
    said = await answer(hub, "It is.")
    await settled(hub)
    assert await hub.value("select waiting_since from conversation") is None
    while await plan_next(hub.core.db):
        pass
    return await hub.value("select (meta ->> 'mailed_in')::bigint from interaction where id = %s", said)


async def test_customer_waits_again_when_the_mail_of_an_unseen_answer_does_not_arrive(quick: Hub) -> None:
    hub = quick
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        mail_id = await _answered_by_mail(hub, visitor)
        asked = await hub.value("select at from event where kind = 'interaction.created' order by id limit 1")
        await _bounced(hub, mail_id)
        assert await hub.value("select waiting_since from conversation") == asked
        note = await hub.value("select text from interaction where kind <> 'message' order by id desc limit 1")
        assert note.startswith("The answer did not arrive, so the customer waits still.")
        again = await answer(hub, "It is in stock.")  # as any answer, once it has been seen
        await visitor.open()
        await visitor.answer()
        assert await hub.value("select waiting_since from conversation") is None
        assert await unseen(hub, again) is None


async def test_customer_who_came_back_and_read_the_answer_does_not_wait_for_its_mail(quick: Hub) -> None:
    hub = quick
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        mail_id = await _answered_by_mail(hub, visitor)
        await visitor.open()
        await visitor.answer()
        await _bounced(hub, mail_id)
        assert await hub.value("select waiting_since from conversation") is None
