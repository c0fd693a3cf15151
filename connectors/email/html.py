"""HTML mail as text: laid out by inscriptis where it is of a human size, else stripped of its tags in one pass."""

from __future__ import annotations

import html as entities
import re

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

MAX_BYTES = 2 * 1024 * 1024  # beyond it only the text is kept; the raw message has the rest
MAX_NESTING = 500
_LAID_OUT = 300_000  # characters; more is a newsletter's or an attacker's
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "tr",
        "th",
        "dt",
        "dd",
        "option",
    ]
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_CLOSING = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "head", "title")}
_HIDDEN = re.compile(r"<(script|style|head|title)\b", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|hr|/blockquote|/table)\b[^>]{0,2000}>", re.IGNORECASE)
_ANY = re.compile(r"<[a-zA-Z/!?][^<>]*>")  # linear: no scan goes past the next bracket
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False)


def nesting(html: str) -> int:
    """How deep elements lie within each other, roughly and in linear time."""
    depth = deepest = 0
    for closing, name in _TAG.findall(html):
        if name.lower() in _VOID:
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest


def reasonable(html: str) -> bool:
    """Whether a browser and a sanitiser can be asked to look at it."""
    return len(html) <= MAX_BYTES and nesting(html) <= MAX_NESTING


def to_text(html: str) -> str:
    """The text as a reader would see it."""
    if len(html) <= _LAID_OUT and html.count("<") <= 20_000 and nesting(html) <= 120:
        try:
            return tidy(get_text(_without_hidden(html), _CONFIG))
        except Exception:  # noqa: BLE001, S110 - whatever a foreign parser trips over, the tags can still be cut off
            pass
    return tidy(strip(html))


def strip(html: str) -> str:
    """The text with its tags cut off."""
    return entities.unescape(_ANY.sub("", _BREAK.sub("\n", _without_hidden(html))))


def _without_hidden(html: str) -> str:
    """Cut script and style in one pass, each search starting where the last one ended; what never closes stays."""
    kept: list[str] = []
    unclosed: set[str] = set()
    position = 0
    for opening in _HIDDEN.finditer(html):
        name = opening[1].lower()
        if opening.start() < position or name in unclosed:
            continue
        closing = _CLOSING[name].search(html, opening.end())
        if closing is None:
            unclosed.add(name)
            continue
        kept.append(html[position : opening.start()])
        position = closing.start()
    return "".join([*kept, html[position:]])


def tidy(text: str) -> str:
    """No trailing blanks, no more than two empty lines in a row, nothing empty around."""
    lines = [line.rstrip().replace("\xa0", " ") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n")
