"""The API's description: committed as it is, with names that are a contract."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hub.access.permissions import Access
from hub.app import openapi
from hub.cli.main import main
from hub.core.release import hub_version
from hub.web.endpoints import Call, Endpoints
from hub.web.openapi import TAGS, describe

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"
Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return json.loads(openapi(hub_version(), "/"))


def operations(document: Document) -> list[Document]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_committed_description_is_that_of_the_endpoints() -> None:
    assert COMMITTED.read_bytes() == openapi(hub_version(), "/"), (
        "The API has changed: write docs/openapi.json and the browser's types anew with `make api`, and commit both."
    )


def test_command_writes_the_description_when_given_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["openapi", "api.json", "--server", "https://hub.example/desk"]) == 0
    assert capsys.readouterr().out == "Wrote api.json.\n"
    written = json.loads((tmp_path / "api.json").read_text())
    assert [server["url"] for server in written["servers"]] == ["https://hub.example/desk"]
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out)["paths"] == written["paths"]
    assert main(["openapi", "no-such-folder/api.json"]) == 2
    assert "no-such-folder/api.json: No such file or directory" in capsys.readouterr().err


def test_names_are_unique_and_say_nothing_of_modules(document: Document) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []
    assert [name for name in document["components"]["schemas"] if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []


def test_every_shape_and_problem_of_the_description_is_used(document: Document) -> None:
    used = set(re.findall(r'"\$ref": "#/components/(\w+/\w+)"', json.dumps(document)))
    parts = document["components"]
    assert used == {f"{part}/{name}" for part in ("schemas", "responses") for name in parts[part]}


def test_every_tag_is_explained_and_used(document: Document) -> None:
    assert {tag for operation in operations(document) for tag in operation["tags"]} == set(TAGS)


def test_every_good_answer_names_its_type_of_content(document: Document) -> None:
    types: set[str] = set()
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                assert ("content" in answer) == (status != "204"), operation["operationId"]
                types |= set(answer.get("content", ()))
    assert types == {"application/json", "application/octet-stream", "text/html", "image/*", "audio/*", "video/*"}


def _shape(**fields: type) -> type[BaseModel]:
    return type("Lamp", (BaseModel,), {"__annotations__": fields, "__module__": f"of_{'_'.join(fields)}"})


def _operation(area: Endpoints, name: str, path: str, shape: type[BaseModel]) -> None:
    async def handler(call: Call) -> None:
        """A lamp."""

    handler.__name__ = name
    area.add("GET", path, needs=Access.SIGNED_IN, returns=shape)(handler)


@pytest.mark.parametrize(
    ("names", "shapes", "told"),
    [
        (("read_lamp", "read_lamp"), (_shape(watts=int), _shape(watts=int)), "read_lamp"),
        (("read_lamp", "list_lamps"), (_shape(watts=int), _shape(color=str)), "of_watts__Lamp"),
    ],
    ids=["two operations of one name", "two shapes of one name"],
)
def test_description_is_refused_when_a_name_is_given_twice(
    names: tuple[str, str], shapes: tuple[type[BaseModel], type[BaseModel]], told: str
) -> None:
    area = Endpoints("desk")
    for name, path, shape in zip(names, ("/a", "/b"), shapes, strict=True):
        _operation(area, name, path, shape)
    with pytest.raises(ValueError, match=told):
        describe(area.all, version="1")
