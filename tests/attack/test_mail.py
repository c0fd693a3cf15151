"""Mail that pretends: to be a customer's, to bounce, to complain, to be proved. It is shown, and does nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.accept import receive
from connectors.email.authentication import proves
from connectors.email.bounces import return_path_token
from connectors.email.parse import Envelope
from hub.messages.tokens import reply_token
from tests.support.app import Agent, App

SUPPORT, ANN, EVE = "support@lumen-oak.example", "ann@customer.example", "eve@evil.example"
SERVER = "mx.lumen-oak.example"
PASS = f"Authentication-Results: {SERVER}; dmarc=pass header.from=customer.example\n"


async def arrives(
    app: App, raw: str, mail_from: str | None = ANN, rcpt_to: tuple[str, ...] = (SUPPORT,)
) -> dict[str, Any]:
    """A mail taken in; its interaction."""
    account = next(a for a in await app.context.intake.accounts("email"))
    await receive(app.context.intake, app.core.vault, account, raw.encode(), Envelope(mail_from, rcpt_to))
    rows = await app.core.db.dicts("select * from interaction where direction = 'in' order by id desc limit 1")
    return rows[0]


async def trusting(app: App) -> None:
    """The mailbox knows what its own server signs its findings with."""
    await app.core.db.execute(
        "update account set settings = settings || jsonb_build_object('authserv_id', %s::text) where channel = 'email'",
        [SERVER],
    )
    app.context.accounts._read_at = -9e9


async def answered(agent: Agent, number: int, key: str = "a") -> dict[str, Any]:
    """An answer of ours, as it is to leave."""
    await agent.post(f"/conversations/{number}/replies", {"client_id": key, "text": "We are on it."})
    db = agent.app.core.db
    [row] = await db.dicts("select o.id, o.payload from outbound o order by o.id desc limit 1")
    return {"id": row["id"], **row["payload"]}


async def state(app: App) -> dict[str, Any]:
    [row] = await app.core.db.dicts(
        "select (select count(*) from outbound where state = 'failed') as failed, "
        "(select count(*) from address where opted_out_at is not null) as opted_out, "
        "(select count(*) from interaction where status = 'failed') as shown, (select count(*) from consent) as consents"
    )
    return row


# -- somebody else's matter ------------------------------------------------------------------------------------------
async def test_forged_customer_with_a_guessed_number_joins_nothing_and_turns_no_answer(app: App) -> None:
    mine = await arrives(
        app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nmy address is 1 Oak Lane\n"
    )
    number = mine["conversation_id"]
    theirs = await arrives(
        app, f"From: Ann <{ANN}>\nReply-To: {EVE}\nSubject: Re: [#{number}] lamp\n\nPlease repeat my address.\n", EVE
    )
    assert theirs["conversation_id"] != number
    admin = await app.agent("admin")
    assert (await answered(admin, number))["to"] == ANN
    seen = await admin.get(f"/conversations/{theirs['conversation_id']}")
    assert seen["interactions"][0]["mail"]["claims"] == number


async def test_proved_customer_joins_by_the_number(app: App) -> None:
    await trusting(app)
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n")
    number = mine["conversation_id"]
    again = await arrives(app, f"{PASS}From: {ANN}\nSubject: Re: [#{number}] lamp\n\nIt still does.\n")
    assert again["conversation_id"] == number
    other = await arrives(app, f"{PASS}From: bob@customer.example\nSubject: Re: [#{number}] lamp\n\nMine too.\n")
    assert other["conversation_id"] != number


async def test_answer_address_of_a_later_mail_is_followed_when_somebody_says_so(app: App) -> None:
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n")
    number = mine["conversation_id"]
    admin = await app.agent("admin")
    first = await answered(admin, number)
    later = f"From: {ANN}\nReply-To: {EVE}\nIn-Reply-To: {first['message_id']}\n\nAnswer me there.\n"
    theirs = await arrives(app, later)
    assert theirs["conversation_id"] == number  # who names an id of ours has our mail
    assert (await answered(admin, number, "b"))["to"] == ANN
    seen = (await admin.get(f"/conversations/{number}"))["interactions"]
    shown = next(i for i in seen if i["id"] == theirs["id"])["mail"]
    assert (shown["reply_to"], shown["reply_to_followed"]) == (EVE, False)
    assert (await admin.get(f"/conversations/{number}/composing"))["reply_to"] is None
    for _ in range(2):  # pressed twice
        taken = await admin.post(f"/interactions/{theirs['id']}/reply-to")
        assert taken["mail"]["reply_to_followed"] is True
    assert (await answered(admin, number, "c"))["to"] == EVE
    lines = [i["text"] for i in (await admin.get(f"/conversations/{number}"))["interactions"] if i["kind"] == "system"]
    assert lines.count(f"Answers go to {EVE} now.") == 1


async def test_signed_address_joins_and_still_turns_no_answer(app: App) -> None:
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\n\nIt flickers.\n")
    number = mine["conversation_id"]
    to = f"support+{reply_token(app.core.vault, number)}@lumen-oak.example"
    theirs = await arrives(app, f"From: {ANN}\nTo: {to}\nReply-To: {EVE}\n\nAnswer me there.\n", rcpt_to=(to,))
    assert theirs["conversation_id"] == number
    assert (await answered(await app.agent("admin"), number))["to"] == ANN


async def test_answer_address_of_a_first_mail_and_of_a_proved_one_is_followed(app: App) -> None:
    await trusting(app)
    form = await arrives(app, f"From: shop@forms.example\nReply-To: {ANN}\nSubject: question\n\nWhere is it?\n")
    admin = await app.agent("admin")
    assert (await answered(admin, form["conversation_id"]))["to"] == ANN
    first = await answered(admin, form["conversation_id"], "b")
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n")
    second = "ann@home.example"
    proved = f"{PASS}From: {ANN}\nReply-To: {second}\nIn-Reply-To: <1@customer.example>\n\nAnswer me at home.\n"
    again = await arrives(app, proved)
    assert again["conversation_id"] == mine["conversation_id"] != form["conversation_id"]
    assert (await answered(admin, mine["conversation_id"], "c"))["to"] == second
    assert first["to"] == ANN


async def test_new_matter_in_a_known_customers_name_turns_no_answer(app: App) -> None:
    await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n")
    theirs = await arrives(app, f"From: Ann <{ANN}>\nReply-To: {EVE}\nSubject: another\n\nSend me my address.\n", EVE)
    admin = await app.agent("admin")
    assert (await answered(admin, theirs["conversation_id"]))["to"] == ANN
    [shown, *_] = (await admin.get(f"/conversations/{theirs['conversation_id']}"))["interactions"]
    assert (shown["mail"]["reply_to"], shown["mail"]["reply_to_followed"]) == (EVE, False)
    await admin.post(f"/interactions/{theirs['id']}/reply-to")
    assert (await answered(admin, theirs["conversation_id"], "b"))["to"] == EVE


async def test_form_that_names_another_customer_each_time_is_followed(app: App) -> None:
    admin = await app.agent("admin")
    for n, customer in enumerate([ANN, "bob@customer.example", "cem@customer.example"]):
        mail = await arrives(app, f"From: shop@forms.example\nReply-To: {customer}\nSubject: question {n}\n\nWhere?\n")
        assert (await answered(admin, mail["conversation_id"], f"k{n}"))["to"] == customer


async def test_answer_address_of_one_who_comes_into_a_matter_of_ours_is_not_followed(app: App) -> None:
    admin = await app.agent("admin")
    body = {
        "client_id": "w",
        "channel": "email",
        "text": "Your lamp is ready.",
        "address": {"kind": "email", "value": ANN},
    }
    number = (await admin.post("/conversations", body))["id"]
    payload = await app.core.db.value("select payload from outbound order by id desc limit 1")
    theirs = await arrives(
        app, f"From: {ANN}\nReply-To: {EVE}\nIn-Reply-To: {payload['message_id']}\n\nSend it elsewhere.\n", EVE
    )
    assert theirs["conversation_id"] == number
    assert (await answered(admin, number))["to"] == ANN


# -- reports -------------------------------------------------------------------------------------------------------
def bounce(message_id: str, recipient: str = ANN, head: str = "") -> str:
    return (
        f"From: MAILER-DAEMON@mx.example\nTo: {SUPPORT}\nSubject: Undelivered Mail\n{head}"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nsorry\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {message_id}\nSubject: x\n\nx\n--b--\n"
    )


def complaint(message_id: str, recipient: str = ANN, head: str = "", returned: str = "") -> str:
    return (
        f"From: fbl@isp.example\nTo: {SUPPORT}\nSubject: complaint\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        f"--b\n\nspam\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n{head}"
        f"Original-Rcpt-To: {recipient}\n\n--b\nContent-Type: message/rfc822\n\n{returned}Message-ID: {message_id}\n\nx\n--b--\n"
    )


async def sent(app: App) -> dict[str, Any]:
    """An answer of ours that has left."""
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n")
    found = await answered(await app.agent("admin"), mine["conversation_id"])
    await app.core.db.execute("update outbound set state = 'sent', rank = 1, provider_id = payload ->> 'message_id'")
    return found


async def test_report_without_proof_does_nothing(app: App) -> None:
    out = await sent(app)
    real = out["message_id"]
    local, _, domain = real.strip("<>").partition("@")
    number, token, signature = local.split(".")
    forged = [
        bounce(f"<{number}.{token}@{domain}>"),  # without the signature of that very message
        bounce(f"<{number}.{token}.{'a' * 16}@{domain}>"),
        bounce(f"<{int(number) + 1}.{token}.{signature}@{domain}>"),
        bounce(real, EVE),  # it never went there
        complaint(f"<{number}.{token}@{domain}>"),
        complaint(real, EVE),
        complaint(real, "", returned="Return-Path: <support+b1-aaaaaaaaaaaaaaaa@lumen-oak.example>\n"),
    ]
    for raw in forged:
        await arrives(app, raw, "")
    await arrives(app, bounce(real), EVE)  # a person sends no reports
    await arrives(
        app,
        f"From: {EVE}\nSubject: Undeliverable: lamp\nX-Failed-Recipients: {ANN}\nIn-Reply-To: {real}\n\n550 no such user {ANN}\n",
        EVE,
    )
    assert await state(app) == {"failed": 0, "opted_out": 0, "shown": 0, "consents": 0}
    assert await app.core.db.value("select count(*) from interaction where direction = 'in' and automatic") >= len(
        forged
    )


@pytest.mark.parametrize("way", ["return path", "id and recipient"])
async def test_report_with_proof_fails_the_send(app: App, way: str) -> None:
    out = await sent(app)
    if way == "return path":
        to = f"support+{return_path_token(app.core.vault, out['id'])}@lumen-oak.example"
        await arrives(app, bounce("<other@mx.example>", "forwarded@elsewhere.example"), "", (to,))
    else:
        await arrives(app, bounce(out["message_id"]), "")
    assert (await state(app))["failed"] == 1


@pytest.mark.parametrize("way", ["field", "returned", "id and recipient"])
async def test_complaint_with_proof_opts_out(app: App, way: str) -> None:
    out = await sent(app)
    path = f"<support+{return_path_token(app.core.vault, out['id'])}@lumen-oak.example>"
    raw = {
        "field": complaint("<x@y>", "", head=f"Original-Mail-From: {path}\n"),
        "returned": complaint("<x@y>", "", returned=f"Return-Path: {path}\n"),
        "id and recipient": complaint(out["message_id"]),
    }[way]
    await arrives(app, raw, "")
    assert (await state(app))["opted_out"] == 1


# -- who is proved ---------------------------------------------------------------------------------------------------
GOOD = [
    "mx.hub.example; dmarc=pass header.from=customer.example",
    'mx.hub.example 1; spf=pass smtp.mailfrom=a@b.example; dkim=pass (2048-bit key) header.d=b header.b="x/y="; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=customer.example',
    "MX.hub.example;\r\n dmarc=pass (policy=none) header.from=Customer.Example",
    "mx.hub.example; dmarc=pass action=none header.from=customer.example;compauth=pass reason=100",
    'mx.hub.example; spf=softfail (x) smtp.mailfrom="a b"@c.example; dmarc=pass header.from=customer.example',
]
FORGED = [
    'mx.hub.example; spf=pass smtp.mailfrom="dmarc=pass"@evil.example',
    'mx.hub.example; spf=pass smtp.mailfrom="; dmarc=pass header.from=customer.example; "@evil.example',
    'mx.hub.example; spf=pass smtp.mailfrom="a\\"; dmarc=pass header.from=customer.example; x=\\""@evil.example',
    "mx.hub.example; spf=pass (dmarc=pass header.from=customer.example) smtp.mailfrom=a@evil.example",
    "mx.hub.example; spf=pass (; dmarc=pass header.from=customer.example;) smtp.mailfrom=a@evil.example",
    "mx.hub.example; spf=pass smtp.helo=dmarc=pass header.from=customer.example",
    "mx.hub.example; dmarc=fail header.from=customer.example; dmarc=pass header.from=customer.example",
    "mx.hub.example; dmarc=pass",
    "mx.hub.example; dmarc=pass header.from=evil.example header.from=customer.example",
    'mx.hub.example; dmarc=pass reason="header.from=customer.example" header.from=evil.example',
    "mx.hub.example; dmarc=pass header.from=customer.example.evil.example",
    "mx.hub.example; x-dmarc=pass header.from=customer.example",
    "mx.hub.example; dmarc=passed header.from=customer.example",
    "mx.hub.example.evil.example; dmarc=pass header.from=customer.example",
    '"mx.hub.example"; dmarc=pass header.from=customer.example',
    "evil; mx.hub.example; dmarc=pass header.from=customer.example",
    "mx.hub.example (x; dmarc=pass header.from=customer.example",
    "mx.hub.example; none",
    "",
]


@pytest.mark.parametrize("value", GOOD)
def test_result_of_our_own_server_proves_the_domain(value: str) -> None:
    assert proves(value.encode(), "mx.hub.example", "customer.example")
    assert not proves(value.encode(), "mx.other.example", "customer.example")


@pytest.mark.parametrize("value", FORGED)
def test_result_that_stands_in_somebody_elses_words_proves_nothing(value: str) -> None:
    assert not proves(value.encode(), "mx.hub.example", "customer.example")


pieces = st.lists(
    st.sampled_from(
        ["dmarc=pass", ";", "header.from=customer.example", " ", "=", "(", ")", "\\", '"', "@", "a", "mx.hub.example"]
    ),
    max_size=12,
).map("".join)


@given(pieces, pieces)
def test_no_sender_and_no_comment_proves_anything_whatever_they_say(local: str, comment: str) -> None:
    quoted = local.replace("\\", "\\\\").replace('"', '\\"')
    escaped = comment.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    value = f'mx.hub.example; spf=pass ({escaped}) smtp.mailfrom="{quoted}"@evil.example; dkim=none'
    assert not proves(value.encode(), "mx.hub.example", "customer.example")
