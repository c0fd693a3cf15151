"""What a received message says: its text, or what a place, a button, a form or a kind without text comes to in words.

Twilio's "WhatsApp message fields": MessageType, Latitude…, ButtonText, ListTitle, InteractiveData, FlowData. What is in
the last two is the form's own; only that it is JSON is promised, and not always kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import orjson
from multidict import MultiDict

Form = MultiDict[str]
_FORMS = ("FlowData", "InteractiveData")
_MOST_JSON = 64 * 1024
_MOST_FIELDS, _MOST_NAME, _MOST_VALUE, _DEEPEST = 50, 80, 500, 8
_INNER = frozenset({"flow_token", "flow_id", "wa_flow_response_params", "flow_message_version", "type", "id", "pageid"})
_NAMES = ("label", "title", "question", "name", "key", "id")
_VALUES = ("value", "values", "answer", "response")
_CLOTHES = re.compile(r"^screen_\d+_|_\d+$")  # Meta's builder names a field screen_0_Your_name_1
_FILES = frozenset({"image", "audio", "voice", "video", "document", "media"})
_KIND = {"contact": "contacts", "vcard": "contacts", "interactive": "form", "nfm_reply": "form", "flow": "form"}


def said_in(form: Form) -> str:
    """What was said, in words; empty where there are none, see `placeholder_kind`."""
    said = "\n".join(part for part in (_body(form), answers(form)) if part)
    return said or _place(form) or pressed(form)


def _body(form: Form) -> str:
    body = form.get("Body", "").replace("\x00", "")
    return body if body.strip() else ""


def pressed(form: Form) -> str:
    """The button or list entry of ours that was chosen, by its words or else its own name."""
    for name in ("ButtonText", "ListTitle", "ButtonPayload", "ListId"):
        if found := form.get(name, "").strip():
            return found[:_MOST_VALUE]
    return ""


def answers(form: Form) -> str:
    """The fields of a form that was filled in, a line for each: `name: value`."""
    lines: list[str] = []
    for name in _FORMS:
        told = form.get(name, "").replace("\x00", "").strip()
        for key, value in _fields(told):
            line = f"{key}: {value}" if key else value
            if line not in lines:
                lines.append(line)
    shown = lines[:_MOST_FIELDS]
    return "\n".join([*shown, "…"] if len(lines) > len(shown) else shown)


def _fields(told: str) -> Iterator[tuple[str, str]]:
    if not told:
        return
    data = _parsed(told) if len(told) <= _MOST_JSON else None
    if data is None:
        yield "", _cut(told)
        return
    count = 0
    for key, value in _flat("", data, _DEEPEST):
        if count > _MOST_FIELDS:
            return
        if value:
            count += 1
            yield key, value


def _flat(name: str, data: Any, deep: int) -> Iterator[tuple[str, str]]:
    """Whatever a form sent, as (name, value) in its own order."""
    if isinstance(data, str) and data[:1] in ("{", "[") and deep and (inner := _parsed(data)) is not None:
        data = inner  # JSON in JSON, as Meta's response_json
    if isinstance(data, list) and deep:
        yield from _list(name, cast("list[Any]", data), deep)
    elif isinstance(data, dict) and deep:
        yield from _object(name, cast("dict[str, Any]", data), deep)
    else:
        yield _title(name), "…" if isinstance(data, list | dict) else _cut(_plain(data))


def _list(name: str, data: list[Any], deep: int) -> Iterator[tuple[str, str]]:
    if all(not isinstance(one, dict | list) for one in data):
        yield _title(name), _cut(", ".join(_plain(one) for one in data[:_MOST_FIELDS]))
        return
    for one in data[:_MOST_FIELDS]:
        yield from _flat(name, one, deep - 1)


def _object(name: str, data: dict[str, Any], deep: int) -> Iterator[tuple[str, str]]:
    lower = {str(key).lower(): value for key, value in data.items()}
    value = next((key for key in _VALUES if key in lower), None)
    label = next((lower[key] for key in _NAMES if isinstance(lower.get(key), str) and lower[key]), None)
    if value is not None and label is not None:
        yield from _flat(label, lower[value], deep - 1)
        return
    for key, one in list(data.items())[:_MOST_FIELDS]:
        if str(key).lower() not in _INNER:
            yield from _flat(str(key), one, deep - 1)


def _parsed(told: str) -> Any:
    try:
        return orjson.loads(told)
    except (ValueError, RecursionError):
        return None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return "" if value is None else str(value).strip()


def _title(name: str) -> str:
    while (bare := _CLOTHES.sub("", name)) != name and bare:
        name = bare
    return " ".join(name.replace("_", " ").split())[:_MOST_NAME]


def _cut(value: str) -> str:
    value = " ".join(value.split())
    return value if len(value) <= _MOST_VALUE else value[:_MOST_VALUE] + "…"


def _place(form: Form) -> str:
    north, east = form.get("Latitude"), form.get("Longitude")
    if not north or not east:
        return ""
    named = [v for k in ("Label", "Address") if (v := form.get(k, "").strip())]
    link = f"https://www.openstreetmap.org/?mlat={north}&mlon={east}#map=17/{north}/{east}"
    return f"📍 {', '.join(dict.fromkeys(named)) or f'{north}, {east}'}\n{link}"


def placeholder_kind(form: Form) -> str | None:
    """What a message without words is, as far as told (`hub.channels.placeholders`); None: its files speak for it."""
    told = form.get("MessageType", "").strip().lower()
    kind = _KIND.get(told, told)
    first = form.get("MediaContentType0", "").lower()
    if form.get("MediaUrl0") and form.get("NumMedia", "0") != "0":
        return "contacts" if "vcard" in first else "sticker" if kind == "sticker" else None
    if kind in ("", "text", "button", "list"):
        return "empty"
    return "file" if kind in _FILES else kind
