"""What is wrong with a field is said by a code with words in every language, never in the words of a library."""

from __future__ import annotations

import ast
import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, ValidationError

from hub.core import field_errors
from hub.core.field_errors import ENGLISH, FORMS, form, named, refuse, wrong
from hub.web.shapes import Key

ROOT = Path(__file__).parents[3]
PRODUCT = ("hub", "connectors", "routing", "workers")
LOCALES = sorted((ROOT / "hub/ui/locales").glob("fields.*.json"))


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: Key = "a"
    whole: Annotated[int, Field(ge=0, le=10)] = 0
    part: Annotated[float, Field(gt=0, lt=1)] = 0.5
    name: Annotated[str, StringConstraints(min_length=1, max_length=3)] = "a"
    code: Annotated[str, StringConstraints(min_length=2)] = "ab"
    many: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    way: Literal["in", "out"] = "in"
    at: AwareDatetime | None = None
    day: datetime.date | None = None
    on: bool = True
    place: dict[str, int] = {}
    link: HttpUrl | None = None
    theirs: Annotated[str, StringConstraints(pattern="^x$")] = "x"


CASES: list[tuple[str, Any, str, dict[str, Any]]] = [
    ("key", "A b", "format", {"form": "key"}),
    ("whole", -5, "at_least", {"min": 0}),
    ("whole", 11, "at_most", {"max": 10}),
    ("whole", 1.5, "integer", {}),
    ("whole", "x", "integer", {}),
    ("part", 0, "more_than", {"min": 0.0}),
    ("part", 1, "less_than", {"max": 1.0}),
    ("part", "x", "number", {}),
    ("name", "", "empty", {}),
    ("name", "abcd", "too_long", {"max": 3}),
    ("name", 1, "text", {}),
    ("code", "a", "too_short", {"min": 2}),
    ("many", [], "too_few", {"min": 1}),
    ("many", [1, 2, 3], "too_many", {"max": 2}),
    ("many", 1, "list", {}),
    ("way", "up", "choice", {"choices": "in or out"}),
    ("at", "soon", "moment", {}),
    ("at", "2026-01-01T00:00:00", "moment", {}),
    ("day", "2026-02-30", "date", {}),
    ("on", "perhaps", "boolean", {}),
    ("place", 1, "object", {}),
    ("link", "x", "url", {}),
    ("strange", 1, "unknown", {}),
    ("theirs", "y", "format", {"form": ""}),
]


@pytest.mark.parametrize(("field", "value", "code", "params"), CASES, ids=lambda value: str(value)[:20])
def test_each_kind_of_fault_has_a_code_and_its_bounds(
    field: str, value: Any, code: str, params: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        Model.model_validate({field: value})
    [(place, what)] = named(refused.value)
    assert (place, what.code, what.params) == ((field,), code, params)
    assert not re.search(r"[Ii]nput should|[Ss]tring should|\^|Value error", what)


def test_own_fault_comes_through_every_validator_as_it_was() -> None:
    with pytest.raises(ValidationError) as refused:
        raise field_errors.gathered("x", [(("a", 0), wrong("needed_with", other="imap"))])
    [(place, what)] = named(refused.value)
    assert (place, what, what.code, what.params) == (("a", 0), "is needed with imap", "needed_with", {"other": "imap"})
    assert refuse("no_text").message() == "no field holds {text}"
    with pytest.raises(KeyError):
        wrong("unheard_of")


def test_one_pattern_has_one_form() -> None:
    with pytest.raises(KeyError):
        form("slug", r"^[a-z][a-z0-9_-]{0,39}$")
    with pytest.raises(KeyError):
        form("unheard_of", "^$")


@pytest.mark.parametrize("locale", LOCALES, ids=lambda file: file.stem)
def test_every_code_and_every_form_has_words_in_every_language(locale: Path) -> None:
    words: dict[str, str] = json.loads(locale.read_text(encoding="utf-8"))
    worded = {key.removesuffix("_one") for key in words}
    assert worded == {f"field.{code}" for code in ENGLISH} | {f"field.format.{name}" for name in FORMS}
    for key, text in words.items():
        given = set(re.findall(r"{(\w+)", ENGLISH[key.removesuffix("_one").split(".")[1]]))
        bounds = {"count"} if given & {"min", "max"} else set[str]()
        assert set(re.findall(r"{{(\w+)}}", text)) <= given | bounds, key


def sources() -> Iterator[tuple[Path, ast.AST]]:
    for top in PRODUCT:
        for file in (ROOT / top).rglob("*.py"):
            if not {"node_modules", "programs"} & set(file.parts):
                yield file, ast.parse(file.read_text(encoding="utf-8"))


def test_every_pattern_of_a_field_names_its_form() -> None:
    bare: list[str] = []
    found = 0
    for file, tree in sources():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            for one in node.keywords:
                if node.func.id in {"StringConstraints", "Field"} and one.arg == "pattern":
                    found += 1
                    call = one.value
                    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "form"):
                        bare.append(f"{file.name}:{node.lineno}")
    assert found > 25
    assert bare == []
