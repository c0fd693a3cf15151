"""Nothing compares a channel's name: what a channel can do is asked of `hub.channels.capabilities`."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.channels.capabilities import known

ROOT = Path(__file__).parents[3]
NAMES = frozenset(known())
# Whoever knows a channel by its name: its facts, its connector and its stand-ins, and the simulator of given mixes.
OWN = ("hub/channels/capabilities.py", "connectors/", "hub/demo/", "routing/blended.py", "routing/simulate.py")
_IN_TYPESCRIPT = re.compile(rf"channel\w*\)?\s*[!=]==\s*'(?:{'|'.join(NAMES)})'")
_LIST_IN_TYPESCRIPT = re.compile(rf"\[\s*'(?:{'|'.join(NAMES)})'\s*,\s*'(?:{'|'.join(NAMES)})'")


def _named(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in NAMES
    return isinstance(node, ast.Tuple | ast.List | ast.Set) and any(map(_named, node.elts))


def compared(source: str) -> Iterator[int]:
    """The lines of Python that compare a channel with a name, or gather names of channels to compare with."""
    tree = ast.parse(source)
    # Kinds of addresses share some of the names: `Literal["email", "phone"]` compares nothing.
    literals = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        if id(node) in literals:
            continue
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(_named, sides)) and any("channel" in ast.unparse(side) for side in sides):
                yield node.lineno
        elif (isinstance(node, ast.Tuple | ast.List | ast.Set) and sum(map(_named, node.elts)) > 1) or (
            isinstance(node, ast.Dict) and sum(key is not None and _named(key) for key in node.keys) > 1
        ):
            yield node.lineno


def _sources(pattern: str) -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for file in listed.split():
        path = ROOT / file
        if path.exists() and not file.startswith(OWN):
            yield file, path.read_text(encoding="utf-8")


def test_python_asks_what_a_channel_can_do() -> None:
    files = [(file, text) for file, text in _sources("*.py") if not file.startswith("tests/")]
    assert len(files) > 200
    assert [f"{file}:{line}" for file, text in files for line in compared(text)] == []


def test_browser_asks_what_a_channel_can_do() -> None:
    files = [(file, text) for file, text in _sources("hub/ui/*.ts*") if ".test." not in file and "/api/" not in file]
    assert len(files) > 100
    found = [
        f"{file}:{number}"
        for file, text in files
        for number, line in enumerate(text.splitlines(), 1)
        if _IN_TYPESCRIPT.search(line) or _LIST_IN_TYPESCRIPT.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'way.channel == "email"',
        'x = channel in ("sms", "fax")',
        'T = frozenset({"sms", "chat"})',
        'K = {"sms": 1, "email": 2}',
    ],
)
def test_comparison_is_found(source: str) -> None:
    assert list(compared(source)) == [1]


def test_comparison_in_typescript_is_found() -> None:
    assert _IN_TYPESCRIPT.search("const x = o.channel !== 'voice'")
    assert _LIST_IN_TYPESCRIPT.search("const C = ['email', 'sms']")
