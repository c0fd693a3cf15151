"""Which mails make one matter: everybody who takes part, in any order, through any of our mailboxes."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import Any

import pytest

from connectors.email.accept import receive
from connectors.email.parse import Envelope
from hub.channels.model import Account
from tests.support.app import App

SUPPORT, SALES = "support@lumen-oak.example", "sales@lumen-oak.example"
ADA, BOB, EVE = "ada@customer.example", "bob@customer.example", "eve@stranger.example"


def mail(number: int, sender: str, *, to: str = SUPPORT, cc: str = "", answers: str = "", more: str = "") -> bytes:
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Message-ID: <m{number}@customer.example>",
        f"Subject: {'Re: ' if answers else ''}Access",
    ]
    lines += (
        [f"Cc: {cc}"] * bool(cc)
        + [f"In-Reply-To: {answers.rpartition(' ')[2]}", f"References: {answers}"] * bool(answers)
        + [more] * bool(more)
    )
    return ("\n".join(lines) + f"\n\nWords {number}.\n").encode()


async def account(app: App, address: str = SUPPORT) -> Account:
    if address != SUPPORT:
        await app.core.db.execute(
            "insert into account (key, connector, channel, name, address, queue_id, settings)"
            " select 'sales', connector, channel, 'Sales', %(address)s, queue_id, '{}' from account where address = %(support)s",
            {"address": address, "support": SUPPORT},
        )
    for _ in range(100):  # the list of accounts may be two seconds old
        found = [a for a in await app.context.intake.accounts("email") if a.address == address]
        if found:
            return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError("the account does not appear")


async def arrive(app: App, *raws: bytes, at: Account | None = None) -> list[dict[str, Any]]:
    box = at or await account(app)
    for raw in raws:
        await receive(app.context.intake, app.core.vault, box, raw, Envelope(None, (str(box.address),)))
    return await everything(app)


async def everything(app: App) -> list[dict[str, Any]]:
    return await app.core.db.dicts(
        "select i.conversation_id, i.text, a.value as address from interaction i join address a on a.id = i.address_id"
        " where i.direction = 'in' order by i.id"
    )


def matters(rows: list[dict[str, Any]]) -> int:
    return len({row["conversation_id"] for row in rows})


async def test_colleague_who_was_copied_and_answers_all_joins(app: App) -> None:
    rows = await arrive(
        app,
        mail(1, ADA, cc=f"Bob Boss <{BOB.upper()}>"),
        mail(2, BOB, to=f"{ADA}, {SUPPORT}", answers="<m1@customer.example>"),
    )
    assert matters(rows) == 1


async def test_stranger_who_claims_the_matter_stays_apart(app: App) -> None:
    rows = await arrive(app, mail(1, ADA, cc=BOB), mail(2, EVE, cc=ADA, answers="<m1@customer.example>"))
    assert matters(rows) == 2


async def test_whom_our_agent_copied_joins(app: App) -> None:
    [row] = await arrive(app, mail(1, ADA))
    admin = await app.agent("admin")
    sent = await admin.post(
        f"/conversations/{row['conversation_id']}/replies",
        {"client_id": "a", "text": "Bob, please look.", "cc": [BOB]},
    )
    ours = await app.core.db.value("select external_id from interaction where id = %(id)s", {"id": sent["id"]})
    rows = await arrive(app, mail(2, BOB, answers=ours))
    assert matters(rows) == 1


@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "at once"])
async def test_order_of_arrival_changes_no_matter(app: App, order: tuple[int, ...], together: bool) -> None:
    mails = [
        mail(1, ADA, cc=BOB),
        mail(2, BOB, to=f"{ADA}, {SUPPORT}", answers="<m1@customer.example>"),
        mail(3, ADA, to=f"{BOB}, {SUPPORT}", answers="<m1@customer.example> <m2@customer.example>"),
    ]
    if together:
        box = await account(app)
        envelope = Envelope(None, (SUPPORT,))
        await asyncio.gather(*(receive(app.context.intake, app.core.vault, box, mails[n], envelope) for n in order))
        rows = await everything(app)
    else:
        rows = await arrive(app, *(mails[n] for n in order))
    assert len(rows) == 3
    assert matters(rows) == 1


async def test_copied_colleague_may_answer_us_alone_and_ahead(app: App) -> None:
    rows = await arrive(app, mail(2, BOB, answers="<m1@customer.example>"), mail(1, ADA, cc=BOB))
    assert matters(rows) == 1


async def test_stranger_gains_no_matter_by_answering_ahead(app: App) -> None:
    rows = await arrive(app, mail(2, EVE, answers="<m1@customer.example>"), mail(1, ADA))
    assert matters(rows) == 2


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "at once"])
@pytest.mark.parametrize("answers", ["", "<m1@customer.example>"])
async def test_one_mail_to_two_of_our_mailboxes_stands_once(app: App, together: bool, answers: str) -> None:
    first, second = await account(app), await account(app, SALES)
    if answers:
        await arrive(app, mail(1, ADA))
    copies = [
        mail(9, ADA, to=f"{SUPPORT}, {SALES}", answers=answers, more=f"Delivered-To: {one}") for one in (SUPPORT, SALES)
    ]
    jobs = [
        receive(app.context.intake, app.core.vault, box, raw, Envelope(None, (str(box.address),)))
        for box, raw in zip((first, second), copies, strict=True)
    ]
    if together:
        await asyncio.gather(*jobs)
    else:
        for job in jobs:
            await job
    rows = await everything(app)
    assert [row["text"] for row in rows if row["text"] == "Words 9."] == ["Words 9."]
    assert matters(rows) == 1
    assert await app.core.db.value("select count(*) from raw") == 2 + bool(answers)  # both as they came


async def test_same_id_with_other_words_is_another_mail(app: App) -> None:
    await arrive(app, mail(9, ADA))
    rows = await arrive(app, mail(9, ADA).replace(b"Words", b"Other words"), at=await account(app, SALES))
    assert len(rows) == 2


async def test_answer_goes_to_all_reply_to_addresses_under_the_customers_subject(app: App) -> None:
    [row] = await arrive(app, mail(1, ADA, more=f"Reply-To: {ADA}, team@customer.example, {SUPPORT}"))
    await arrive(app, mail(2, ADA, answers="<m1@customer.example>").replace(b"Re: Access", b"Now about the gate"))
    admin = await app.agent("admin")
    composing = await admin.get(f"/conversations/{row['conversation_id']}/composing")
    assert composing["reply_to"] == f"{ADA}, team@customer.example"
    await admin.post(f"/conversations/{row['conversation_id']}/replies", {"client_id": "a", "text": "Yes."})
    payload = await app.core.db.value("select payload from outbound order by id desc limit 1")
    assert (payload["to"], payload["cc"], payload["subject"]) == (
        ADA,
        ["team@customer.example"],
        "Re: Now about the gate",
    )
