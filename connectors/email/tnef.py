# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# tnefparse is untyped; this is the only module that touches it.
"""winmail.dat: what Outlook packs a letter and its files into when it believes that we are Outlook too."""

from __future__ import annotations

import logging
import mimetypes
from dataclasses import dataclass
from typing import Any

from tnefparse import TNEF

from connectors.email.charset import decode
from hub.channels.model import Attachment

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_MAX_FILES = 100
logging.getLogger("tnef-decode").setLevel(logging.CRITICAL)  # it warns of what it cannot read; so do we, once


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What lay inside."""

    text: str | None
    html: str | None
    files: tuple[Attachment, ...]


def unpack(data: bytes) -> Unpacked | None:
    """The letter and its files; None if it is no such thing, or broken."""
    try:
        found: Any = TNEF(data, do_checksum=False)
        files = tuple(_file(one) for one in found.attachments[:_MAX_FILES] if one.data)
        unpacked = Unpacked(_text(found.body), _text(found.htmlbody, html=True), files)
    except Exception:  # noqa: BLE001 - foreign code on hostile bytes; the container itself is kept as a file then
        return None
    return unpacked if files or unpacked.text or unpacked.html else None


def _file(one: Any) -> Attachment:
    name = _text(one.long_filename()) or "file.bin"
    name = name.replace("\x00", "").replace("/", " ").replace("\\", " ").strip()[:255]
    return Attachment(name, mimetypes.guess_type(name)[0] or "application/octet-stream", bytes(one.data))


def _text(value: object, *, html: bool = False) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = decode(value.rstrip(b"\x00"), html=html).text
    return value.replace("\x00", "") if isinstance(value, str) and value.strip("\x00 \r\n") else None
