"""What a request of the REST API may and must carry, read from the source of the installed SDK.

The SDK is generated from Twilio's API definition: each resource's methods name the fields of the wire, say by their
annotations of which kind each is, and by a missing default that it is needed. The source is parsed, never imported:
the hub knows Twilio only through its connector.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from hub.demo.twilio.grammar import sdk

Kind = Literal["text", "yes/no", "number", "decimal", "time", "list", "word"]
Verb = Literal["create", "update", "page", "fetch", "delete"]
_ACCOUNT = "api/v2010/account"
_HINTS: tuple[tuple[str, Kind], ...] = (
    ("List[", "list"), ("bool", "yes/no"), ("int,", "number"), ("float", "decimal"), ("datetime", "time"),
    ("date,", "time"),
)  # fmt: skip
_PLACES: dict[tuple[str, ...], tuple[str, str]] = {
    ("Calls",): (f"{_ACCOUNT}/call/__init__.py", "Call"),
    ("Calls", "Recordings"): (f"{_ACCOUNT}/call/recording.py", "Recording"),
    ("Conferences",): (f"{_ACCOUNT}/conference/__init__.py", "Conference"),
    ("Conferences", "Participants"): (f"{_ACCOUNT}/conference/participant.py", "Participant"),
    ("Conferences", "Recordings"): (f"{_ACCOUNT}/conference/recording.py", "Recording"),
    ("Messages",): (f"{_ACCOUNT}/message/__init__.py", "Message"),
    ("Messages", "Media"): (f"{_ACCOUNT}/message/media.py", "Media"),
    ("Queues",): (f"{_ACCOUNT}/queue/__init__.py", "Queue"),
    ("Queues", "Members"): (f"{_ACCOUNT}/queue/member.py", "Member"),
    ("Recordings",): (f"{_ACCOUNT}/recording/__init__.py", "Recording"),
    ("Content",): ("content/v1/content/__init__.py", "Content"),
    ("Content", "ApprovalRequests"): ("content/v1/content/approval_fetch.py", "ApprovalFetch"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request; `words` are the only values it may have, if there are such."""

    kind: Kind
    needed: bool
    words: frozenset[str] = frozenset()

    def refuses(self, values: Sequence[str]) -> str:
        """What is wrong with the values given, or nothing."""
        if self.kind != "list" and len(values) > 1:
            return "is given more than once"
        value = values[0] if values else ""
        wrong = {
            "yes/no": value not in {"true", "false"},
            "number": not value.lstrip("-").isdigit(),
            "decimal": not value.replace(".", "", 1).lstrip("-").isdigit(),
            "time": len(value) < 10 or value[:4].isdigit() is False,
            "word": bool(self.words) and value not in self.words,
        }.get(self.kind, False)
        return f"is no {self.kind}: {value[:40]!r}" if wrong else ""


@dataclass(frozen=True, slots=True)
class Request:
    """A resource and what is done with it."""

    resource: tuple[str, ...]
    verb: Verb

    @classmethod
    def of(cls, method: str, path: str) -> Request | None:
        """From its address; None for files, and for what the stand-in has no shape of."""
        if path.startswith("/2010-04-01/") and not path.endswith(".json"):
            return None
        parts = path.strip("/").removesuffix(".json").split("/")
        inner = parts[3:] if parts[1:2] == ["Accounts"] else parts[1:]
        resource, one = tuple(inner[::2]), len(inner) % 2 == 0
        if resource not in _PLACES:
            return None
        if method == "DELETE":
            return cls(resource, "delete")
        listed: Verb = "page" if resource != ("Content", "ApprovalRequests") else "fetch"
        return cls(resource, ("fetch" if one else listed) if method == "GET" else "update" if one else "create")

    def problems(self, given: Mapping[str, Sequence[str]]) -> list[str]:
        """Everything that the real API would not understand, in words."""
        known = fields(self.resource, self.verb)
        said = {name: known[name].refuses(given[name]) if name in known else "is not known" for name in given}
        return sorted(f"{name} {words}" for name, words in said.items() if words)

    def missing(self, given: Mapping[str, Sequence[str]]) -> list[str]:
        """What the API cannot do without."""
        return [name for name, field in fields(self.resource, self.verb).items() if field.needed and name not in given]


@lru_cache(maxsize=128)
def fields(resource: tuple[str, ...], verb: Verb) -> Mapping[str, Field]:
    """The fields of one request; none where the SDK's method sends none."""
    file, name = _PLACES[resource]
    tree = ast.parse((sdk() / "rest" / file).read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    owner = classes.get(f"{name}List" if verb in {"create", "page"} else f"{name}Context")
    method = _method(owner, verb) if owner is not None else None
    return dict(_fields(method, classes)) if method is not None else {}


def _method(owner: ast.ClassDef, verb: str) -> ast.FunctionDef | None:
    found = {node.name: node for node in owner.body if isinstance(node, ast.FunctionDef)}
    return found.get(f"_{verb}") or found.get(verb)


def _fields(method: ast.FunctionDef, classes: dict[str, ast.ClassDef]) -> Iterator[tuple[str, Field]]:
    arguments = [a for a in method.args.args if a.arg != "self"]
    optional = len(method.args.defaults)
    needed = {a.arg for a in arguments[: len(arguments) - optional]}
    noted = {a.arg: a.annotation for a in arguments}
    for inner in ast.walk(method):
        if not isinstance(inner, ast.Dict):
            continue
        for key, value in zip(inner.keys, inner.values, strict=True):
            names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name) and n.id in noted]
            if isinstance(key, ast.Constant) and names:
                kind, words = _kind(noted[names[0]], classes)
                yield str(key.value), Field(kind, names[0] in needed, words)


def _kind(annotation: ast.expr | None, classes: dict[str, ast.ClassDef]) -> tuple[Kind, frozenset[str]]:
    said = ast.unparse(annotation) if annotation is not None else ""
    for hint, kind in _HINTS:
        if hint in said or said == hint.rstrip(","):
            return kind, frozenset()
    for inner in ast.walk(annotation) if annotation is not None else ():
        if isinstance(inner, ast.Constant) and "." in str(inner.value):
            owner, _, name = str(inner.value).partition(".")
            return "word", _words(owner, name, classes)
    return "text", frozenset()


def _words(owner: str, name: str, classes: dict[str, ast.ClassDef]) -> frozenset[str]:
    """The constants of an enumeration inside a resource's class."""
    for node in classes[owner].body if owner in classes else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            values = [n.value for n in node.body if isinstance(n, ast.Assign)]
            return frozenset(str(v.value) for v in values if isinstance(v, ast.Constant))
    return frozenset()
