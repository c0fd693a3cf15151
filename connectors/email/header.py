"""Header values as text: encoded words, raw bytes, parameters, addresses, ids. RFC 2047, 2231, 5322, leniently."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from connectors.email.charset import codec, decode
from connectors.email.mime import base64

_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*){0,8}?)\?=")
_ID = re.compile(r"<([^<>\s]{1,900})>")
MAX_ADDRESSES = 500
_BACKSLASH, _QUOTE, _OPEN, _CLOSE, _LESS = b'\\"()<'


@dataclass(frozen=True, slots=True)
class Address:
    """A display name and an address, as written."""

    name: str
    address: str


def text(value: bytes, charset: str | None = None) -> str:
    """A header value for people: encoded words undone, raw 8-bit bytes read in the body's charset, no controls.

    Neighbouring words of one charset are joined as bytes first: senders cut inside of characters.
    """
    pieces: list[str] = []
    run: list[bytes] = []
    run_charset, position = "", 0
    for word in _WORD.finditer(value):
        between = value[position : word.start()]
        label = word[1].partition(b"*")[0].decode("ascii", "replace").lower()
        adjacent = bool(run) and not between.strip()
        if run and (not adjacent or label != run_charset):
            pieces.append(decode(b"".join(run), run_charset).text)
            run = []
        if not adjacent and between:
            pieces.append(_plain(between, charset))
        run.append(_word(word[2], word[3]))
        run_charset, position = label, word.end()
    if run:
        pieces.append(decode(b"".join(run), run_charset).text)
    pieces.append(_plain(value[position:], charset))
    return tidy("".join(pieces))


def tidy(value: str) -> str:
    """One line without control characters; runs of blanks stay as they were written."""
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in re.sub(r"[\r\n]+", "", value))
    return shown.strip()


def _word(encoding: bytes, payload: bytes) -> bytes:
    if encoding in b"bB":
        return base64(payload)
    return binascii.a2b_qp(payload.replace(b" ", b"_"), header=True)


def _plain(value: bytes, charset: str | None) -> str:
    return decode(value, charset).text


def parameter(params: dict[str, bytes], name: str, charset: str | None = None) -> str:
    """A parameter as text: RFC 2231 if it is so written, else whatever mixture of words and bytes it is."""
    extended = params.get(name + "*")
    if extended is not None:
        label, _, rest = extended.partition(b"'")
        _, quote, coded = rest.partition(b"'")
        if not quote:
            label, coded = b"", extended
        known = codec(label.decode("ascii", "replace"))
        return (
            text(unquote_to_bytes(coded), known or charset)
            if b"=?" in coded
            else tidy(decode(unquote_to_bytes(coded), known or charset).text)
        )
    return text(params.get(name, b""), charset)


def ids(value: bytes) -> list[str]:
    """Message ids with their angle brackets, in order; tolerates missing brackets, commas and folding."""
    plain = value.decode("utf-8", "replace")
    found = [f"<{one}>" for one in _ID.findall(plain)]
    if found:
        return found
    return [f"<{one}>" for one in re.split(r"[\s,;<>]+", plain) if "@" in one and len(one) < 900]


def addresses(value: bytes, charset: str | None = None) -> list[Address]:
    """The addresses of a To-like field, at most 500; comments and group names are left out. Linear on anything."""
    found: list[Address] = []
    for piece, comment in _commas(value):
        one = _address(piece, comment, charset)
        if one is not None:
            found.append(one)
            if len(found) >= MAX_ADDRESSES:
                break
    return found


def _commas(value: bytes) -> list[tuple[bytes, bytes]]:  # noqa: C901 - one scanner with one state, not several
    """Split at commas and semicolons outside quotes, comments and angle brackets: (what is written, its comment)."""
    pieces: list[tuple[bytes, bytes]] = []
    here, comment = bytearray(), bytearray()
    quoted, angle, depth, escaped = False, False, 0, False
    for byte in value:
        if escaped:
            escaped = False
        elif byte == _BACKSLASH and (quoted or depth):
            escaped = True
        elif depth and not quoted:
            depth += (byte == _OPEN) - (byte == _CLOSE)
            if depth:
                comment.append(byte)
            continue
        elif byte == _QUOTE:
            quoted = not quoted
        elif not quoted and byte == _OPEN and not angle:
            depth = 1
            continue
        elif not quoted and byte in b"<>":
            angle = byte == _LESS
        elif not quoted and not angle and byte in b",;":
            pieces.append((bytes(here), bytes(comment)))
            here.clear()
            comment.clear()
            if len(pieces) > MAX_ADDRESSES:
                return pieces
            continue
        here.append(byte)
    return [*pieces, (bytes(here), bytes(comment))]


def _address(piece: bytes, comment: bytes, charset: str | None) -> Address | None:
    left, angle, right = piece.rpartition(b"<")
    if angle:
        inner = right.partition(b">")[0]
        name = _name(left, charset)
    else:
        inner, name = re.sub(rb"^[^@:\"]*:", b"", piece), _name(comment, charset)
    address = _bare(inner, charset)
    if not address and name and "@" in name:  # `user@example.com <>`
        address, name = _bare(name.encode(), None), ""
    return Address(name, address) if address else None


def _bare(inner: bytes, charset: str | None) -> str:
    address = text(inner, charset) if b"=?" in inner else tidy(_plain(inner, charset))
    address = address.strip().strip("'\"<>[]").removeprefix("mailto:").rstrip(".,;:")
    if " " in address:
        address = next((word for word in address.split() if "@" in word), "")
    return address if "@" in address.strip("@") and len(address) <= 320 else ""


def _name(raw: bytes, charset: str | None) -> str:
    raw = raw.strip()
    group = re.match(rb'^[^"=<@]{1,100}:(?=.)', raw)
    if group:
        raw = raw[group.end() :].strip()
    if raw[:1] == b'"' and raw[-1:] == b'"' and len(raw) > 1:
        raw = re.sub(rb"\\(.)", rb"\1", raw[1:-1])
    return text(raw.replace(b'"', b""), charset).strip("' ")
