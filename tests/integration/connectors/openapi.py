"""Requests held against Twilio's published OpenAPI files (`twilio_api_v2010.json`, `twilio_content_v1.json`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.demo.twilio.request_guard import Asked

Json = dict[str, Any]
_FORM = "application/x-www-form-urlencoded"


class Definition:
    """The paths of one or more files."""

    def __init__(self, *specs: Json):
        self._paths = [(_pattern(path), item) for spec in specs for path, item in spec["paths"].items()]
        self._schemas: Json = {}
        for spec in specs:
            self._schemas |= spec.get("components", {}).get("schemas", {})

    @classmethod
    def read(cls, *files: Path) -> Definition:
        return cls(*[json.loads(file.read_bytes()) for file in files])

    def problems(self, asked: Asked) -> list[str]:
        """Everything in a request that the definition does not allow."""
        for pattern, item in self._paths:
            found = pattern.fullmatch(asked.path)
            operation: Json | None = item.get(asked.method.lower())
            if found and operation is not None:
                shared: list[Json] = item.get("parameters", [])
                return [*self._parameters(asked, found, [*shared, *operation.get("parameters", [])]), *self._body(asked, operation)]  # fmt: skip
        return [f"{asked.method} {asked.path} is not in the definition"]

    def _parameters(self, asked: Asked, found: re.Match[str], named: Sequence[Json]) -> Iterator[str]:
        for one in named:
            name, schema = str(one["name"]), self._whole(one.get("schema", {}))
            given = [found[name]] if one["in"] == "path" else asked.query.get(name, [])
            if one.get("required") and not given:
                yield f"{name} is missing"
            yield from (f"{name} {words}" for value in given if (words := self._wrong(value, schema)))
        known = {one["name"] for one in named if one["in"] == "query"}
        yield from (f"{name} is no parameter" for name in asked.query if name not in known)

    def _body(self, asked: Asked, operation: Json) -> Iterator[str]:
        content: Json = operation.get("requestBody", {}).get("content", {})
        schema = self._whole(content.get(_FORM, {}).get("schema", {}))
        known: Mapping[str, Json] = schema.get("properties", {})
        for name, values in asked.fields.items():
            if name not in known:
                yield f"{name} is no field"
                continue
            field = self._whole(known[name])
            if field.get("type") != "array" and len(values) > 1:
                yield f"{name} is given more than once"
            inner = self._whole(field["items"]) if field.get("type") == "array" else field
            yield from (f"{name} {words}" for value in values if (words := self._wrong(value, inner)))
        yield from (f"{name} is missing" for name in schema.get("required", []) if name not in asked.fields)

    def _whole(self, schema: Json) -> Json:
        """A schema, looked up if it is only named."""
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        return self._schemas.get(name, {}) if name else schema

    def _wrong(self, value: str, schema: Json) -> str:
        kind = schema.get("type")
        if kind == "boolean" and value not in {"true", "false"}:
            return f"is no boolean: {value!r}"
        if kind == "integer" and not value.lstrip("-").isdigit():
            return f"is no integer: {value!r}"
        if schema.get("enum") and value not in schema["enum"]:
            return f"is none of {schema['enum']}: {value!r}"
        if schema.get("pattern") and not re.search(str(schema["pattern"]), value):
            return f"does not look like {schema['pattern']}: {value!r}"
        if len(value) > int(schema.get("maxLength", 1_000_000)):
            return "is too long"
        return ""


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+?)", re.escape(path))
    return re.compile(named)
