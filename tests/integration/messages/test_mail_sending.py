"""What becomes of an answer by mail: taken back, sent later, unsubscribed from, lost, refused, bounced."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.channels.model import (
    Account,
    AddressKind,
    Delivery,
    DeliveryStatus,
    Inbound,
    Outbound,
    Outcome,
    SendError,
    Wire,
)
from hub.core import events
from hub.core.clock import now
from hub.messages import replies, tokens
from hub.messages.outbox import Outbox
from tests.integration.messages.mail_desk import (
    CUSTOMER,
    answer,
    composing,
    conversation,
    payload,
    taken_back,
    upload,
)
from tests.support.app import App
from workers.context import JobContext
from workers.deliver import Delivery as Worker


async def test_answer_taken_back_never_leaves_and_the_customer_still_waits(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    before = await conversation(admin, number)
    picture = await upload(admin, "view.png", b"\x89PNG")
    text = f"![x](upload:{picture}) wrong"
    written = await answer(admin, number, text=text, cc=["bob@customer.example"], undo_seconds=10)
    assert (await conversation(admin, number))["waiting_since"] is None
    draft = await taken_back(admin, written)
    assert (draft["text"], draft["cc"], [f["id"] for f in draft["attachments"]]) == (
        text,
        ["bob@customer.example"],
        [picture],
    )
    after = await conversation(admin, number)
    for same in ("waiting_since", "preview", "status", "failed", "due_at"):
        assert after[same] == before[same], same
    assert [i["text"] for i in after["interactions"]] == ["Hello"]
    await app.core.db.execute("update outbound set due_at = now()")
    assert await Outbox(app.core).claim() == []
    again = await answer(admin, number, text=text)  # the picture can be sent again
    assert len(again["attachments"]) == 1
    row = (
        await app.core.db.dicts("select first_reply_at, last_outbound_at from conversation where id = %s", [number])
    )[0]
    assert row["first_reply_at"] == row["last_outbound_at"]


async def test_answer_that_resolved_is_taken_back_with_it(app: App) -> None:
    admin = await app.agent("admin")
    await app.core.db.execute("insert into agent_queue select %s, id from queue on conflict do nothing", [admin.id])
    number = await app.mail()
    written = await answer(admin, number, undo_seconds=10, resolve=True)
    assert (await conversation(admin, number))["status"] == "resolved"
    await taken_back(admin, written)
    after = await conversation(admin, number)
    assert (after["status"], after["agent"]["id"]) == ("open", admin.id)
    assert after["waiting_since"]


async def test_only_one_of_many_takes_it_back_and_none_what_is_on_its_way(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    written = await answer(admin, number, undo_seconds=10)
    path = f"/api/v1/conversations/{number}/interactions/{written['id']}/cancel"
    answers = await asyncio.gather(*[app.client.post(path, json={}, headers=admin.headers) for _ in range(5)])
    assert sorted(a.status for a in answers) == [200, 409, 409, 409, 409]
    written = await answer(admin, number)
    assert len(await Outbox(app.core).claim()) == 1
    assert "on its way" in (await taken_back(admin, written, status=409))["detail"]


async def test_nobody_takes_back_what_is_not_theirs_to_see(app: App) -> None:
    admin = await app.agent("admin")
    number, other = await app.mail(), await app.mail(sender="x@customer.example")
    written = await answer(admin, number, undo_seconds=10)
    await admin.post(f"/conversations/{other}/interactions/{written['id']}/cancel", status=404)
    await app.core.db.execute("delete from agent_queue")
    stranger = await app.agent("amy")
    await stranger.post(f"/conversations/{number}/interactions/{written['id']}/cancel", status=404)


async def test_answer_for_later_waits_is_shown_and_holds_up_nobody(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    later = now() + timedelta(minutes=30)
    written = await answer(admin, number, text="Later", send_at=later.isoformat())
    outbox = Outbox(app.core)
    assert await outbox.claim() == []
    [waiting] = (await composing(admin, number))["scheduled"]
    assert (waiting["interaction_id"], waiting["text"]) == (written["id"], "Later")
    await answer(admin, number, text="Now")
    assert [c.payload["text"] for c in await outbox.claim()] == ["Now"]
    row = (
        await app.core.db.dicts(
            "select payload, due_at, begun_at from outbound where interaction_id = %s", [written["id"]]
        )
    )[0]
    assert row["due_at"] == row["begun_at"]  # patience counts from then, not from now
    assert row["payload"]["date"][:16] == later.isoformat()[:16]
    await taken_back(admin, written)
    assert (await composing(admin, number))["scheduled"] == []


async def bulk(app: App, number: int, key: str) -> None:
    async with events.unit(app.core.db, app.core.feed) as unit:
        answer = replies.Reply("News", key, bulk=True, automatic=True)
        await replies.reply(unit, app.core.vault, number, answer, actor_id=None)


async def test_one_click_ends_what_goes_to_many_and_nothing_else(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    await bulk(app, number, "b1")
    [claim] = await Outbox(app.core).claim()
    link = (await Outbox(app.core).outbound(claim)).unsubscribe
    assert link is not None
    path = link.removeprefix(app.core.public_url)
    await bulk(app, number, "b2")
    await app.core.db.execute("update outbound set due_at = now() + interval '1 hour' where state = 'pending'")
    page = await app.client.get(path)
    assert page.status == 200
    assert "<form" in await page.text()
    assert (
        await app.core.db.value("select count(*) from address where opted_out_at is not null") == 0
    )  # reading is harmless
    for _ in range(2):
        done = await app.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (done.status, "Unsubscribed" in await done.text()) == (200, True)
    states = await app.core.db.dicts("select state from outbound order by id")
    assert [row["state"] for row in states] == ["claimed", "cancelled"]
    with pytest.raises(Exception, match="opted out"):
        await bulk(app, number, "b3")
    await answer(admin, number)  # the customer's own question is still answered
    assert await app.core.db.value("select count(*) from event where kind = 'address.unsubscribed'") == 1


@pytest.mark.parametrize("token", ["1-aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", "1", "0-aaaaaaaaaaaaaaaaaaaaaaaaaa"])
async def test_link_that_is_not_ours_ends_nothing(app: App, token: str) -> None:
    await app.mail()
    assert (await app.client.post(f"/u/{token}")).status == 404
    assert await app.core.db.value("select count(*) from address where opted_out_at is not null") == 0
    assert tokens.unsubscribing(app.core.vault, tokens.unsubscribe_token(app.core.vault, 7)) == 7


class Box:
    """A connector whose sends vanish after the wire, and that finds in its mailbox what it is told to."""

    name = "email"
    channels = ("email",)

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.error: Exception | None = None

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        await wire()
        if self.error:
            raise self.error
        return outbound.message_id

    async def find(self, account: Account, outbound: Outbound) -> bool:
        return outbound.message_id in self.found


def worker(app: App, box: Box) -> Worker:
    connectors: Any = {**app.context.connectors, "email": box}
    return Worker(JobContext(app.core, connectors, app.context.accounts))


async def test_send_of_unknown_fate_is_settled_by_the_sent_folder_and_never_repeated(app: App) -> None:
    admin = await app.agent("admin")
    number, box = await app.mail(), Box()
    delivery = worker(app, box)
    box.error = SendError("It may have arrived.", outcome=Outcome.UNKNOWN)
    written = await answer(admin, number)
    await delivery.drain()
    assert (await conversation(admin, number))["failed"] is True
    assert await delivery.look() == 0  # not yet due
    await app.core.db.execute("update outbound set due_at = now()")
    assert await delivery.look() == 0  # not there: that says nothing, a person decides
    assert await app.core.db.value("select state from outbound") == "unknown"
    assert await app.core.db.value("select due_at > now() from outbound")
    box.found.add((await payload(app))["message_id"])
    await app.core.db.execute("update outbound set due_at = now()")
    assert await delivery.look() == 1
    shown = await conversation(admin, number)
    assert (shown["failed"], [i["status"] for i in shown["interactions"] if i["id"] == written["id"]]) == (
        False,
        ["sent"],
    )


async def test_partly_refused_answer_turns_red_with_the_words_and_spares_who_has_it(app: App) -> None:
    admin = await app.agent("admin")
    number, box = await app.mail(), Box()
    delivery = worker(app, box)
    words = "bob@customer.example: The mail server says 550 5.1.1 no such user. It went to ana@customer.example."
    box.error = SendError(words, outcome=Outcome.FAILED, taken=[CUSTOMER], provider_id="<x@y>")
    await answer(admin, number, cc=["bob@customer.example"])
    await delivery.drain()
    shown = await conversation(admin, number)
    assert (shown["failed"], shown["interactions"][-1]["error"]) == (True, words)
    assert (await payload(app))["taken"] == [CUSTOMER]
    row = (await app.core.db.dicts("select id, provider_id from outbound"))[0]
    assert row["provider_id"] == "<x@y>"
    box.error = None
    await Outbox(app.core).decide(row["id"], arrived=False, actor_id=admin.id)
    [claim] = await Outbox(app.core).claim()
    assert (await Outbox(app.core).outbound(claim)).taken == (CUSTOMER,)


async def test_bounce_turns_the_conversation_red_on_the_agents_desk(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    await admin.post(f"/conversations/{number}/pull")
    await answer(admin, number)
    box = Box()
    await worker(app, box).drain()
    outbound_id = await app.core.db.value("select id from outbound")
    words = "ana@customer.example could not be reached: 550 no such user"
    await app.context.intake.delivery(Delivery("email", DeliveryStatus.FAILED, "<r@mx>", outbound_id, words))
    shown = await conversation(admin, number)
    assert (shown["failed"], shown["interactions"][-1]["status"], shown["interactions"][-1]["error"]) == (
        True,
        "failed",
        words,
    )
    kinds = await app.core.db.dicts("select kind from event where agent_id = %s order by id desc limit 1", [admin.id])
    assert kinds[0]["kind"] == "conversation.updated"  # so that it shows wherever they are


async def test_customers_own_words_stay_when_an_answer_is_taken_back_meanwhile(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.mail()
    written = await answer(admin, number, undo_seconds=10)
    account = next(a for a in await app.context.intake.accounts("email"))
    token = tokens.reply_token(app.core.vault, number)
    inbound = Inbound(
        account.id, "M9", b"x", "message/rfc822", AddressKind.EMAIL, CUSTOMER, "One more thing", tokens=(token,)
    )
    done = await app.context.intake.message(inbound)
    assert done.conversation_id == number
    await taken_back(admin, written)
    shown = await conversation(admin, number)
    assert (shown["preview"], [i["text"] for i in shown["interactions"]]) == (
        "One more thing",
        ["Hello", "One more thing"],
    )
