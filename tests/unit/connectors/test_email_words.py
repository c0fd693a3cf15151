"""Names, labels and encodings as programs really write them, against every rule."""

from __future__ import annotations

import base64

import pytest

from connectors.email.parse import parse
from hub.channels.model import Inbound


def mail(head: bytes, body: bytes = b"x") -> Inbound:
    return parse(head + b"\n\n" + body + b"\n", account_id=1).inbound


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        (b"=?utf-8?Q?Doe,_Jane?= <jane@b.example>", "Doe, Jane", "jane@b.example"),
        (b"=?utf-8?Q?Jane_=28Sales=29?= <jane@b.example>", "Jane (Sales)", "jane@b.example"),
        (b"Doe, Jane <jane@b.example>", "Doe, Jane", "jane@b.example"),
        (b"Jane (Sales) Doe <jane@b.example>", "Jane Doe", "jane@b.example"),
        (b"Jane <<jane@b.example>>", "Jane", "jane@b.example"),
        (b"Jane <@relay.example,@x.example:jane@b.example>", "Jane", "jane@b.example"),
        ("王小明 <用户@例子.公司>".encode(), "王小明", "用户@例子.公司"),
    ],
)
def test_sender_is_read_as_it_was_meant(value: bytes, name: str, address: str) -> None:
    found = mail(b"From: " + value)
    assert (found.name, found.address) == (name, address)


@pytest.mark.parametrize(
    ("label", "written", "said"),
    [
        ("cp-1252", b"\x93x\x94", "“x”"),
        ("win-1251", "Привет".encode("cp1251"), "Привет"),
        ("x-windows-949", "주문".encode("cp949"), "주문"),
        ("x-cp1250", "žluťoučký".encode("cp1250"), "žluťoučký"),
    ],
)
def test_charset_is_known_by_its_odd_names(label: str, written: bytes, said: str) -> None:
    word = b"=?" + label.encode() + b"?B?" + base64.b64encode(written) + b"?="
    found = mail(
        b"From: a@b.example\nSubject: " + word + b"\nContent-Type: text/plain; charset=" + label.encode(), written
    )
    assert (found.subject, found.text) == (said, said)


def test_japanese_of_windows_is_read_though_it_is_no_standard() -> None:
    written = b"\x1b$B-!Cm\x1b(B A \x1b(I123\x1b(B"  # a number in a circle (NEC), half-width letters
    found = mail(b"From: a@b.example\nContent-Type: text/plain; charset=iso-2022-jp", written)
    assert found.text == "①注 A ｱｲｳ"


@pytest.mark.parametrize("encoding", [b"base64 ; x", b'"base64"', b"BASE64 (x)"])
def test_encoding_is_known_whatever_stands_around_it(encoding: bytes) -> None:
    head = b"From: a@b.example\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
    assert mail(head + encoding, b"5L2g5aW9").text == "你好"


def test_plain_words_that_call_themselves_base64_stay_words() -> None:
    head = b"From: a@b.example\nContent-Type: text/plain\nContent-Transfer-Encoding: base64"
    assert mail(head, b"Hello there, my friend, where is it?").text == "Hello there, my friend, where is it?"


def test_quotes_of_the_wrong_kind_are_no_part_of_a_file_name() -> None:
    head = b"From: a@b.example\nContent-Type: application/pdf\nContent-Disposition: attachment; filename='a.pdf'"
    assert [file.name for file in mail(head).attachments] == ["a.pdf"]


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (b"\xef\xbb\xbfFrom: a@b.example", b"after a byte order mark", "after a byte order mark"),
        (b"From: a@b.example\nContent-Type: html", b"<b>bold</b>", "bold"),
        (b'From: a@b.example\nContent-Type: text/plain; name="letter.txt"', b"my words", "my words"),
        (b"From: a@b.example\nContent-Type: text/enriched", b"<bold>My</bold> words, 3 << 5", "My words, 3 < 5"),
        (b"From: a@b.example\nContent-Type: text/html", b"<p " + b"a=1 " * 100_000 + b">my words</p>", "my words"),
        (
            b"From: a@b.example",
            b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nMy words\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----",
            "My words",
        ),
        (
            b"From: a@b.example\nContent-Type: multipart/alternative; boundary=b",
            b"--b\n\nYour mail program does not support HTML.\n--b\nContent-Type: text/html\n\n<p>My words</p>\n--b--",
            "My words",
        ),
    ],
)
def test_letter_is_found_where_it_is(head: bytes, body: bytes, text: str) -> None:
    found = mail(head, body)
    assert (found.address, found.text, found.attachments) == ("a@b.example", text, ())
