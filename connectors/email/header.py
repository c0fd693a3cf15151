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
_QUOTED_LOCAL = re.compile(r'"([^"\\]{1,64})"(@[^\s"<>@()]{1,255})')  # RFC 5321 §4.1.2
MAX_ADDRESSES = 500
_GAP = re.compile(rb"[ \t]{2,}")  # where a comment stood
_SURNAME = re.compile(rb"^[^@<>:\"]{1,60}$")
_ROUTE = re.compile(r"^@[^:\s]{1,255}:(?=.*@)")  # RFC 5322 §4.4
# Controls, line and paragraph separators, bidirectional embeddings, overrides and isolates, lone surrogates.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_BLANKS = frozenset("\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")
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
    """One line without control characters; runs of blanks stay as they were written.

    Marks that reverse the direction of what follows go too: they make one address or file name look like another.
    """
    return _CONTROLS.sub(_visible, value).strip()


def _visible(found: re.Match[str]) -> str:
    return " " if found[0] in _BLANKS else ""


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
    plain = params.get(name, b"")
    return text(plain[1:-1] if len(plain) > 2 and plain[:1] == plain[-1:] == b"'" else plain, charset)


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
    surname = b""
    for piece, comment in _commas(value):
        one = _address(surname + piece if b"<" in piece else piece, comment, charset)
        # `Doe, Jane <jane@example.com>` without its quotes
        surname = piece + b"," if one is None and _SURNAME.match(piece) else b""
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
    words = {at for word in _WORD.finditer(value) for at in range(*word.span())}  # a comma in there parts nothing
    for at, byte in enumerate(value):
        if at in words:
            (comment if depth else here).append(byte)
            continue
        if depth and not quoted:
            if escaped or byte == _BACKSLASH:
                escaped = not escaped
                if escaped:
                    continue
            else:
                depth += (byte == _OPEN) - (byte == _CLOSE)
            if depth:
                comment.append(byte)
            continue
        if escaped:
            escaped = False
        elif byte == _BACKSLASH and quoted:
            escaped = True
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
    if b"=?" in piece and b"@" not in _WORD.sub(b"", piece):
        piece, charset = text(piece, charset).encode(), "utf-8"  # a whole mailbox, encoded as if it were a name
    left, angle, right = piece.rpartition(b"<")
    if angle:
        address, name = _bare(right.partition(b">")[0], charset), _name(left, charset)
        if not address and name and "@" in name:  # `user@example.com <>`
            address, name = _bare(name.encode(), None), ""
    else:
        inner = re.sub(rb"^[^@:\"]*:(?=.*@)", b"", piece) if b"mailto:" not in piece else piece.replace(b"mailto:", b"")
        address, name = _bare(inner, charset), _name(comment, charset)
        before = text(inner, charset).strip().rpartition(address)[0] if address else ""
        name = name or _name(before.encode(), "utf-8")
    return Address(name, address) if address else None


def _bare(inner: bytes, charset: str | None) -> str:
    plain = re.sub(rb"\([^()]*\)", b"", inner) if b"(" in inner else inner
    address = text(plain, charset) if b"=?" in plain else tidy(_plain(plain, charset))
    quoted = _QUOTED_LOCAL.search(address)
    if quoted:
        return quoted[0] if re.search(r"[ ,;:<>()]", quoted[1]) else quoted[1] + quoted[2]
    address = _ROUTE.sub("", address.strip().strip("'\"<>").removeprefix("mailto:").rstrip(",;:"))
    if " " in address:
        found = [word for word in address.split() if "@" in word.strip("@<>\"'[](),;:")]
        address = found[0].strip("'\"<>(),;:") if found else re.sub(r"\s*([@.])\s*", r"\1", address)
    if address.startswith("["):
        address = address.strip("[]")
    good = "@" in address.strip("@") and " " not in address and len(address) <= 320
    return address if good else ""


def _name(raw: bytes, charset: str | None) -> str:
    raw = raw.strip(b" \t<")
    group = re.match(rb'^[^"=<@]{1,100}:(?=.)', raw)
    if group:
        raw = raw[group.end() :].strip()
    if raw[:1] == b'"' and raw[-1:] == b'"' and len(raw) > 1 and b'"' not in raw[1:-1].replace(b'\\"', b""):
        return text(re.sub(rb"\\(.)", rb"\1", raw[1:-1]), charset).strip("' ")
    return text(_GAP.sub(b" ", raw.replace(b'"', b"")), charset).strip("' ")
