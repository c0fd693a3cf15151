"""Writing mail at the desk: copies, signatures, pictures, taking back, sending later, unsubscribing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData

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
from hub.conversations import tokens, writing
from hub.core import events
from hub.core.clock import now
from hub.outbox import Outbox
from tests.house import Agent, House
from workers.context import JobContext
from workers.deliver import Delivery as Worker

CUSTOMER = "ana@customer.example"


async def payload(house: House) -> dict[str, Any]:
    return await house.core.db.value("select payload from outbound order by id desc limit 1")


async def conversation(agent: Agent, number: int) -> dict[str, Any]:
    return await agent.get(f"/conversations/{number}")


async def answer(agent: Agent, number: int, **more: Any) -> dict[str, Any]:
    body = {"client_id": f"c{now().timestamp()}".replace(".", "-"), "text": "We are on it.", **more}
    return await agent.post(f"/conversations/{number}/replies", body)


async def composing(agent: Agent, number: int) -> dict[str, Any]:
    return await agent.get(f"/conversations/{number}/composing")


async def taken_back(agent: Agent, written: dict[str, Any], **more: Any) -> Any:
    path = f"/conversations/{written['conversation_id']}/interactions/{written['id']}/cancel"
    return await agent.post(path, **more)


async def upload(agent: Agent, name: str, body: bytes, kind: str = "image/png") -> int:
    form = FormData()
    form.add_field("file", body, filename=name, content_type=kind)
    async with agent.house.client.post("/api/v1/uploads", data=form, headers=agent.headers) as response:
        return (await response.json())["id"]


async def own_address(house: House) -> str:
    account = next(a for a in await house.context.intake.accounts("email"))
    assert account.address
    return account.address


# -- who gets it -------------------------------------------------------------------------------------------------
async def test_answer_goes_to_everybody_but_us(house: House) -> None:
    admin = await house.agent("admin")
    ours = await own_address(house)
    local, _, domain = ours.partition("@")
    number = await house.mail()
    copies = ["Bob@Customer.Example", ours, f"{local}+c1-x@{domain}", CUSTOMER]
    await answer(admin, number, cc=copies, bcc=["bob@customer.example", "eve@customer.example"])
    sent = await payload(house)
    assert (sent["to"], sent["cc"], sent["bcc"]) == (CUSTOMER, ["bob@customer.example"], ["eve@customer.example"])


async def test_copy_that_is_no_address_is_refused_by_name(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    for field in ("cc", "bcc"):
        body = {"client_id": "x", "text": "x", field: ["bob@customer.example", "x@y\r\nRCPT TO:<z>"]}
        problem = await admin.post(f"/conversations/{number}/replies", body, status=422)
        assert problem["errors"][0]["field"] == field


async def test_sms_has_no_copies(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.sms()
    body = {"client_id": "x", "text": "x", "cc": ["bob@customer.example"]}
    assert (await admin.post(f"/conversations/{number}/replies", body, status=422))["errors"][0]["field"] == "cc"


@pytest.mark.parametrize("verified", [True, False])
async def test_answer_to_all_is_proposed_only_after_a_proved_mail(house: House, verified: bool) -> None:
    admin = await house.agent("admin")
    ours = await own_address(house)
    meta = {
        "to": [ours, "Bob@customer.example"],
        "cc": ["noreply@customer.example", CUSTOMER, "not an address", "eve@x.example"],
    }
    number = await house.mail(meta=meta, verified=verified)
    found = await composing(admin, number)
    assert found["everybody"] == ["bob@customer.example", "eve@x.example"]
    assert found["answer_all"] is verified


async def test_answer_goes_where_the_customer_asked_for_it_but_never_to_ourselves(house: House) -> None:
    admin = await house.agent("admin")
    ours = await own_address(house)
    for asked, got in (
        ("desk@customer.example", "desk@customer.example"),
        (ours, "b@c.example"),
        ("x y", "b@c.example"),
    ):
        number = await house.mail(sender="b@c.example", meta={"reply_to": asked})
        await answer(admin, number)
        assert (await payload(house))["to"] == got


# -- what it says ------------------------------------------------------------------------------------------------
async def test_signature_of_the_account_stands_below_the_answer_and_not_in_the_record(house: House) -> None:
    admin = await house.agent("admin")
    await house.core.db.execute(
        "update account set signature = '{{agent.name}} · {{queue.name}} {{7*7}}' where channel = 'email'"
    )
    number = await house.mail()
    shown = (await composing(admin, number))["signatures"][0]
    written = await answer(admin, number)
    me = await admin.get("/me")
    assert shown["text"].startswith(f"{me['agent']['name']} · ")
    assert shown["text"].endswith("{{7*7}}")
    assert (await payload(house))["text"] == f"We are on it.\n\n-- \n{shown['text']}"
    assert written["text"] == "We are on it."


async def test_picture_stands_where_it_was_put(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    picture, file = (
        await upload(admin, "view.png", b"\x89PNG"),
        await upload(admin, "a.pdf", b"%PDF", "application/pdf"),
    )
    text = f"Look <here>:\n\n![the view](upload:{picture})\n\nsee https://hub.example/a."
    written = await answer(admin, number, text=text, attachments=[file])
    sent = await payload(house)
    assert sent["text"] == "Look <here>:\n\n[the view]\n\nsee https://hub.example/a."
    assert f'src="cid:{"image" + str(picture)}@omnihub.invalid"' in sent["html"]
    assert "&lt;here&gt;" in sent["html"]
    assert '<a href="https://hub.example/a">' in sent["html"]
    assert f"/api/v1/attachments/{picture}" in written["html"]  # as the desk shows it
    assert {a["name"]: a["inline"] for a in written["attachments"]} == {"view.png": True, "a.pdf": False}


async def test_html_alone_gets_its_words_as_text(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    written = await answer(admin, number, text="", html="<h1>Hello</h1><p>World</p>")
    assert written["text"].split() == ["Hello", "World"]


async def test_files_too_large_together_are_refused_before_anything_is_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.conversations import posting

    monkeypatch.setitem(posting.MOST_BYTES, "email", 1000)
    admin = await house.agent("admin")
    number = await house.mail()
    files = [await upload(admin, f"{n}.bin", b"x" * 600) for n in range(2)]
    body = {"client_id": "x", "text": "x", "attachments": files}
    assert "MB" in (await admin.post(f"/conversations/{number}/replies", body, status=422))["detail"]
    assert (await conversation(admin, number))["waiting_since"]
    await answer(admin, number, attachments=files[:1])


async def test_text_of_one_account_is_offered_with_that_account(house: House) -> None:
    admin = await house.agent("admin")
    [key] = [a.key for a in await house.context.intake.accounts("email")][:1]
    await house.core.db.execute(
        "insert into template (key, name, body, account) values ('own', 'Own', 'x', %s), ('gone', 'Gone', 'x', 'nobody')",
        [key],
    )
    found = {t["key"]: t["account_id"] for t in (await admin.get("/templates"))["items"]}
    assert found["own"] == next(a.id for a in await house.context.intake.accounts("email"))
    assert "gone" not in found


# -- taking back and sending later -------------------------------------------------------------------------------
async def test_answer_taken_back_never_leaves_and_the_customer_still_waits(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
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
    await house.core.db.execute("update outbound set due_at = now()")
    assert await Outbox(house.core).claim() == []
    again = await answer(admin, number, text=text)  # the picture can be sent again
    assert len(again["attachments"]) == 1
    row = (
        await house.core.db.dicts("select first_reply_at, last_outbound_at from conversation where id = %s", [number])
    )[0]
    assert row["first_reply_at"] == row["last_outbound_at"]


async def test_answer_that_resolved_is_taken_back_with_it(house: House) -> None:
    admin = await house.agent("admin")
    await house.core.db.execute("insert into agent_queue select %s, id from queue on conflict do nothing", [admin.id])
    number = await house.mail()
    written = await answer(admin, number, undo_seconds=10, resolve=True)
    assert (await conversation(admin, number))["status"] == "resolved"
    await taken_back(admin, written)
    after = await conversation(admin, number)
    assert (after["status"], after["agent"]["id"]) == ("open", admin.id)
    assert after["waiting_since"]


async def test_only_one_of_many_takes_it_back_and_none_what_is_on_its_way(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    written = await answer(admin, number, undo_seconds=10)
    path = f"/api/v1/conversations/{number}/interactions/{written['id']}/cancel"
    answers = await asyncio.gather(*[house.client.post(path, json={}, headers=admin.headers) for _ in range(5)])
    assert sorted(a.status for a in answers) == [200, 409, 409, 409, 409]
    written = await answer(admin, number)
    assert len(await Outbox(house.core).claim()) == 1
    assert "on its way" in (await taken_back(admin, written, status=409))["detail"]


async def test_nobody_takes_back_what_is_not_theirs_to_see(house: House) -> None:
    admin = await house.agent("admin")
    number, other = await house.mail(), await house.mail(sender="x@customer.example")
    written = await answer(admin, number, undo_seconds=10)
    await admin.post(f"/conversations/{other}/interactions/{written['id']}/cancel", status=404)
    await house.core.db.execute("delete from agent_queue")
    stranger = await house.agent("amy")
    await stranger.post(f"/conversations/{number}/interactions/{written['id']}/cancel", status=404)


async def test_answer_for_later_waits_is_shown_and_holds_up_nobody(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    later = now() + timedelta(minutes=30)
    written = await answer(admin, number, text="Later", send_at=later.isoformat())
    outbox = Outbox(house.core)
    assert await outbox.claim() == []
    [waiting] = (await composing(admin, number))["scheduled"]
    assert (waiting["interaction_id"], waiting["text"]) == (written["id"], "Later")
    await answer(admin, number, text="Now")
    assert [c.payload["text"] for c in await outbox.claim()] == ["Now"]
    row = (
        await house.core.db.dicts(
            "select payload, due_at, begun_at from outbound where interaction_id = %s", [written["id"]]
        )
    )[0]
    assert row["due_at"] == row["begun_at"]  # patience counts from then, not from now
    assert row["payload"]["date"][:16] == later.isoformat()[:16]
    await taken_back(admin, written)
    assert (await composing(admin, number))["scheduled"] == []


# -- unsubscribing -----------------------------------------------------------------------------------------------
async def bulk(house: House, number: int, key: str) -> None:
    async with events.unit(house.core.db, house.core.feed) as unit:
        answer = writing.Reply("News", key, bulk=True, automatic=True)
        await writing.reply(unit, house.core.vault, number, answer, actor_id=None)


async def test_one_click_ends_what_goes_to_many_and_nothing_else(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    await bulk(house, number, "b1")
    [claim] = await Outbox(house.core).claim()
    link = (await Outbox(house.core).outbound(claim)).unsubscribe
    assert link is not None
    path = link.removeprefix(house.core.public_url)
    await bulk(house, number, "b2")
    await house.core.db.execute("update outbound set due_at = now() + interval '1 hour' where state = 'pending'")
    page = await house.client.get(path)
    assert page.status == 200
    assert "<form" in await page.text()
    assert (
        await house.core.db.value("select count(*) from address where opted_out_at is not null") == 0
    )  # reading is harmless
    for _ in range(2):
        done = await house.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (done.status, "Unsubscribed" in await done.text()) == (200, True)
    states = await house.core.db.dicts("select state from outbound order by id")
    assert [row["state"] for row in states] == ["claimed", "cancelled"]
    with pytest.raises(Exception, match="opted out"):
        await bulk(house, number, "b3")
    await answer(admin, number)  # the customer's own question is still answered
    assert await house.core.db.value("select count(*) from event where kind = 'address.unsubscribed'") == 1


@pytest.mark.parametrize("token", ["1-aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", "1", "0-aaaaaaaaaaaaaaaaaaaaaaaaaa"])
async def test_link_that_is_not_ours_ends_nothing(house: House, token: str) -> None:
    await house.mail()
    assert (await house.client.post(f"/u/{token}")).status == 404
    assert await house.core.db.value("select count(*) from address where opted_out_at is not null") == 0
    assert tokens.unsubscribing(house.core.vault, tokens.unsubscribe_token(house.core.vault, 7)) == 7


# -- when it goes wrong ------------------------------------------------------------------------------------------
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


def worker(house: House, box: Box) -> Worker:
    connectors: Any = {**house.context.connectors, "email": box}
    return Worker(JobContext(house.core, connectors, house.context.accounts))


async def test_send_of_unknown_fate_is_settled_by_the_sent_folder_and_never_repeated(house: House) -> None:
    admin = await house.agent("admin")
    number, box = await house.mail(), Box()
    delivery = worker(house, box)
    box.error = SendError("It may have arrived.", outcome=Outcome.UNKNOWN)
    written = await answer(admin, number)
    await delivery.drain()
    assert (await conversation(admin, number))["failed"] is True
    assert await delivery.look() == 0  # not yet due
    await house.core.db.execute("update outbound set due_at = now()")
    assert await delivery.look() == 0  # not there: that says nothing, a person decides
    assert await house.core.db.value("select state from outbound") == "unknown"
    assert await house.core.db.value("select due_at > now() from outbound")
    box.found.add((await payload(house))["message_id"])
    await house.core.db.execute("update outbound set due_at = now()")
    assert await delivery.look() == 1
    shown = await conversation(admin, number)
    assert (shown["failed"], [i["status"] for i in shown["interactions"] if i["id"] == written["id"]]) == (
        False,
        ["sent"],
    )


async def test_partly_refused_answer_turns_red_with_the_words_and_spares_who_has_it(house: House) -> None:
    admin = await house.agent("admin")
    number, box = await house.mail(), Box()
    delivery = worker(house, box)
    words = "bob@customer.example: The mail server says 550 5.1.1 no such user. It went to ana@customer.example."
    box.error = SendError(words, outcome=Outcome.FAILED, taken=[CUSTOMER], provider_id="<x@y>")
    await answer(admin, number, cc=["bob@customer.example"])
    await delivery.drain()
    shown = await conversation(admin, number)
    assert (shown["failed"], shown["interactions"][-1]["error"]) == (True, words)
    assert (await payload(house))["taken"] == [CUSTOMER]
    row = (await house.core.db.dicts("select id, provider_id from outbound"))[0]
    assert row["provider_id"] == "<x@y>"
    box.error = None
    await Outbox(house.core).decide(row["id"], arrived=False, actor_id=admin.id)
    [claim] = await Outbox(house.core).claim()
    assert (await Outbox(house.core).outbound(claim)).taken == (CUSTOMER,)


async def test_bounce_turns_the_conversation_red_on_the_agents_desk(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    await admin.post(f"/conversations/{number}/pull")
    await answer(admin, number)
    box = Box()
    await worker(house, box).drain()
    outbound_id = await house.core.db.value("select id from outbound")
    words = "ana@customer.example could not be reached: 550 no such user"
    await house.context.intake.delivery(Delivery("email", DeliveryStatus.FAILED, "<r@mx>", outbound_id, words))
    shown = await conversation(admin, number)
    assert (shown["failed"], shown["interactions"][-1]["status"], shown["interactions"][-1]["error"]) == (
        True,
        "failed",
        words,
    )
    kinds = await house.core.db.dicts("select kind from event where agent_id = %s order by id desc limit 1", [admin.id])
    assert kinds[0]["kind"] == "conversation.updated"  # so that it shows wherever they are


async def test_customers_own_words_stay_when_an_answer_is_taken_back_meanwhile(house: House) -> None:
    admin = await house.agent("admin")
    number = await house.mail()
    written = await answer(admin, number, undo_seconds=10)
    account = next(a for a in await house.context.intake.accounts("email"))
    token = tokens.reply_token(house.core.vault, number)
    inbound = Inbound(
        account.id, "M9", b"x", "message/rfc822", AddressKind.EMAIL, CUSTOMER, "One more thing", tokens=(token,)
    )
    done = await house.context.intake.message(inbound)
    assert done.conversation_id == number
    await taken_back(admin, written)
    shown = await conversation(admin, number)
    assert (shown["preview"], [i["text"] for i in shown["interactions"]]) == (
        "One more thing",
        ["Hello", "One more thing"],
    )
