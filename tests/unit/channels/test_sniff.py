"""What files of telephones are, and that nothing is believed that a browser would run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels.sniff import content_type, file_name

OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01" + bytes(200)
THEORA = b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(200)


def boxed(major: bytes, *others: bytes) -> bytes:
    """The head of a file in the ISO base media format."""
    inside = b"ftyp" + major + bytes(4) + b"".join(others)
    return (len(inside) + 4).to_bytes(4, "big") + inside + bytes(100)


@pytest.mark.parametrize(
    ("body", "called", "kind", "ending"),
    [
        (OPUS, "audio/ogg", "audio/ogg", ".ogg"),
        (OPUS, "audio/ogg; codecs=opus", "audio/ogg", ".ogg"),
        (OPUS, "application/ogg", "audio/ogg", ".ogg"),
        (OPUS, "audio/opus", "audio/ogg", ".ogg"),
        (OPUS, "text/html", "audio/ogg", ".ogg"),
        (THEORA, "audio/ogg", "video/ogg", ".ogv"),
        (boxed(b"3gp4", b"isom", b"3gp4"), "video/3gpp", "video/3gpp", ".3gp"),
        (boxed(b"3gp5"), "audio/3gpp", "audio/3gpp", ".3gp"),
        (boxed(b"isom", b"mp42"), "video/3gpp", "video/3gpp", ".3gp"),
        (boxed(b"isom", b"mp42"), "", "video/mp4", ".mp4"),
        (boxed(b"mp42"), "audio/mp4", "audio/mp4", ".m4a"),
        (boxed(b"M4A "), "audio/x-m4a", "audio/mp4", ".m4a"),
        (boxed(b"qt  "), "video/quicktime", "video/quicktime", ".mov"),
        (boxed(b"heic", b"mif1"), "image/heic", "image/heic", ".heic"),
        (boxed(b"mif1", b"heic"), "image/heif", "image/heif", ".heif"),
        (boxed(b"mif1", b"heic"), "", "image/heic", ".heic"),
        (boxed(b"mif1", b"avif"), "application/octet-stream", "image/avif", ".avif"),
        (boxed(b"avif", b"mif1"), "image/avif", "image/avif", ".avif"),
        (b"#!AMR\n" + bytes(50), "audio/amr", "audio/amr", ".amr"),
        (b"#!AMR-WB\n" + bytes(50), "audio/amr", "audio/amr-wb", ".awb"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(50), "image/png", "image/webp", ".webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(50), "audio/wav", "audio/wav", ".wav"),
        (b"\x1a\x45\xdf\xa3" + bytes(10) + b"webm" + bytes(50), "audio/webm", "audio/webm", ".weba"),
    ],
)
def test_a_file_of_a_telephone_is_known_by_its_bytes(body: bytes, called: str, kind: str, ending: str) -> None:
    assert content_type(body, called) == kind
    assert file_name(kind, 1).endswith(ending)


@given(
    st.binary(max_size=300),
    st.sampled_from(["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "image/png"]),
)
def test_nothing_is_what_its_sender_calls_it_when_a_browser_would_run_or_show_it(body: bytes, called: str) -> None:
    head = (b"OggS", b"#!AMR", b"RIFF")
    for start in (b"", *head, b"\x00\x00\x00\x18ftypheic"):
        found = content_type(start + body, called)
        if start:
            assert found not in ("text/html", "image/svg+xml", "application/xhtml+xml")
