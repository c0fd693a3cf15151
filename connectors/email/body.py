"""Which parts of a mail are its text, which its HTML, and which are files."""

from __future__ import annotations

import html as entities
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import connectors.email.calendar as calendar
import connectors.email.header as header
import connectors.email.mime as mime
import connectors.email.smime as smime
import connectors.email.tnef as tnef
from connectors.email.charset import decode, spells_ascii
from connectors.email.html import reasonable, strip, tidy, to_text
from hub.channels.model import Attachment

_MAX_FILES = 200
_MAX_SOURCE = 2 * 1024 * 1024 + 1  # bytes of one text; HTML of that size is not shown as such (see html.py)
_ENDINGS = {
    "text/calendar": ".ics", "message/delivery-status": ".txt", "text/rfc822-headers": ".txt", "image/jpg": ".jpg",
    "image/pjpeg": ".jpg", "image/x-png": ".png", "application/x-zip-compressed": ".zip", "image/jpeg": ".jpg",
    "message/feedback-report": ".txt", "text/plain": ".txt", "application/x-pdf": ".pdf",
}  # fmt: skip
_ODD_TYPES = {"text", "plain", "text/plain;", "text/text", "text/ascii", "text/unicode"}


_READ = {"text/plain", "text/html"} | _ODD_TYPES
_FORMATTED = {"text/enriched", "text/richtext", "text/markdown", "text/x-markdown"}  # text with marks in it
# Text for programs, which people get as a file.
_NO_PROSE = {"text/calendar", "text/x-vcalendar", "text/vcard", "text/x-vcard", "text/directory", "text/rfc822-headers",
    "text/css", "text/csv", "text/xml", "text/rtf", "text/javascript", "text/x-amp-html"}  # fmt: skip
_SEALED = {"multipart/encrypted", "multipart/signed", "multipart/report"}  # their parts are what their place says
_OTHERWISE = re.compile(
    r"(?:message|multipart|image|audio|video|font|model)/|application/(?:x-)?(?:pkcs|pgp|pdf|zip|ms-)"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKS = re.compile(r"<param>.{0,100}?</param>|</?[a-z]{1,20}>", re.IGNORECASE)
_SHORT = 400  # characters of a plain text that may stand for the HTML beside it without saying the same
_LOOKED_AT = 200_000  # characters of HTML in which words are looked for
_WORD = re.compile(r"\w+")
_EXCUSE = re.compile(
    r"\bHTML\b.{0,80}\b(?:support|viewer|capable|enabled|compatible|client|format|reader|display)|(?:support|view|display|read|enable|show|render|open)\w*\b.{0,60}\bHTML\b"
    r"|(?:不支持|无法显示|無法顯示).{0,20}HTML|HTML.{0,10}(?:メール|形式|형식|메일)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class Body:
    """`text` and `html` as they were written (None: there is none); `html_source` also when too hostile to show."""

    text: str | None = None
    html_source: str | None = None
    html: str | None = None
    charset: str | None = None
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    invitation: dict[str, Any] | None = None
    unsealed: bool = False
    hints: tuple[str, ...] = ()


@dataclass(slots=True)
class _Piece:
    text: str | None = None
    html: str | None = None

    def plain(self) -> str:
        return self.text if self.text is not None else to_text(self.html or "")

    def marked(self) -> str:
        return self.html if self.html is not None else f"<pre>{entities.escape(self.text or '')}</pre>"


def assemble(root: mime.Part, notes: list[str], hints: tuple[str, ...] = ()) -> Body:
    """The body of a mail, and its files in order; `hints` say what text without a charset is likely to be in."""
    label = _charset(next((p for p in root.leaves() if p.content_type.startswith("text/")), root))
    body = Body(charset=label if spells_ascii(label) else None, hints=hints)
    if all(_is_file(part, inside) for part, inside in _placed(root)) and (letter := _unlabelled(root)) is not None:
        letter.content_type = "text/plain"
    piece = _read(root, body, notes, inside=None)
    if piece.text is not None and piece.html is not None and _differs(piece.text, piece.html):
        beside = _Piece(text=piece.text).marked()
        piece = _Piece(f"{tidy(strip(piece.html))}\n\n{piece.text}", f"{piece.html}\n{beside}")
    says = piece.text is not None and piece.text.strip() and not (piece.html and _is_excuse(piece.text))
    body.text = piece.text if says or piece.html is None else None
    body.html_source = piece.html
    body.attachments = _told_apart(body.attachments)
    if piece.html is not None and reasonable(piece.html):
        body.html = piece.html
    elif piece.html is not None:
        notes.append("the HTML is too large or too deep to show")
    return body


def _placed(part: mime.Part, inside: str | None = None) -> Iterator[tuple[mime.Part, str | None]]:
    """Each leaf, and what it lies in."""
    if not part.children:
        yield part, inside
    for child in part.children:
        yield from _placed(child, _place(part, child))


def _unlabelled(root: mime.Part) -> mime.Part | None:
    """The letter of a mail in which no part is labelled as one: the first that is text by what it holds.

    Some programs write `plain/text`, `application/text`, or what a server knows of no file: octets.
    """
    for part, inside in _placed(root):
        disposition, _ = mime.parameters(part.headers.get("content-disposition"))
        if disposition == "attachment" or _name(part) or inside in _SEALED or _OTHERWISE.match(part.content_type):
            continue
        if part.content_type not in _NO_PROSE and (content := part.content()).strip():
            return None if len(content) > _LOOKED_AT or _CONTROLS.search(content) else part
    return None


def _is_excuse(text: str) -> bool:
    """Whether the plain text only says that there is HTML."""
    return len(text) < _SHORT and bool(_EXCUSE.search(text))


def _differs(text: str, html: str) -> bool:
    """Whether a short plain text is not what the HTML says: then each has words that only it holds."""
    if (
        len(text) >= _SHORT
        or len(html) > _LOOKED_AT
        or not reasonable(html)
        or _is_excuse(text)
        or not (own := set(_WORD.findall(text.casefold())))
    ):
        return False
    # By its words with the tags cut off: laying it out may cost more than it is long.
    said = set(_WORD.findall(strip(html).casefold()))
    return bool(said - own) and 2 * len(own & said) < len(own)


def _charset(part: mime.Part) -> str | None:
    return part.params.get("charset", b"").decode("ascii", "replace") or None


def _read(part: mime.Part, body: Body, notes: list[str], inside: str | None) -> _Piece:
    if part.children:
        pieces = [_read(child, body, notes, _place(part, child)) for child in part.children]
        return _one_of(pieces) if part.content_type == "multipart/alternative" else _joined(pieces)
    if _is_file(part, inside):
        return _unsealed(part, body, notes) or _attach(part, body)
    return _text(part, body, notes)


def _unsealed(part: mime.Part, body: Body, notes: list[str]) -> _Piece | None:
    """The letter that an S/MIME signature is wrapped around; one in another is left as a file."""
    letter = smime.signed(part.content()) if part.content_type in smime.TYPES and not body.unsealed else None
    if letter is None:
        return None
    body.unsealed = True
    root, more = mime.read(letter)
    notes += more
    _attach(part, body)
    return _read(root, body, notes, inside=None)


def _place(parent: mime.Part, child: mime.Part) -> str:
    """What a part lies in: in a multipart/related only the first is to be read, the rest is for it (RFC 2387)."""
    if parent.content_type == "multipart/related" and child is not parent.children[0]:
        return "resource"
    return parent.content_type


def _one_of(pieces: list[_Piece]) -> _Piece:
    """RFC 2046 §5.1.4: the same thing several times, the best last."""
    texts = [p.text for p in pieces if p.text is not None and p.text.strip()]
    htmls = [p.html for p in pieces if p.html is not None and p.html.strip()]
    return _Piece(texts[0] if texts else None, htmls[-1] if htmls else None)


def _joined(pieces: list[_Piece]) -> _Piece:
    """Parts that follow each other."""
    full = [p for p in pieces if (p.text or "").strip() or (p.html or "").strip()]
    if len(full) <= 1:
        return full[0] if full else next((p for p in pieces if p.text is not None), _Piece())
    has_html = any(p.html is not None for p in full)
    has_text = any(p.text is not None for p in full)
    return _Piece(
        "\n".join(p.plain() for p in full) if has_text else None,
        "\n".join(p.marked() for p in full) if has_html else None,
    )


def _is_file(part: mime.Part, inside: str | None) -> bool:
    disposition = mime.parameters(part.headers.get("content-disposition"))[0]
    if disposition == "attachment":
        return True
    if part.content_type.startswith("multipart/"):
        return False  # one that could not be cut: its text is better than nothing
    if part.content_type not in _READ and not _is_prose(part, inside):
        return True
    if inside is None:
        return False  # the only part is the letter, whatever it is called
    if inside == "resource" and part.content_type == "text/html":
        return True
    return bool(_name(part)) and (disposition == "inline" or inside != "multipart/alternative")


def _is_prose(part: mime.Part, inside: str | None) -> bool:
    """Whether text of another kind is to be read: formatted, or unknown and no file (RFC 2046 §4.1.4).

    Among alternatives it is a better form of what the others say, for programs that know it.
    """
    if inside == "multipart/alternative" or part.content_type in _NO_PROSE:
        return False
    return part.content_type in _FORMATTED or (part.content_type.startswith("text/") and not _name(part))


def _name(part: mime.Part, charset: str | None = None) -> str:
    _, params = mime.parameters(part.headers.get("content-disposition"))
    return header.parameter(params, "filename", charset) or header.parameter(part.params, "name", charset)


def _text(part: mime.Part, body: Body, notes: list[str]) -> _Piece:
    is_html = part.content_type == "text/html"
    content, files = mime.uuencoded(part.content())
    for name, data in files[:_MAX_FILES]:
        label = header.text(name)
        body.attachments.append(Attachment(label, _guess(label), data))
    if len(content) > _MAX_SOURCE:
        content = content[:_MAX_SOURCE]
        notes.append("the text is longer than we show")
    decoded = decode(content, _charset(part), html=is_html, hints=body.hints)
    if body.charset is None and spells_ascii(decoded.charset):
        body.charset = decoded.charset  # fields without a charset are in that of the text
    if decoded.doubtful:
        notes.append("the character set was guessed")
    text = decoded.text.replace("\x00", "")
    if is_html:
        return _Piece(html=text)
    if part.params.get("format", b"").lower() == b"flowed":
        text = unflowed(text, delete_space=part.params.get("delsp", b"").lower() == b"yes")
    if part.content_type in {"text/enriched", "text/richtext"}:  # RFC 1896
        text = _MARKS.sub("", text).replace("<<", "<")
    return _Piece(text=tidy(text))


def unflowed(text: str, *, delete_space: bool) -> str:
    """RFC 3676: a line that ends in a space goes on in the next one of the same quote depth."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        quote = re.match(r">*", line)
        depth = quote[0] if quote else ""
        content = line[len(depth) :].removeprefix(" ")
        flows = bool(lines) and lines[-1].endswith(" ") and lines[-1].rstrip("\n") != "-- "
        before = re.match(r">*", lines[-1]) if lines else None
        if flows and content and before is not None and before[0] == depth:
            lines[-1] = (lines[-1][:-1] if delete_space else lines[-1]) + content
        else:
            lines.append(f"{depth} {content}" if depth else content)
    return "\n".join(lines)


def _attach(part: mime.Part, body: Body) -> _Piece:
    """Keep a part as a file; a winmail.dat gives its letter and its own files instead."""
    if len(body.attachments) >= _MAX_FILES:
        return _Piece()
    disposition = mime.parameters(part.headers.get("content-disposition"))[0]
    content_id = part.headers.get("content-id").decode("utf-8", "replace").strip().strip("<>") or None
    content = part.content()
    name = _name(part, body.charset) or _fallback_name(part)
    unpacked = tnef.unpack(content) if part.content_type in tnef.TYPES or name.lower() == "winmail.dat" else None
    if unpacked is not None:
        body.attachments += unpacked.files
        return _Piece(unpacked.text, unpacked.html)
    if body.invitation is None and (part.content_type in calendar.TYPES or name.lower().endswith(".ics")):
        body.invitation = calendar.invitation(content)
    body.attachments.append(
        Attachment(
            name=name,
            content_type=part.content_type
            if re.fullmatch(r"[\w.+-]+/[\w.+-]+", part.content_type)
            else "application/octet-stream",
            body=content,
            content_id=content_id,
            inline=(content_id is not None and disposition != "attachment") or disposition == "inline",
        )
    )
    return _Piece()


def _fallback_name(part: mime.Part) -> str:
    """A name for a file that has none: its subject, its description, its Content-ID if that is a name, its type."""
    described = _file_name(header.text(part.headers.get("content-description")))
    if part.content_type == "message/rfc822":
        inner, _ = mime.split_headers(part.content()[: mime.MAX_HEADER])
        return f"{_file_name(header.text(inner.get('subject'))) or described or 'message'}.eml"
    ending = _ENDINGS.get(part.content_type) or mimetypes.guess_extension(part.content_type)
    if described:
        return described if ending and described.lower().endswith(ending) else described + (ending or "")
    local = _file_name(part.headers.get("content-id").decode("utf-8", "replace").strip(" <>").partition("@")[0])
    if local and (mimetypes.guess_type(local)[0] or (ending is None and "." in local)):
        return local
    main = part.content_type.partition("/")[0]
    plain = "document" if part.content_type == "text/html" else "file"
    return (main if main in {"image", "video", "audio"} else plain) + (ending or ".bin")


def _told_apart(files: list[Attachment]) -> list[Attachment]:
    """Files of one message with names of their own: a second `a.tar.gz` becomes `a1.tar.gz`."""
    taken: set[str] = set()
    kept: list[Attachment] = []
    for file in files:
        name, number = file.name, 0
        stem, dot, ending = file.name.partition(".")
        while name in taken:
            number += 1
            name = f"{stem}{number}{dot}{ending}"
        taken.add(name)
        kept.append(replace(file, name=name))
    return kept


def _file_name(text: str) -> str:
    return re.sub(r"[\\/\x00-\x1f]", " ", text).strip()[:80].strip()


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
