"""Twilio's words: segments, signatures, statuses, errors."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from connectors.twilio import Settings, segments
from connectors.twilio.rest import retry_after
from connectors.twilio.webhook import Terms, explain, parse_form, signed, to_delivery, to_inbound
from hub.channels.model import AddressKind, DeliveryStatus, RemoteFile
from hub.core.errors import Invalid
from hub.demo.twilio.messages import signature

URL = "https://hub.example/hooks/twilio/sms/sms"


@pytest.mark.parametrize(
    ("text", "count", "encoding", "units"),
    [
        ("", 1, "GSM-7", 0),
        ("a" * 160, 1, "GSM-7", 160),
        ("a" * 161, 2, "GSM-7", 161),
        ("a" * 306, 2, "GSM-7", 306),
        ("€" * 80, 1, "GSM-7", 160),
        ("a" * 152 + "€" + "a" * 20, 2, "GSM-7", 174),
        ("你" * 70, 1, "UCS-2", 70),
        ("你" * 71, 2, "UCS-2", 71),
        ("a" * 70 + "’", 2, "UCS-2", 71),
        ("😀" * 35, 1, "UCS-2", 70),
        ("a" * 66 + "😀" * 3, 2, "UCS-2", 72),
    ],
)
def test_segments_are_counted_as_a_handset_does(text: str, count: int, encoding: str, units: int) -> None:
    found = segments(text)
    assert (found.count, found.encoding, found.units) == (count, encoding, units)


def test_signature_holds_for_blank_and_foreign_fields_and_nothing_else() -> None:
    form = {"Body": " 你好 & + = ", "Empty": "", "From": "+1555", "Zip": "0"}
    parsed = parse_form(urlencode(form).encode())
    good = signature("t" * 32, URL, form)
    assert signed(["old" * 8, "t" * 32], URL, parsed, good, None)
    for tokens, url, given in (
        (["x" * 32], URL, good),
        ([""], URL, signature("", URL, form)),
        ([], URL, good),
        (["t" * 32], URL + "/", good),
        (["t" * 32], URL.replace("https", "http"), good),
        (["t" * 32], URL, None),
        (["t" * 32], URL, ""),
        (["t" * 32], URL, "é"),
    ):
        assert not signed(tokens, url, parsed, given, None)
    assert not signed(["t" * 32], URL, parsed, good, "algorithm=NONE")


@pytest.mark.parametrize("missing", ["MessageSid", "From"])
def test_webhook_without_message_or_sender_is_invalid(missing: str) -> None:
    form = {"MessageSid": "SM1", "From": "+14155550101", "Body": "x"}
    del form[missing]
    with pytest.raises(Invalid, match=missing):
        to_inbound(1, urlencode(form).encode())


def test_pictures_are_remembered_by_address() -> None:
    form = {"MessageSid": "MM1", "From": "+14155550101", "NumMedia": "1", "MediaUrl0": "https://m.example/1"}
    mail = to_inbound(1, urlencode(form | {"MediaContentType0": "image/jpeg"}).encode())
    assert mail.media == (RemoteFile("https://m.example/1", "image/jpeg"),)
    assert mail.meta["files"] == 1


def test_whatsapp_is_not_taken_for_a_phone_number() -> None:
    with pytest.raises(Invalid, match="whatsapp"):
        to_inbound(1, b"MessageSid=SM1&From=whatsapp%3A%2B14155550101&Body=x")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", DeliveryStatus.SENT), ("sent", DeliveryStatus.SENT), ("delivered", DeliveryStatus.DELIVERED),
        ("read", DeliveryStatus.READ), ("undelivered", DeliveryStatus.FAILED), ("partying", None),
    ],
)  # fmt: skip
def test_status_words_are_translated(word: str, status: DeliveryStatus | None) -> None:
    report = to_delivery(parse_form(f"MessageSid=SM1&MessageStatus={word}&ErrorCode=30003".encode()), 7)
    assert (report.status if report else None) == status
    if status is DeliveryStatus.FAILED:
        assert report is not None
        assert report.error == "Twilio error 30003: the handset is unreachable"


def test_errors_are_explained_in_words() -> None:
    assert explain(21610) == "Twilio error 21610: the customer has opted out"
    assert explain(None, "words") == "words"
    assert retry_after("7") == 7.0
    assert retry_after("soon") is None


def test_settings_without_a_token_are_refused() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"account_sid": "AC" + "0" * 32, "auth_token": ""})


WHATSAPP = Terms("whatsapp")


@pytest.mark.parametrize(
    ("fields", "address", "number"),
    [
        ({"From": "whatsapp:+14155550101", "WaId": "14155550101"}, "+14155550101", "+14155550101"),
        (
            {"From": "whatsapp:+14155550101", "ExternalUserId": "whatsapp:ID.4566abC"},
            "ID.4566abC",
            "+14155550101",
        ),
        ({"From": "whatsapp:ID.4566abC", "ExternalUserId": "whatsapp:ID.4566abC"}, "ID.4566abC", None),
        ({"From": "whatsapp:ID.4566abC", "WaId": "14155550101"}, "ID.4566abC", "+14155550101"),
        ({"From": "whatsapp:ID.4566abC"}, "ID.4566abC", None),
    ],
)
def test_whatsapp_user_is_known_by_the_id_with_or_without_a_number(
    fields: dict[str, str], address: str, number: str | None
) -> None:
    found = to_inbound(1, urlencode({"MessageSid": "SM1", "Body": "x", **fields}).encode(), terms=WHATSAPP)
    assert (found.address_kind, found.address, found.number) == (AddressKind.WHATSAPP, address, number)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Latitude": "52.5", "Longitude": "13.4", "Label": "Station", "Body": ""}, "📍 Station\nhttps://www.open"),
        (
            {"Latitude": "52.5", "Longitude": "13.4"},
            "📍 52.5, 13.4\nhttps://www.openstreetmap.org/?mlat=52.5&mlon=13.4",
        ),
        ({"ButtonText": "Yes, please", "ButtonPayload": "yes"}, "Yes, please"),
        ({"Body": "hi", "ButtonText": "Yes"}, "hi"),
    ],
)
def test_place_and_button_are_readable(fields: dict[str, str], text: str) -> None:
    form = {"MessageSid": "SM1", "From": "whatsapp:+14155550101", "ProfileName": "Ann", **fields}
    found = to_inbound(1, urlencode(form).encode(), terms=WHATSAPP)
    assert found.text.startswith(text)
    assert found.name == "Ann"


@pytest.mark.parametrize(
    ("terms", "fields", "expected"),
    [
        (Terms(), {"Body": "STOP", "OptOutType": "STOP"}, ("stop", "provider", True)),
        (Terms(), {"Body": "please no", "OptOutType": "STOP"}, ("stop", "provider", True)),
        (Terms(), {"Body": " Stop. "}, ("stop", "provider", True)),
        (Terms(), {"Body": "HELP"}, ("help", "provider", True)),
        (Terms(), {"Body": "info", "OptOutType": "HELP"}, ("help", "provider", True)),
        (Terms(), {"Body": "START"}, ("start", "provider", True)),
        (Terms(answers_opt_out=False), {"Body": "STOP"}, ("stop", "word", False)),
        (WHATSAPP, {"Body": "STOP"}, ("stop", "word", False)),
        (Terms(), {"Body": "退订"}, ("stop", "word", False)),
        (Terms(), {"Body": "ＴＤ"}, ("stop", "word", False)),
        (Terms(), {"Body": "¡Baja!"}, ("stop", "word", False)),
        (Terms(), {"Body": "ARRÊT"}, ("stop", "word", False)),
        (Terms(), {"Body": "수신거부"}, ("stop", "word", False)),
        (Terms(), {"Body": "配信停止"}, ("stop", "word", False)),
        (Terms(), {"Body": "СТОП"}, ("stop", "word", False)),
        (Terms(), {"Body": "please stop the delivery"}, None),
        (Terms(), {"Body": "I want to cancel my order"}, None),
        (Terms(), {"Body": ""}, None),
    ],
)
def test_wish_is_understood_and_known_to_be_answered_or_not(
    terms: Terms, fields: dict[str, str], expected: tuple[str, str, bool] | None
) -> None:
    sender = "whatsapp:+14155550101" if terms.channel == "whatsapp" else "+14155550101"
    said = to_inbound(1, urlencode({"MessageSid": "SM1", "From": sender, **fields}).encode(), terms=terms).consent
    assert (None if said is None else (said.wish.value, said.source, said.answered)) == expected
