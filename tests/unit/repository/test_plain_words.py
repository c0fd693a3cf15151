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
    assert found == set(), "call it by a term of the field (docs/user/glossary.md)"


@pytest.mark.parametrize("name", ["crew", "PoolCrew", "test_agent_is_rung_twice", "again", "SmtpManners"])
def test_dialect_is_recognised(name: str) -> None:
    assert dialect(name)


@pytest.mark.parametrize("name", ["send_again", "PoolAgents", "wrung", "years", "why_because", "warehouse"])
def test_plain_names_are_let_pass(name: str) -> None:
    assert not dialect(name)
