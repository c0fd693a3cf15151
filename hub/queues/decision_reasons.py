"""Why somebody is offered something, was not, or nothing is offered at all: codes with parameters, and their English.

Screens say the codes in their reader's language (`because.CODE` in `hub/ui/locales`); the English is for API clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict

ENGLISH = {
    "asked": "has worked on it or was asked for",
    "queue": "works in this queue",
    "skill": "{skills} at level {n}",
    "idle": "idle for {span}",
    "used": "{used} of {capacity} used",
    "stillFits": "{channel} still fits",
    "othersFree": "leaves others free for {channel}",
    "chosen": "chosen",
    "presence": "{state}",
    "lacks": "lacks {skills}",
    "missed": "declined or missed it just now, or did not come to it",
    "full": "full: {used} of {capacity}",
    "over": "more than full: {used} of {capacity}, by what they took themselves or what came back to them",
    "noRoom": "no room: {used} of {capacity} used, and this takes {weight}",
    "givesWay": "{used} more gives way to this",
    "holds": "holds {held} of {most} {channel}",
    "other": "was not the one asked for",
    "keptFor": "kept free for {channel}",
    "keptNow": "kept free for {channel}: {free} free, {kept} kept",
    "keptUntil": "kept free for {channel}: {free} free, {kept} kept until {at}",
    "weaker": "level {mine}, the chosen has {best}",
    "kept": "kept free for what fewer can do",
    "busier": "has more to do",
    "shorter": "idle for a shorter time",
    "urgent": "takes something more urgent to them",
    "unstaffed": "Nobody works in {queue}.",
    "unavailable": "Nobody in {queue} is available.",
    "noTelephone": "{n} available in {queue}, but no telephone there rings.",
    "allMissed": "Everybody available has just declined or missed it, or did not come to it.",
    "unfit": "{n} available in {queue}, but each is full or lacks the skill asked for.",
    "text": "{text}",  # of an older version, in its words
}


class Because(TypedDict):
    """A code, and what its words need. `idle` has `seconds`, `presence` a `state` and perhaps a `reason`."""

    code: str
    params: NotRequired[dict[str, Any]]


def coded_reason(code: str, **params: Any) -> Because:
    """One reason; a `KeyError` when there are no words for it."""
    ENGLISH[code]
    return {"code": code, "params": params} if params else {"code": code}


def english(reasons: Iterable[Because]) -> str:
    """All of it, for who does not know the codes."""
    return "; ".join(ENGLISH[one["code"]].format_map(_worded(one["code"], one.get("params", {}))) for one in reasons)


def in_words(text: str) -> list[Because]:
    """What an older version wrote down."""
    return [coded_reason("text", text=text)] if text else []


def _worded(code: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if code == "idle":
        return {"span": _duration(params["seconds"])}
    if code == "presence" and params.get("reason"):
        return {"state": f"{params['state']}: {params['reason']}"}
    return params


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
