"""Who is who: addresses in one normal form, so that one person's spellings meet.

E-mail: the domain in lower case and IDNA form, the local part lower-cased too for matching (RFC 5321 §2.4 lets the
local part be case-sensitive, and no provider in use makes it so). Phone: E.164 by libphonenumber;
`known_by` leaves away what two spellings of one number differ in (`hub.contacts.numbers`).
"""

from __future__ import annotations

import contextlib
import re
from typing import NoReturn

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from hub.channels.model import AddressKind
from hub.contacts.numbers import E164, dialled, is_withheld, same_number
from hub.core.errors import Invalid
from hub.core.identifiers import identifier

_WRONG = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has this code; it must begin with + and one",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "too short",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "too short",
    phonenumbers.NumberParseException.TOO_LONG: "too long",
}
_SHORT_CODE = 6  # digits at most
_NUMBER = re.compile(r"\+[0-9 ()./-]{6,30}")


def normalise(kind: AddressKind, value: str, *, region: str | None = None, field: str = "value") -> str:
    """The form under which an address is stored; `Invalid` says what is wrong with it.

    `region` (ISO 3166) reads national phone numbers; without it a number must begin with `+`. `field` is what whoever
    gave it calls it.
    """
    try:
        return _normal(kind, value.strip(), region)
    except Invalid as error:
        if field != "value" and error.fields:
            error.fields = {field if name == "value" else name: why for name, why in error.fields.items()}
        raise


def _normal(kind: AddressKind, value: str, region: str | None) -> str:
    match kind:
        case AddressKind.EMAIL:
            return _email(value)
        case AddressKind.PHONE:
            return dialled(_phone(value, region))
        case AddressKind.WHATSAPP:
            return _phone(value, region) if _NUMBER.fullmatch(value) else _opaque(value)
        case AddressKind.VISITOR:
            return _opaque(value)


def lenient(kind: AddressKind, value: str) -> str:
    """As `normalise`, but an odd address that really wrote to us is kept as it is, trimmed and lower-cased."""
    if kind in (AddressKind.PHONE, AddressKind.WHATSAPP) and E164.fullmatch(value):
        return value  # as every provider sends it; reading it again would cost more than storing the message
    if kind is AddressKind.WHATSAPP and not value.strip().startswith("+"):
        return _opaque(value.strip())  # an id of the provider's, in which capitals may matter
    try:
        return normalise(kind, value)
    except Invalid:
        return _opaque(value.strip().lower())


def known_by(kind: AddressKind, value: str) -> str:
    """The value under which somebody of this normal address is looked up and stored."""
    return same_number(value) if kind in (AddressKind.PHONE, AddressKind.WHATSAPP) else value


def as_dialled(value: str, region: str | None) -> str:
    """A sender as a provider of `region` (ISO 3166) writes it: E.164 where it is a telephone number.

    Digits that are no number there are taken to begin with a country's code, as most gateways write them. Short
    codes and names stay as they are.
    """
    value = value.strip()
    digits = re.sub(r"[ ()./-]", "", value)
    if not digits.isascii() or not digits.isdecimal() or len(digits) <= _SHORT_CODE:
        return value
    if region is not None:
        with contextlib.suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(digits, region)
            dialled = digits.startswith("0") and phonenumbers.is_possible_number(number)  # no country's code does
            if dialled or phonenumbers.is_valid_number(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"+{digits.removeprefix('00')}"


def is_region(code: str) -> bool:
    """Whether this is a country whose numbers we can read."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    domain = domain.rstrip(".")  # the root of the domain name system, written out
    value = f"{local}@{domain}" if local else value
    # The common case needs no library: plain ASCII with an ordinary domain.
    if (
        local
        and value.isascii()
        and domain.replace(".", "").replace("-", "").isalnum()
        and "." in domain
        and len(value) < 255
    ):
        return f"{local}@{domain}".lower() if not set(local) & set(' \t\r\n<>(),;:\\"[]') else _email_strictly(value)
    return _email_strictly(value)


def _email_strictly(value: str) -> str:
    try:
        found = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid(
            f"This is not an e-mail address: {error}", fields={"value": str(error)}, code="address.email"
        ) from error
    return (found.ascii_email or found.normalized).lower()


def _phone(value: str, region: str | None) -> str:
    if is_withheld(value):
        _refuse_number("it stands for a number that was withheld")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException as error:
        _refuse_number(_WRONG.get(error.error_type), error)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_possible_number(number) and same_number(whole) == whole:
        _refuse_number("too long or too short")
    return whole


def _refuse_number(why: str | None, cause: Exception | None = None) -> NoReturn:
    raise Invalid(
        f"This is not a phone number: {why}." if why else "This is not a phone number.",
        remedy="Write it in full, as +14155550123.",
        fields={"value": why or "not a phone number"},
        code="address.phone",
    ) from cause


def _opaque(value: str) -> str:
    value = value.replace("\x00", "")
    if not value:
        raise Invalid("The address is empty.", code="address.empty", fields={"value": "empty"})
    return identifier(value)
