"""A score is a message that says a score and nothing else; a nod one that nobody has to answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels.consent import Consent, Wish
from hub.channels.model import AddressKind, Attachment, Inbound, RemoteFile
from hub.channels.quiet import Quiet, is_nod, quiet, score_of

SCORES = {
    "5": 5, " 4\n": 4, "4!": 4, "3.": 3, "5/5": 5, "4 / 5": 4, "3 out of 5": 3, "5 stars": 5, "1 star": 1, "2 points": 2,
    "5分": 5, "５": 5, "５分。": 5, "四星": 4, "五分": 5, "★★★★": 4, "★★★★☆": 4, "⭐⭐⭐⭐⭐": 5, "⭐️⭐️": 2, "5️⃣": 5, "4！": 4,
    "1\u200b": 1, "\u200e5": None, "★ ★ ★": 3,
}  # fmt: skip
MESSAGES = (
    "2:30 pm works", "5.99 was charged twice", "4, but where is my invoice?", "4 - quick", "4-5", "4 or 5", "5?", "15", "6",
    "0", "-1", "4.5", "4,5", "1\nterrible", "5\nPS: call me", "5 lamps are broken", "3 days", "5/6", "4/10", "#5", "5%", "€5",
    "5 pm", "5h", "No 5", "1, 2, 3", "12345", "5 5", "", " ", "★★★★★★", "★★☆", "☆☆☆☆☆", "5 minutes", "1 more", "1st", "2nd",
    "5 stars but late", "五个灯坏了", "3分钟", "4 分钟前", "1/5 is damaged", "5" * 30, "5 " * 200 + "x", "I", "V", "five", "+5", "5+",
    "5:00", "5am", "5 € zurück", "1)", "(1)", "1.1", "5...?", "5 x", "5 kg",
)  # fmt: skip


@pytest.mark.parametrize(("text", "score"), SCORES.items())
def test_score_is_read_when_it_stands_alone(text: str, score: int | None) -> None:
    assert score_of(text) == score


@pytest.mark.parametrize("text", MESSAGES)
def test_message_is_no_score_when_it_says_anything_else(text: str) -> None:
    assert score_of(text) is None


_UNITS = {"star", "stars", "point", "points", "out", "of", "分", "星", "颗星", "顆星", "つ星", "点"}


@given(
    st.sampled_from(["5", "4/5", "3 stars", "★★", "5分"]),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=12),
)
def test_score_is_none_when_a_word_follows(score: str, word: str) -> None:
    if word.lower() not in _UNITS and score_of(word) is None:
        assert score_of(f"{score} {word} ok") is None
        assert score_of(f"{score}\n{word} ok") is None
        assert score_of(f"{word} ok {score}") is None


@given(st.text(max_size=300))
def test_score_is_one_to_five_or_none_when_anything_is_read(text: str) -> None:
    assert score_of(text) in {None, 1, 2, 3, 4, 5}
    if score_of(text) is not None:
        assert sum(c.isdigit() for c in text) <= 2


@given(st.integers(0, 10**6), st.sampled_from("0123456789.,:-/%"), st.integers(0, 999))
def test_number_is_no_score_when_it_is_a_larger_one(whole: int, mark: str, part: int) -> None:
    said = f"{whole}{mark}{part}"
    assert score_of(said) is None or said in {f"{n}/5" for n in range(1, 6)}


@pytest.mark.parametrize(
    "text", ["👍", "👍🏽", "❤️", "🙏🙏", "👍 👍", "Liked “See you then”", '👍 to "Your parcel is here"']
)
def test_nod_is_one_when_it_is_a_friendly_sign_alone(text: str) -> None:
    assert is_nod(text)


@pytest.mark.parametrize(
    "text", ["😡", "👎", "❓", "🆘", "👍 but when?", "thanks 👍", "", "👍" * 9, "Disliked “No”", "Questioned “x”", '👎 to "x"', "ok",
             "to “x”", "I'd like to “cancel”"],
)  # fmt: skip
def test_nod_is_none_when_somebody_may_want_something(text: str) -> None:
    assert not is_nod(text)


def message(text: str, **more: object) -> Inbound:
    return Inbound(1, "k", b"", "text/plain", AddressKind.PHONE, "+14155550100", text, **more)  # type: ignore[arg-type] - fields of the message by name


@pytest.mark.parametrize(
    ("inbound", "channel", "expected"),
    [
        (message("5"), "sms", Quiet.SCORE),
        (message("3"), "email", Quiet.SCORE),
        (message("2"), "sms", Quiet.COMPLAINT),
        (message("5"), "chat", None),
        (message("5", automatic=True), "email", None),
        (message("5", media=(RemoteFile("https://x/1"),)), "sms", None),
        (message("5", attachments=(Attachment("bill.pdf", "application/pdf", b""),)), "email", None),
        (message("5", attachments=(Attachment("logo.png", "image/png", b"", inline=True),)), "email", Quiet.SCORE),
        (message("👍", meta={"reaction": True}), "whatsapp", Quiet.REACTION),
        (message("👎", meta={"reaction": True}), "whatsapp", Quiet.REACTION),
        (message("👍"), "sms", Quiet.NOD),
        (message("👍"), "email", None),
        (message("5", consent=Consent(Wish.STOP, "word", "5", answered=False)), "sms", None),
        (message("Hello"), "sms", None),
    ],
)
def test_message_is_quiet_when_it_is_all_there_is(inbound: Inbound, channel: str, expected: Quiet | None) -> None:
    assert quiet(inbound, channel) is expected
