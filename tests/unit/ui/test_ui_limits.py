"""Each field that is written into says how long its text may be, as the API does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.unit.ui.test_ui_codes import UI, sources

_FIELD = re.compile(r"<(?:TextInput|Textarea|textarea|input)\b")
_NO_TEXT = re.compile(r'type="(?:datetime-local|date|radio|file|checkbox)"')
# What would be cut off is somebody's letter: the hub refuses one that is too long, and the words stay where they are.
_LETTERS = re.compile(r'data-testid="(?:composer-text|new-text|widget-text)"')


def unlimited(source: str) -> Iterator[str]:
    """The fields of a source that take any length."""
    for found in _FIELD.finditer(source):
        depth, end = 0, found.end()
        while depth or source[end] != ">":
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        field = source[found.start() : end]
        if not ("maxLength" in field or _NO_TEXT.search(field) or _LETTERS.search(field)):
            yield field


def test_every_field_has_a_limit() -> None:
    found = {str(file.relative_to(UI)): list(unlimited(file.read_text())) for file in sources()}
    assert not {name: fields for name, fields in found.items() if fields}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("<TextInput onChange={(e) => set({ a: e })} />", 1),
        ("<TextInput onChange={(e) => set({ a: e })} maxLength={20} />", 0),
        ('<input type="file" /><textarea rows={2} />', 1),
    ],
)
def test_field_without_a_limit_is_found(source: str, count: int) -> None:
    assert len(list(unlimited(source))) == count
