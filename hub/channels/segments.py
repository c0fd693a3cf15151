"""How many SMS a text costs: GSM 03.38's 7-bit alphabet, or UCS-2 as soon as one character is outside it."""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")  # two septets each: an escape and the character
MAX_CHARACTERS = 1600  # Twilio's limit for one message, whatever it is cut into


@dataclass(frozen=True, slots=True)
class Segments:
    """`count` messages in `encoding` (GSM-7 or UCS-2), `units` septets or UTF-16 code units in all."""

    count: int
    encoding: str
    units: int


def segments(text: str) -> Segments:
    """Count as a handset does: a character that takes two units never spans two segments."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        return _cut("GSM-7", [2 if c in _EXTENDED else 1 for c in text], 160, 153)
    return _cut("UCS-2", [2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67)


def _cut(encoding: str, widths: list[int], alone: int, joined: int) -> Segments:
    units = sum(widths)
    if units <= alone:
        return Segments(1, encoding, units)
    count, room = 1, joined
    for width in widths:
        if width > room:
            count, room = count + 1, joined
        room -= width
    return Segments(count, encoding, units)
