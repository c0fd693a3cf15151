"""What TwiML allows, read from the source of the installed SDK.

Twilio publishes no schema of TwiML; its SDK builds documents, so the SDK's classes say which element may hold which
and with which attributes. The source is parsed, never imported: the hub knows Twilio only through its connector.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

# Only these verbs may stand in the document of a waitUrl (Twilio's references of <Enqueue> and <Conference>).
ENQUEUE_WAIT = frozenset({"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"})
CONFERENCE_WAIT = frozenset({"Play", "Say", "Pause", "Redirect"})


@dataclass(slots=True)
class Element:
    """One class of the SDK: its tag, what it may hold and with which attributes; `text`: whether words."""

    tag: str
    text: bool
    children: dict[str, str] = field(default_factory=dict[str, str])  # tag -> class
    attributes: set[str] = field(default_factory=set[str])


class BadTwiml(Exception):
    """The document cannot be run; `code` is Twilio's error."""

    def __init__(self, code: int, words: str):
        super().__init__(words)
        self.code = code


def parse(text: str, *, verbs: frozenset[str] | None = None) -> ElementTree.Element:
    """A document's root. `BadTwiml` 12100 when it is not XML, 12200 for an element or attribute that is not allowed.

    `verbs` restricts the verbs at the top, for the documents of a waitUrl.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - the hub under development is who we read from
    except ElementTree.ParseError as error:
        raise BadTwiml(12100, f"Document parse failure: {error}") from None
    if root.tag != "Response":
        raise BadTwiml(12102, f"Document element is <{root.tag}>, not <Response>")
    for child in root:
        if verbs is not None and child.tag not in verbs:
            raise BadTwiml(13255, f"<{child.tag}> is not allowed in a waitUrl")
    _check(root, "VoiceResponse", known := elements())
    assert known  # noqa: S101 - an empty grammar would allow nothing and mean a changed SDK
    return root


def _check(node: ElementTree.Element, name: str, known: dict[str, Element]) -> None:
    rule = known[name]
    for attribute in node.attrib:
        if attribute not in rule.attributes:
            raise BadTwiml(12200, f"<{node.tag}> has no attribute {attribute!r}")
    if (node.text or "").strip() and not rule.text:
        raise BadTwiml(12200, f"<{node.tag}> holds no text")
    for child in node:
        inner = rule.children.get(child.tag)
        if inner is None:
            raise BadTwiml(12200, f"<{node.tag}> cannot hold <{child.tag}>")
        _check(child, inner, known)


@lru_cache(maxsize=1)
def elements() -> dict[str, Element]:
    """Every element of voice TwiML, by the name of the SDK's class."""
    tree = ast.parse((sdk() / "twiml" / "voice_response.py").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = {name: Element(_tag(node), bool(_content(node))) for name, node in classes.items()}
    for name, node in classes.items():
        for inner, arguments in _nested(node):
            found[name].children[found[inner].tag] = inner
            found[inner].attributes |= {_camel(a) for a in arguments - _content(classes[inner])}
    return found


def sdk() -> Path:
    """Where the SDK lies."""
    spec = importlib.util.find_spec("twilio")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The package twilio is not installed.")
    return Path(spec.origin).parent


def _tag(node: ast.ClassDef) -> str:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Constant):
            target = inner.targets[0]
            if isinstance(target, ast.Attribute) and target.attr == "name":
                return str(inner.value.value)
    return node.name


def _content(node: ast.ClassDef) -> set[str]:
    """The arguments of a class that become its text instead of attributes: those its constructor names."""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return {a.arg for a in inner.args.args} - {"self"}
    return set()


def _nested(node: ast.ClassDef) -> Iterator[tuple[str, set[str]]]:
    """(class, arguments) of each `self.nest(Class(argument=…))`."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "nest":
            made = call.args[0]
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Name):
                yield made.func.id, {k.arg for k in made.keywords if k.arg}


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)
