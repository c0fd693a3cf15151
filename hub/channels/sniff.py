"""What a file really is: by its first bytes, never by what its sender calls it."""

from __future__ import annotations

import mimetypes

import puremagic

UNKNOWN = "application/octet-stream"
_PASSIVE = ("audio/", "video/", "text/plain", "text/csv", "text/vcard", "text/calendar", "application/pdf")
_HEAD = 64 * 1024
_ENDINGS = {
    "image/jpeg": ".jpg",
    "audio/ogg": ".ogg",
    "audio/amr": ".amr",
    "text/vcard": ".vcf",
    "audio/wave": ".wav",
    UNKNOWN: ".bin",
}


def content_type(body: bytes, called: str = "") -> str:
    """The type of a file. What the bytes do not tell is believed only of types that nothing runs."""
    called = called.partition(";")[0].strip().lower()
    try:
        found = puremagic.from_string(body[:_HEAD], mime=True)
    except (puremagic.PureError, ValueError):
        found = ""
    if found:
        return found
    return called if called.startswith(_PASSIVE) else UNKNOWN


def file_name(kind: str, number: int) -> str:
    """A name for a file that came without one."""
    family = kind.partition("/")[0]
    stem = family if family in {"image", "audio", "video"} else "file"
    return f"{stem}-{number}{_ENDINGS.get(kind) or mimetypes.guess_extension(kind) or '.bin'}"
