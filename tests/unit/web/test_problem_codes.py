"""What the hub refuses is said by code: the screens have words for each, and no sentence is refused with two."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.core import errors

ROOT = Path(__file__).parents[3]
LOCALES = sorted((ROOT / "hub/ui/locales").glob("desk.*.json"))
RAISED = {
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, errors.HubError) and found.status < 500
}
OF_A_KIND = {"too_many", "unauthorized"}  # words for what has no code of its own
# Packages whose refusals agents meet on the desk: each names its code, but for those counted here, with who meets them.
AT_THE_DESK = ("calls", "conversations", "messages", "queues", "agents", "contacts", "access")
WITHOUT = {
    ("access/signin.py", 6),  # a person made on the command line; what a password lacks; how often somebody tried
    ("agents/load.py", 1), ("agents/presence.py", 2),  # nobody who works here
    ("calls/handler.py", 2),  # a provider's webhook
    ("conversations/api.py", 2), ("contacts/api.py", 1),  # a cursor and a filter of a program's own
    ("messages/intake.py", 1), ("messages/quarantine.py", 4),  # connectors and the command line
    ("messages/pages.py", 1), ("messages/api/reading.py", 1),  # bodies that the desk does not send
}  # fmt: skip


def refusals(folder: str) -> Iterator[tuple[Path, ast.Call | ast.expr, dict[str, ast.expr]]]:
    """Each `raise` of one of our refusals, with its keywords."""
    for file in (ROOT / "hub" / folder).rglob("*.py"):
        if "node_modules" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Raise) or node.exc is None:
                continue
            call = node.exc
            name = call.func if isinstance(call, ast.Call) else call
            if isinstance(name, ast.Name) and name.id in RAISED:
                yield file, call, {k.arg or "": k.value for k in call.keywords} if isinstance(call, ast.Call) else {}


def codes() -> dict[str, set[str]]:
    """Every code that is written out, with the params beside it."""
    found: dict[str, set[str]] = {}
    for _, _, words in refusals("."):
        if isinstance(code := words.get("code"), ast.Constant):
            params = words.get("params")
            names = (
                {k.value for k in params.keys if isinstance(k, ast.Constant)} if isinstance(params, ast.Dict) else set()
            )
            found.setdefault(str(code.value), set()).update(str(name) for name in names)
    for code in own_codes():
        found.setdefault(code, set())
    return found


def own_codes() -> Iterator[str]:
    """The codes of refusals that are classes of their own."""
    for file in (ROOT / "hub" / "core").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
                yield from (
                    str(k.value.value) for k in node.keywords if k.arg == "code" and isinstance(k.value, ast.Constant)
                )


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_refusal_with_a_code_has_words_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    written = codes()
    assert len(written) > 90
    worded = {key.removeprefix("problem.").removesuffix("_one") for key in words if key.startswith("problem.")}
    assert worded == written.keys() | OF_A_KIND
    for code, params in written.items():
        assert set(re.findall(r"{{(\w+)}}", words[f"problem.{code}"])) <= params, (locale.name, code)


def test_whatever_is_refused_at_the_desk_has_a_code() -> None:
    without: dict[str, list[int]] = {}
    for folder in AT_THE_DESK:
        for file, call, words in refusals(folder):
            if "code" not in words:
                without.setdefault(str(file.relative_to(ROOT / "hub")), []).append(call.lineno)
    assert {(name, len(lines)) for name, lines in without.items()} == WITHOUT, without
