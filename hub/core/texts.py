"""Texts and values as PostgreSQL and JSON can hold them: neither knows NUL, lone surrogates or endless depth."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, cast

_DEEP = 50  # levels of a value that are kept


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 account`, `2 accounts`: English that counts. `many` where that is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


class _Counting(Formatter):
    """`{minutes:minute}` and `{count:person/people}` beside what `str.format` knows."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, _, many = format_spec.partition("/")
        return counted(value, one, many or None) if one.isalpha() and len(one) > 1 else format(value, format_spec)


def filled(words: str, params: Mapping[str, Any]) -> str:
    """Words with their values, and nouns that agree with them."""
    return _Counting().vformat(words, (), params)


def clean(text: str) -> str:
    """The text with signs in place of NUL and lone surrogates."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def clean_json(value: dict[str, Any]) -> dict[str, Any]:
    """The value with its texts cleaned, no deeper than anybody looks, and without numbers that no JSON carries."""

    def walk(node: Any, deep: int) -> Any:
        if deep > _DEEP:
            return "…"
        match node:
            case str():
                return clean(node)
            case dict():
                return {clean(str(k)): walk(v, deep + 1) for k, v in node.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
            case list() | tuple():
                return [walk(v, deep + 1) for v in node]  # pyright: ignore[reportUnknownVariableType] - any JSON
            case None | bool() | float():
                return node
            case int():
                return node if fits_json(node) else str(node)
            case _:
                return clean(str(node))

    return walk(value, 0)


def fits_json(number: int) -> bool:
    """Whether JSON carries a whole number as it is: beyond 64 bits none of its writers does."""
    return -(2**63) <= number < 2**63


def with_nul(value: Any) -> list[str]:
    """Where in any JSON a text, or the name of a value, holds a NUL: `settings.imap.host`, in no order."""
    found: list[str] = []
    left: list[tuple[str, Any]] = [("", value)]
    while left:  # no recursion: how deep it goes is the sender's choice
        place, node = left.pop()
        if isinstance(node, str):
            found += [place] if "\x00" in node else []
        elif isinstance(node, dict):
            below = cast("dict[str, Any]", node)
            found += [place] if any("\x00" in name for name in below) else []
            left += [(f"{place}.{name}".lstrip("."), one) for name, one in below.items()]
        elif isinstance(node, list):
            left += [(f"{place}.{n}".lstrip("."), one) for n, one in enumerate(cast("list[Any]", node))]
    return found
