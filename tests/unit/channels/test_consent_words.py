"""What customers say about being written to: words of one meaning, words of several, sentences, and neither."""

from __future__ import annotations

import re

import pytest

from hub.channels.consent import _CONFIRMED, CARRIER_STOP, Wish, spoken

_TOLD = re.compile(r"\b[A-ZА-Я]{4,}\b|(?<=[“「'])[^”」']+(?=[”」'])")


@pytest.mark.parametrize(
    "word", sorted(CARRIER_STOP | {"退订", "Отписаться", "baja", "ABMELDEN", "수신거부", "配信停止"})
)
@pytest.mark.parametrize("form", ["{}", "{}.", " {} ", "*{}*"])
def test_word_with_one_meaning_is_certain_in_any_form(word: str, form: str) -> None:
    found = spoken(form.format(word.upper()))
    assert found is not None
    assert (found.wish, found.certain, found.sentence) == (Wish.STOP, True, False)


def test_word_that_we_tell_customers_to_answer_with_does_what_we_say() -> None:
    told = [
        (wish, word)
        for wish in (Wish.STOP, Wish.START)
        for text in _CONFIRMED[wish].values()
        for word in _TOLD.findall(text)
    ]
    assert len(told) == sum(len(texts) for texts in _CONFIRMED.values())
    for confirmed, word in told:
        found = spoken(word)
        assert found is not None, word
        assert (found.wish, found.certain) == (Wish.START if confirmed is Wish.STOP else Wish.STOP, True), word


@pytest.mark.parametrize("word", ["Cancelar", "aus", "TD", "ret", "отмена", "停止", "basta"])
def test_word_with_several_meanings_is_not_certain(word: str) -> None:
    found = spoken(word)
    assert found is not None
    assert (found.wish, found.certain, found.sentence) == (Wish.STOP, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "Please stop texting me", "Don't text me any more", "please remove me from your list", "No more messages please",
        "Bitte schreiben Sie mir nicht mehr", "Ya no me manden mensajes", "Arrêtez de m'envoyer des SMS",
        "Не пишите мне больше", "请不要再发短信了", "もう送らないで", "그만 보내세요",
        "hör auf mir zu schreiben", "Stop all messages except delivery", "Hören Sie bitte auf, mir Nachrichten zu schicken", "Deja de escribirme",
        "Arrête avec tes SMS", "Smettetela di mandarmi messaggi", "Pare de me mandar mensagens", "Przestańcie wysyłać wiadomości",
        "Перестаньте слать мне смс", "停止发送短信", "メッセージをやめてください", "unsubscribe me from these emails", "Stop med at sende beskeder",
    ],
)  # fmt: skip
def test_sentence_is_noticed_and_decides_nothing(text: str) -> None:
    found = spoken(text)
    assert found is not None
    assert (found.certain, found.sentence) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        "please stop the delivery", "The parcel does not stop moving", "Cancel my order 5", "Don't send it to the old address",
        "Kann ich das Licht aus machen?", "I stopped by the shop", "No more questions", "2", "", "The stop is at the shop", "Die Lampe hört auf zu leuchten",
        "Le bus ne s'arrête pas ici", "Dejé el paquete en casa", "Remove the chair from my order",
    ],
)  # fmt: skip
def test_other_wishes_are_none(text: str) -> None:
    assert spoken(text) is None
