"""A gateway's webhooks as the hub's words: who may knock, the message, the report. Pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import orjson

from connectors.httpsms.mapping import JSON, document, several, text_at
from connectors.httpsms.settings import Settings
from hub.channels.consent import Consent, carriers_own, spoken
from hub.channels.model import Account, AddressKind, Delivery, DeliveryStatus, Inbound
from hub.channels.reasons import Reason
from hub.contacts.identity import as_dialled
from hub.core.errors import Invalid


def proved(settings: Settings, raw: bytes, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a request was made by somebody who knows a secret of the account."""
    match settings.hook_proof:
        case "key":
            said = query.get("key", "")
        case "basic":
            said = _password(headers.get("Authorization", ""))
        case "hmac":
            return _signed(settings, raw, headers.get(settings.signature_header, ""))
    return bool(said) and any(hmac.compare_digest(said.encode(), s.encode()) for s in settings.secrets())


def _password(header: str) -> str:
    kind, _, rest = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _signed(settings: Settings, raw: bytes, header: str) -> bool:
    said = header.strip().removeprefix("sha256=").encode("utf-8", "replace")
    for secret in settings.secrets():
        digest = hmac.digest(secret.encode(), raw, hashlib.sha256)
        made = (digest.hex().encode(), base64.b64encode(digest))
        if any(hmac.compare_digest(said, one) for one in made):
            return True
    return False


def messages(account: Account, raw: bytes, content_type: str) -> list[tuple[bytes, str]]:
    """The single messages of a webhook, each with its own bytes and type; one alone keeps the bytes as they came."""
    where = cast("Settings", account.settings).received
    if where.list_path is None:
        return [(raw, content_type)]
    data = document(raw, content_type)
    return [(orjson.dumps(one), JSON) for one in several(data, where.list_path)]


def to_inbound(account: Account, raw: bytes, content_type: str) -> Inbound:
    """One message; `Invalid` says what is not there."""
    settings = cast("Settings", account.settings)
    where, data = settings.received, document(raw, content_type)
    key, sender = text_at(data, where.id), text_at(data, where.sender).strip()
    if not key:
        raise Invalid(f"The webhook has no id at {where.id!r}.")
    if not sender:
        raise Invalid(f"The webhook has no sender at {where.sender!r}.")
    text = text_at(data, where.text).replace("\x00", "")
    return Inbound(
        account_id=account.id,
        dedup_key=key,
        raw=raw,
        raw_type=content_type,
        address_kind=AddressKind.PHONE,
        address=as_dialled(sender, where.country),
        text=text,
        external_id=key,
        verified=True,
        meta={k: v for k, v in {"to": text_at(data, where.to)}.items() if v},
        consent=_consent(settings, text),
    )


def _consent(settings: Settings, text: str) -> Consent | None:
    found = spoken(text)
    if found is not None and settings.answers_opt_out and carriers_own(found.detail):
        return replace(found, source="provider", answered=True)
    return found


def reports(account: Account, raw: bytes, content_type: str, outbound_id: int | None) -> list[Delivery]:
    """What a status webhook says; words we do not know are left out. `Invalid` when it names no message."""
    settings = cast("Settings", account.settings)
    if settings.reported is None:
        return []
    data = document(raw, content_type)
    found = [_report(settings, one, outbound_id) for one in several(data, settings.reported.list_path)]
    return [one for one in found if one is not None]


def _report(settings: Settings, data: Any, outbound_id: int | None) -> Delivery | None:
    where = settings.reported
    assert where is not None  # noqa: S101 - `reports` has looked
    key, word = text_at(data, where.id), text_at(data, where.status).strip().lower()
    if not key:
        raise Invalid(f"The report has no id at {where.id!r}.")
    status = next((s for s, words in where.words.items() if word in map(str.lower, words)), None)
    if status is None:
        return None
    failed = status == "failed"
    if not failed:
        return Delivery("httpsms", DeliveryStatus(status), key, outbound_id)
    error = text_at(data, where.error)
    code = Reason.PROVIDER_REFUSED if error else Reason.PROVIDER_REPORTS
    params = {"reason": error[:300]} if error else {"word": word[:80]}
    error = error or f"The gateway reports {word!r}."
    return Delivery("httpsms", DeliveryStatus.FAILED, key, outbound_id, error, code=code, params=params)
