"""Ways to write the same made one: case, accents, widths, vowels left out, digits and letters of several scripts."""

from __future__ import annotations

import unicodedata

_BEYOND = 0xFE30  # no script that people write to us in has marks behind it


def _marks() -> str:
    """The signs that belong to the letter before them, as part of a regular expression's class."""
    found: list[list[int]] = []
    for code in range(0x300, _BEYOND):
        if unicodedata.category(chr(code))[0] == "M":
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in found)


MARKS = _marks()

# fmt: off - a table is read in rows
_LETTERS = {
    "ё": "е",
    "ß": "ss",
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ð": "d",
    "ħ": "h",
    # Arabic and Persian: forms of alef, yeh, kaf and heh that keyboards mix, and the stroke that only stretches a word
    "أ": "ا",
    "إ": "ا",
    "آ": "ا",
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ئ": "ي",
    "ؤ": "و",
    "ک": "ك",
    "ة": "ه",
    "ۀ": "ه",
    "ـ": "",
}
# fmt: on
# What is not seen: soft hyphens, joiners, directions, forms of a sign.
_UNSEEN = [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A), 0xFEFF]
_SAME: dict[int, str] = {
    **{ord(sign): other for sign, other in _LETTERS.items()},
    **dict.fromkeys([*_UNSEEN, *range(0xFE00, 0xFE10)], ""),
    **{code: chr(code - 0x60) for code in range(0x30A1, 0x30F7)},  # katakana as hiragana
}
for _code in range(0x80, _BEYOND):
    if unicodedata.category(chr(_code)) == "Nd":
        _SAME[_code] = str(unicodedata.digit(chr(_code)))


def folded(text: str) -> str:
    """Without case, accents and other ways to write the same. Marks that are letters stay, as in Hindi and Thai."""
    return without_marks(plain(text))


def plain(text: str) -> str:
    """The same with its accents."""
    if text.isascii():
        return text.casefold()
    return unicodedata.normalize("NFKC", text).casefold().translate(_SAME)


def without_marks(text: str) -> str:
    """Accents go where they stand on Latin, Greek and Cyrillic letters; Arabic and Hebrew lose their vowels."""
    if text.isascii():
        return text
    kept: list[str] = []
    base = ""
    for sign in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(sign):
            base = sign
        elif base < "\u0900" and not (base == "и" and sign == "\u0306"):
            continue  # on Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic
        kept.append(sign)
    return unicodedata.normalize("NFC", "".join(kept))
