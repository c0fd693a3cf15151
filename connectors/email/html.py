"""HTML mail as text: laid out where a parser can be asked to look at it, else stripped of its tags in one pass."""

from __future__ import annotations

import html as entities
import re
from itertools import accumulate, islice
from operator import sub

from hub.messages.html import laid_out, seen

MAX_BYTES = 2 * 1024 * 1024  # beyond it only the text is kept; the raw message has the rest
MAX_NESTING = 500
_LAID_OUT, _TAGS = 1_000_000, 60_000  # characters, and tags in them: a fifth of a second; more is an attacker's
_VOID = "area base br col embed hr img input link meta source track wbr p li td tr th dt dd option"
_TAG = re.compile(r"</?[a-z][a-z0-9]*")
_LEVEL = {f"{opening}{name}": 0 for name in _VOID.split() for opening in ("<", "</")}
_CLOSING = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "head", "title")}
_HIDDEN = re.compile(r"<(script|style|head|title)\b", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|hr|/blockquote|/table)\b[^>]{0,2000}>", re.IGNORECASE)
_ANY = re.compile(r"<[a-zA-Z/!?][^<>]*>")  # linear: no scan goes past the next bracket


def nesting(html: str) -> int:
    """How deep elements lie within each other, roughly and in linear time."""
    depths = list(accumulate(_LEVEL.get(tag, -1 if tag[1] == "/" else 1) for tag in _TAG.findall(html.lower())))
    # What closes and was never open brings nothing nearer to the ground.
    lowest = islice(accumulate(depths, min, initial=0), 1, None)
    return max(map(sub, depths, lowest), default=0)


def reasonable(html: str) -> bool:
    """Whether a browser and a sanitiser can be asked to look at it."""
    return len(html) <= MAX_BYTES and nesting(html) <= MAX_NESTING


def to_text(html: str) -> str:
    """The text as a reader would see it."""
    if len(html) <= _LAID_OUT and html.count("<") <= _TAGS:
        try:
            return tidy(seen(html)[1] or laid_out(_without_hidden(html)))
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
