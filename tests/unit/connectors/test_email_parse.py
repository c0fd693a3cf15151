"""Mail as it really comes: wrong labels, broken structure, other alphabets, and bytes that mean harm."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.email import header, mime
from connectors.email.charset import codec, decode
from connectors.email.parse import Envelope, Known, dedup_key, parse, sent_at
from hub.channels.model import Inbound
from hub.core.errors import Invalid

MAILS = Path(__file__).parent / "mails"


def read(name: str, **more: object) -> Inbound:
    return parse((MAILS / f"{name}.eml").read_bytes(), account_id=1, **more).inbound  # type: ignore[arg-type] - options of the parser by name


def made(text: str, **more: object) -> Inbound:
    return parse(text.encode(), account_id=1, **more).inbound  # type: ignore[arg-type] - options of the parser by name


@pytest.mark.parametrize(
    ("name", "sender", "subject", "text"),
    [
        ("gb2312-raw", "王小明", "订单没有收到", "您好，我的订单到哪里了？谢谢"),
        ("gb2312-beyond", "李喆", "发票", "请开发票给李喆，镕基路1号"),
        ("big5", "陳美玲", "取消訂單", "您好，我想取消訂單，謝謝"),
        ("iso-2022-jp", "田中", "注文について", "注文はどこですか。よろしくお願いします"),
        ("utf8-labelled-latin1", "Jörg Müller", "Grüße", "Schöne Grüße aus Köln – €5"),
        ("split-words", "", "分割された件名です", "x"),
        ("broken-fold", "Ann", "found", "text"),
        ("wrong-boundary", "", "", "still readable"),
    ],
)
def test_text_is_read_whatever_its_label_says(name: str, sender: str, subject: str, text: str) -> None:
    mail = read(name)
    assert (mail.name, mail.subject, mail.text) == (sender, subject, text)


def test_structure_is_taken_apart_with_names_ids_and_files() -> None:
    mail = read("files")
    assert (mail.name, mail.address) == ("Doe, Jane", "jane@customer.example")
    assert mail.text == "This line flows on here."
    assert mail.html is not None
    assert "cid:pic@x" in mail.html
    assert [(a.name, a.content_type, a.content_id, a.inline, a.body) for a in mail.attachments] == [
        ("图片.png", "image/png", "pic@x", True, b"\x89PNG"),
        ("报告.pdf", "application/pdf", None, False, b"%PDF"),
        ("inside.eml", "message/rfc822", None, False, b"Subject: inside\r\n\r\nnested text"),
    ]
    assert (mail.external_id, mail.references) == ("<1@customer.example>", ("<2@hub.example>", "<0@hub.example>"))
    assert mail.tokens == ("c1-abcdefghijklmnop",)
    assert mail.meta["cc"] == ["b@customer.example", "c@customer.example"]
    assert mail.sent_at is not None
    assert mail.sent_at.hour == 11


def test_quote_is_cut_from_html_by_its_mail_programs_mark() -> None:
    mail = read("html-only-outlook")
    assert mail.text == "Danke, das hilft."
    assert "alter Text" in mail.meta["full_text"]
    assert "color" not in mail.meta["full_text"]


FORM = """From: Shop <no-reply@shop.example>
Reply-To: Ann Lee <ann@customer.example>
Auto-Submitted: auto-generated
Authentication-Results: mx.hub.example; dmarc=pass header.from=shop.example

Where is my lamp?
"""


@pytest.mark.parametrize("forms", [["no-reply@shop.example"], ["@shop.example"]])
def test_form_that_is_named_speaks_for_whom_its_reply_to_names(forms: list[str]) -> None:
    mail = made(FORM, known=Known(forms=tuple(forms)), own="support@hub.example", trusted="mx.hub.example")
    assert (mail.address, mail.name, mail.automatic) == ("ann@customer.example", "Ann Lee", False)
    assert not mail.verified  # the shop is proved to be the shop, not Ann to be Ann
    assert mail.meta["forwarded_by"] == "Shop <no-reply@shop.example>"


@pytest.mark.parametrize(
    ("change", "forms"),
    [
        (("", ""), []),
        (("", ""), ["other@shop.example", "@example", "@p.example"]),
        (("ann@customer.example", "support@hub.example"), ["@shop.example"]),  # it would be we who wrote to us
        (("Reply-To", "X-Reply-To"), ["@shop.example"]),
        (("Auto-Submitted: auto-generated", "Content-Type: multipart/report; boundary=x"), ["@shop.example"]),
    ],
)
def test_form_that_is_not_named_or_names_nobody_is_a_robot(change: tuple[str, str], forms: list[str]) -> None:
    mail = made(FORM.replace(*change), known=Known(forms=tuple(forms)), own="support@hub.example")
    assert (mail.address, mail.automatic) == ("no-reply@shop.example", True)


def test_robot_is_recognised_and_a_person_is_not() -> None:
    assert read("out-of-office").automatic
    assert not made("From: a@customer.example\nX-Auto-Response-Suppress: All\n\nI am a person\n").automatic
    assert made("From: no-reply@customer.example\n\nx\n").automatic
    assert made("From: support+x@hub.example\n\nx\n", own="support@hub.example").automatic
    assert made("From: a@customer.example\n\nx\n", envelope=Envelope("")).automatic
    passed_on = "From: a@customer.example\nX-Loop: {}\nFeedback-ID: 1:service\n\nx\n"
    assert made(passed_on.format("support@hub.example"), own="support@hub.example").automatic
    person = made(passed_on.format("a@home.example"), own="support@hub.example")
    assert (person.automatic, person.meta.get("no_auto_answer")) == (False, True)


def test_mail_without_sender_gets_one_of_its_own() -> None:
    first, second = read("no-sender"), made("Subject: another\n\ntext\n")
    assert first.address.endswith("@sender.invalid")
    assert first.address != second.address


def test_uuencoded_file_becomes_an_attachment() -> None:
    mail = read("uuencoded")
    assert (mail.text, [(a.name, a.body) for a in mail.attachments]) == ("see below", [("note.txt", b"hello")])


def test_sender_is_proved_only_by_our_own_servers_finding() -> None:
    dmarc = "Authentication-Results: {}; dmarc=pass header.from=customer.example\nFrom: Ann <ann@{}>\n\nx\n"
    assert made(dmarc.format("mx.hub.example", "customer.example"), trusted="mx.hub.example").verified
    assert not made(dmarc.format("mx.hub.example", "customer.example")).verified
    assert not made(dmarc.format("mx.evil.example", "customer.example"), trusted="mx.hub.example").verified
    assert not made(dmarc.format("mx.hub.example", "other.example"), trusted="mx.hub.example").verified


def test_same_mail_by_two_ways_has_one_key_and_another_mail_has_another() -> None:
    mail = b"From: a@b.example\r\nMessage-ID: <1@b>\r\n\r\nhello\r\n"
    again = b"Return-Path: <a@b.example>\r\nReceived: from x\r\n\tby y; today\r\n" + mail.replace(b"\r\n", b"\n")
    assert dedup_key(again) == dedup_key(mail)
    assert dedup_key(mail.replace(b"hello", b"Hello")) != dedup_key(mail)


def test_nul_and_future_dates_are_left_out() -> None:
    mail = made("From: a@customer.example\nSubject: a\0b\n\nc\0d\n")
    assert "\0" not in mail.subject + mail.text
    assert sent_at(b"Fri, 01 Jan 2999 00:00:00 +0000") is None
    assert sent_at(b"nonsense") is None


@pytest.mark.parametrize("raw", [b"", b" \r\n\r\n"])
def test_nothing_is_no_mail(raw: bytes) -> None:
    with pytest.raises(Invalid, match="empty"):
        parse(raw, account_id=1)


def nested(depth: int, body: bytes) -> bytes:
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return b"From: a@b.example\n" + parts + b"\n" + body


HOSTILE = {
    "nested parts": nested(3000, b"line\n" * 20_000),
    "nested messages": b"From: a@b.example\n" + b"Content-Type: message/rfc822\n\n" * 2000,
    "open brackets": b"From: " + b"(" * 60_000 + b"\nTo: " + b"(" * 60_000 + b"\n\nx",
    "many headers": b"".join(b"X-%d: y\n" % n for n in range(50_000)) + b"\nx",
    "many words": b"From: a@b.example\nSubject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\nx",
    "many recipients": b"From: a@b.example\nTo: " + b"a@b.example," * 50_000 + b"\n\nx",
    "many references": b"From: a@b.example\nReferences: " + b"<a@b> " * 100_000 + b"\n\nx",
    "many parts": b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000,
    "boundary without end": b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--" * 1_000_000,
    "deep HTML": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<div>" * 50_000,
    "angle brackets": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<" * 500_000,
    "scripts without end": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<script" * 100_000,
    "uuencode without end": b"From: a@b.example\n\n" + b"begin 644 a\n#ABC\n" * 50_000,
    "quotes in parameters": b'From: a@b.example\nContent-Type: text/plain; x="' + b'\\"' * 30_000 + b"\n\nx",
    "folds": b"From: a@b.example\nX: a\n" + b" a\n" * 200_000 + b"\nx",
    "attributions": b"From: a@b.example\n\n" + b"On a 1 b c d e f g <\n" * 4900,
    "every byte": bytes(range(256)) * 2000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_without_harm(name: str) -> None:
    mail = parse(HOSTILE[name], account_id=1).inbound
    assert mail.raw == HOSTILE[name]
    assert "\0" not in mail.text


@given(st.binary(max_size=2000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read(raw: bytes) -> None:
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n"
    for given_bytes in (b"x" + raw, head + raw, head.replace(b"html", b"plain; charset=big5") + raw):
        parse(given_bytes, account_id=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'"Last, First" <a@b.example>, c@d.example', [("Last, First", "a@b.example"), ("", "c@d.example")]),
        (b"a@b.example (Ann Lee)", [("Ann Lee", "a@b.example")]),
        (b"=?utf-8?q?J=C3=B6rg?= <j@b.example>", [("Jörg", "j@b.example")]),
        (b"team: a@b.example, c@d.example;", [("", "a@b.example"), ("", "c@d.example")]),
        (b"undisclosed-recipients:;", []),
        (b"<mailto:a@b.example>", [("", "a@b.example")]),
        (b"nobody", []),
    ],
)
def test_addresses_are_found(value: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(a.name, a.address) for a in header.addresses(value)] == expected


def test_header_ends_at_the_first_empty_line_only() -> None:
    headers, body = mime.split_headers(b"A: 1\r\n  folded\r\nB:2\r\n\r\nC: not a header\r\n")
    assert (headers.fields, body) == ([("a", b"1 folded"), ("b", b"2")], b"C: not a header\r\n")


def test_charset_names_that_are_no_charsets_are_refused() -> None:
    assert codec("rot13") is None
    assert codec("no-such-set") is None
    assert codec("GB2312") == "gb18030"
    assert decode(b"caf\xe9", "utf-8").text == "café"


@pytest.mark.parametrize(
    "label",
    ["utf-16", "utf-16le", "utf-16be", "utf_16", "utf-32", "utf-7", "cp037", "hz", "iso-2022-jp", "idna", "big5"],
)
def test_header_is_read_whatever_the_body_is_in(label: str) -> None:
    body = base64.b64encode("Where is it?".encode("utf-16")).decode()
    mail = made(
        f"From: Anna Lee <anna@customer.example>\nSubject: One lamp+two\nContent-Type: text/plain; charset={label}\n"
        f"Content-Transfer-Encoding: base64\n\n{body}\n"
    )
    assert (mail.address, mail.name, mail.subject, mail.automatic) == (
        "anna@customer.example",
        "Anna Lee",
        "One lamp+two",
        False,
    )
