"""The list of intake's steps is what intake does, in its order; its limits have the same names on both sides."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from hub.core.functions import FOLDER
from hub.messages.arrival_steps import Limits

FUNCTIONS = FOLDER / "functions"
LISTED = re.compile(r"^-- +\d+ (intake_\w+) ", re.MULTILINE)
CALLED = re.compile(r"\b(intake_\w+)\(")
NUMBERED = re.compile(r"^-- (\d+)\. .*?^create function (intake_\w+)\(", re.MULTILINE | re.DOTALL)
OTHERS = {"intake_note", "intake_is_awaited"}  # a step's tools, not steps


def text(name: str = "intake.sql") -> str:
    return (FUNCTIONS / name).read_text(encoding="utf-8")


def body() -> str:
    """The function `intake` itself."""
    return text()[text().index("create function intake(") :]


def limits_in_sql() -> list[str]:
    found = re.search(r"create type intake_limits as \((.*?)\n\);", text(), re.DOTALL)
    assert found
    return re.findall(r"^ +(\w+) int", found[1], re.MULTILINE)


def test_steps_are_called_in_the_order_of_the_list() -> None:
    called = [name for name in CALLED.findall(body()) if name not in OTHERS]
    assert called == LISTED.findall(text())


def test_each_step_is_a_function_with_its_number() -> None:
    numbered = {
        name: int(number)
        for file in FUNCTIONS.glob("intake_*.sql")
        for number, name in NUMBERED.findall(file.read_text())
    }
    assert numbered == {name: n for n, name in enumerate(LISTED.findall(text()), start=1)}


def test_limits_have_one_name_on_both_sides() -> None:
    assert limits_in_sql() == [field.name for field in fields(Limits)]


def test_no_number_of_the_product_stands_in_a_step() -> None:
    for file in [Path(FUNCTIONS / "intake.sql"), *FUNCTIONS.glob("intake_*.sql")]:
        code = "".join(re.sub(r"--.*", "", file.read_text(encoding="utf-8")).split("$$")[1::2])
        assert re.findall(r"interval '|(?<!\[)\b(?:[2-9]|[1-9]\d+)\b", code) == [], file.name
