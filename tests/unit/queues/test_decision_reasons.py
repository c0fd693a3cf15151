"""Reasons as codes: each has words in every language, and nobody writes a code without."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from hub.queues.decision_reasons import ENGLISH, coded_reason, english, in_words

ROOT = Path(__file__).parents[3]
LOCALES = sorted((ROOT / "hub/ui/locales").glob("desk.*.json"))
WORDED_OTHERWISE = {"presence", "text"}  # by the presence's own words; as it came
PARAMS = {"span": "seconds"}  # what a screen words itself, and of what


def written() -> set[str]:
    """Every code that is written out in a call of `coded_reason`."""
    found: set[str] = set()
    for folder in ("hub", "routing"):
        for file in (ROOT / folder).rglob("*.py"):
            if "node_modules" in file.parts or "coded_reason(" not in (text := file.read_text(encoding="utf-8")):
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "coded_reason":
                    codes = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                    found.update(str(code) for code in codes)
    return found


def test_every_code_that_is_written_has_words_and_every_word_is_written() -> None:
    assert written() == set(ENGLISH)


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_code_has_words_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    for code, english_words in ENGLISH.items():
        if code in WORDED_OTHERWISE:
            continue
        assert f"because.{code}" in words, (locale.name, code)
        needs = set(re.findall(r"{{(\w+)}}", words[f"because.{code}"]))
        assert needs == set(re.findall(r"{(\w+)}", english_words)), (locale.name, code)


def test_reasons_are_said_in_english_for_who_does_not_know_the_codes() -> None:
    why = [
        coded_reason("skill", skills="tax, orders", n=3),
        coded_reason("idle", seconds=125),
        coded_reason("stillFits", channel="voice"),
    ]
    assert english(why) == "tax, orders at level 3; idle for 2 min; voice still fits"
    assert english([coded_reason("idle", seconds=-3)]) == "idle for 0 s"
    assert english([coded_reason("idle", seconds=7300)]) == "idle for 2 h"
    assert english([coded_reason("presence", state="away", reason="lunch")]) == "away: lunch"
    assert english([coded_reason("presence", state="away")]) == "away"
    assert english(in_words("an {older} word")) == "an {older} word"
    assert in_words("") == []


def test_a_code_without_words_is_refused() -> None:
    with pytest.raises(KeyError):
        coded_reason("hunch")
