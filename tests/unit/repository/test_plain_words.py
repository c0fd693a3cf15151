"""Names are the field's terms: no module, function, class or test is called by a word that has to be explained first."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIALECT = {"bell", "bells", "centre", "crew", "ears", "house", "manner", "manners", "rung", "wing", "wings"}
ALONE = {"again", "because", "unsaid"}  # a name that is nothing but this says nothing
# What is called so still. It may only get shorter.
LEFT = {
    "connectors/twilio/message_text.py:unsaid",
    "hub/calls/store.py:again",
    "hub/channels/placeholders.py:unsaid",
    "hub/demo/twilio/people.py:Manner",
    "hub/demo/twilio/wire.py:again",
    "hub/queues/decision_reasons.py:because",
    "tests/e2e/conftest.py:again",
    "tests/integration/core/test_growth.py:again",
    "tests/support/smtp.py:Manner",
}


def dialect(name: str) -> bool:
    """Whether a name has to be explained."""
    parts = {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}
    return bool(parts & DIALECT) or name in ALONE


def names() -> Iterator[tuple[str, str]]:
    """(file, name) of every module, function, class and test."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for file in listed.split():
        path = ROOT / file
        if not path.exists():  # taken away, and not committed yet
            continue
        yield file, path.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield file, node.name


def test_names_are_the_terms_of_the_field() -> None:
    every = list(names())
    assert len(every) > 5_000
    found = {f"{file}:{name}" for file, name in every if dialect(name)}
    assert found - LEFT == set(), "call it by a term of the field (docs/user/glossary.md)"
    assert LEFT - found == set(), "it is gone: take it off the list"


@pytest.mark.parametrize("name", ["crew", "PoolCrew", "test_agent_is_rung_twice", "again", "SmtpManners"])
def test_dialect_is_recognised(name: str) -> None:
    assert dialect(name)


@pytest.mark.parametrize("name", ["send_again", "PoolAgents", "wrung", "years", "why_because", "warehouse"])
def test_plain_names_are_let_pass(name: str) -> None:
    assert not dialect(name)
