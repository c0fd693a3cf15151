"""Every message says something: forms, buttons, places, kinds that nobody knows, and those that say nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.twilio.message_text import placeholder_kind, said_in
from connectors.twilio.webhook import Form, Terms, to_inbound
from hub.channels.model import AddressKind, Inbound
from hub.messages.cleaning import tidy


def form(**fields: str) -> Form:
    return Form({"MessageSid": "SM1", "From": "whatsapp:+14155550101", "Body": "", "NumMedia": "0", **fields})


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"flow_token": "t", "screen_0_Your_name_0": "Ana", "screen_0_Size_1": "M"}, ["Your name: Ana", "Size: M"]),
        ({"pages": [{"items": [{"label": "Colour", "value": "red"}, {"label": "Gift", "value": True}]}]}, ["Colour: red", "Gift: ✓"]),
        ({"response_json": json.dumps({"day": "Monday", "slots": ["9", "10"]})}, ["day: Monday", "slots: 9, 10"]),
        ([{"name": "a", "value": 1}, {"name": "b", "value": None}, {"name": "c", "value": "two\nlines"}], ["a: 1", "c: two lines"]),
        ("Sent", ["Sent"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["FlowData", "InteractiveData"])
def test_the_answers_of_a_form_are_lines_of_name_and_value(field: str, told: Any, lines: list[str]) -> None:
    assert said_in(form(**{field: json.dumps(told), "MessageType": "interactive"})).splitlines() == lines


def test_the_words_beside_a_form_stay_with_its_answers() -> None:
    found = form(Body="Thank you", FlowData='{"size": "M"}', InteractiveData='{"size": "M"}')
    assert said_in(found) == "Thank you\nsize: M"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "(An empty message)"),
        ({"Body": " \n\x00"}, "(An empty message)"),
        ({"MessageType": "text"}, "(An empty message)"),
        ({"MessageType": "sticker"}, "(A sticker)"),
        ({"MessageType": "contacts"}, "(A contact)"),
        ({"MessageType": "order"}, "(An order)"),
        ({"MessageType": "interactive"}, "(Answers to a form)"),
        ({"MessageType": "video"}, "(A file that did not come along)"),
        ({"MessageType": "reaction"}, "(Took a reaction back)"),
        ({"MessageType": "hologram<b>"}, "(A message that cannot be shown here: hologramb)"),
        ({"ButtonText": "Yes", "ButtonPayload": "y-1"}, "Yes"),
        ({"ButtonPayload": "y-1", "MessageType": "button"}, "y-1"),
        ({"ListId": "row-7", "MessageType": "interactive"}, "row-7"),
        ({"NumMedia": "1", "MediaUrl0": "https://x", "MediaContentType0": "text/vcard"}, "(A contact)"),
        ({"NumMedia": "1", "MediaUrl0": "https://x", "MediaContentType0": "image/webp", "MessageType": "sticker"}, "(A sticker)"),
        ({"NumMedia": "1", "MediaUrl0": "https://x", "MediaContentType0": "image/png"}, ""),
        ({"FlowData": "{}", "MessageType": "interactive"}, "(Answers to a form)"),
    ],
)  # fmt: skip
def test_a_message_without_words_says_what_it_is(fields: dict[str, str], text: str) -> None:
    found = tidy(
        to_inbound(
            1, b"", form(MessageSid="SM1", From="whatsapp:+14155550101", **fields), terms=Terms(channel="whatsapp")
        )
    )
    assert found.text == text
    told = found.meta.get("said")
    assert (told is not None) == text.startswith("(")
    assert told is None or told["text"] == text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=2000),
    lambda inner: st.lists(inner, max_size=80) | st.dictionaries(st.text(max_size=200), inner, max_size=80),
    max_leaves=120,
)


@given(JSON, st.sampled_from(["FlowData", "InteractiveData"]))
def test_any_form_is_shown_and_bounded_whatever_it_holds(told: Any, field: str) -> None:
    found = said_in(form(**{field: json.dumps(told)}))
    assert found.strip() or placeholder_kind(form(**{field: json.dumps(told)})) == "empty"
    assert len(found) < 60 * 600


@pytest.mark.parametrize("told", ["[" * 5000, '{"a":' * 900 + "1" + "}" * 900, "x" * 200_000, '{"a": "' + "y" * 70_000])
def test_a_hostile_form_is_cut(told: str) -> None:
    found = form(FlowData=told)
    assert said_in(found) or placeholder_kind(found)
    assert len(said_in(found)) < 1000


def test_a_form_is_marked_and_an_empty_message_of_any_gateway_has_words() -> None:
    found = to_inbound(1, b"", form(FlowData='{"size": "M"}'), terms=Terms(channel="whatsapp"))
    assert (found.text, found.meta["form"]) == ("size: M", True)
    empty = tidy(Inbound(1, "k", b"", "", AddressKind.PHONE, "+14155550101", " "))
    assert (empty.text, empty.meta["said"]["code"]) == ("(An empty message)", "unsaid.empty")
    assert tidy(Inbound(1, "k", b"", "", AddressKind.EMAIL, "a@b.example", "")).text == ""


def test_nobody_but_the_hub_writes_what_a_message_says_by_code() -> None:
    forged = {"said": {"code": "line.spam", "params": {}, "text": "hello"}}
    assert tidy(Inbound(1, "k", b"", "", AddressKind.PHONE, "+14155550101", "hello", meta=forged)).meta == {}
    worded = Inbound(1, "k", b"", "", AddressKind.WHATSAPP, "+14155550101", "hello", placeholder="sticker")
    assert (tidy(worded).text, tidy(worded).meta) == ("hello", {})
