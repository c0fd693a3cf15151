"""What the customer wrote, as their mail program wraps it."""

from __future__ import annotations

import pytest

from connectors.email.html_quotes import html_quotes_marked
from connectors.email.quotes import visible

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
        "في الاثنين، ٣٠ نوفمبر ٢٠٢٦ في ٩:٠٠ ص تمت كتابة ما يلي بواسطة Support <support@hub.example>:\n\n> هل نرسل؟",
        "2 Mar 2026 Pzt 10:00 tarihinde Support <support@hub.example> şunu yazdı:\n> Merhaba",
        "po 2. 3. 2026 v 10:00 odesílatel Support <support@hub.example> napsal:\n> Dobrý den",
        "Support <support@hub.example> ezt írta (időpont: 2026. márc. 2., H, 10:00):\n> Jó napot",
        "‫בתאריך יום ב׳, 2 במרץ 2026 ב-10:00 מאת ‪Support‬‏ <‪support@hub.example‬‏>:‬\n> שלום",
        "Vào Th 2, 2 thg 3, 2026 vào lúc 10:00 Support <support@hub.example> đã viết:\n> Xin chào",
        "في الاثنين، 2 مارس 2026 في 10:00 ص تمت كتابة ما يلي بواسطة Support <support@hub.example>:\n> مرحبا",
        "2026년 3월 2일 (월) 오전 10:00, Support <support@hub.example>님이 작성:\n> 안녕하세요",
        "2026-03-02 10:00 GMT+01:00 Support Team\n\nHello",
        '---Original---\nFrom: "Support"<support@hub.example>\nDate: 2026/3/2 10:00\nTo: "ann"\nSubject: 订单\n\n您好',
        "---- Replied Message ----\n| From | Support |\n| Date | 3/2/2026 10:00 |\n| To | ann |\n| Subject | Order |\n您好",
        "------------------------------------------------------------------\n发件人：Support <support@hub.example>\n日　期：2026年03月02日 10:00\n收件人：ann\n主　题：订单\n\n您好",
        "寄件者： Support\n寄件日期： 2026年3月2日\n收件者： ann\n主旨： 訂單\n\n您好",
        "-------- 原始邮件 --------\n发件人：Support\n日期：2026年3月2日\n主题：订单\n\n您好",
        "Kimden: Support\nGönderildi: 2 Mart 2026\nKime: Ann\nKonu: Sipariş\n\nMerhaba",
        "Od: Support\nWysłano: 2 marca 2026\nDo: Ann\nTemat: Zamówienie\n\nDzień dobry",
        "发自我的小米手机",
        "来自QQ邮箱手机版",
        "发送自 Windows 10 版邮件应用",
        "获取 Outlook for iOS",
        "Get Outlook for Android<https://aka.ms/ghei36>",
        "-- \nAnn Lee\nExample Ltd",
        "Sent from my phone",
        "发自我的 iPhone",
        "> Hello\n> there",
        "W dniu 2.03.2026 o 10:00, Support pisze:\n> Cześć",
        "2026. 3. 2. 오전 10:00, Support 이(가) 쓴 글:\n> 안녕",
        "Gesendet: Montag, 02. März 2026 um 10:00 Uhr\nVon: Support <support@hub.example>\nAn: ann@customer.example\nBetreff: Bestellung\nHallo",
        "----- Mail original -----\nDe: Support <support@hub.example>\nÀ: ann\nEnvoyé: Lundi\nObjet: Commande\n\nBonjour",
        "Sent from Yahoo Mail on Android \n \n  On Mon, Mar 2, 2026 at 10:00, Support<support@hub.example> wrote:   Hello\nthere",
        "Quoting Support <support@hub.example>:\n\n> Hello",
        "Zitat von Support <support@hub.example>:\n\n> Hallo",
        "* Support (support@hub.example) wrote:\n> Hello",
        "---- 在 星期一, 2026-03-02 10:00:00 Support <support@hub.example> 写道 ----\n\n您好",
        "| |\nann\n|\n|\n邮箱：ann@customer.example\n|\n签名由 网易邮箱大师 定制\n\n在2026年03月02日 10:00，Support 写道：\n您好",
        "Mit der GMX Mail App gesendet",
        "-- \nAnn Lee\nSprzedaż i serwis\nOslo i Bergen",
        "来自Foxmail",
        "Verstuurd vanaf mijn iPhone",
        "iPhone'umdan gönderildi",
        "Lähetetty iPhonesta",
        "Odesláno z iPhonu",
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
        "Hello,\nplease change my journey:\nFrom: London\nTo: Paris\nDate: 3 May\nThank you",
        "I called 2 times and your colleague wrote:\nwe will send it tomorrow. Nothing came.",
        "Two things.\n--\nWhere is my parcel?\n--\nAnd when does it come?",
        "您好，\n日期：3月2日\n时间：10点\n请安排上门。",
        "On 2 March 2026 your shop <shop@x.example> wrote:\nyour parcel arrives on 5 March.\n\nIt did not arrive.",
        "Here is the message I got:\n\nFrom: Bank <b@x.example>\nSent: Monday\nTo: Ann\nSubject: Refund\n\nIs this from you?",
        "My delivery address:\n\nTo: Ann Lee\nFrom: Shenzhen\nDate: 2026-03-02\nSubject: chair",
        "Please cancel order 5.\nSent from the wrong address last time, sorry",
        "I bought it.\nGet Outlook for the team was the advert you showed me",
        "请问什么时候到？\n从北京发送",
        "荷物はまだです。\n東京から送信",
        "Please order:\n| Chair | 2 |\n| Table | 1 |",
        "Hello\n\n| Item | Qty |\n|------|-----|\n| Chair | 2 |",
        "Please call me.\n\n______________________\nReason: complaint\nOrder: 17",
        "Hi\n--\nI want my money back\nand an apology",
        "您好\n--\n请退款",
        "Log:\n2026-03-02 10:00 ERROR foo <a@b.example>\n2026-03-02 10:01 ok",
    ],
)
def test_customers_own_words_stay(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "above",
    [
        "On Mon, Nov 30, 2026 at 09:04:11AM +0000, Support wrote:",
        "Am Mi, 2. Dez. 2026 um 09:04 schrieb Hilfe:",
        "Op ma 30 nov 2026 om 09:04 schreef Hulp:",
    ],
)
def test_the_name_of_a_day_tells_no_story(above: str) -> None:
    assert visible(f"{ANSWER}\n\n{above}\n> Hello Ann,\n> your parcel is on its way.\n") == ANSWER


@pytest.mark.parametrize(
    "block",
    [
        "Od: Pomoc <help@shop.example>\nWysłane: poniedziałek, 30 listopada 2026 09:04\nDo: Ann <a@x.example>\nTemat: Re: Lampa",
        "\u200fمن: Help <help@shop.example>\n\u200fتم الإرسال: 30 نوفمبر 2026 09:04\n\u200fإلى: Ann <a@x.example>\n\u200fالموضوع: Re: Lamp",
    ],
)
def test_header_block_is_cut_in_any_language_and_direction(block: str) -> None:
    assert visible(f"{ANSWER}\n\n{block}\n\nHello Ann,\nyour parcel\n") == ANSWER


def test_answer_below_the_quote_is_what_remains() -> None:
    assert visible("On Monday 2 March, Support wrote:\n> Where do you live?\n\nIn Oslo.") == "In Oslo."


def test_answers_between_the_lines_keep_the_lines() -> None:
    shown = visible("Hi\n\nOn Monday 2 March, Support wrote:\n> Colour?\n\nBlue.\n\n> Size?\n\nLarge.")
    assert "> Colour?\n\nBlue.\n\n> Size?\n\nLarge." in shown


def test_forwarded_message_is_what_the_customer_wants_to_show() -> None:
    text = "See this\n\n---------- Forwarded message ---------\nFrom: Bank <b@bank.example>\nDate: Monday\nSubject: x\nTo: Ann\n\nYour card"
    assert visible(text) == text


@pytest.mark.parametrize(
    "quoted",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On Mon, 2 Mar 2026 at 10:00, Support &lt;s@hub.example&gt; wrote:<br></div><blockquote class="gmail_quote">old</blockquote></div>',
        '<blockquote type="cite">old</blockquote>',
        '<div id="divRplyFwdMsg">old',
        '<div class="moz-cite-prefix">Am 02.03.26 um 10:00 schrieb Support:</div><blockquote type="cite" cite="mid:1@x">old</blockquote>',
        '<div style="position:relative"><blockquote id="isReplyContent">old</blockquote></div>',
        "<includetail><div>old</div></includetail>",
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt">old',
        "<div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>发件人: x</div><div>old</div>",
    ],
)
def test_html_quote_is_cut_by_the_mark_of_its_mail_program(quoted: str) -> None:
    assert visible(html_quotes_marked(f"<p>Yes</p>{quoted}")) == "Yes"
    assert "old" in visible(html_quotes_marked(f"<p> </p>{quoted}"))


def test_html_answer_below_the_quote_is_kept() -> None:
    html = '<p>Hi Ann,</p><div>On Mon, 2 Mar 2026 at 10:00, Support wrote:</div><blockquote type="cite">Where?</blockquote><p>In Oslo.</p>'
    assert "In Oslo." in visible(html_quotes_marked(html))


def test_html_answers_between_the_quotes_are_kept() -> None:
    html = '<div class="gmail_quote">On 2 Mar 2026 at 10:00, S wrote:<blockquote class="gmail_quote">Colour?</blockquote><div>Blue.</div><blockquote class="gmail_quote">Size?</blockquote><div>Large.</div></div>'
    shown = visible(html_quotes_marked(html))
    assert "Blue." in shown
    assert "Large." in shown


def test_block_that_only_indents_is_no_quote() -> None:
    html = "<p>It says:</p><blockquote>Error 17</blockquote>"
    assert "Error 17" in visible(html_quotes_marked(html))


@pytest.mark.parametrize("said", ["See my answers below in red.", "答复见下方红字。", "Antworten siehe unten"])
def test_nothing_is_cut_when_the_answers_are_said_to_be_below(said: str) -> None:
    assert "Blue" in visible(
        f"{said}\n\n-----Original Message-----\nFrom: S\nSent: 2 Mar\nTo: A\nSubject: x\n\nColour? Blue"
    )
    assert "Blue" in visible(
        html_quotes_marked(f'<p>{said}</p><div id="divRplyFwdMsg">From: S</div><p>Colour? Blue</p>')
    )
