"""Authentication-Results (RFC 8601 §2.2): what our own mail server found out about a sender, read by its grammar.

A field is read from left to right as tokens; quoted strings and comments are whole ones, so that nothing inside of them
is ever taken for a result (`smtp.mailfrom="dmarc=pass"@evil.example`). What does not follow the grammar ends the
reading: what came before it stands, since a server writes its own results first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_MOST = 16 * 1024  # bytes of a field that are read
_ATOM = re.compile(r"[^\s()\";=<>@]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_DEEP = 20


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result, with its properties by `type.name` (`header.from`), all in lower case."""

    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Found:
    """Who says so, and what."""

    server: str
    results: tuple[Result, ...]


def results(value: bytes) -> Found | None:
    """A field's content; None when it does not even name a server."""
    parts = _statements(value[:_MOST].decode("utf-8", "replace"))
    first = next(parts, None)
    if not first or first[0] in _SIGNS or len(first) > 2 or (len(first) == 2 and not first[1].isdigit()):
        return None  # a name, and perhaps the version
    found: list[Result] = []
    for part in parts:
        if part == ["none"]:
            continue
        one = _result(part)
        if one is None:
            break
        found.append(one)
    return Found(first[0].lower(), tuple(found))


_SIGNS = frozenset("=@<>")


def _statements(text: str) -> Iterator[list[str]]:
    """The tokens of each part between semicolons; the reading ends where a string or a comment does not."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "(":
            at = _after_comment(text, at)
        elif char == ";":
            yield tokens
            tokens = []
            at += 1
        elif char == '"' and (quoted := _QUOTED.match(text, at)):
            tokens.append(f'"{quoted[1]}"')  # never a word: marked by its quotes
            at = quoted.end()
        elif char in _SIGNS:
            tokens.append(char)
            at += 1
        elif atom := _ATOM.match(text, at):
            tokens.append(atom[0])
            at = atom.end()
        else:
            return
        if at < 0:
            return
    yield tokens


def _after_comment(text: str, start: int) -> int:
    """Where a comment, with those inside of it, ends; -1 when it does not."""
    depth, at = 0, start
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case _:
                pass
        at += 1
        if depth == 0:
            return at
        if depth > _DEEP:
            return -1
    return -1


def _result(tokens: list[str]) -> Result | None:
    """`method[/version] = result [reason = value] *(ptype.property = pvalue)`."""
    if len(tokens) < 3 or tokens[1] != "=" or _odd(tokens[0]) or _odd(tokens[2]):
        return None
    properties: dict[str, str] = {}
    at = 3
    while at + 2 < len(tokens) and tokens[at + 1] == "=" and not _odd(tokens[at]):
        name, at = tokens[at].lower(), at + 2
        value, at = _value(tokens, at)
        properties.setdefault(name, value.lower())
    if at != len(tokens):
        return None
    return Result(tokens[0].partition("/")[0].lower(), tokens[2].lower(), properties)


def _value(tokens: list[str], at: int) -> tuple[str, int]:
    """A value: tokens up to the next `name =`, an address and its parts being one value."""
    value = ""
    while at < len(tokens) and not (value and at + 1 < len(tokens) and tokens[at + 1] == "=" and tokens[at - 1] != "@"):
        value += tokens[at]
        at += 1
    return value, at


def _odd(token: str) -> bool:
    return token in _SIGNS or token.startswith('"')


def proves(value: bytes, server: str, domain: str) -> bool:
    """Whether `server` says that DMARC passes for exactly this domain, and says nothing else of DMARC."""
    found = results(value)
    if found is None or found.server != server.lower():
        return False
    said = [one for one in found.results if one.method == "dmarc"]
    return bool(said) and all(
        one.result == "pass" and one.properties.get("header.from", "").rstrip(".") == domain.lower() for one in said
    )
