"""Bytes to text, whatever their label says.

Labels lie in known ways: GB2312 means GB18030, Latin-1 means Windows-1252, Big5 its Hong Kong superset. The order of
belief is: byte order mark, the declared charset if it fits exactly, UTF-8 if it fits exactly, what HTML says of
itself, a guess among the East-Asian and Windows sets, and at last replacement characters.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection
from dataclasses import dataclass

from charset_normalizer import from_bytes

from connectors.email.charset_guess import guess

_ALIASES = {
    "gb2312": "gb18030", "gbk": "gb18030", "iso-gb2312": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030",
    "cp936": "gb18030", "ms936": "gb18030", "euc-cn": "gb18030", "chinese": "gb18030",
    "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "euc-kr": "cp949", "ksc5601": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "iso8859-1": "cp1252", "us-ascii": "cp1252",
    "ascii": "cp1252", "ansi": "cp1252", "iso-8859-9": "cp1254", "tis-620": "cp874", "iso-8859-11": "cp874",
    "big5": "big5hkscs", "x-big5": "big5hkscs", "cn-big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "iso-8859-8-i": "iso-8859-8", "utf8": "utf-8", "utf-8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7",
    "cp-850": "cp850", "x-mac-roman": "mac_roman", "macintosh": "mac_roman", "x-user-defined": "cp1252",
}  # fmt: skip
# Labels that say nothing of bytes beyond ASCII.
_UNSAID = frozenset({
    "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "unknown", "x-unknown", "8bit", "7bit",
    "binary", "default", "none",
})  # fmt: skip
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CANDIDATES = [
    "gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255",
    "cp1256", "cp874", "koi8_r",
]  # fmt: skip
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_JIS = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_NUMBERED = re.compile(
    r"^(?:x-(?:cp|win|windows|ms)-?|cp[-_ ]|win-?|windows|ms-|ibm-|ansi-)(125\d|874|936|949|950|932|437|85\d|866)$"
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_GUESS_FROM = 16_384  # bytes a guess looks at
_TEXTUAL = frozenset({
    "rot_13", "rot13", "base64", "bz2", "hex", "quopri", "uu", "zlib", "idna", "punycode", "undefined",
    "unicode_escape", "raw_unicode_escape", "mbcs", "oem",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the charset it was taken for, and whether that had to be guessed or something replaced."""

    text: str
    doubtful: bool = False
    charset: str | None = None


def codec(label: str | None) -> str | None:
    """Python's name for a charset label, its usual lie undone; None if there is no such charset."""
    name = (label or "").strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    if not name or not name.isascii() or len(name) > 40:
        return None
    numbered = _NUMBERED.match(name)
    if numbered:
        name = "cp" + numbered[1]
        name = _ALIASES.get(name, name)
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if found.replace("-", "_") in _TEXTUAL else name


def spells_ascii(label: str | None) -> bool:
    """Whether ASCII is ASCII in this charset, so that header fields may be in it: not in UTF-16, UTF-7 or EBCDIC."""
    name = codec(label)
    try:
        return name is not None and b"From: a+b <c@d.example>~{".decode(name) == "From: a+b <c@d.example>~{"
    except (UnicodeError, LookupError, ValueError):
        return False


def decode(data: bytes, declared: str | None = None, *, html: bool = False, hints: Collection[str] = ()) -> Decoded:
    """Decode by the order of belief; never raises. `hints` are languages and charsets likely for unlabelled text."""
    if data.isascii() and not _shifts(data, declared):
        return Decoded(data.decode("ascii"))
    for mark, name in _BOMS:
        if data.startswith(mark) and (text := _strict(data, name)) is not None:
            return Decoded(text)
    if _JIS.search(data) and data.isascii() and _strict(data, "iso2022_jp_ext") is None:
        return Decoded(_jis(data))
    for name in _believable(data, declared, html):
        text = _strict(data, name)
        if text is not None:
            return Decoded(text, charset=name)
    return _guess(data, declared, hints)


def _jis(data: bytes) -> str:
    """ISO-2022-JP with the characters that only Windows has (NEC's row 13, IBM's): strict codecs refuse those."""
    pieces: list[str] = []
    position, kind = 0, b"B"
    for escape in [*_JIS.finditer(data), None]:
        run = data[position : escape.start() if escape else len(data)]
        if kind == b"$":
            run = b"".join(_shifted(run[at], run[at + 1]) for at in range(0, len(run) - 1, 2))
        elif kind == b"I":
            run = bytes(byte | 0x80 for byte in run)
        pieces.append(run.decode("cp932", "replace"))
        if escape:
            position, kind = escape.end(), escape[1][:1] if escape[1][:1] == b"$" else escape[1][1:]
    return "".join(pieces)


def _shifted(row: int, cell: int) -> bytes:
    """One character of JIS X 0208 as Shift-JIS; a control stays what it is."""
    if row < 0x21 or cell < 0x21:
        return bytes((row, cell))
    lead = (row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1)
    trail = cell + (0x1F if cell < 0x60 else 0x20) if row % 2 else cell + 0x7E
    return bytes((lead, trail))


def _shifts(data: bytes, declared: str | None) -> bool:
    """Whether ASCII bytes mean something else: ISO-2022 escapes, UTF-7, HZ, UTF-16 without a mark."""
    name = codec(declared) or ""
    return (
        b"\x1b" in data
        or name in {"utf-7", "hz", "hz-gb-2312"}
        or name.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    )


def _believable(data: bytes, declared: str | None, html: bool) -> list[str]:
    names: list[str | None] = []
    said = None if (declared or "").strip("\"' ").lower() in _UNSAID else codec(declared)
    # Latin-1 is what programs write when they do not know; nearly anything fits it, so UTF-8 goes first.
    if said in {"cp1252", "cp1254"} and double_bytes(data, 3):
        names = ["utf-8", _wide(guess(data[:_GUESS_FROM]))]
    elif said in {"cp1252", "cp1254"}:
        names = ["utf-8", said] if not html else ["utf-8", _meta_charset(data), said]
    else:
        names = [said, "utf-8", _meta_charset(data) if html else None]
    if b"\x1b" in data:
        names.insert(0, "iso2022_jp_ext")
        names.insert(1, "iso2022_kr")
    return [name for name in names if name]


def _wide(name: str | None) -> str:
    return name if name in {"gb18030", "big5hkscs", "cp949", "cp932", "euc_jp"} else "gb18030"


def double_bytes(data: bytes, least: int = 3) -> bool:
    """Whether the high bytes look like GB2312: always in pairs, nearly all of them common characters.

    Western text has single high bytes between letters; Cyrillic ones do not keep to even lengths for long.
    """
    runs = _HIGH.findall(data[:_GUESS_FROM])
    pairs = [run[at : at + 2] for run in runs for at in range(0, len(run) - 1, 2)]
    if len(pairs) < least or any(len(run) % 2 for run in runs[:-1]):
        return False
    common = sum(0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3 for lead, _ in pairs)
    return common >= 0.85 * len(pairs) and all(trail >= 0xA1 for _, trail in pairs)


def _meta_charset(data: bytes) -> str | None:
    found = _META.search(data[:4096])
    return codec(found[1].decode("ascii", "replace")) if found else None


def _strict(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        # A text cut in the middle of a character is still that charset.
        if len(data) > 64:
            try:
                return data[:-1].decode(name) + "\ufffd"
            except (UnicodeError, LookupError, ValueError):
                return None
        return None


def _guess(data: bytes, declared: str | None, hints: Collection[str]) -> Decoded:
    sample = data[:_GUESS_FROM]
    name = guess(sample, hints)
    if name is None:
        best = from_bytes(sample, steps=4, chunk_size=512, cp_isolation=_CANDIDATES, preemptive_behaviour=False).best()
        name = best.encoding if best is not None else codec(declared) or "utf-8"
    return Decoded(data.decode(name, "replace"), doubtful=True, charset=name)
