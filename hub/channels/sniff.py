"""What a file really is: by its first bytes, and by its sender's word only where that is a narrower one for these."""

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
    "audio/wav": ".wav",
    "audio/amr-wb": ".awb",
    "audio/mp4": ".m4a",
    "audio/3gpp": ".3gp",
    "video/3gpp": ".3gp",
    "video/3gpp2": ".3g2",
    "video/ogg": ".ogv",
    "audio/webm": ".weba",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/avif": ".avif",
    "image/webp": ".webp",
    UNKNOWN: ".bin",
}


# Brands of the ISO base media format (bytes 8–12 of such a file, and the compatible ones behind them).
_BRANDS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"avif", b"avis"), "image/avif"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    ((b"mif1", b"msf1"), "image/heif"),
    ((b"3g2",), "video/3gpp2"),
    ((b"3gp", b"3gr", b"3gs", b"3ge", b"3gg"), "video/3gpp"),
    ((b"M4A", b"M4B", b"F4A"), "audio/mp4"),
    ((b"qt  ",), "video/quicktime"),
)
# Each container may carry what its sender's word says: sound alone, or sound and pictures.
_NARROWER = {
    "audio/ogg": {"audio/ogg", "audio/opus", "video/ogg"},
    "video/mp4": {"video/mp4", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "video/3gpp"},
    "video/3gpp": {"video/3gpp", "audio/3gpp", "video/mp4"},
    "video/3gpp2": {"video/3gpp2", "audio/3gpp2"},
    "video/webm": {"video/webm", "audio/webm"},
    "image/heif": {"image/heif", "image/heic", "image/avif"},
    "image/heic": {"image/heic", "image/heif"},
}
_SPELLED = {"audio/opus": "audio/ogg", "audio/m4a": "audio/mp4", "audio/x-m4a": "audio/mp4", "audio/aac": "audio/mp4"}


def content_type(body: bytes, called: str = "") -> str:
    """The type of a file. What the bytes do not tell is believed only of types that nothing runs."""
    called = called.partition(";")[0].strip().lower()
    if own := _container(body[:_HEAD]):
        return _SPELLED.get(called, called) if called in _NARROWER.get(own, ()) else own
    try:
        found = puremagic.from_string(body[:_HEAD], mime=True)
    except (puremagic.PureError, ValueError):
        found = ""
    if found:
        return found
    return called if called.startswith(_PASSIVE) else UNKNOWN


def _container(head: bytes) -> str:
    """Files of telephones, which the library mistakes: sound in Ogg, films of 3GPP, pictures in HEIF."""
    if head.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in head[:4096] else "audio/ogg"
    if head.startswith(b"#!AMR-WB"):
        return "audio/amr-wb"
    if head.startswith(b"#!AMR"):
        return "audio/amr"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return _branded(head) if head[4:8] == b"ftyp" else ""


def _branded(head: bytes) -> str:
    end = min(int.from_bytes(head[:4], "big"), 256)
    major, others = head[8:12], [head[n : n + 4] for n in range(16, end, 4)]
    for brands, kind in _BRANDS:
        if major.startswith(brands):
            if kind == "image/heif":  # of any codec: the compatible brands say which
                return next((k for b, k in _BRANDS[:2] if any(o in b for o in others)), kind)
            return kind
    return "video/mp4"


def file_name(kind: str, number: int) -> str:
    """A name for a file that came without one."""
    family = kind.partition("/")[0]
    stem = family if family in {"image", "audio", "video"} else "file"
    return f"{stem}-{number}{_ENDINGS.get(kind) or mimetypes.guess_extension(kind) or '.bin'}"
