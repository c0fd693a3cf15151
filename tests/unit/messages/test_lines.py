"""What the hub writes into conversations by itself: each line has words in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hub.messages.lines import ENGLISH, Line, line

ROOT = Path(__file__).parents[3]
LOCALES = sorted((ROOT / "hub/ui/locales").glob("desk.*.json"))


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_line_has_words_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    for code, english in ENGLISH.items():
        needs = set(re.findall(r"{{(\w+)}}", words[f"said.{code}"]))
        assert needs == set(re.findall(r"{(\w+)[:}]", english)), (locale.name, code)


def test_lines_are_english_with_their_codes_beside() -> None:
    assert line("replyTo", address="ana@shop.example").said() == {
        "code": "line.replyTo",
        "params": {"address": "ana@shop.example"},
        "text": "Answers go to ana@shop.example now.",
    }
    assert "more than 1 minute." in line("waiting", minutes=1).text
    assert "more than 2 minutes." in line("waiting", minutes=2).text
    rated = Line("rated", {"score": 2}, "Too {slow}")
    assert rated.text == "The customer rated our help 2 of 5 and is not content.\nToo {slow}"
    assert rated.said()["params"] == {"score": 2, "comment": "Too {slow}"}
    with pytest.raises(KeyError):
        line("rumour")


def test_no_sentence_is_written_where_a_line_belongs() -> None:
    """A line is made by `line(…)` of a code; `note` takes a person's words or a `Line`."""
    for file in (ROOT / "hub").rglob("*.py"):
        if "node_modules" not in file.parts:
            text = file.read_text(encoding="utf-8")
            for code in re.findall(r"\bline\(\s*\"(\w+)\"", text):
                assert code in ENGLISH, (file.name, code)
            assert not re.search(r"system_line\([^)]*, f?\"", text), file.name
