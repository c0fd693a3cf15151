# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# icalendar's properties are loosely typed; this is the only module of the connector that touches it.
"""Calendar invitations (RFC 5545, RFC 5546): what the desk shows as a card and answers with yes or no."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from icalendar import Calendar

TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_MAX_BYTES = 512 * 1024
_MAX_ATTENDEES = 50
_METHODS = frozenset({"REQUEST", "CANCEL", "REPLY", "PUBLISH", "COUNTER", "ADD", "REFRESH", "DECLINECOUNTER"})


def invitation(data: bytes) -> dict[str, Any] | None:
    """The first event as plain JSON, or None if there is none to be read.

    Times are ISO 8601 in UTC, or bare dates where the event takes whole days (`all_day`); a time without a zone stays
    without one. `recurs` is the rule as written, `recurrence_id` names one meeting of a series.
    """
    try:
        calendar: Any = Calendar.from_ical(data[:_MAX_BYTES])
        event: Any = next(iter(calendar.walk("VEVENT")), None)
        if event is None or not event.get("UID"):
            return None
        return _plain(calendar, event)
    except Exception:  # noqa: BLE001 - foreign code on hostile bytes: the file itself stays beside the message
        return None


def _plain(calendar: Any, event: Any) -> dict[str, Any]:
    method = str(calendar.get("METHOD", "PUBLISH")).upper()
    starts, ends = _moments(event)
    rule = event.get("RRULE")
    facts: dict[str, Any] = {
        "method": method if method in _METHODS else "PUBLISH",
        "uid": str(event["UID"])[:1000],
        "sequence": int(event.get("SEQUENCE", 0)),
        "recurrence_id": event["RECURRENCE-ID"].to_ical().decode()[:60] if "RECURRENCE-ID" in event else None,
        "summary": _single_line(event.get("SUMMARY")),
        "location": _single_line(event.get("LOCATION")),
        "description": str(event.get("DESCRIPTION") or "")[:4000],
        "starts": _iso(starts),
        "ends": _iso(ends),
        "all_day": starts is not None and not isinstance(starts, datetime),
        "recurs": rule.to_ical().decode()[:300] if rule is not None and hasattr(rule, "to_ical") else None,
        "status": _single_line(event.get("STATUS")).upper(),
        "organizer": _person(event.get("ORGANIZER")),
        "attendees": [p for a in _several(event.get("ATTENDEE"))[:_MAX_ATTENDEES] if (p := _person(a))],
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [])}


def _moments(event: Any) -> tuple[Any, Any]:
    starts = event["DTSTART"].dt if "DTSTART" in event else None
    if "DTEND" in event:
        return starts, event["DTEND"].dt
    if "DURATION" in event and starts is not None:
        return starts, starts + event["DURATION"].dt
    return starts, None if starts is None or isinstance(starts, datetime) else starts + timedelta(days=1)


def _iso(moment: object) -> str | None:
    match moment:
        case datetime():
            return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()
        case date():
            return moment.isoformat()
        case _:
            return None


def _person(value: Any) -> dict[str, str] | None:
    address = str(value or "").partition(":")[2] if str(value or "").lower().startswith("mailto:") else str(value or "")
    if "@" not in address:
        return None
    found = {
        "address": "".join(address.split())[:320],
        "name": str(value.params.get("CN", ""))[:200],
        "status": str(value.params.get("PARTSTAT", ""))[:30],
    }
    return {key: text for key, text in found.items() if text}


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _single_line(value: Any) -> str:
    return " ".join(str(value or "").split())[:500]
