"""Who says that the answers stand below, in the text, in red: then nothing below is hidden, in whatever language."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.email.answers_below import says_below
from connectors.email.context import context
from connectors.email.quotes import visible
from tests.unit.connectors.test_email_own_words import ANNOUNCED

SAYS_SO = [
    "Hi, see *** below", "My answers are below.", "Please find my comments inline", "Answered in red in your text.", "See below in CAPS",
    "I replied between your questions", "Comments marked with ##", "My notes are underneath", "I answered in the body of your mail",
    "Siehe unten.", "Meine Antworten stehen in rot darunter", "Ich habe im Text geantwortet", "Antworten: dazwischen, fett", "s. u.",
    "Voir ci-dessous", "Je réponds en dessous, en majuscules", "Mes réponses sont dans le texte", "J'ai écrit en bleu", "Réponses plus bas",
    "Contesto abajo en mayúsculas.", "Mis respuestas en rojo", "Respondo más abajo", "He contestado entre líneas", "Comentarios debajo",
    "Rispondo sotto, in rosso.", "Le risposte sono nel testo", "Ho scritto in stampatello", "Vedi sotto", "Risposte in calce",
    "Respondo abaixo", "Respostas em vermelho", "Escrevi no texto", "Antwoorden staan hieronder", "Ik heb in rood geantwoord", "Zie onder",
    "Svar nedan", "Mina svar i rött", "Se svar nedenfor", "Svarene står i teksten", "Moje odpowiedzi poniżej", "Odpisałem na czerwono",
    "Odpovědi níže", "Odpověď je červeně", "A válaszok alább", "Válaszom pirossal", "Răspunsurile mai jos", "Am răspuns cu roșu",
    "Ответы ниже", "Отвечаю в тексте красным", "Написал заглавными", "Відповіді нижче", "Cevaplarım aşağıda", "Yanıtları kırmızı yazdım",
    "Απαντήσεις παρακάτω", "Απαντώ με κόκκινα", "见下文", "回复在下面", "我用红字回答", "請看下面", "以下に回答します", "赤字で記入しました",
    "아래에 답변드립니다", "빨간 글씨로 답변했어요", "الجواب أدناه", "أجبت بالأحمر", "ראה תשובות למטה", "Trả lời bên dưới", "Jawaban saya di bawah",
    "ตอบด้านล่าง", "उत्तर नीचे हैं",
]  # fmt: skip
SAYS_IT_NOT = [
    "蓝色。", "In blue, please.", "The red one", "En bleu, s'il vous plaît", "Ich hätte ihn gern in Rot", "Quello rosso", "Rojo", "красный",
    "Thank you!", "Der Stuhl steht unten im Keller", "It is under the table", "Il est sous la table", "赤いのをください", "빨간색으로 주세요",
    "The lamp hangs in the bottom drawer", "It was 5 degrees below zero", "Sotto il tavolo", "In Großbuchstaben auf der Karte, bitte",
]  # fmt: skip
ABOUT = context("Re: Order", "Ann Lee ann@customer.example", refers=True, ours=("support@hub.example",))


@pytest.mark.parametrize("said", SAYS_SO)
def test_answers_below_are_shown_when_their_writer_says_so(said: str) -> None:
    for (announcement, marked), answer in product(ANNOUNCED, ("ROJO POR FAVOR", "*** the red one")):
        mark = "> " if marked else ""
        text = f"{said}\n\n{announcement}\n{mark}Which colour?\n{mark}{answer}"
        assert answer in visible(text, ABOUT), text


@pytest.mark.parametrize("said", SAYS_IT_NOT)
def test_colours_and_places_of_things_are_no_such_words(said: str) -> None:
    assert not says_below(said)
    text = f"{said}\n\nOn Mon, 2 Mar 2026 at 09:00, Support <support@hub.example> wrote:\n> Which colour?"
    assert visible(text, ABOUT) == said


def test_words_of_answering_and_of_places_far_from_each_other_say_nothing() -> None:
    assert not says_below("Thank you for your answer." + " It came late." * 10 + " The shelf is red.")
    assert says_below("Thank you. " * 50 + "My answers: in red.")


@pytest.mark.parametrize("part", ["my ", "red ", "my red", "> ", "=", "回答", "my" + " " * 61 + "red "], ids=repr)
def test_looking_for_it_takes_no_longer_than_the_text_is_long(part: str) -> None:
    says_below(part * (1_000_000 // len(part)))
