"""Every text that the API takes has a limit that its description states, and each form keeps to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hub.app import openapi
from hub.core.release import hub_version
from tests.unit.web.test_openapi import Document

_BOUNDED = ("maxLength", "enum", "const")
_FORMATS = {"date-time", "date", "uuid", "binary"}  # with a bound of their own; `binary`: bytes of an upload


def _below(document: Document, schema: Document, place: str) -> Iterator[tuple[str, Document]]:
    """The shapes that a shape is made of, each with where it stands."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        yield name, document["components"]["schemas"][name]
    for way in ("anyOf", "oneOf", "allOf"):
        yield from ((place, one) for one in schema.get(way, []))
    yield from ((f"{place}.{name}", field) for name, field in schema.get("properties", {}).items())
    others = (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values())
    yield from ((f"{place}.*", one) for one in others if isinstance(one, dict))
    if "items" in schema:
        yield f"{place}[]", schema["items"]


def _unbounded(document: Document, schema: Document, place: str) -> Iterator[str]:
    known: list[Document] = []
    queue = [(place, schema)]
    while queue:
        at, one = queue.pop()
        if one in known:
            continue
        known.append(one)
        is_text = one.get("type") == "string"
        if is_text and one.get("format") not in _FORMATS and not any(key in one for key in _BOUNDED):
            yield at
        queue += _below(document, one, at)


def _bodies(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", content["schema"]


def test_every_text_in_a_body_has_a_limit() -> None:
    document: Document = json.loads(openapi(hub_version(), "/"))
    bodies = list(_bodies(document))
    assert len(bodies) > 40
    found = {place for where, schema in bodies for place in _unbounded(document, schema, where)}
    assert not found


@pytest.mark.parametrize(
    "schema", [{"type": "string"}, {"type": "string", "pattern": "^a*$"}, {"type": "string", "format": "uri"}]
)
def test_text_without_a_limit_is_found(schema: Document) -> None:
    body: Document = {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"anyOf": [schema, {"type": "null"}]}}},
    }
    assert list(_unbounded({}, body, "body")) == ["body.names[]"]
