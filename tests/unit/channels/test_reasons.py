"""Why something has not left or is not here: each reason has words in every language, and nobody gives none."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from hub.channels.placeholders import _KINDS, placeholder
from hub.channels.reasons import Reason

ROOT = Path(__file__).parents[3]
LOCALES = sorted((ROOT / "hub/ui/locales").glob("desk.*.json"))
WORDED_BESIDE = {"unsent.unknown", *(f"unsent.certificate.{flaw}" for flaw in ("early", "expired", "issuer", "name"))}
RAISED = {"SendError", "FetchError"}
OTHERWISE = {"twilio.error": {"words"}}  # what a screen words itself, of a code's params
SOURCE = (ROOT / "hub/channels/reasons.py").read_text(encoding="utf-8")


def params() -> dict[str, set[str]]:
    """What stands beside each code: the params its words may use."""
    found = re.findall(r'^    [A-Z_]+ = "([\w.]+)"(?:  # (.*))?$', SOURCE, re.MULTILINE)
    return {code: set(filter(None, names.split(", "))) for code, names in found}


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_reason_has_words_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    assert params().keys() == {str(reason) for reason in Reason}
    for code, given in params().items():
        needs = set(re.findall(r"{{(\w+)}}", words[f"unsent.{code}"])) - OTHERWISE.get(code, set())
        assert needs <= given, (locale.name, code)
    unsent = {key.removesuffix("_one") for key in words if key.startswith("unsent.")}
    assert unsent == {f"unsent.{reason}" for reason in Reason} | WORDED_BESIDE


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_kind_of_message_without_words_has_some_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    coded = {placeholder(kind)["code"] for kind in [*_KINDS, "hologram"]}
    assert coded == {key for key in words if key.startswith("unsaid.")}


def test_whoever_says_that_something_has_not_left_gives_a_reason() -> None:
    without: list[str] = []
    reasons = 0
    for folder in ("connectors", "hub", "routing", "workers"):
        for file in (ROOT / folder).rglob("*.py"):
            if "node_modules" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                    given = next((word.value for word in node.keywords if word.arg == "code"), None)
                    reasons += 1
                    if given is None or isinstance(given, ast.Constant):
                        without.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert without == []
    assert reasons > 30
