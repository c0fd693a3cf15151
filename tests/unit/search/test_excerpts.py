"""The line that is shown of a message: it has the words that were looked for, whole ones before begun ones."""

from __future__ import annotations

import pytest

from hub.search.excerpts import line, spans
from hub.search.tokens import terms


def shown(text: str, q: str) -> tuple[str, list[str]]:
    """The line, and what is marked in it."""
    pieces = line(text, spans(text, terms(q)))
    return "".join(piece.text for piece in pieces), [piece.text for piece in pieces if piece.hit]


@pytest.mark.parametrize("between", [0, 20, 60, 110, 150, 400, 5_000])
def test_line_has_all_words_where_they_stand_together_somewhere(between: int) -> None:
    text = "kill 38 " + "x " * (between // 2) + "kill 3 and so on " + "y " * 200
    said, marked = shown(text, "kill 3")
    assert "kill 3 " in said
    assert {"kill", "3"} <= set(marked)
    assert len(said) <= 170


def test_line_shows_the_whole_word_before_one_that_only_begins_so() -> None:
    text = "Lampshades were sent. " + "x " * 150 + "The lamp is broken."
    said, marked = shown(text, "lamp")
    assert said.endswith("The lamp is broken.")
    assert marked == ["lamp"]


def test_word_that_stands_often_hides_no_other() -> None:
    text = "kill " * 1_000 + "3"
    assert set(shown(text, "kill 3")[1]) == {"kill", "3"}


def test_words_within_a_line_are_not_cut_off() -> None:
    """What stands far behind the first word is shown, or the line begins elsewhere: it never counts what it cuts."""
    for gap in range(90, 170):
        text = "z" * 60 + " alpha " + "x" * gap + " beta " + "x" * 300 + " alpha beta"
        said, marked = shown(text, "alpha beta")
        assert marked == ["alpha", "beta"], (gap, said)
