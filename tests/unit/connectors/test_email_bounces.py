"""What came back: for good, for now, or as a complaint; and whose mail it was."""

from __future__ import annotations

import pytest

from connectors.email.bounces import Report, bounced_outbound, return_path_token, to_delivery
from connectors.email.parse import Envelope, parse
from hub.channels.model import DeliveryStatus
from hub.core.secrets import Vault

OURS = "<7.c1-abcdefghijklmnop@hub.example>"


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
    delivery = to_delivery(found, None)
    assert delivery is not None
    assert (delivery.status, delivery.provider_id) == (DeliveryStatus.FAILED, OURS)
    assert delivery.error == "ann@customer.example could not be reached: 550 5.1.1 User unknown"


@pytest.mark.parametrize("action", ["delayed", "Delayed (will retry)"])
def test_delay_is_no_failure(action: str) -> None:
    found = report(dsn(action, "4.4.1"))
    assert found is not None
    assert not found.failed
    assert to_delivery(found, 7) is None


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
    delivery = to_delivery(found, None)
    assert delivery is not None
    assert (delivery.complaint, delivery.status) == (True, DeliveryStatus.DELIVERED)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_of_another_kind_is_no_complaint(kind: str) -> None:
    found = report(complaint(kind))
    assert found is not None
    assert not found.complaint


def test_return_path_counts_only_with_our_signature(vault: Vault) -> None:
    token = return_path_token(vault, 17)
    assert bounced_outbound(vault, ["x", token]) == 17
    assert bounced_outbound(vault, [token[:-1] + ("a" if token[-1] != "a" else "b")]) is None
