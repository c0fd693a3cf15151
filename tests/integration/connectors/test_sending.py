"""Sending on real wires: what the customer gets, and whether a failure says truly if the message may have left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.email.bounces import return_path_token
from hub.channels.model import Attachment, Delivery, DeliveryStatus, Outbound, Outcome, SendError
from hub.demo import deliver
from hub.demo.twilio.messages import Message, signature
from hub.messages.tokens import reply_token
from tests.integration.connectors.harness import MAILBOX, NUMBER, SID, TOKEN, Hub, eventually

ANN, PHONE = "ann@customer.example", "+14155550101"


def outbound(hub: Hub, **more: Any) -> Outbound:
    fields: dict[str, Any] = {
        "id": 7, "conversation_id": 1, "interaction_id": 2, "channel": "email", "to": ANN, "text": "Your order is on its way.",
        "attempt": 1, "message_id": "<2.c1-abc@hub.example>", "date": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "reply_token": reply_token(hub.vault, 1), "subject": "Re: Order",
    }  # fmt: skip
    return Outbound(**{**fields, **more})


class Crossing:
    """The `wire` of a send: whether it was crossed, and what it does then."""

    def __init__(self, then: Callable[[], Awaitable[None]] | None = None):
        self.crossed = 0
        self.then = then

    async def __call__(self) -> None:
        self.crossed += 1
        if self.then is not None:
            await self.then()


async def send(hub: Hub, key: str, wire: Crossing | None = None, **more: Any) -> str:
    account = await hub.of(key)
    return await hub.connectors[account.connector].send(account, outbound(hub, **more), wire or Crossing())


async def failing(hub: Hub, key: str, wire: Crossing | None = None, **more: Any) -> SendError:
    with pytest.raises(SendError) as failed:
        await send(hub, key, wire, **more)
    return failed.value


# -- mail --------------------------------------------------------------------------------------------------------
async def test_mail_arrives_as_it_was_written(hub: Hub) -> None:
    wire = Crossing()
    page, picture = (
        "<p>Grüße <img src='cid:logo'></p>",
        Attachment("logo.png", "image/png", b"\x89PNG", "logo", inline=True),
    )
    sent = await send(
        hub, "mail", wire, text="Grüße aus 上海\n.dot\n", html=page, to_name='Ann "A" Lee', subject="Über 你好 " * 20,
        in_reply_to="<q@customer.example>", references=("<p@customer.example>", "<" + "x" * 200 + "@customer.example>"),
        attachments=(Attachment("报告.pdf", "application/pdf", b"%PDF"), Attachment("old.eml", "message/rfc822", b"x"), picture),
    )  # fmt: skip
    mail = await hub.catcher.wait_for(ANN)
    message = mail.message()
    assert (sent, wire.crossed) == ("<2.c1-abc@hub.example>", 1)
    assert mail.text() == "Grüße aus 上海\n.dot"
    assert message["Subject"] == ("Über 你好 " * 20).strip()
    assert message["Message-ID"] == sent
    assert message["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert message["In-Reply-To"] == "<q@customer.example>"
    assert str(message["References"]).split()[-1] == "<q@customer.example>"
    assert str(message["Reply-To"]).endswith(f"<support+{reply_token(hub.vault, 1)}@hub.example>")
    assert mail.mail_from == f"support+{return_path_token(hub.vault, 7)}@hub.example"
    assert [part.get_filename() for part in message.iter_attachments()] == ["报告.pdf", "old.eml"]
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 998
    assert message["Auto-Submitted"] is None


async def test_automatic_mail_says_so_and_asks_for_no_bounce(hub: Hub) -> None:
    await send(hub, "mail", automatic=True)
    mail = await hub.catcher.wait_for(ANN)
    assert (mail.message()["Auto-Submitted"], mail.mail_from) == ("auto-generated", "")


@pytest.mark.parametrize(
    "to", ["ann@customer.example\r\nRCPT TO:<eve@evil.example>", "<ann@customer.example>", "ann", "a b@c.example", ""]
)
async def test_address_that_could_be_a_command_never_leaves(hub: Hub, to: str) -> None:
    wire = Crossing()
    assert (await failing(hub, "mail", wire, to=to)).outcome is Outcome.FAILED
    assert wire.crossed == 0
    assert hub.catcher.mails == []


async def test_controls_in_names_and_subjects_stay_out_of_the_header(hub: Hub) -> None:
    await send(
        hub,
        "mail",
        subject="Hi\r\nBcc: eve@evil.example",
        to_name="Ann\r\nBcc: eve@evil.example",
        message_id="<1@x>\r\nX: y",
    )
    message = (await hub.catcher.wait_for(ANN)).message()
    assert message["Bcc"] is None
    assert message["X"] is None


@pytest.mark.parametrize(
    ("fault", "outcome", "crossed"),
    [
        ("defer_recipient", Outcome.RETRY, 0),
        ("refuse_recipient", Outcome.FAILED, 0),
        ("defer", Outcome.RETRY, 1),
        ("refuse", Outcome.FAILED, 1),
        ("vanish", Outcome.UNKNOWN, 1),
    ],
)
async def test_mail_outcome_is_what_the_server_left_us_with(
    hub: Hub, fault: Any, outcome: Outcome, crossed: int
) -> None:
    hub.catcher.fault, hub.catcher.faults_left = fault, 1
    wire = Crossing()
    assert (await failing(hub, "mail", wire)).outcome is outcome
    assert wire.crossed == crossed
    assert await send(hub, "mail")  # and the next one goes


async def test_mail_is_retried_when_nobody_listens(hub: Hub) -> None:
    await hub.catcher.stop()
    wire = Crossing()
    assert (await failing(hub, "mail", wire)).outcome is Outcome.RETRY
    assert wire.crossed == 0


async def test_nothing_leaves_when_the_claim_was_lost_at_the_wire(hub: Hub) -> None:
    async def lost() -> None:
        raise RuntimeError("the claim was lost")

    with pytest.raises(RuntimeError):
        await send(hub, "mail", Crossing(lost))
    assert await send(hub, "mail", to="bob@customer.example")
    assert hub.catcher.to(ANN) == []


async def test_connection_is_used_again_and_replaced_when_it_has_died(hub: Hub) -> None:
    await send(hub, "mail")
    for transport in list(hub.catcher._open):
        transport.abort()  # type: ignore[attr-defined] - of a connection it is a transport that can be aborted
    await send(hub, "mail")
    await asyncio.gather(*(send(hub, "mail") for _ in range(20)))
    assert len(hub.catcher.to(ANN)) == 22
    assert len(hub.catcher._open) <= 4


async def test_starttls_is_never_silently_left_out(hub: Hub) -> None:
    await hub.configure("mail", "smtp.tls", "starttls")
    wire = Crossing()
    assert (await failing(hub, "mail", wire)).outcome is Outcome.RETRY
    assert wire.crossed == 0
    assert hub.catcher.mails == []


async def test_answer_to_our_mail_comes_back_to_its_conversation(hub: Hub) -> None:
    opening = f"From: Ann <{ANN}>\r\nTo: {MAILBOX}\r\nSubject: Order\r\n\r\nWhere is it?\r\n".encode()
    await deliver("127.0.0.1", hub.lmtp_port, ANN, [MAILBOX], opening, lmtp=True)
    await send(hub, "mail")
    to = str((await hub.catcher.wait_for(ANN)).message()["Reply-To"]).partition("<")[2].rstrip(">")
    answer = f"From: Ann <{ANN}>\r\nTo: <{to}>\r\nSubject: another subject\r\n\r\nThank you\r\n".encode()
    await deliver("127.0.0.1", hub.smtp_port, ANN, [to], answer)
    assert await hub.value("select count(*) from conversation") == 1
    assert await hub.texts("email") == ["Where is it?", "Thank you"]


async def test_lmtp_answers_for_each_recipient(hub: Hub) -> None:
    answers = await deliver(
        "127.0.0.1",
        hub.lmtp_port,
        ANN,
        [MAILBOX, "nobody@hub.example", "support+x@hub.example"],
        b"From: a@b.example\n\nx",
        lmtp=True,
    )
    assert [answer.code for answer in answers.values()] == [250, 550, 250]
    assert await hub.texts("email") == ["x"]


async def test_bounce_becomes_a_failed_delivery_of_our_send(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Delivery] = []

    async def delivery(report: Delivery) -> None:
        seen.append(report)

    monkeypatch.setattr(hub.gate, "delivery", delivery)
    bounce = (
        "From: MAILER-DAEMON@mx.example\r\nTo: x\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nSorry.\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {ANN}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <2.c1-abc@hub.example>\r\n\r\n--b--\r\n"
    ).encode()
    path = f"support+{return_path_token(hub.vault, 7)}@hub.example"
    await deliver("127.0.0.1", hub.smtp_port, "", [path], bounce)
    await deliver("127.0.0.1", hub.smtp_port, "", ["support+b7-aaaaaaaaaaaaaaaa@hub.example"], bounce + b"\r\n")
    words = f"{ANN} could not be reached: 550 no such user"
    why = {"address": ANN, "reason": "550 no such user"}
    told = Delivery(
        "email", DeliveryStatus.FAILED, "<2.c1-abc@hub.example>", 7, words, code="mail.returned", params=why
    )
    assert seen[0] == told
    assert len(seen) == 1  # a forged return path proves nothing
    assert await hub.value("select bool_and(automatic) from interaction")


# -- SMS ---------------------------------------------------------------------------------------------------------
async def test_sms_leaves_and_its_status_comes_back(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Delivery] = []

    async def delivery(report: Delivery) -> None:
        seen.append(report)

    monkeypatch.setattr(hub.gate, "delivery", delivery)
    sid = await send(hub, "sms", to=PHONE)
    sent = await hub.twilio.outgoing_to(PHONE)
    assert (sent.sid, sent.body, sent.sender) == (sid, "Your order is on its way.", NUMBER)

    async def delivered() -> bool:
        return len(seen) == 2

    await eventually(delivered)
    assert [(d.status, d.provider_id, d.outbound_id) for d in seen] == [
        (DeliveryStatus.SENT, sid, 7),
        (DeliveryStatus.DELIVERED, sid, 7),
    ]


@pytest.mark.parametrize(
    ("faults", "more", "outcome", "words"),
    [
        ({"throttle": 1}, {}, Outcome.RETRY, "429"),
        ({"fail": 1}, {}, Outcome.UNKNOWN, "500"),
        ({"lose_answer": 1}, {}, Outcome.UNKNOWN, "500"),
        ({}, {"to": "+15005550004"}, Outcome.FAILED, "opted out"),
        ({}, {"to": "+15005550001"}, Outcome.FAILED, "not valid"),
        ({}, {"text": " "}, Outcome.FAILED, "text"),
        ({}, {"text": "x" * 1601}, Outcome.FAILED, "1600"),
    ],
)
async def test_sms_outcome_is_what_twilio_left_us_with(
    hub: Hub, faults: dict[str, int], more: dict[str, Any], outcome: Outcome, words: str
) -> None:
    for name, count in faults.items():
        setattr(hub.twilio.faults, name, count)
    error = await failing(hub, "sms", **{"to": PHONE, **more})
    assert (error.outcome, words in error.detail) == (outcome, True)
    assert error.retry_after == (1.0 if "throttle" in faults else None)


async def test_sms_is_posted_once_and_its_outcome_unknown_when_twilio_hangs(hub: Hub) -> None:
    await hub.configure("sms", "timeout_seconds", 0.3)
    hub.twilio.faults.hang = 1
    assert (await failing(hub, "sms", to=PHONE)).outcome is Outcome.UNKNOWN
    assert len(hub.twilio.thread(PHONE)) == 1


async def test_sms_is_retried_when_twilio_cannot_be_reached(hub: Hub) -> None:
    await hub.twilio.stop()
    assert (await failing(hub, "sms", to=PHONE)).outcome is Outcome.RETRY


async def test_customer_who_said_stop_gets_nothing_more(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "STOP")
    assert "opted out" in (await failing(hub, "sms", to=PHONE)).detail
    assert (await hub.db.dicts("select meta from interaction"))[0]["meta"]["consent"] == "stop"


async def test_status_reports_are_believed_only_when_signed(hub: Hub) -> None:
    path = f"{hub.url}/hooks/twilio/sms/status/7"
    form = Message(SID, NUMBER, PHONE, "x", "outbound-api", "delivered").callback_form()
    for token, status in ((TOKEN + "x", 403), (TOKEN, 204)):
        headers = {"X-Twilio-Signature": signature(token, path, form)}
        async with hub.http.post(path, data=form, headers=headers) as answer:
            assert answer.status == status
    assert await hub.value("select count(*) from delivery") == 1


async def test_webhook_is_signed_over_the_public_address_and_not_the_host_header(hub: Hub) -> None:
    form = Message(SID, PHONE, NUMBER, "x", "inbound", "received").webhook_form()
    headers = {
        "Host": "evil.example",
        "X-Twilio-Signature": signature(TOKEN, "http://evil.example/hooks/twilio/sms/sms", form),
    }
    async with hub.http.post(f"{hub.url}/hooks/twilio/sms/sms", data=form, headers=headers) as answer:
        assert answer.status == 403


async def test_standin_pages_and_lists_as_twilio_does(hub: Hub) -> None:
    for n in range(5):
        await send(hub, "sms", to=PHONE, id=n + 1)
    sms: Any = hub.sms
    client = sms._rest.client((await hub.of("sms")).settings)
    assert len(await client.messages.list_async(to=PHONE, page_size=2)) == 5
    assert await client.messages.list_async(to="+14155559999") == []


# -- chat --------------------------------------------------------------------------------------------------------
async def test_chat_is_sent_by_being_in_the_record(hub: Hub) -> None:
    wire = Crossing()
    assert await send(hub, "web", wire, channel="chat", to="visitor") == "chat:2"
    assert wire.crossed == 1


async def test_sender_closes_what_it_kept(hub: Hub) -> None:
    account = await hub.of("mail")
    await hub.email.send(account, outbound(hub), Crossing())
    await hub.email.close()

    async def closed() -> bool:
        return not hub.catcher._open

    assert await eventually(closed)
