"""What came back: for good, for now, or as a complaint; and whose mail it was."""

from __future__ import annotations

import base64

import pytest

from connectors.email.bounces import Report, bounced_outbound, return_path_token, to_delivery
from connectors.email.parse import Envelope, parse
from hub.channels.model import DeliveryStatus
from hub.core.secrets import Vault
from hub.messages.tokens import message_id

VAULT = Vault(b"test-key-" * 8)
OURS = message_id(VAULT, 1, 7, "hub.example")


def report(text: str) -> Report | None:
    return parse(text.encode(), account_id=1, envelope=Envelope("")).report


def dsn(action: str, status: str, **more: str) -> str:
    extra = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in more.items())
    return (
        "From: MAILER-DAEMON@mx.customer.example\nSubject: Delivery Status Notification\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n--b\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.customer.example\n\n"
        f"Final-Recipient: rfc822; ann@customer.example\nAction: {action}\nStatus: {status}\n{extra}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nFrom: support@hub.example\nMessage-ID: {OURS}\n--b--\n"
    )


def test_failure_names_the_mail_and_the_servers_words() -> None:
    found = report(dsn("failed", "5.1.1", Diagnostic_Code="smtp; 550 5.1.1 User unknown"))
    assert found is not None
    delivery = to_delivery(found, VAULT, [], from_nobody=True)
    assert delivery is not None
    assert (delivery.status, delivery.provider_id) == (DeliveryStatus.FAILED, OURS)
    assert delivery.error == "ann@customer.example could not be reached: 550 5.1.1 User unknown"


@pytest.mark.parametrize("action", ["delayed", "Delayed (will retry)"])
def test_delay_is_no_failure(action: str) -> None:
    found = report(dsn(action, "4.4.1"))
    assert found is not None
    assert not found.failed
    assert to_delivery(found, VAULT, [return_path_token(VAULT, 7)], from_nobody=True) is None


def test_recipient_we_wrote_to_is_named_before_the_one_it_was_passed_on_to() -> None:
    found = report(dsn("failed", "5.0.0", Original_Recipient="rfc822;ann@old.example"))
    assert found is not None
    assert found.recipient == "ann@old.example"


def test_worst_recipient_counts_when_several_are_reported() -> None:
    text = dsn("delivered", "2.0.0").replace(
        "Status: 2.0.0\n",
        "Status: 2.0.0\n\nFinal-Recipient: rfc822; bob@customer.example\nAction: failed\nStatus: 5.2.2\n",
    )
    found = report(text)
    assert found is not None
    assert (found.failed, found.recipient) == (True, "bob@customer.example")
    assert found.recipients == ("ann@customer.example", "bob@customer.example")


def test_report_inside_of_another_mail_is_found() -> None:
    inner = dsn("failed", "5.1.1").partition("Content-Type:")[2]
    outer = (
        f"From: postmaster@x.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type:{inner}\n--o--\n"
    )
    found = report(outer)
    assert found is not None
    assert (found.failed, found.message_id) == (True, OURS)


@pytest.mark.parametrize(
    "text",
    [
        "Hi. This is the qmail-send program at mx.customer.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n<ann@customer.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
        f"Message-ID: {OURS}\n",
        f"This is the DragonFly Mail Agent v0.13 at mx.customer.example.\n\nThere was an error delivering your mail to <ann@customer.example>.\n\nann@customer.example: Host not found\n\nMessage-ID: {OURS}\n",
        f"很抱歉，您的邮件未能成功送达 ann@customer.example，原因：用户不存在。\n\nMessage-ID: {OURS}\n",
    ],
)
def test_failure_in_a_servers_own_words_is_understood(text: str) -> None:
    found = report(f"From: MAILER-DAEMON@mx.customer.example\nSubject: failure notice\n\n{text}")
    assert found is not None
    assert (found.failed, found.recipient, found.message_id) == (True, "ann@customer.example", OURS)


RETURNED = f"\nFrom: support@hub.example\nTo: ann@customer.example\nMessage-ID: {OURS}\n\nHello\n"
NOTICES = {
    "Exchange": "Delivery has failed to these recipients or distribution lists:\n\nann@customer.example\nThe recipient's e-mail address was not found.\n\nGenerating server: mx.customer.example\n\nOriginal message headers:\n",
    "Office 365": "Your message to ann@customer.example couldn't be delivered.\n\nann wasn't found at customer.example.\n\nSender Address:\tsupport@hub.example\nReported error:\t550 5.1.10 RecipientNotFound\n\nOriginal Message Headers\n",
    "Office 365 de": "Ihre Nachricht an ann@customer.example konnte nicht zugestellt werden.\n",
    "Office 365 fr": "Votre message à ann@customer.example n'a pas pu être remis.\n",
    "Outlook es": "No se pudo entregar el mensaje a ann@customer.example.\n",
    "Outlook nl": "Uw bericht aan ann@customer.example kan niet worden bezorgd.\n",
    "WorkMail": "Delivery failed. We were not able to deliver your message to the following recipients:\n\nann@customer.example\n\nTechnical report:\n550 5.1.1\n",
    "SES": "An error occurred while trying to deliver the mail to the following recipients:\nann@customer.example\n",
    "SendGrid": "I'm sorry to tell you that your message was not able to be delivered to one of its recipients.\nContact help@relay.example for assistance.\n\nann@customer.example: 550 5.1.1 user unknown\n",
    "Gmail": "** Address not found **\n\nYour message wasn't delivered to ann@customer.example because the address couldn't be found.\n",
    "Mail.ru": "This is a permanent error. The following address(es) failed:\n\n  ann@customer.example\n\n550 invalid mailbox\n",
    "a filter": "Our content checker found a banned name in an email from you to the following recipient:\n-> ann@customer.example\n\nDelivery of the email was stopped!\n",
    "MailMarshal": "Your message:\n    From:    support@hub.example\n    Subject: Order\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected:\n    ann@customer.example\n",
    "NetEase": "您好！您的邮件被退回。\n\n收信人：\nann@customer.example\n退信原因：\nUser unknown\n",
    "Japanese": "次の宛先にメールを配信できませんでした。\n\n<ann@customer.example>: ユーザーが存在しません\n",
    "Russian": "Не удалось доставить сообщение следующим получателям:\n\nann@customer.example\n",
}


@pytest.mark.parametrize("server", NOTICES)
def test_notice_of_many_servers_names_whom_it_could_not_reach(server: str) -> None:
    found = report(
        f"From: postmaster@mx.customer.example\nSubject: Undeliverable: Order\n\n{NOTICES[server]}{RETURNED}"
    )
    assert found is not None
    assert (found.failed, found.recipient, found.message_id) == (True, "ann@customer.example", OURS)


def test_notice_in_base64_is_read_as_its_words() -> None:
    words = base64.b64encode("很抱歉，您的邮件被退回。收件人 ann@customer.example 不存在".encode("gbk")).decode()
    head = "From: PostMaster@qq.example\nSubject: bounce\nContent-Type: text/plain; charset=gbk\nContent-Transfer-Encoding: base64\n"
    found = report(f"{head}\n{words}\n")
    assert found is not None
    assert (found.failed, found.recipient) == (True, "ann@customer.example")


@pytest.mark.parametrize(
    "head",
    [
        f"From: bob@c.example\nSubject: Automatic reply: Order\nAuto-Submitted: auto-replied\nIn-Reply-To: {OURS}",
        f"From: bob@c.example\nSubject: Out of office: delivery failed\nReturn-Path: <>\nIn-Reply-To: {OURS}",
        f"From: bob@c.example\nSubject: Re: Undelivered parcel\nIn-Reply-To: {OURS}",
        "From: bob@c.example\nSubject: Fwd: Undelivered Mail Returned to Sender",
        "From: news@shop.example\nSubject: Delivery report: shoes\nList-Id: <x.example>",
        f"From: bob@c.example\nSubject: Please confirm\nAuto-Submitted: auto-replied\nIn-Reply-To: {OURS}",
    ],
)
def test_words_of_failure_in_other_mail_report_none(head: str) -> None:
    text = f"{head}\n\nThis address does not exist any more, your mail could not be delivered. Write to ann@customer.example\n"
    assert parse(text.encode(), account_id=1).report is None


def test_persons_mail_about_a_failure_is_no_bounce() -> None:
    text = "From: ann@customer.example\nSubject: question\n\nYour letter could not be delivered to bob@customer.example, why?\n"
    assert parse(text.encode(), account_id=1).report is None


def complaint(kind: str) -> str:
    return (
        "From: feedback@isp.example\nSubject: complaint\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\n\nThis is an abuse report.\n--b\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\nOriginal-Rcpt-To: <ann@customer.example>\n\n"
        f"--b\nContent-Type: message/rfc822\n\nFrom: support@hub.example\nTo: ann@customer.example\nMessage-ID: {OURS}\n\nHello\n--b--\n"
    )


def test_complaint_is_no_failure_and_names_who_complained() -> None:
    found = report(complaint("abuse"))
    assert found is not None
    assert (found.complaint, found.failed, found.recipient, found.message_id) == (
        True,
        False,
        "ann@customer.example",
        OURS,
    )
    delivery = to_delivery(found, VAULT, [], from_nobody=True)
    assert delivery is not None
    assert (delivery.complaint, delivery.status) == (True, DeliveryStatus.DELIVERED)


def test_complaint_that_hides_who_complained_is_read_by_the_mail_itself() -> None:
    for said in (complaint("abuse").replace("<ann@customer.example>\n\n", "<redacted>\n\n"), HOTMAIL):
        found = report(said)
        assert found is not None
        assert (found.complaint, found.recipient, found.message_id) == (True, "ann@customer.example", OURS)


HOTMAIL = (
    "From: staff@hotmail.example\nSubject: complaint about message from 192.0.2.1\nContent-Type: multipart/mixed; boundary=b\n\n"
    f"--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: ann@customer.example\nFrom: support@hub.example\nMessage-ID: {OURS}\n\nHello\n--b--\n"
)


@pytest.mark.parametrize(
    ("written", "recipient"),
    [
        ("\n\n Final-Recipient: rfc822; ann@customer.example\nAction: failed\nStatus: 5.1.1", "ann@customer.example"),
        (
            "Final-Recipient: X400; c=us;s=ann\nX-Actual-Recipient: rfc822; ann@customer.example\nAction: failed",
            "ann@customer.example",
        ),
        ("Final-Recipient: utf-8; 安@例子.公司\nAction: failed\nStatus: 5.1.1", "安@例子.公司"),
    ],
)
def test_recipient_is_found_however_it_is_written(written: str, recipient: str) -> None:
    found = report(
        dsn("failed", "5.1.1").replace(
            "Final-Recipient: rfc822; ann@customer.example\nAction: failed\nStatus: 5.1.1", written
        )
    )
    assert found is not None
    assert (found.failed, found.recipient) == (True, recipient)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_of_another_kind_is_no_complaint(kind: str) -> None:
    found = report(complaint(kind))
    assert found is not None
    assert not found.complaint


def test_return_path_counts_only_with_our_signature(vault: Vault) -> None:
    token = return_path_token(vault, 17)
    assert bounced_outbound(vault, ["x", token]) == 17
    assert bounced_outbound(vault, [token[:-1] + ("a" if token[-1] != "a" else "b")]) is None


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        ("Bounce", '"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ann@customer.example","status":"5.1.1"}]',
         "ann@customer.example could not be reached: bounce"),
        ("Complaint", '"complainedRecipients":[{"emailAddress":"ann@customer.example"}]',
         "ann@customer.example called a mail of ours spam."),
        ("Delivery", '"recipients":["ann@customer.example"]', "ann@customer.example has received a mail of ours."),
    ],
)  # fmt: skip
def test_report_for_programs_is_put_into_words_and_kept_as_it_came(kind: str, facts: str, words: str) -> None:
    told = f'{{"notificationType":"{kind}","{kind.lower()}":{{{facts}}},"mail":{{"messageId":"x"}}}}'
    head = "From: AWS Notifications <no-reply@sns.example>\r\nTo: support@hub.example\r\nSubject: Question\r\n\r\n"
    mail = parse((head + told).encode(), account_id=1)
    assert mail.report is not None
    assert mail.inbound.automatic
    assert (mail.inbound.text, mail.inbound.meta["full_text"].strip()) == (words, told)
