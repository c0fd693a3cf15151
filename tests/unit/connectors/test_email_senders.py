"""Whose words a mail brings: people's through groups, lists and forms, and what no person wrote."""

from __future__ import annotations

import pytest

from connectors.email.parse import Known, Mail, parse

OWN = "support@hub.example"


def made(headers: str, text: str = "Where is my parcel?", **more: object) -> Mail:
    return parse(f"{headers}\n\n{text}\n".encode(), account_id=1, own=OWN, trusted="mx.hub.example", **more)  # type: ignore[arg-type] - options of the parser by name


GROUP = "List-ID: <help.hub.example>\nPrecedence: list\nMailing-list: list help@hub.example; contact help+owners@hub.example"


@pytest.mark.parametrize(
    "marks",
    [
        GROUP,
        "Precedence: bulk",
        "Precedence: list",
        "List-Unsubscribe: <https://crm.example/u/1>",
        "List-Id: Friends <friends.lists.example>\nList-Post: <mailto:friends@lists.example>",
    ],
)
def test_mail_through_a_list_is_a_persons_and_gets_no_automatic_answer(marks: str) -> None:
    mail = made(f"From: Kim <kim@customer.example>\n{marks}").inbound
    assert (mail.address, mail.automatic) == ("kim@customer.example", False)
    assert mail.meta["no_auto_answer"]


@pytest.mark.parametrize("through", [OWN, "help@hub.example", "sales@hub.example"])
@pytest.mark.parametrize(
    "named",
    [
        "X-Original-From: Kim <kim@customer.example>",
        "X-Original-Sender: kim@customer.example",
        "Reply-To: kim@customer.example",
    ],
)
def test_customer_behind_a_group_or_a_form_of_ours_is_found(through: str, named: str) -> None:
    headers = f"From: \"'Kim' via Support\" <{through}>\n{GROUP}\n{named}\nAuthentication-Results: mx.hub.example; dmarc=pass header.from=hub.example"
    mail = made(headers, known=Known(aliases=("sales@hub.example",))).inbound
    assert (mail.address, mail.automatic, mail.verified) == ("kim@customer.example", False, False)
    assert through in mail.meta["forwarded_by"]


def test_our_own_mail_that_comes_back_stays_ours() -> None:
    mail = made(f"From: Support <{OWN}>\nReply-To: support+c17.abc@hub.example").inbound
    assert (mail.address, mail.automatic) == (OWN, True)


def test_no_reply_with_another_reply_to_is_the_customer() -> None:
    shop = "From: Shop <no-reply@shop.example>\nReply-To: Kim <kim@customer.example>"
    mail = made(shop).inbound
    assert (mail.address, mail.name, mail.automatic, mail.verified) == ("kim@customer.example", "Kim", False, False)
    assert made(f"{shop}\nAuto-Submitted: auto-generated").inbound.automatic
    assert made("From: no-reply@shop.example").inbound.automatic
    assert made("From: no-reply@shop.example\nReply-To: noreply@shop.example").inbound.automatic


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Your order",
        "Abwesenheitsnotiz: Stuhl",
        "Réponse automatique : Chaise",
        "自动回复：订单",
        "Out of Office: x",
    ],
)
def test_subject_alone_says_that_a_program_answered(subject: str) -> None:
    assert made(f"From: kim@customer.example\nSubject: {subject}").inbound.automatic


@pytest.mark.parametrize("subject", ["Automatic reply to my order", "Out of office chairs?", "Re: Automatic reply: x"])
def test_subject_about_automatic_answers_is_a_persons(subject: str) -> None:
    assert not made(f"From: kim@customer.example\nSubject: {subject}").inbound.automatic


def test_postmaster_who_writes_is_a_person_and_one_who_reports_is_none() -> None:
    wrote = made(
        "From: Jo <postmaster@customer.example>", "Your mails to us are rejected since Monday. Please call me. Jo"
    )
    assert (wrote.inbound.automatic, wrote.report) == (False, None)
    told = made("From: MAILER-DAEMON <>", "<nobody@customer.example>: user unknown. Giving up.")
    assert told.inbound.automatic
    assert told.report is not None
    assert told.report.recipients == ("nobody@customer.example",)


def test_report_of_two_recipients_names_both() -> None:
    report = made("From: Mail Delivery System <MAILER-DAEMON@mx.example>\nSubject: Undelivered Mail Returned to Sender",
        "<one@customer.example>: user unknown\n\n<two@customer.example>: user unknown").report  # fmt: skip
    assert report is not None
    assert set(report.recipients) == {"one@customer.example", "two@customer.example"}


SES = (
    '{"notificationType":"%s","%s":{"bounceType":"%s","%s":[{"emailAddress":"one@customer.example","status":"5.1.1",'
    '"diagnosticCode":"smtp; 550 5.1.1 unknown"},{"emailAddress":"two@customer.example"}]},'
    '"mail":{"messageId":"x","commonHeaders":{"messageId":"<1.a.b@hub.example>"}}}'
)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("Bounce", "bounce", "Permanent", "bouncedRecipients"), (True, False, False)),
        (("Bounce", "bounce", "Transient", "bouncedRecipients"), (False, False, False)),
        (("Complaint", "complaint", "", "complainedRecipients"), (False, True, True)),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_notification_of_ses_is_read(values: tuple[str, ...], says: tuple[bool, ...], wrapped: bool) -> None:
    text = SES % values
    if wrapped:
        text = (
            '{"Type":"Notification","Message":"' + text.replace('"', '\\"') + '"}\n\n--\nIf you wish to stop receiving'
        )
    mail = made("From: AWS Notifications <no-reply@sns.example>", text)
    assert mail.inbound.automatic
    assert mail.report is not None
    assert (mail.report.failed, mail.report.delivered, mail.report.complaint) == says
    assert mail.report.recipients == ("one@customer.example", "two@customer.example")
    assert mail.report.message_id == "<1.a.b@hub.example>"


@pytest.mark.parametrize(
    "text",
    ['{"notificationType":' * 5000, '{"notificationType":"Bounce","bounce":[1],"mail":7}', '{"eventType": "Bounce"}'],
)
def test_broken_notification_of_ses_names_nobody(text: str) -> None:
    report = made("From: AWS Notifications <no-reply@sns.example>", text).report
    assert report is None or not any("@" not in one for one in report.recipients)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain charset=us-ascii",
        "text/plain, charset=utf-8",
        "text/x-web-markdown",
        "text/unknown; x=y",
        "TEXT/PLAIN charset = utf-8",
    ],
)
def test_text_with_an_odd_label_is_text(kind: str) -> None:
    mail = made(f"From: kim@customer.example\nContent-Type: {kind}").inbound
    assert (mail.text, mail.attachments) == ("Where is my parcel?", ())


@pytest.mark.parametrize("kind", ["text/csv; name=a.csv", "text/x-patch; name=a.patch", "text/calendar", "text/vcard"])
def test_text_for_programs_beside_the_letter_is_a_file(kind: str) -> None:
    mail = made(
        "From: kim@customer.example\nContent-Type: multipart/mixed; boundary=b",
        f"--b\n\nSee the file.\n--b\nContent-Type: {kind}\n\nWhere is my parcel?\n--b--",
    ).inbound
    assert mail.text == "See the file."
    assert len(mail.attachments) == 1
