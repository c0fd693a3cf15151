"""Filling a request's fields and reading an answer's, by the paths that the settings name. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson

from hub.core.errors import Invalid

PLACES = frozenset({"to", "to_digits", "from", "text", "reference", "status_url", "user", "password", "token"})
_PLACE = re.compile(r"\{([a-z_]+)\}")
_DEEP = 20
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def places(value: str) -> set[str]:
    """The names of the places in a value."""
    return set(_PLACE.findall(value))


def filled(value: str, known: Mapping[str, str]) -> str:
    """A value with everything at its place; what is put in is never looked at again."""
    return _PLACE.sub(lambda place: known[place[1]], value)


def nested(fields: Mapping[str, str]) -> Any:
    """Fields with paths as one JSON document: `messages.0.to` is `{"messages": [{"to": …}]}`."""
    tree: dict[str, Any] = {}
    for path, value in fields.items():
        node, steps = tree, path.split(".")
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        node[steps[-1]] = value
    return _listed(tree)


def _listed(node: Any) -> Any:
    """A node whose names are 0, 1, 2… is a list."""
    if not isinstance(node, dict):
        return node
    found = {name: _listed(value) for name, value in cast("dict[str, Any]", node).items()}
    if found and set(found) == {str(n) for n in range(len(found))}:
        return [found[str(n)] for n in range(len(found))]
    return found


def document(raw: bytes, content_type: str) -> Any:
    """A body as data, whatever it says it is: JSON, else form fields, else `{"body": text}`."""
    kind = content_type.partition(";")[0].strip().lower()
    text = raw.decode("utf-8", "replace")
    if kind != FORM and text.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    if kind == FORM or ("=" in text and "\n" not in text and not text.lstrip().startswith("<")):
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000))
        except ValueError:
            raise Invalid("The webhook has more than 1,000 fields.") from None
    return {"body": text.strip()}


def at(data: Any, path: str | None) -> Any:
    """What stands at a path; None where nothing does."""
    if path is None:
        return None
    node: Any = data
    if isinstance(node, dict) and path in node:  # a field may have a dot in its name
        return cast("dict[str, Any]", node)[path]
    for step in path.split(".")[:_DEEP]:
        if isinstance(node, dict):
            node = cast("dict[str, Any]", node).get(step)
        elif isinstance(node, list) and step.isdecimal() and len(step) < 6:
            some = cast("list[Any]", node)
            node = some[int(step)] if int(step) < len(some) else None
        else:
            return None
    return cast("Any", node)


def text_at(data: Any, path: str | None) -> str:
    """The same as text; nothing, and whatever is no plain value, is empty."""
    found = at(data, path)
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int | float) else ""


def several(data: Any, path: str | None) -> list[Any]:
    """The items of a webhook: one, or those of the list at a path."""
    if path is None:
        return [data]
    found = at(data, path)
    return cast("list[Any]", found) if isinstance(found, list) else [data]
