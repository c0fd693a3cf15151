"""The shape of a message: headers, parts, bodies. Linear in time and bounded in depth, on any bytes whatsoever.

The standard library's parser walks nested parts with nested generators, so that one hostile mail of a few hundred
kilobytes costs minutes or a RecursionError; this one cuts the bytes at the boundaries and nothing else (RFC 2045,
2046). What is beyond a limit is left as it is and noted; the raw message is always kept by the hub.
"""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_PARTS = 1000
MAX_DEPTH = 30
MAX_HEADERS = 500
MAX_HEADER = 64 * 1024

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_KNOWN = re.compile(
    rb"\n(?:from|to|cc|subject|date|message-id|mime-version|content-type|received|return-path|x-[a-z-]{3,40}):",
    re.IGNORECASE,
)
_BLANK = re.compile(rb"(?:^|\n)[ \t]*\r?\n")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s\x00]")
_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n(?=[ -`]{2,90}\r?\n)", re.MULTILINE)
_SEEN = re.compile(rb"(?:^|\n)--([^\s-][^\r\n]{0,200}?)[ \t]*\r?\n(?=[A-Za-z-]{1,60}:)")
_BARE = {"html": "text/html", "multipart": "multipart/mixed"}
_TOKEN = re.compile(rb"quoted[ _-]printable|[A-Za-z0-9-]+", re.IGNORECASE)
# Words with blanks between them, where base64 has long lines without any.
_PROSE = re.compile(rb"\s*(?:[A-Za-z\x80-\xff,.'!-]{1,20} ){3}")
_NOT_BLANK = re.compile(rb"\S")
_PADDING = re.compile(rb"=+")
_CHUNK = 1024 * 1024
_END = re.compile(rb"^end[ \t]*\r?(?:\n|\Z)", re.MULTILINE)


class Headers:
    """Header fields in their order, names in lower case, values as unfolded bytes."""

    __slots__ = ("cut", "fields")

    def __init__(self, fields: list[tuple[str, bytes]], *, cut: bool = False):
        self.fields = fields
        self.cut = cut

    def get(self, name: str) -> bytes:
        """The first value, or nothing."""
        return next((value for key, value in self.fields if key == name), b"")

    def all(self, name: str) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key == name]

    def has(self, name: str) -> bool:
        """Whether the field is there at all."""
        return any(key == name for key, _ in self.fields)


@dataclass(slots=True)
class Part:
    """One part: its headers, and where its body lies in the message; `children` if it is a multipart.

    Only places are kept, no copies: a mail of the largest size is read within the memory a reader has.
    """

    headers: Headers
    raw: bytes
    start: int
    end: int
    content_type: str = "text/plain"
    params: dict[str, bytes] = field(default_factory=dict[str, bytes])
    children: list[Part] = field(default_factory=list["Part"])

    @property
    def body(self) -> bytes:
        """The body as it lies in the message."""
        return self.raw[self.start : self.end]

    def leaves(self) -> Iterator[Part]:
        """Every part without children, in order."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def content(self) -> bytes:
        """The body with its transfer encoding undone."""
        said = _TOKEN.search(self.headers.get("content-transfer-encoding"))
        encoding = said[0].decode().lower().replace(" ", "-").replace("_", "-") if said else ""
        if encoding == "base64":
            if self.content_type.startswith("text/") and _PROSE.match(self.raw, self.start, self.end):
                return self.body  # it says base64 and is plain text
            return base64(self.raw, self.start, self.end)
        return undo(self.body, encoding)


@dataclass(slots=True)
class _Budget:
    parts: int = MAX_PARTS
    notes: list[str] = field(default_factory=list[str])

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def read(raw: bytes) -> tuple[Part, list[str]]:
    """The message as a tree, and notes on what was beyond a limit or had to be mended."""
    if b"\n" not in raw[:100_000]:
        raw = raw.replace(b"\r", b"\n")
    start = re.match(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\r?\n)*(?:>?From [^\n]{0,1000}\n)?", raw)
    budget = _Budget()
    return _part(raw, start.end() if start else 0, len(raw), 0, budget), budget.notes


def split_headers(data: bytes) -> tuple[Headers, bytes]:
    """The header fields and what follows them; a line that is no header ends them (and belongs to the body)."""
    headers, at = header_fields(data, 0, len(data))
    return headers, data[at:]


def header_fields(data: bytes, start: int, stop: int) -> tuple[Headers, int]:
    """The header fields that begin at `start`, and where what follows them begins."""
    fields: list[tuple[str, list[bytes]]] = []
    position, room = start, 0
    while position < stop and len(fields) < MAX_HEADERS:
        end = data.find(b"\n", position, stop)
        end = stop if end < 0 else end + 1
        line = data[position : min(end, position + MAX_HEADER + 256)]
        if not line.strip(b"\r\n"):
            return _joined(fields), end
        if line[0] in b" \t" and fields:
            more = line.strip()[:room]
            room -= len(more) + 1
            if more:
                fields[-1][1].append(more)
        else:
            found = _FIELD.match(line)
            if not found:
                if not _headers_follow(data, position, stop):
                    return _joined(fields), position
                position = end  # a line that lost its fold, among fields that are fields
                continue
            value = line[found.end() :].strip()[:MAX_HEADER]
            room = MAX_HEADER - len(value)
            fields.append((found[1].decode("ascii").lower(), [value]))
        position = end
    rest = _BLANK.search(data, max(position - 1, 0), stop)
    return _joined(fields, cut=position < stop), rest.end() if rest else stop


def _headers_follow(data: bytes, position: int, stop: int) -> bool:
    """Whether a line that is no field stands among well-known fields nevertheless."""
    blank = _BLANK.search(data, position, min(stop, position + MAX_HEADER))
    return bool(_KNOWN.search(data, position, blank.start() + 1 if blank else position))


def _joined(fields: list[tuple[str, list[bytes]]], *, cut: bool = False) -> Headers:
    return Headers([(name, b" ".join(piece for piece in pieces if piece)) for name, pieces in fields], cut=cut)


def _part(raw: bytes, start: int, end: int, depth: int, budget: _Budget, *, default: str = "text/plain") -> Part:
    budget.parts -= 1
    headers, at = header_fields(raw, start, end)
    if headers.cut:
        budget.note("more header fields than we read")
    kind, params = parameters(headers.get("content-type"))
    part = Part(headers, raw, at, end, kind if "/" in kind else _BARE.get(kind, default), params)
    if part.content_type.startswith("multipart/"):
        _split(part, depth, budget)
    return part


def _split(part: Part, depth: int, budget: _Budget) -> None:
    if depth >= MAX_DEPTH:
        budget.note(f"parts nested deeper than {MAX_DEPTH}")
        return
    default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
    for start, end in _pieces(part, budget):
        if budget.parts <= 0:
            budget.note(f"more than {MAX_PARTS} parts")
            return
        part.children.append(_part(part.raw, start, end, depth + 1, budget, default=default))


def _pieces(part: Part, budget: _Budget) -> list[tuple[int, int]]:
    boundary = part.params.get("boundary", b"").rstrip()[:200]
    pieces = _cut(part, boundary) if boundary else []
    if pieces:
        return pieces
    budget.note("the boundary between the parts was wrong")
    seen = _SEEN.search(part.raw, max(part.start - 1, 0), min(part.end, part.start + 200_000))
    return _cut(part, seen[1]) if seen else []


def _cut(part: Part, boundary: bytes) -> list[tuple[int, int]]:
    """The pieces between the boundary lines; the last one may lack its end (RFC 2046 §5.1.1)."""
    pieces: list[tuple[int, int]] = []
    start = -1
    for before, after, last in _boundaries(part, b"--" + boundary):
        if start >= 0:
            pieces.append((start, max(before, start)))
        start = after
        if last or len(pieces) > MAX_PARTS:
            return pieces
    if start >= 0 and _NOT_BLANK.search(part.raw, start, part.end):
        pieces.append((start, part.end))
    return pieces


def _boundaries(part: Part, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Each boundary line: where the text before it ends, where the text after it begins, whether it is the last."""
    raw, stop = part.raw, part.end
    at = raw.find(mark, part.start, stop)
    while at >= 0:
        rest = at + len(mark)
        if at == part.start or raw[at - 1 : at] == b"\n":
            end = raw.find(b"\n", rest, stop)
            end = stop if end < 0 else end
            tail = raw[rest : min(end, rest + 200)].strip() if end - rest < 200 else mark
            if tail in (b"", b"--"):
                before = at - 2 if raw[at - 2 : at] == b"\r\n" else at - 1
                yield max(before, part.start), min(end + 1, stop), tail == b"--"
        at = raw.find(mark, rest, stop)


# "text/plain charset=utf-8": a space or a comma where the semicolon should be.
_UNDIVIDED = re.compile(rb"^\s*([^\s,;=\"]{1,100})[\s,]+([A-Za-z*][\w*-]{0,40}\s{0,5}=.*)$", re.DOTALL)


def parameters(value: bytes) -> tuple[str, dict[str, bytes]]:
    """A structured value as (type in lower case, parameters): RFC 2231 pieces joined, everything still in bytes.

    An RFC 2231 extended value is given under `name*`, so that the caller knows to look for its charset.
    """
    pieces = _semicolons(value[:MAX_HEADER])
    if pieces and (joined := _UNDIVIDED.match(pieces[0])):
        pieces[:1] = [joined[1], joined[2]]
    kind = re.sub(rb"\([^()]*\)", b"", pieces[0]).strip().lower().decode("ascii", "replace") if pieces else ""
    plain: dict[str, bytes] = {}
    numbered: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for piece in pieces[1:200]:
        name, equals, raw = piece.partition(b"=")
        key = name.strip().lower().decode("ascii", "replace")
        if not equals or not key:
            continue
        found = re.fullmatch(r"([^*]+)\*(\d{1,3})(\*?)", key)
        if found:
            numbered.setdefault(found[1], {})[int(found[2])] = (_unquote(raw), bool(found[3]))
        else:
            plain.setdefault(key, _unquote(raw))
    for key, parts in numbered.items():
        extended = any(coded for _, coded in parts.values())
        plain.setdefault(key + "*" if extended else key, b"".join(parts[n][0] for n in sorted(parts)))
    return kind, plain


def _semicolons(value: bytes) -> list[bytes]:
    """Split at semicolons outside quotes."""
    pieces: list[bytes] = []
    start, quoted, skip = 0, False, -1
    for mark in re.finditer(rb'[;"\\]', value):
        at = mark.start()
        if at == skip:
            continue
        if mark[0] == b"\\":
            skip = at + 1 if quoted else -1
        elif mark[0] == b'"':
            quoted = not quoted
        elif not quoted:
            pieces.append(value[start:at])
            start = at + 1
    return [*pieces, value[start:]]


def _unquote(value: bytes) -> bytes:
    value = value.strip()
    if len(value) >= 2 and value[:1] == b'"' and value[-1:] == b'"':
        return re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return value.strip(b'"')


def undo(body: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding; what is broken is decoded as far as it goes."""
    match encoding:
        case "base64":
            return base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "x-uuencode" | "uuencode" | "uue" | "x-uue":
            _, files = uuencoded(body)
            return files[0][1] if files else body
        case _:
            return body


def base64(data: bytes, start: int = 0, stop: int | None = None) -> bytes:
    """Base64 without its rules: foreign characters ignored, padding optional, joined pieces read on."""
    stop = len(data) if stop is None else stop
    padding = data.find(b"=", start, stop)
    if padding >= 0 and _FOREIGN.search(data, padding, stop):
        stop = min(stop, padding + 2)  # a mailing list's footer below the encoded text
    decoded, pending = io.BytesIO(), b""
    for at in range(start, stop, _CHUNK):
        *ended, pending = _PADDING.split(pending + data[at : min(at + _CHUNK, stop)].translate(None, _NOT_BASE64))
        for run in ended:
            decoded.write(_quads(run))
        whole = len(pending) // 4 * 4
        decoded.write(binascii.a2b_base64(pending[:whole]))
        pending = pending[whole:]
    decoded.write(_quads(pending))
    return decoded.getvalue()


def _quads(run: bytes) -> bytes:
    usable = run if len(run) % 4 != 1 else run[:-1]
    return binascii.a2b_base64(usable + b"=" * (-len(usable) % 4))


def uudecode(data: bytes) -> bytes:
    """The lines between `begin` and `end`; a broken line is left out."""
    decoded: list[bytes] = []
    for line in data.splitlines():
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            count = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                decoded.append(binascii.a2b_uu(line[:count]))
            except binascii.Error:
                continue
    return b"".join(decoded)


def uuencoded(text: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Text without the files that lie in it uuencoded, and those files as (name, content)."""
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    position = 0
    while (begin := _BEGIN.search(text, position)) and (end := _END.search(text, begin.end())):
        kept.append(text[position : begin.start()])
        files.append((begin[1].strip(), uudecode(text[begin.end() : end.start()])))
        position = end.end()
    return b"".join([*kept, text[position:]]), files
