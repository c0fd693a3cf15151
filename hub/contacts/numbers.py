"""Telephone numbers that are one though they are written in two ways, and those that are none.

Some countries have mobile numbers that networks and WhatsApp report in another form than people write. The form without
the difference is whom a number belongs to; what is dialled and written to stays as it was told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

import phonenumbers

E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# Each row: what is reported, and the one form. No number of another kind has the shape on the left.
_ONE_FORM: tuple[tuple[re.Pattern[str], str], ...] = (
    # Mexico: the 1 of mobiles went in 2019; WhatsApp still has it.
    (re.compile(r"\+521([2-9][0-9]{9})"), r"+52\1"),
    # Brazil: mobiles got a ninth digit by 2016; WhatsApp knows those registered before without it. Landlines begin 2–5.
    (re.compile(r"\+55([1-9][1-9])([6-9][0-9]{7})"), r"+55\g<1>9\2"),
    # Argentina: from abroad a mobile is called with a 9; at home without it, and fixed lines never have it.
    (re.compile(r"\+549([1-9][0-9]{9})"), r"+54\1"),
    # Benin: every number got 01 in front in November 2024; WhatsApp's are the ones before.
    (re.compile(r"\+229([2-9][0-9]{7})"), r"+22901\1"),
)
_CONCERNED = ("+52", "+54", "+55", "+229")

# What stands for a number that its owner keeps to themselves. Networks that need digits spell these on a telephone's
# keys: +266696687 is ANONYMOUS.
_WORDS = (
    "anonymous", "restricted", "blocked", "unknown", "unavailable", "private", "withheld", "notavailable", "noid",
    "nocallerid", "outofarea", "nonumber", "hidden", "unlisted", "payphone",
)  # fmt: skip
_KEYS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_SPELLED = frozenset(word.translate(_KEYS) for word in _WORDS)
# As Twilio's callers have come: a slip in RESTRICTED, one that looks like a number of Texas, and two cut short.
_SEEN = frozenset({"7378742883", "17378742833", "17378742883", "464", "8566"})
_NOBODY = frozenset(_WORDS) | {"", "none", "null", "na", "undefined", "callerid", "asserted", "nobody"}

_ABOUT = re.compile(r"^(?:phone)?(?:number|caller(?:id)?)|(?:phone)?(?:number|caller(?:id)?|call|id)$")

WITHHELD = "Number withheld"  # what such a caller is called; screens say it in their own language

_SIP = re.compile(r"<?\s*(sips?|client)\s*:\s*([^<>\s]+)", re.IGNORECASE)


def same_number(number: str) -> str:
    """The one form of a number in E.164: equal for all spellings of it. Anything else comes back as it is."""
    if number.startswith(_CONCERNED):
        for shape, form in _ONE_FORM:
            if found := shape.fullmatch(number):
                return found.expand(form)
    return number


def dialled(number: str) -> str:
    """A number in E.164 as telephone networks take it now; those of Argentina want the 9 that was told."""
    return number if number.startswith("+54") else same_number(number)


def is_withheld(value: str) -> bool:
    """Whether this stands for a number that is not told: a word, its digits on a telephone's keys, or nothing."""
    text = value.strip()
    digits = re.sub(r"[ ()./-]", "", text.removeprefix("+"))
    if digits.isascii() and digits.isdecimal():
        return digits in _SEEN or digits in _SPELLED or not digits.strip("0") or _spelled_abroad(digits)
    said = re.sub(r"[\W_]", "", text.casefold())
    return said in _NOBODY or _ABOUT.sub("", said) in _NOBODY


def _spelled_abroad(digits: str) -> bool:
    """The same behind the 1 of North America, unless it is somebody's number there."""
    if not digits.startswith("1") or digits[1:] not in _SPELLED:
        return False
    try:
        return not phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return True


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    `phone`: `value` is their number, as it can be called back. `line`: a name that is always theirs
    (`sip:alice@pbx.example`), which cannot be. `nobody`: withheld; nothing tells one such call from another.
    """

    kind: Literal["phone", "line", "nobody"]
    value: str = ""


def caller(value: str, region: str | None = None) -> Caller:
    """Whom a provider names as caller: a number, a SIP address, a name, or nobody.

    `region` (ISO 3166) reads numbers of SIP addresses that are written as at home.
    """
    if found := _SIP.match(value.strip()):
        return _sip_number(found[1].lower(), found[2], region)
    if is_withheld(value):
        return Caller("nobody")
    number = _number(value.strip(), region)
    return Caller("phone", number) if number else Caller("nobody")


def _sip_number(scheme: str, rest: str, region: str | None) -> Caller:
    address = rest.partition("?")[0]
    user, _, host = address.rpartition("@") if "@" in address else (address, "", "")
    host = host.partition(";")[0].lower().removesuffix(":5060").removesuffix(":5061").rstrip(".")
    name = unquote(user.partition(";")[0]).strip()  # `;` begins parameters, as in sip:+14155550101;npdi@pbx
    if host.endswith("anonymous.invalid") or is_withheld(name.partition(":")[0]):
        return Caller("nobody")
    number = _number(name, region) if scheme != "client" else None
    if number:
        return Caller("phone", number)
    # SIP over TLS is the same person; a host's case says nothing, a user's may (RFC 3261 §19.1.4).
    return Caller("line", f"{'client' if scheme == 'client' else 'sip'}:{name}" + (f"@{host}" if host else ""))


def _number(value: str, region: str | None) -> str | None:
    """E.164 of what is a whole telephone number, here or with the country's code; None of extensions and names."""
    if not re.fullmatch(r"\+?[0-9 ()./-]{3,40}", value):
        return None
    if not value.startswith("+") and region is None:
        return None
    try:
        number = phonenumbers.parse(value, region)
        whole = (
            phonenumbers.is_possible_number(number) if value.startswith("+") else phonenumbers.is_valid_number(number)
        )
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return dialled(found) if (whole or dialled(found) != found) and not is_withheld(found) else None


def region_of(number: str | None) -> str | None:
    """The country (ISO 3166) of a number in E.164; None where it has none, or several share it and it is not valid."""
    if not number or not E164.fullmatch(number):
        return None
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or None
    except phonenumbers.NumberParseException:
        return None
