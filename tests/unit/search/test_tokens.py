"""What is written is found by what people type, in every script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.search.tokens import Term, folded, query, terms, tokens


def found(text: str, q: str) -> bool:
    """Whether PostgreSQL would find it: a plain model of `tsquery`."""
    words = tokens(text)
    return bool(terms(q)) and all(_has(words, term) for term in terms(q))


def _has(words: list[str], term: Term) -> bool:
    if term.phrase:
        size = len(term.words)
        return any(tuple(words[n : n + size]) == term.words for n in range(len(words)))
    return any(word == one or (term.prefix and word.startswith(one)) for word in words for one in term.words)


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Grüße aus MÜNCHEN", "munchen"), ("Grüße", "GRÜSSE"), ("Crème brûlée", "creme brulee"), ("Ёлка", "елка"),
        ("ΑΘΉΝΑ", "αθηνα"), ("مُحَمَّد", "محمد"), ("我要开发票，谢谢", "发票"), ("我要开发票", "开发票"), ("我要开发票", "票"),
        ("東京タワーへ", "タワー"), ("한국어 상담", "상담"), ("ABC王小明", "王小明"), ("ＡＢＣ１２３", "abc123"), ("หลอดไฟ", "หลอดไฟ"), ("हिन्दी", "हिन्दी"),
        ("refund for my lamp", "lamp refund"), ("LO-12345 is late", "lo12345"), ("LO-12345 is late", "LO-12345"), ("LO-12345", "12345"),
        ("+14155550123", "(415) 555-0123"), ("+14155550123", "555 0123"), ("+4915112345678", "0151 12345678"), ("call +44 20 7946 0958", "02079460958"),
        ("ana.silva@customer.example", "ana"), ("ana.silva@customer.example", "silva"), ("ana.silva@customer.example", "customer.example"),
        ("ana.silva@customer.example", "Ana.Silva@Customer.Example"), ("ana.silva@customer.example", '"Silva, Ana" <ana.silva@customer.example>'),
        ("ana.silva@customer.example", "ana.silva@customer.ex"), ("invoice 2024.pdf", "invoice"), ("it's O'Neill", "O'Neill"),
    ],
)  # fmt: skip
def test_text_is_found_when_it_is_typed_otherwise(text: str, q: str) -> None:
    assert found(text, q)


@pytest.mark.parametrize(
    ("text", "q"),
    [("发票和开票", "票发"), ("开发 发票", "开发票"), ("+14155550123", "555 0124"), ("ana@a.example", "ana@b.example"), ("lamp", "lamp refund"), ("x", " - ")],
)  # fmt: skip
def test_text_is_not_found_when_it_says_something_else(text: str, q: str) -> None:
    assert not found(text, q)


@given(st.text(max_size=80))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    for word in {word for word in folded(text).split() if word.isalpha() and len(word) < 40}:
        assert found(f"before {word} after", word), word


@given(st.text(max_size=200))
def test_no_search_breaks(text: str) -> None:
    made = query(text)
    assert made is None or made
