"""What else lies in a mail: meetings, winmail.dat, files that share a name; and pictures that must not be fetched."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from connectors.email.calendar import invitation
from connectors.email.parse import parse
from hub.channels.model import Inbound
from hub.core.errors import Invalid
from hub.messages.html import page, shown
from hub.messages.mail.invitations import reply_calendar

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
METHOD:{method}
BEGIN:VEVENT
UID:meeting-1
SEQUENCE:2
DTSTAMP:20260302T100000Z
{when}
SUMMARY:看灯 visit
LOCATION:Room 1
ORGANIZER;CN=Ann Lee:mailto:ann@customer.example
ATTENDEE;CN=Support;PARTSTAT=NEEDS-ACTION:mailto:support+vip@hub.example
END:VEVENT
END:VCALENDAR
"""


def mail(text: str) -> Inbound:
    return parse(text.encode(), account_id=1).inbound


def part(content_type: str, body: str) -> Inbound:
    return mail(
        f"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\nContent-Type: {content_type}\n\n{body}\n--b--\n"
    )


@pytest.mark.parametrize(
    ("when", "starts", "ends", "all_day"),
    [
        (
            "DTSTART:20260303T100000Z\nDTEND:20260303T110000Z",
            "2026-03-03T10:00:00+00:00",
            "2026-03-03T11:00:00+00:00",
            False,
        ),
        (
            "DTSTART;TZID=Asia/Shanghai:20260303T100000\nDURATION:PT30M",
            "2026-03-03T02:00:00+00:00",
            "2026-03-03T02:30:00+00:00",
            False,
        ),
        ("DTSTART;TZID=China Standard Time:20260303T100000", "2026-03-03T02:00:00+00:00", None, False),
        ("DTSTART;VALUE=DATE:20260303", "2026-03-03", "2026-03-04", True),
        ("DTSTART:20260303T100000", "2026-03-03T10:00:00", None, False),
    ],
)
def test_meeting_is_read_with_its_time(when: str, starts: str, ends: str | None, all_day: bool) -> None:
    found = part("text/calendar; method=REQUEST", EVENT.format(method="REQUEST", when=when)).meta["invitation"]
    assert (found["starts"], found.get("ends"), found["all_day"]) == (starts, ends, all_day)
    assert (found["method"], found["uid"], found["sequence"], found["summary"]) == (
        "REQUEST",
        "meeting-1",
        2,
        "看灯 visit",
    )
    assert found["organizer"] == {"address": "ann@customer.example", "name": "Ann Lee"}


@pytest.mark.parametrize(
    "body", ["", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR", "\x00\xff"]
)
def test_calendar_that_cannot_be_read_is_a_file_and_no_card(body: str) -> None:
    found = part("text/calendar", body)
    assert "invitation" not in found.meta
    assert [a.content_type for a in found.attachments] == ["text/calendar"]


def test_answer_names_the_meeting_its_version_and_the_address_that_was_invited() -> None:
    asked = invitation(EVENT.format(method="REQUEST", when="DTSTART:20260303T100000Z").encode())
    assert asked is not None
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    calendar = Calendar.from_ical(
        reply_calendar({**asked, "recurrence_id": "20260303T100000Z"}, "support@hub.example", "declined", at=at)
    )
    [event] = calendar.walk("VEVENT")
    assert (calendar["METHOD"], event["UID"], event["SEQUENCE"]) == ("REPLY", "meeting-1", 2)
    assert str(event["ATTENDEE"]) == "mailto:support+vip@hub.example"
    assert event["ATTENDEE"].params["PARTSTAT"] == "DECLINED"
    assert str(event["ORGANIZER"]) == "mailto:ann@customer.example"
    assert b"RECURRENCE-ID:20260303T100000Z" in calendar.to_ical()


def test_hostile_summary_cannot_add_properties_to_our_answer() -> None:
    asked = {
        "uid": "1\r\nATTACH:x",
        "sequence": 0,
        "summary": "a\r\nATTACH:file:///etc/passwd",
        "organizer": {"address": "a@b.example\r\nX:y"},
    }
    lines = reply_calendar(asked, "support@hub.example", "accepted", at=datetime.now(UTC)).split(b"\r\n")
    assert not [line for line in lines if line.startswith((b"ATTACH", b"X:"))]


def tnef(body: bytes, name: bytes, data: bytes) -> bytes:
    def attribute(level: int, kind: int, value: bytes) -> bytes:
        return struct.pack("<BIi", level, kind, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)

    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(
        [
            attribute(1, 0x00089006, struct.pack("<I", 0x00010000)),
            attribute(1, 0x0002800C, body + b"\0"),
            attribute(2, 0x00069002, b"\0" * 14),
            attribute(2, 0x00018010, name + b"\0"),
            attribute(2, 0x0006800F, data),
        ]
    )


def packed(data: bytes) -> Inbound:
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\nContent-Type: application/ms-tnef; name=winmail.dat\n\n"
    return parse(head + data + b"\n--b--\n", account_id=1).inbound


def test_winmail_dat_gives_its_files() -> None:
    found = packed(tnef(b"a letter", b"plan.pdf", b"%PDF-1.4"))
    assert [(a.name, a.content_type, a.body) for a in found.attachments] == [
        ("plan.pdf", "application/pdf", b"%PDF-1.4")
    ]
    assert "words" in found.text


@pytest.mark.parametrize("data", [b"", b"nonsense", tnef(b"x", b"y", b"z")[:30]])
def test_broken_winmail_dat_stays_a_file(data: bytes) -> None:
    assert [a.name for a in packed(data).attachments] == ["winmail.dat"]


def sealed(letter: bytes, *, stream: bool) -> bytes:
    """A signed letter as Outlook writes it, or in the form of a stream; without signers, which nobody asks for here."""

    def node(tag: int, value: bytes) -> bytes:
        if stream and tag & 0x20:
            return bytes((tag, 0x80)) + value + b"\0\0"
        size = len(value).to_bytes(2, "big")
        return bytes((tag, 0x82)) + size + value

    kind = bytes.fromhex("06092a864886f70d0107")
    octets = node(0x24, node(4, letter[:20]) + node(4, letter[20:])) if stream else node(4, letter)
    wrapped = node(0x30, kind + b"\x01" + node(0xA0, octets))
    return node(0x30, kind + b"\x02" + node(0xA0, node(0x30, b"\x02\x01\x01" + node(0x31, b"") + wrapped)))


@pytest.mark.parametrize("stream", [False, True])
def test_letter_in_a_signature_is_shown_and_the_signature_kept(stream: bool) -> None:
    head = b"From: a@b.example\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n\n"
    raw = head + sealed(b"Content-Type: text/html; charset=utf-8\n\n<p>My words</p>", stream=stream)
    found = parse(raw, account_id=1).inbound
    assert (found.text, [file.name for file in found.attachments]) == ("My words", ["smime.p7m"])


@pytest.mark.parametrize("data", [b"", b"0\x80", b"0\x80" * 5000, b"nonsense", sealed(b"x" * 40, stream=True)[:60]])
def test_signature_that_cannot_be_opened_stays_a_file(data: bytes) -> None:
    found = parse(b"From: a@b.example\nContent-Type: application/pkcs7-mime; name=smime.p7m\n\n" + data, account_id=1)
    assert [file.name for file in found.inbound.attachments] == ["smime.p7m"]


def test_files_of_one_message_have_names_of_their_own() -> None:
    one = "--b\nContent-Type: application/zip; name=a.tar.gz\n\nx\n"
    found = mail(f"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n{one}{one}--b--\n")
    assert [a.name for a in found.attachments] == ["a.tar.gz", "a1.tar.gz"]


def test_name_that_reads_backwards_is_shown_as_it_is() -> None:
    found = mail(
        'From: "Bank\u202egro.live" <a@b.example>\nSubject: x\u2066y\nContent-Type: application/x; name="invoice\u202efdp.exe"\n\nx\n'
    )
    assert (found.name, found.subject, found.attachments[0].name) == ("Bankgro.live", "xy", "invoicefdp.exe")


def test_pictures_from_elsewhere_are_counted_and_left_out_until_asked_for() -> None:
    html = '<img src="https://x.example/a.png"><img src="//x.example/b.png"><img src="cid:p@x"><img src="data:image/png;base64,AA"><p style="background:url(https://x.example/c.png);color:red">x</p>'
    found = shown(page(html), [{"id": 7, "content_id": "p@x"}])
    assert found is not None
    assert (found.blocked, "x.example" in found.html) == (2, False)
    assert 'src="/api/v1/attachments/7"' in found.html
    asked = shown(page(html), [], remote=True)
    assert asked is not None
    assert (asked.blocked, asked.html.count("x.example"), "url(" in asked.html) == (0, 2, False)


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>", "<img src=x onerror=y>", "<a href='javascript:x'>a</a>", "<a href='data:text/html,x'>a</a>", "<iframe src=x></iframe>",
        "<svg><script>x</script></svg>", "<form action=x><input></form>", "<style>@import 'x'</style>", "<base href=x>", "<meta http-equiv=refresh content=0>",
        "<object data=x></object>", "<div style='position:fixed;behavior:url(x)'>x</div>", "<math><mi xlink:href='javascript:x'></mi></math>",
        "<noscript><p title='</noscript><img src=x onerror=y>'></noscript>", "<a href=' java\nscript:x'>a</a>", "<p style='background-image:url(javascript:x)'>",
    ],
)  # fmt: skip
def test_html_that_could_do_something_does_nothing(html: str) -> None:
    found = shown(page(html))
    assert found is not None
    for harm in (
        "<script",
        "onerror",
        "javascript:",
        "java\nscript",
        "data:text",
        "<iframe",
        "<form",
        "<input",
        "@import",
        "<base",
        "<meta",
        "<object",
        "position",
        "url(",
        "<svg",
    ):
        assert harm not in found.html.lower()


def test_page_marks_each_picture_and_keeps_what_its_writer_quotes_apart() -> None:
    own = '<p>Here <img src="cid:a%20b"> and <img src=" CID:c "> <img src="https://x.example/?a=1&amp;b=&quot;2">'
    html = f'{own}<blockquote><img src="cid:c">old</blockquote>'
    made = page(html, len(own))
    assert made.pictures == ("cid:a%20b", "cid:c", 'https://x.example/?a=1&b="2')
    files = [{"id": 1, "content_id": "a b"}, {"id": 2, "content_id": "c"}]
    mine, all_of_it = shown(made, files, remote=True), shown(made, files, whole=True)
    assert mine is not None
    assert all_of_it is not None
    assert [f"attachments/{n}" in mine.html for n in (1, 2)] == [True, True]
    assert 'src="https://x.example/?a=1&amp;b=&quot;2"' in mine.html
    assert ("old" in mine.html, "old" in all_of_it.html, all_of_it.blocked) == (False, True, 1)


def test_mark_of_a_picture_cannot_be_forged() -> None:
    forged = (
        '<img src="/picture/0"><img src="/picture/7"><a href="/picture/0">a</a><p title=\' src="/picture/0"\'>b</p>'
        ' src="/picture/0" <img src="https://x.example/a.png">'
    )
    found = shown(page(forged), remote=True)
    assert found is not None
    assert found.html.count("<img src=") == 1
    assert "<p>b</p>" in found.html


def test_page_that_grows_when_cleaned_is_refused() -> None:
    grows = "<p>" + "".join(f"<font lang=x{n}>" for n in range(300)) + "<p>x" * 900
    with pytest.raises(Invalid, match="too large"):
        page(grows)


def test_what_is_longer_than_can_be_kept_says_how_much_is_missing() -> None:
    mail = parse(b"From: a@customer.example\r\nSubject: x\r\n\r\n" + b"word " * 200_000 + b"END", account_id=1).inbound
    assert len(mail.text) == 499_999  # without the last space
    assert mail.meta["left_out"] == 500_003


@pytest.mark.parametrize(
    "plain",
    [
        "Your mail program does not show HTML.",
        "This message needs a modern reader",
        "Call me at 10",
        "Bitte Webansicht öffnen",
    ],
)
def test_words_of_html_are_the_message_when_the_plain_text_says_something_else(plain: str) -> None:
    mail = _alternatives(plain, "<p>My real complaint about order 88</p>")
    assert "My real complaint about order 88" in mail.text
    assert (plain in mail.text) == ("HTML" not in plain)
    assert mail.html is not None
    assert (plain in mail.html) == ("HTML" not in plain)


@pytest.mark.parametrize("plain", ["My complaint: order 88.", "Complaint about order 88", "my real complaint"])
def test_plain_text_is_the_message_when_the_html_says_the_same(plain: str) -> None:
    assert _alternatives(plain, "<p>My real <b>complaint</b> about order 88</p>").text == plain


def _alternatives(plain: str, html: str) -> Inbound:
    head = "From: a@customer.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    part = "--b\r\nContent-Type: text/{}; charset=utf-8\r\n\r\n{}\r\n"
    return parse(
        (head + part.format("plain", plain) + part.format("html", html) + "--b--\r\n").encode(), account_id=1
    ).inbound


@pytest.mark.parametrize(
    "label", ["plain/text", "application/text", "application/octet-stream", "application/json", "x-words/odd", "text"]
)
def test_letter_that_is_labelled_as_no_text_is_read(label: str) -> None:
    alone = mail(f"From: a@b.example\nContent-Type: {label}; charset=utf-8\n\nMein Öl-Tisch wackelt\n")
    assert (alone.text, len(alone.attachments)) == ("Mein Öl-Tisch wackelt", 0)
    first = mail(
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\nContent-Type: {label}; charset=utf-8\n\nwords\n"
        "--b\nContent-Type: application/octet-stream; name=a.log\n\nlines\n--b--\n"
    )
    assert (first.text, [a.name for a in first.attachments]) == ("words", ["a.log"])


@pytest.mark.parametrize(
    "part_of",
    ["application/octet-stream\n\n\x01\x02", "application/pdf\n\n%PDF-1.4", "plain/text; name=a.txt\n\nwords"],
)
def test_file_without_a_letter_is_a_file(part_of: str) -> None:
    only = mail(f"From: a@b.example\nContent-Type: {part_of}\n")
    assert (only.text, len(only.attachments)) == ("", 1)


def test_large_text_labelled_as_octets_is_a_file_to_be_kept() -> None:
    only = mail("From: a@b.example\nContent-Type: application/octet-stream\n\n" + "one line of a log\n" * 20_000)
    assert (only.text, len(only.attachments)) == ("", 1)
