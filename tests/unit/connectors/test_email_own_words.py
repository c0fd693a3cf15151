"""No word that a customer wrote is hidden, whatever they say and wherever mail programs put what they answer.

Two figures: own words lost (none may be) and quotes left showing (a nuisance; at most one in twenty).
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.context import Context, context
from connectors.email.html_quotes import html_quotes_marked
from connectors.email.quotes import visible

# Short answers that begin as announcements do: with a preposition, an article, a figure.
SENTENCES = [
    "On Friday nobody came.", "On the box it says 3 of 5", "At 10:30 I was at home.", "3 of the 5 chairs are broken.",
    "4711", "555 0100 17", "12.03.2026", "In 2 days I am away.", "No, it did not arrive.", "Yes", "1 hinge\n2 screws",
    "Am Freitag war niemand da.", "Leider geht es nicht.", "Den Stuhl habe ich am 2.3. bekommen", "Im Karton fehlen 3",
    "Le colis n'est pas arrivé.", "Le 3 mars j'étais absent", "En 2 jours ?", "Il est 10:15 et rien",
    "El paquete no ha llegado.", "En casa no había nadie", "El lunes estaba fuera", "Em casa não estava ninguém.",
    "Il pacco non è arrivato.", "Alle 10:15 non c'era nessuno", "Op vrijdag was er niemand.", "De stoel is kapot",
    "Den stolen är trasig.", "På fredag var ingen hemma", "W piątek nikogo nie było.", "Dnia 3 marca byłem w domu",
    "В пятницу никто не пришёл.", "От вас ничего не было", "在家里没有收到包裹。", "于是我取消了", "3月2日没有人来",
    "3月2日には誰も来ませんでした。", "금요일에 아무도 안 왔어요.", "Cuma günü kimse gelmedi.", "لم يصل الطرد.",
    "יום שישי אף אחד לא בא.", "Vào thứ sáu không ai đến.", "Pada hari Jumat tidak ada orang", "Στις 10:15 δεν ήρθε κανείς",
    "My number: 555 0100", "see 10:15 below 5", "Da: 3, En: 2", "Von mir aus gern", "Ann Lee <ann@customer.example>",
    "The parts that I need:\n1 hinge\n2 screws", "You wrote 12 March at 10:15, I waited", "Re 4711: broken",
]  # fmt: skip

# Announcements as programs write them, and what they put below: (announcement, marked with ">").
ANNOUNCED = [
    ("On Mon, 2 Mar 2026 at 09:00, Support <support@hub.example> wrote:", True),
    ("On Mon, Mar 2, 2026 at 9:00 AM Support Team of the Example Company <\nsupport@hub.example> wrote:", True),
    ("On Mon, 2 Mar 2026 at 09:00, Support Team of the Example Company\n<support@hub.example> wrote:", True),
    ("On 2 Mar 2026, at 09:00, Support <support@hub.example> wrote:\n", True),
    ("On 02/03/2026 09:00, Support wrote:", True),
    ("Am Mo., 2. März 2026 um 09:00 Uhr schrieb Support <support@hub.example>:\n", True),
    ("Am Mo., 2. März 2026 um 09:00 Uhr schrieb Support <\nsupport@hub.example>:", True),
    ("Am 02.03.26 um 09:00 schrieb Support:", True),
    ("Le lun. 2 mars 2026 à 09:00, Support <support@hub.example> a écrit :\n", True),
    ("Le lun. 2 mars 2026 à 09:00, Support <support@hub.example> a\nécrit :", True),
    ("El lun, 2 mar 2026 a las 9:00, Soporte (<support@hub.example>) escribió:\n", True),
    ("Em seg., 2 de mar. de 2026 às 09:00, Suporte <support@hub.example>\nescreveu:", True),
    ("Il giorno lun 2 mar 2026 alle ore 09:00 Support <support@hub.example> ha\nscritto:", True),
    ("Op ma 2 mrt 2026 om 09:00 schreef Support <support@hub.example>:", True),
    ("Den mån 2 mars 2026 kl 09:00 skrev Support <support@hub.example>:", True),
    ("pon., 2 mar 2026 o 09:00 Support <support@hub.example> napisał(a):", True),
    ("пн, 2 мар. 2026 г. в 09:00, Support <support@hub.example>:", True),
    ("2 марта 2026 г., 09:00, Support\n<support@hub.example> написал(а):", True),
    ('在 2026-03-02 09:00:00，"客服" <support@hub.example> 写道：', False),
    ("Support <support@hub.example> 于2026年3月2日周一 09:00写道：\n", True),
    ("2026年3月2日(月) 9:00 Support <support@hub.example>:", True),
    ("2026년 3월 2일 (월) 오전 9:00, Support <support@hub.example>님이 작성:", True),
    ("2 Mar 2026 Pzt 09:00 tarihinde Support <support@hub.example> şunu yazdı:", True),
    ("Vào Th 2, 2 thg 3, 2026 vào lúc 09:00 Support <support@hub.example> đã viết:", True),
    ("-----Original Message-----\nFrom: Support\nSent: Monday\nTo: Ann\nSubject: Order\n", False),
    ("________________________________\nFrom: Support <support@hub.example>\nSent: Monday\nTo: Ann\nSubject: Order\n", False),
    ("Von: Support\nGesendet: Montag, 2. März 2026 09:00\nAn: Ann\nBetreff: Re: Order\n", False),
    ("------------------ 原始邮件 ------------------\n发件人: 客服 <support@hub.example>;\n发送时间: 2026年3月2日\n主题: Order\n", False),
]  # fmt: skip
THEIRS = ["Where were you on Friday?", "Which parts do you need, and by when?"]
ANSWERS = context("Re: Order", "Ann Lee ann@customer.example", refers=True, ours=("support@hub.example",))


def _quoted(announcement: str, marked: bool) -> str:
    return announcement + "\n" + "\n".join(("> " if marked else "") + line for line in THEIRS)


def _shows(text: str, own: str, about: Context = ANSWERS) -> bool:
    shown = visible(text, about)
    return all(line in shown for line in own.split("\n"))


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\nAnn\n\n", "\n\n-- \nAnn Lee\nExample Ltd\n\n"], ids=repr)
@pytest.mark.parametrize("greeting", ["", "Hello,\n\n", "你好，\n"], ids=repr)
def test_answer_above_is_shown_and_the_quote_is_not(between: str, greeting: str) -> None:
    lost, showing, total = [], [], 0
    for own, (announcement, marked) in product(SENTENCES, ANNOUNCED):
        total += 1
        text = greeting + own + between + _quoted(announcement, marked)
        if not _shows(text, own):
            lost.append((own, announcement))
        if any(line in visible(text, ANSWERS) for line in THEIRS):
            showing.append((own, announcement))
    assert lost == []
    assert len(showing) <= total / 20, showing


@pytest.mark.parametrize("gap", ["\n", "\n\n"], ids=["tight", "apart"])
def test_answers_below_and_between_marked_lines_are_shown(gap: str) -> None:
    for own, (announcement, marked) in product(SENTENCES, ANNOUNCED):
        if not marked:
            continue
        first, second = (f"> {line}" for line in THEIRS)
        for text in (
            f"{announcement}\n{first}{gap}{own}{gap}{second}{gap}Large.",
            f"Hi Sam,\n\n{announcement}\n{first}{gap}{own}{gap}{second}{gap}Large.{gap}> Kind regards\n> Sam",
            f"Hi Sam,\n\n{announcement}\n{first}\n{second}\n\n{own}\nLarge.",
            f"{announcement}\n{first}\n{second}\n\nLarge.\n{own}",
        ):
            assert _shows(text, own), text
            assert _shows(text, "Large."), text


@pytest.mark.parametrize(
    "about", [Context(answers=False), context("FW: Order", "", refers=True)], ids=["first", "forward"]
)
def test_mail_that_answers_nothing_hides_nothing(about: Context) -> None:
    for own, (announcement, marked) in product(SENTENCES[:6], ANNOUNCED):
        text = f"{own}\n\n{_quoted(announcement, marked)}"
        assert visible(text, about).split() == text.split()


def test_reference_in_the_subject_of_a_first_mail_is_no_answer() -> None:
    about = context("Ref: order 4711", "Ann Lee ann@customer.example", refers=False)
    text = "Your terms say\n\n> You may return goods within 30 days."
    assert visible(text, about) == text


@pytest.mark.parametrize(
    "story",
    [
        'On 12 March 2026 at 10:15 your colleague wrote:\n"The refund will be sent on Friday."',
        "On 12 March 2026 at 10:15 you wrote:\nthe refund will be sent on Friday",
        'Am 12.03.2026 um 10:15 Uhr schrieb mir Herr Muster:\n"Das Geld kommt am Freitag."',
        "Le 12 mars 2026 à 10:15 votre collègue a écrit :\n« Le remboursement part vendredi. »",
        "El 12 de marzo de 2026 a las 10:15 su compañero escribió:\n«El dinero sale el viernes».",
        "在2026年3月12日 10:15，你们的客服写道：\n“周五退款”",
        "On 12 March 2026 at 10:15 Sam <sam@hub.example> wrote:\n'The refund will be sent on Friday.'",
    ],
)
@pytest.mark.parametrize("below", ["", "\n\n" + _quoted(*ANNOUNCED[0]), "\n\n" + _quoted(*ANNOUNCED[-2])])
def test_story_of_what_somebody_wrote_is_no_announcement(story: str, below: str) -> None:
    own = f"Hello,\n\n{story}\n\nIt has not arrived."
    assert _shows(own + below, own)


@pytest.mark.parametrize(
    "below",
    [
        "--\n\nThe second box has never come at all.",
        "--\nThe second box has never come.",
        "-- \nAnn Lee\nExample Ltd\n\nPS: The tracking number is 12345.",
        "-- \nAnn Lee\nPS the number is 12345",
        "______________\nHinge 3 pieces\nScrew 40 pieces\nHandle left 2 pieces",
        "____\nHinges\nScrews",
        "--\n- hinges\n- screws",
        "--\nhinges\nscrews",
        "-- \nHinge 3 pieces\nScrew 40 pieces",
        "--\n请退款",
        "-- \nAnn Lee\n\nTwo more things\nThe red one and the blue one",
        "P.S. I am away on Friday",
        "Sent from my iPhone app they arrive, sent from my PC they do not",
        "Sent from my iPhone it did not work",
    ],
)
@pytest.mark.parametrize("about", [ANSWERS, Context(answers=False, author="Ann Lee ann@customer.example")])
def test_second_topics_lists_and_postscripts_are_shown(below: str, about: Context) -> None:
    text = f"Hello,\n\nplease send these:\n{below}"
    assert visible(text, about).split() == text.split()


def test_signature_is_the_authors_or_says_how_to_reach_somebody() -> None:
    assert visible("It is broken.\n\n-- \nAnn Lee\nExample Ltd", ANSWERS) == "It is broken."
    assert (
        visible("It is broken.\n\n--\nBuying Team\nwww.customer.example\n+44 20 5550 0100", ANSWERS) == "It is broken."
    )
    assert "Red Hinges" in visible("Please send\n\n-- \nRed Hinges\nBlack Screws", ANSWERS)


@pytest.mark.parametrize(
    "block",
    [
        "From: Bank <bank@phish.example>\nDate: Mon, 2 Mar 2026 09:00\nTo: ann@customer.example\nSubject: Your account",
        "-----Original Message-----\nFrom: Bank <bank@phish.example>\nSent: Monday\nTo: Ann\nSubject: Your account",
    ],
)
def test_pasted_mail_of_others_is_shown_in_an_answer(block: str) -> None:
    text = f"I got this strange mail today.\n\n{block}\n\nClick here to confirm.\n\nIs this really from you?"
    assert _shows(text, "Is this really from you?")


OTHERS = Context(subject="Order 4711", author="Pat Case pat@home.example", ours=("support@hub.example",))


@pytest.mark.parametrize(
    ("whose", "shown"),
    [
        ("Courier <jim@courier.example>", True),
        ("Support <support@hub.example>", False),
        ("\u202aSupport\u202c\u200f <\u202asupport@hub.example\u202c\u200f>", False),
        ("Sam Reed <sam@home.example>", False),
        ("Kim Lee <kim@hub.example>", False),
    ],
)
@pytest.mark.parametrize(
    "below",
    [
        "On Mon, 30 Nov 2026 at 09:00, {} wrote:\n> left next door",
        "On Mon, 30 Nov 2026 at 09:00, {} wrote:\n\nleft next door",
        "From: {}\nDate: Mon, 30 Nov 2026\nSubject: Order 4711\nTo: pat@home.example\n\nleft next door",
    ],
)
def test_mail_of_somebody_we_never_wrote_with_is_shown(below: str, whose: str, shown: bool) -> None:
    assert ("left next door" in visible("Did your courier say so?\n\n" + below.format(whose), OTHERS)) == shown


@pytest.mark.parametrize(
    "said",
    [
        "Hello, answers in capitals.",
        "Antworten in Großbuchstaben",
        "My comments are in red",
        "Réponses en majuscules",
        "答复用大写",
    ],
)
def test_unmarked_quote_stays_when_the_answers_are_in_it(said: str) -> None:
    text = (
        f"{said}\n\n-----Original Message-----\nFrom: Support\nSent: Monday\nTo: Ann\nSubject: Order\n\n1. Colour?\nRED"
    )
    assert _shows(text, "RED")


def test_own_quotation_in_an_answer_is_shown_when_the_author_leads_to_it() -> None:
    text = "When I pay I get this:\n\n> Card refused, code PX-4471"
    assert visible(text, ANSWERS) == text


def test_words_on_top_are_shown_alone_whatever_the_length_below() -> None:
    deep = "\n".join(
        f"{'> ' * (n % 9 + 1)}On Mon, 2 Mar 2026 at 09:00, P {n} <p{n}@x.example> wrote:\n> > old {n}"
        for n in range(4000)
    )
    text = f"When will it come?\n\nOn Mon, 2 Mar 2026 at 09:00, Support <support@hub.example> wrote:\n{deep}"
    assert visible(text, ANSWERS) == "When will it come?"


@given(
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4),
    st.sampled_from(ANNOUNCED),
    st.booleans(),
)
def test_html_answers_are_shown(own: list[str], announced: tuple[str, bool], below: bool) -> None:
    words = [line for sentence in own for line in sentence.split("\n") if "<" not in line]
    said = "".join(f"<div>{line}</div>" for line in words)
    announcement = announced[0].replace("<", "&lt;").replace("\n", " ")
    quote = f'<div class="gmail_quote">{announcement}<br><blockquote class="gmail_quote">{THEIRS[0]}</blockquote></div>'
    shown = visible(html_quotes_marked(quote + said if below else said + "<br>" + quote, ANSWERS), ANSWERS)
    assert all(line in shown for line in words)
