"""English that counts: one account, two accounts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hub.core.texts import counted, filled

ROOT = Path(__file__).parents[3]
# A noun that counts behind a value in a sentence.
NOUNS = "people|accounts|conversations|rows|sends|tables|minutes|times|entries|connections|agents|queues"
COUNTED = re.compile(rf"^ ({NOUNS})\b")


def test_nouns_agree_with_their_number() -> None:
    counts = [counted(n, "account") for n in (0, 1, 2, 1000)]
    assert counts == ["0 accounts", "1 account", "2 accounts", "1,000 accounts"]
    assert counted(2, "person", "people") == "2 people"
    words = "{a:minute}, {b:person/people}, {c:.1f}, {d}"
    assert filled(words, {"a": 1, "b": 2, "c": 1.25, "d": "x"}) == "1 minute, 2 people, 1.2, x"


@pytest.mark.parametrize("top", ["hub", "connectors", "routing", "workers"])
def test_no_sentence_counts_without_looking_at_the_number(top: str) -> None:
    spoken = "hub/calls"  # texts to callers: hub.calls.spoken puts the right word behind `{minutes}`
    bare: list[str] = []
    for file in (ROOT / top).rglob("*.py"):
        if {"node_modules", "programs", "demo"} & set(file.parts) or file.is_relative_to(ROOT / spoken):
            continue  # made-up histories count in millions
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            texts: list[str] = []
            if not isinstance(node, ast.expr):
                continue
            if isinstance(node, ast.JoinedStr):
                texts = [
                    str(words.value)
                    for value, words in zip(node.values, node.values[1:], strict=False)
                    if isinstance(value, ast.FormattedValue) and isinstance(words, ast.Constant)
                ]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "{{" not in node.value:
                texts = re.split(r"\{\w+\}", node.value)[1:]
            if any(COUNTED.match(text) for text in texts):
                bare.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert bare == [], "say it with hub.core.texts.counted, or {name:noun}"
