"""What the customer wrote, as their mail program wraps it."""

from __future__ import annotations

import pytest

from connectors.email.quotes import html_without_quote, visible

ANSWER = "Thank you, that helps.\n\nAnn"


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, 2 Mar 2026 at 10:00, Support <support@hub.example> wrote:\n> Hello\n> there",
        "On Mon, 2 Mar 2026 at 10:00, Support Team of the Example Company\n<support@hub.example> wrote:\n\n> Hello",
        "Am 02.03.26 um 10:00 schrieb Support:\n> Hallo",
        "Le lun. 2 mars 2026 à 10:00, Support <support@hub.example> a écrit :\n> Bonjour",
        "El lun, 2 mar 2026 a las 10:00, Support (<support@hub.example>) escribió:\n> Hola",
        "Op ma 2 mrt. 2026 om 10:00 schreef Support <support@hub.example>:\n> Hallo",
        "2 марта 2026 г., 10:00, Support <support@hub.example> написал(а):\n> Привет",
        "在 2026年3月2日，10:00，Support <support@hub.example> 写道：\n> 您好",
        "Support <support@hub.example> 于2026年3月2日周一 10:00写道：\n\n> 您好",
        '在 2026-03-02 10:00:00，"Support" <support@hub.example> 写道：\n您好',
        '------------------ 原始邮件 ------------------\n发件人: "Support" <support@hub.example>;\n发送时间: 2026年3月2日\n主题: 订单',
        "---- 回复的原邮件 ----\n发件人 Support\n您好",
        "发件人： Support\n发送时间： 2026-03-02 10:00\n收件人： ann\n主题： 订单\n\n您好",
        "寄件者: Support\n寄件日期: 2026年3月2日\n收件者: ann\n主旨: 訂單\n\n您好",
        "-----Original Message-----\nFrom: Support\nSent: Monday\nTo: Ann\nSubject: Order\n\nHello",
        "________________________________\nVon: Support\nGesendet: Montag\nAn: Ann\nBetreff: Bestellung\n\nHallo",
        "2026年3月2日(月) 10:00 Support <support@hub.example>:\n> こんにちは",
        "-- \nAnn Lee\nExample Ltd",
        "Sent from my phone",
        "发自我的 iPhone",
        "> Hello\n> there",
    ],
)
def test_quote_and_signature_are_cut(quoted: str) -> None:
    assert visible(f"{ANSWER}\n\n{quoted}\n") == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "I wrote: nothing arrived.\nPlease help.",
        "From: the shop in Mill Street I got the wrong size.",
        "Subject: none\nI do not know what to write here",
        "On Monday I called, and you said:\nwe will ring back. Nobody did.",
        "我写道：没有收到。请帮忙。",
        "> quoted and nothing else",
        "5 > 3 and 2 < 4",
    ],
)
def test_customers_own_words_stay(text: str) -> None:
    assert visible(text) == text


def test_answer_below_the_quote_is_what_remains() -> None:
    assert visible("On Monday 2 March, Support wrote:\n> Where do you live?\n\nIn Oslo.") == "In Oslo."


def test_answers_between_the_lines_keep_the_lines() -> None:
    shown = visible("Hi\n\nOn Monday 2 March, Support wrote:\n> Colour?\n\nBlue.\n\n> Size?\n\nLarge.")
    assert "> Colour?\n\nBlue.\n\n> Size?\n\nLarge." in shown


def test_forwarded_message_is_what_the_customer_wants_to_show() -> None:
    text = "See this\n\n---------- Forwarded message ---------\nFrom: Bank <b@bank.example>\nDate: Monday\nSubject: x\nTo: Ann\n\nYour card"
    assert visible(text) == text


@pytest.mark.parametrize(
    "mark",
    [
        '<div class="gmail_quote">',
        '<blockquote type="cite">',
        '<div id="divRplyFwdMsg">',
        '<div class="moz-cite-prefix">',
        '<div id="isReplyContent">',
        "<includetail>",
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt">',
    ],
)
def test_html_is_cut_where_the_mail_program_begins_to_quote(mark: str) -> None:
    assert html_without_quote(f"<p>Yes</p>{mark}old") == "<p>Yes</p>"
    assert html_without_quote(f"<p> </p>{mark}old") == f"<p> </p>{mark}old"
