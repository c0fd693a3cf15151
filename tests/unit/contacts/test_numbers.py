"""One form for each number, whoever spells it; and what stands for a number that is not told."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels.model import AddressKind, Inbound
from hub.contacts.identity import normalise
from hub.contacts.numbers import caller, is_withheld, region_of, same_number
from hub.core.errors import Invalid
from hub.messages.cleaning import tidy

DIGITS = "0123456789"


def digits(count: int, first: str = DIGITS) -> st.SearchStrategy[str]:
    return st.builds(
        lambda a, b: a + b, st.sampled_from(first), st.text(DIGITS, min_size=count - 1, max_size=count - 1)
    )


PAIRS = st.one_of(
    digits(10, "23456789").map(lambda n: (f"+521{n}", f"+52{n}")),
    st.builds(
        lambda area, n: (f"+55{area}{n}", f"+55{area}9{n}"),
        st.sampled_from(["11", "21", "31", "47", "85", "99"]),
        digits(8, "6789"),
    ),
    digits(10, "123456789").map(lambda n: (f"+549{n}", f"+54{n}")),
    digits(8, "23456789").map(lambda n: (f"+229{n}", f"+22901{n}")),
)


@given(PAIRS)
def test_two_spellings_of_a_number_are_one_when_a_country_has_two(pair: tuple[str, str]) -> None:
    reported, written = pair
    assert same_number(reported) == same_number(written)
    assert same_number(same_number(reported)) == same_number(reported)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS - {"MX", "BR", "AR", "BJ"})))
def test_a_number_stays_as_it_is_when_its_country_has_one_spelling(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert same_number(written) == written
            assert not is_withheld(written)
            assert caller(written).value == written


@pytest.mark.parametrize("number", ["+551132654321", "+525512345678", "+541143216543", "+2290121345678"])
def test_a_landline_keeps_its_form_when_only_mobiles_changed(number: str) -> None:
    assert same_number(number) == number


@pytest.mark.parametrize(
    "value",
    [
        "+266696687", "+7378742833", "+17378742833", "+2562533", "+8566", "+8656696", "+86282452253", "+464", "266696687",
        "anonymous", "Anonymous", "UNKNOWN", "unknown caller", "Private Number", "private", "Restricted", "blocked",
        "Unavailable", "Withheld", "No Caller ID", "+18656696", "", "  ", "+0", "+86 28 2452253",
        "sip:anonymous@anonymous.invalid", "sip:Anonymous@10.0.0.1", "sip:+266696687@pbx.example", "sip:unknown@pbx.example",
    ],
)  # fmt: skip
def test_nobody_is_known_by_what_stands_for_a_withheld_number(value: str) -> None:
    assert caller(value, "US").kind == "nobody"
    if not value.startswith("sip:"):
        assert is_withheld(value)
        with pytest.raises(Invalid):
            normalise(AddressKind.PHONE, value)


@pytest.mark.parametrize(
    ("value", "kind", "known"),
    [
        ("sip:+14155550101@pbx.example", "phone", "+14155550101"),
        ("SIP:+1-415-555-0101@pbx.example:5061;transport=tls", "phone", "+14155550101"),
        ("<sip:%2B14155550101;npdi@pbx.example;user=phone>", "phone", "+14155550101"),
        ("sip:4155550101@pbx.example", "phone", "+14155550101"),
        ("sip:1001@pbx.example", "line", "sip:1001@pbx.example"),
        ("sips:alice@PBX.example:5060;transport=tls", "line", "sip:alice@pbx.example"),
        ("client:agent_7", "line", "client:agent_7"),
        ("+14155550101", "phone", "+14155550101"),
    ],
)
def test_a_sip_caller_is_the_customer_of_a_number_or_always_the_same_line(value: str, kind: str, known: str) -> None:
    found = caller(value, "US")
    assert (found.kind, found.value) == (kind, known)


@given(st.text(max_size=60))
def test_any_caller_is_somebody_or_nobody_when_a_provider_sends_anything(value: str) -> None:
    found = caller(value, "US")
    assert (found.value == "") == (found.kind == "nobody")
    assert found.kind != "phone" or not is_withheld(found.value)


def test_a_country_is_that_of_the_number() -> None:
    assert region_of("+14155550101") == "US"
    assert region_of("+4930123456") == "DE"
    assert region_of(None) is None
    assert region_of("sip:x") is None


def test_a_text_from_a_withheld_number_is_somebodys_who_cannot_be_answered() -> None:
    found = tidy(Inbound(1, "SM1", b"", "", AddressKind.PHONE, "+266696687", "Hello", verified=True))
    assert (found.address_kind, found.name) == (AddressKind.VISITOR, "Number withheld")
    assert found.address != tidy(Inbound(1, "SM2", b"", "", AddressKind.PHONE, "+266696687", "Hello")).address


def test_where_messages_go_is_kept_when_it_is_not_the_known_form() -> None:
    found = tidy(Inbound(1, "SM1", b"", "", AddressKind.WHATSAPP, "+5215512345678", "Hola", number="+5215512345678"))
    assert (found.address, found.number, found.reported) == ("+525512345678", "+525512345678", "+5215512345678")
    plain = tidy(Inbound(1, "SM1", b"", "", AddressKind.PHONE, "+5491123456789", "Hola"))
    assert (plain.address, plain.reported) == ("+541123456789", "+5491123456789")
