"""Amazon SES's notifications, which come by mail as JSON where no other way is set up.

Source: Amazon SES developer guide, "Notification contents for Amazon SES": `notificationType` (or `eventType`), `mail`,
and one of `bounce`, `complaint`, `delivery`. SNS may wrap it into the string `Message` of another object.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

_MAX = 256 * 1024  # characters looked at
_DEPTH = 60  # brackets within each other; deeper is no notification
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Notification:
    """`kind` is bounce, complaint or delivery; `lasting` whether a bounce is for good."""

    kind: str
    lasting: bool
    recipients: tuple[str, ...]
    status: str
    diagnostic: str
    message_id: str | None


def notification(text: str) -> Notification | None:
    """The notification that a text holds; None if it holds none."""
    at = text.find("{", 0, 2000)
    if at < 0 or not any(word in text[:_MAX] for word in ("notificationType", "eventType")):
        return None
    told = _object(text[at:_MAX])
    inner = told.get("Message")
    if isinstance(inner, str):
        told = _object(inner[:_MAX])
    kind = str(told.get("notificationType") or told.get("eventType") or "").lower()
    if kind not in {"bounce", "complaint", "delivery"}:
        return None
    facts, mail = _part(told, kind), _part(told, "mail")
    named = facts.get({"bounce": "bouncedRecipients", "complaint": "complainedRecipients"}.get(kind, "recipients"))
    people = [_person(one) for one in cast("list[Any]", named)[:100]] if isinstance(named, list) else []
    first = people[0] if people else {}
    ids = _part(mail, "commonHeaders").get("messageId")
    return Notification(
        kind=kind,
        lasting=str(facts.get("bounceType")).lower() == "permanent",
        recipients=tuple(p["emailAddress"] for p in people if p.get("emailAddress")),
        status=first.get("status", ""),
        diagnostic=first.get("diagnosticCode", "")[:500],
        message_id=ids if isinstance(ids, str) and ids.startswith("<") else None,
    )


def _object(text: str) -> dict[str, Any]:
    depth = deepest = 0
    for sign in text:
        depth += (sign in "{[") - (sign in "}]")
        deepest = max(deepest, depth)
    try:
        found = _DECODER.raw_decode(text)[0] if deepest <= _DEPTH else None
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    part = told.get(name)
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


def _person(one: Any) -> dict[str, str]:
    """A recipient: an object for bounces and complaints, a plain address for deliveries."""
    if isinstance(one, str):
        return {"emailAddress": one[:320]}
    return (
        {key: str(value)[:1000] for key, value in cast("dict[str, Any]", one).items()} if isinstance(one, dict) else {}
    )
