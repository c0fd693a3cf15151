"""Broken and hostile mail, made by machine: whatever the bytes, every promise about a read mail holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.email.parse import Envelope, parse
from connectors.email.unreadable import remains
from hub.core.errors import Invalid
from tests.fuzz.invariants import kept

MAILS = Path(__file__).parent / "mails"
SEEDS = Path(__file__).parents[2] / "fuzz" / "seeds"
KNOWN = [path.read_bytes() for path in sorted([*MAILS.glob("*.eml"), *SEEDS.iterdir()])]

names = st.sampled_from(
    [
        b"From",
        b"To",
        b"Subject",
        b"Content-Type",
        b"Content-Disposition",
        b"Content-Transfer-Encoding",
        b"References",
        b"Date",
        b"Authentication-Results",
        b"Content-ID",
    ]
)
pieces = st.sampled_from(
    [
        b"=?utf-8?q?a?=", b"=?gb2312?b?xOO6ww==?=", b"<a@b.example>", b'"', b"(", b";", b"multipart/mixed; boundary=b", b"text/html; charset=big5",
        b"filename*0*=utf-8''%E6", b"filename*1=x", b"base64", b"quoted-printable", b"message/rfc822", b"text/calendar", b"message/delivery-status", b"\x00", b"\xff\xfe", b"\r\n ",
        b"application/ms-tnef", b"attachment", b"name=winmail.dat", b"\xe2\x80\xae", b"=\r\n", b"@",
    ]
)  # fmt: skip
values = st.lists(pieces | st.binary(max_size=12), max_size=6).map(b" ".join)
heads = st.lists(st.tuples(names, values), max_size=8).map(
    lambda fields: b"".join(n + b": " + v + b"\r\n" for n, v in fields)
)
bodies = st.lists(
    st.sampled_from([b"--b\r\n", b"--b--\r\n", b"\r\n", b"On Mon, 2 Mar 2026 at 10:00, A <a@b.example> wrote:\r\n", b"> quoted\r\n", b"-- \r\n", b"begin 644 a\r\n#ABC\r\nend\r\n", b"<div>", b"<blockquote type=cite>", b"</blockquote>", b"<img src=cid:a>", b"BEGIN:VCALENDAR\r\n", b"BEGIN:VEVENT\r\nUID:1\r\n", b"Action: failed\r\n", b"\x78\x9f\x3e\x22", "原始邮件\r\n".encode()])
    | heads
    | st.binary(max_size=40),
    max_size=14,
).map(b"".join)  # fmt: skip


def check(raw: bytes) -> None:
    try:
        mail = parse(raw, account_id=1, envelope=Envelope("", ("a@b.example",)), own="a@b.example", trusted="mx")
    except Invalid:
        assert not raw.strip()
        return
    kept(raw, mail)
    kept(raw, remains(raw, account_id=1, envelope=Envelope(), reason="x"))


@pytest.mark.timeout(60)
@given(heads, bodies)
@settings(max_examples=250, deadline=None)
def test_promises_hold_when_parts_of_mail_are_put_together_anyhow(head: bytes, body: bytes) -> None:
    check(head + b"\r\n" + body)


@pytest.mark.timeout(60)
@given(st.sampled_from(KNOWN), st.integers(0, 4000), st.integers(0, 60), st.binary(max_size=20))
@settings(max_examples=250, deadline=None)
def test_promises_hold_when_a_real_mail_is_damaged(mail: bytes, at: int, cut: int, put: bytes) -> None:
    check(mail[:at] + put + mail[at + cut :])


@pytest.mark.parametrize("seed", sorted(SEEDS.iterdir()), ids=lambda path: path.name)
def test_promises_hold_for_what_the_fuzzer_found(seed: Path) -> None:
    check(seed.read_bytes())
