"""Twilio's webhooks as the hub's words: the signature, the message, the status report. Pure functions.

Form fields and their meaning: Twilio's "Messaging webhooks" and "Message status callback" references.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

from multidict import MultiDict
from twilio.request_validator import (
    HMAC_SHA1,
    RequestValidator,
    get_signature_algorithm,  # pyright: ignore[reportUnknownVariableType] - the SDK ships no types
)

from connectors.twilio.errors import OPTED_OUT, UNDELIVERED_FOR_NOW, explain, number, reason
from connectors.twilio.message_text import answers, placeholder_kind, pressed, said_in
from hub.channels.consent import Consent, Wish, carriers_own, spoken
from hub.channels.model import AddressKind, Delivery, DeliveryStatus, Inbound, RemoteFile
from hub.channels.reasons import Reason
from hub.core.errors import Invalid

Form = MultiDict[str]
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What must be known of an account to read its messages: which channel it is, and who answers STOP."""

    channel: str = "sms"
    answers_opt_out: bool = True


# Twilio's status words by how far the message got. `queued` and `sending` mean that Twilio took it, which for a
# send whose answer we lost is the proof that it left.
_STATUS = {
    "accepted": DeliveryStatus.SENT,
    "scheduled": DeliveryStatus.SENT,
    "queued": DeliveryStatus.SENT,
    "sending": DeliveryStatus.SENT,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}
_MAX_MEDIA = 10
_MAX_FIELDS = 1000


def parse_form(body: bytes) -> Form:
    """The fields of a form body, blank ones kept: the signature covers them. `ValueError` when there are too many.

    As the standard library's `parse_qsl` reads it (a test holds them together), which takes three times as long.
    """
    pairs = body.decode("utf-8", "replace").split("&")
    if len(pairs) > _MAX_FIELDS:
        raise ValueError("too many fields")
    form = Form()
    for pair in pairs:
        if pair:
            name, _, value = pair.partition("=")
            form.add(
                unquote_plus(name) if "%" in name else name.replace("+", " "),
                unquote_plus(value) if "%" in value else value.replace("+", " "),
            )
    return form


def signed(tokens: Iterable[str], url: str, form: Form, signature: str | None, settings_header: str | None) -> bool:
    """Whether `signature` over `url` and `form` was made with one of `tokens`. Nothing, or an empty token, is never."""
    if not signature or not signature.isascii():
        return False
    algorithm = str(get_signature_algorithm(settings_header)) if settings_header else HMAC_SHA1
    return any(token and _valid(token, url, form, signature, algorithm) for token in tokens)


def _valid(token: str, url: str, form: Form, signature: str, algorithm: str) -> bool:
    if algorithm == HMAC_SHA1 and hmac.compare_digest(_plain_signature(token, url, form), signature):
        return True
    validator: Any = RequestValidator(token)  # the SDK ships no types
    return bool(validator.validate(url, form, signature, algorithm))


def _plain_signature(token: str, url: str, form: Form) -> str:
    """What Twilio signs as a rule: the address as it stands, then each field once, in order of name.

    The SDK's validator knows this rule and the odd ones (repeated fields, ports written or left out), and takes five
    times as long; it is asked about what this one does not accept.
    """
    said = url + "".join([name + value for name, value in sorted(form.items())])
    return base64.b64encode(hmac.digest(token.encode(), said.encode(), "sha1")).decode()


def to_inbound(account_id: int, raw: bytes, form: Form | None = None, *, terms: Terms | None = None) -> Inbound:
    """One received message, `form` being `raw` if read already. `Invalid` when it names no message or sender."""
    form = parse_form(raw) if form is None else form
    terms = terms or Terms()
    sid, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From", "").strip()
    if not sid:
        raise Invalid("The webhook names no MessageSid.")
    if not sender:
        raise Invalid("The webhook names no sender (From).")
    kind, _, bare = sender.rpartition(":")
    if (kind == "whatsapp") != (terms.channel == "whatsapp") or kind not in ("", "whatsapp"):
        raise Invalid(f"Messages of the kind {kind or 'sms'!r} are not handled by this account.")
    whatsapp = kind == "whatsapp"
    return Inbound(
        account_id=account_id,
        dedup_key=sid,
        raw=raw,
        raw_type="application/x-www-form-urlencoded",
        address_kind=AddressKind.WHATSAPP if whatsapp else AddressKind.PHONE,
        address=_external_id(form, bare) if whatsapp else bare,
        number=_number(form, bare) if whatsapp else None,
        name=form.get("ProfileName", ""),
        text=said_in(form).replace("\x00", ""),
        placeholder=placeholder_kind(form),
        external_id=sid,
        references=tuple(s for s in (form.get("OriginalRepliedMessageSid"),) if s),
        verified=True,
        meta=_meta(form),
        consent=consent(form, terms),
        media=media(form),
    )


def _external_id(form: Form, bare: str) -> str:
    """Who it is: Meta's own id of the user where it is told (BSUID), since a number may be missing or change."""
    return form.get("ExternalUserId", "").removeprefix("whatsapp:").strip() or bare


def _number(form: Form, bare: str) -> str | None:
    if _E164.fullmatch(bare):
        return bare
    digits = form.get("WaId", "").lstrip("+")
    return f"+{digits}" if _E164.fullmatch(f"+{digits}") else None


_PRESSED = ("ButtonText", "ButtonPayload", "ListId", "ListTitle")


def consent(form: Form, terms: Terms) -> Consent | None:
    """What the message says about being written to.

    `OptOutType` (Advanced Opt-Out) means that Twilio has answered. Without it, it has answered its own words in SMS,
    unless that is turned off; never those of other languages, and none in WhatsApp. What a button or a list of ours
    says is an answer to us.
    """
    told = form.get("OptOutType", "").strip().lower()
    if told in set(Wish):
        return Consent(Wish(told), "provider", form.get("Body", "").strip()[:100] or told.upper(), answered=True)
    if any(form.get(name) for name in _PRESSED):
        return None
    found = spoken(form.get("Body", ""), carried=terms.channel == "sms")
    if found is not None and terms.answers_opt_out and terms.channel == "sms" and carriers_own(found.detail):
        return replace(found, source="provider", answered=True)
    return found


def media(form: Form) -> tuple[RemoteFile, ...]:
    """The files that the message names."""
    count = form.get("NumMedia", "0")
    wanted = min(int(count), _MAX_MEDIA) if count.isdigit() and len(count) < 4 else 0
    named = [(form.get(f"MediaUrl{n}"), form.get(f"MediaContentType{n}", "")) for n in range(wanted)]
    return tuple(RemoteFile(url, kind) for url, kind in named if url)


def _meta(form: Form) -> dict[str, object]:
    place = ", ".join(v for k in ("FromCity", "FromState", "FromCountry") if (v := form.get(k)))
    spot = {"latitude": form.get("Latitude"), "longitude": form.get("Longitude"), "label": form.get("Label")}
    advert = {"headline": form.get("ReferralHeadline"), "url": form.get("ReferralSourceUrl")}
    facts: dict[str, object] = {
        "to": form.get("To"),
        "files": len(media(form)),
        "place": place,
        "location": {k: v for k, v in spot.items() if v} if spot["latitude"] and spot["longitude"] else None,
        "button": pressed(form),
        "form": bool(answers(form)),
        "button_payload": form.get("ButtonPayload") or form.get("ListId"),
        "replied_to": form.get("OriginalRepliedMessageSid"),
        "reaction": form.get("MessageType", "").lower() == "reaction",
        "forwarded": form.get("Forwarded") == "true" or form.get("FrequentlyForwarded") == "true",
        "advert": {k: v for k, v in advert.items() if v},
        "user_name": form.get("ProfileName"),
    }
    return {key: value for key, value in facts.items() if value}


def to_delivery(form: Form, outbound_id: int | None) -> Delivery | None:
    """One status report, or None for a word we do not know yet."""
    sid = form.get("MessageSid") or form.get("SmsSid")
    word = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    if not sid:
        raise Invalid("The status report names no MessageSid.")
    return delivery(sid, word, form.get("ErrorCode"), form.get("ErrorMessage", ""), outbound_id)


def delivery(
    sid: str, word: str, code: str | int | None, words: str = "", outbound_id: int | None = None
) -> Delivery | None:
    """What a status word of Twilio's means; None for one that we do not know, or that comes before everything."""
    status = _STATUS.get(word)
    if status is None:
        return None
    failed = status is DeliveryStatus.FAILED
    if not failed:
        return Delivery("twilio", status, sid, outbound_id)
    why = number(code)
    said, params = reason(code, words) if why or words else (Reason.PROVIDER_REPORTS, {"word": word})
    return Delivery(
        "twilio", status, sid, outbound_id, explain(code, words) or word, opted_out=why == OPTED_OUT,
        for_now=why in UNDELIVERED_FOR_NOW, code=said, params=params,
    )  # fmt: skip
