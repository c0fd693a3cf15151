"""Twilio's webhooks as the hub's words: the signature, the message, the status report. Pure functions.

Form fields and their meaning: Twilio's "Messaging webhooks" and "Message status callback" references.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from multidict import MultiDict
from twilio.request_validator import (
    HMAC_SHA1,
    RequestValidator,
    get_signature_algorithm,  # pyright: ignore[reportUnknownVariableType] - the SDK ships no types
)

from hub.channels.model import AddressKind, Delivery, DeliveryStatus, Inbound
from hub.core.errors import Invalid

Form = MultiDict[str]

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
# What a person should read instead of a bare number.
ERRORS = {
    21211: "the number is not valid",
    21408: "sending to this country is not enabled",
    21610: "the customer has opted out",
    21612: "this number cannot be reached from ours",
    21614: "the number cannot receive SMS",
    30003: "the handset is unreachable",
    30004: "the message was blocked",
    30005: "the number is unknown",
    30006: "the number is a landline or unreachable",
    30007: "the carrier filtered the message",
    30008: "the carrier gave no reason",
    30034: "our number is not registered for this country (10DLC)",
    30450: "refused as suspected SMS pumping",
    63016: "the reply window is closed; use a template",
}
_MAX_MEDIA = 10


def parse_form(body: bytes) -> Form:
    """The fields of a form body, blank ones kept: the signature covers them."""
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    return MultiDict(pairs)


def signed(tokens: Iterable[str], url: str, form: Form, signature: str | None, settings_header: str | None) -> bool:
    """Whether `signature` over `url` and `form` was made with one of `tokens`. Nothing, or an empty token, is never."""
    if not signature or not signature.isascii():
        return False
    algorithm = str(get_signature_algorithm(settings_header or ""))
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


def explain(code: str | int | None, words: str = "") -> str | None:
    """An error as a sentence: our words, or the provider's, and the number to look it up by."""
    if code in (None, "", "0", 0):
        return words or None
    number = int(code) if str(code).isdigit() else 0
    return f"Twilio error {code}: {ERRORS.get(number) or words or 'no reason given'}"


def to_inbound(account_id: int, raw: bytes, form: Form | None = None) -> Inbound:
    """One received SMS, `form` being `raw` if that was read already. `Invalid` when it names no message or sender."""
    form = parse_form(raw) if form is None else form
    sid, sender = form.get("MessageSid") or form.get("SmsSid"), form.get("From", "").strip()
    if not sid:
        raise Invalid("The webhook names no MessageSid.")
    if not sender:
        raise Invalid("The webhook names no sender (From).")
    if ":" in sender:
        raise Invalid(f"Messages of the kind {sender.split(':')[0]!r} are not handled by this account.")
    media = _media(form)
    return Inbound(
        account_id=account_id,
        dedup_key=sid,
        raw=raw,
        raw_type="application/x-www-form-urlencoded",
        address_kind=AddressKind.PHONE,
        address=sender,
        text=form.get("Body", "").replace("\x00", ""),
        external_id=sid,
        verified=True,
        meta=_meta(form, media),
    )


def _media(form: Form) -> list[dict[str, str]]:
    count = form.get("NumMedia", "0")
    wanted = min(int(count), _MAX_MEDIA) if count.isdigit() and len(count) < 4 else 0
    return [
        {"url": url, "content_type": form.get(f"MediaContentType{n}", "application/octet-stream")}
        for n in range(wanted)
        if (url := form.get(f"MediaUrl{n}"))
    ]


def _meta(form: Form, media: list[dict[str, str]]) -> dict[str, object]:
    place = ", ".join(v for k in ("FromCity", "FromState", "FromCountry") if (v := form.get(k)))
    facts: dict[str, object] = {
        "to": form.get("To"),
        "media": media,
        "place": place,
        "opt_out": form.get("OptOutType"),  # STOP, START or HELP: Twilio has already answered it
    }
    return {key: value for key, value in facts.items() if value}


def to_delivery(form: Form, outbound_id: int | None) -> Delivery | None:
    """One status report, or None for a word we do not know yet."""
    sid = form.get("MessageSid") or form.get("SmsSid")
    word = (form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    if not sid:
        raise Invalid("The status report names no MessageSid.")
    status = _STATUS.get(word)
    if status is None:
        return None
    error = explain(form.get("ErrorCode"), form.get("ErrorMessage", "")) if status is DeliveryStatus.FAILED else None
    return Delivery("twilio", status, sid, outbound_id, error or (word if status is DeliveryStatus.FAILED else None))
