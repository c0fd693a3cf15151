"""Who signs a mail: the block below two dashes, and what telephones and programs say of themselves.

A signature is one block of short lines that begin with its author's name or say how to reach them. A second topic, a
list or a postscript below two dashes is none, and a rule of underscores never begins one.
"""

from __future__ import annotations

import re

from connectors.email.context import words
from connectors.email.quote_marks import CARD, CARD_MADE, DEVICE, POSTSCRIPT, SENTENCE, SIGNATURE, SPOKEN

_MAX_LINES = 12
_MAX_WIDTH = 90
_CARD_LINES = 8  # nor is a card made by a telephone longer
_MAX_DEVICE = 120
_LISTED = re.compile(r"^\s*(?:[-*•·]|\d{1,3}[.)x]?\s|.*\s\d{1,4}\s\D{2,30}$)")
_REACHED = re.compile(
    r"@|https?://|\bwww\.|\b(?:tel|phone|mobil\w*|fax|电话|電話|手机)\b|\+?\d[\d ()/.-]{6,}\d", re.IGNORECASE
)
_ENDED = re.compile(r"(?:[!?。！？]|[^\W\d_]{4,}\.)$")


def without_signature(lines: list[str], author: str = "") -> list[str]:
    """Without the signature below the last two dashes, and phones' advertisements at the end."""
    lines = without_devices(lines)
    near = range(len(lines) - 1, max(0, len(lines) - _MAX_LINES - 3), -1)
    mark = next((at for at in near if SIGNATURE.match(lines[at])), 0)
    if mark and _signs(lines[mark + 1 :], author):
        lines = lines[:mark]
    return without_devices(lines)


def _signs(below: list[str], author: str) -> bool:
    """Whether the lines below two dashes are a signature: of this author, or of somebody who can be reached by it."""
    block = [line.strip() for line in below]
    while block and not block[-1]:
        block.pop()
    if not block:
        return True
    if "" in block or len(block) > _MAX_LINES or any(_is_said(line) for line in block):
        return False
    if not _is_name(block[0]):
        return False
    if author and words(block[0]) & words(author):
        return True
    return not author or any(_REACHED.search(line) for line in block)


def _is_name(line: str) -> bool:
    """Whether a line may be a name: up to five words without a figure, the first one not in small letters."""
    parts = line.split()
    return len(parts) <= 5 and not any(sign.isdigit() for sign in line) and not parts[0][:1].islower()


def _is_said(line: str) -> bool:
    """Whether somebody says this to us, lists it or adds it."""
    return (
        len(line) > _MAX_WIDTH
        or bool(_ENDED.search(line) or POSTSCRIPT.match(line) or SPOKEN.search(line))
        or bool(_LISTED.match(line) and not _REACHED.search(line))
    )


def is_device(lines: list[str], at: int) -> bool:
    """Whether a telephone or a program names itself in this line, and no sentence goes on in it."""
    line = lines[at]
    if len(line) > _MAX_DEVICE or not DEVICE.match(line) or SENTENCE.search(line):
        return False
    before = lines[at - 1].rstrip() if at else ""
    return len(before) <= 60 or not before[-1:].isalpha()  # a long line without an end goes on here


def without_devices(lines: list[str]) -> list[str]:
    """Without what telephones and programs say of themselves at the end, and the cards that they make."""
    end = len(lines)
    while end and (not lines[end - 1].strip(" \t\xa0\u1427") or is_device(lines, end - 1)):
        end -= 1
        if CARD_MADE.match(lines[end]):
            end = next((at for at in range(max(0, end - _CARD_LINES), end) if CARD.match(lines[at])), end)
    return lines[:end]
