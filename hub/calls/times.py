"""The times of a call, computed from what was reported: in whatever order, however often, the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.calls.model import Fact

Span = tuple[datetime, datetime]
_FIRST = -1  # reports without a number in the sequence come before those with one


@dataclass(frozen=True, slots=True)
class Times:
    """Whole seconds. `ring` is by leg; `wait` None when the caller was never parked."""

    wait: int | None
    talk: int
    hold: int
    ring: dict[int, int]


def times(facts: Iterable[Fact], customers: frozenset[int], speakers: frozenset[int], end: datetime) -> Times:
    """`customers` and `speakers` (agents, third parties) are leg ids; `end` closes what is still open."""
    ordered = sorted(facts, key=lambda f: (f.at, f.seq if f.seq is not None else _FIRST))
    room = _spans(ordered, customers, "participant.joined", "participant.left", end)
    held = _spans(ordered, customers, "participant.held", "participant.unheld", end)
    others = _spans(ordered, speakers, "participant.joined", "participant.left", end)
    together = _overlap(room, others)
    hold = _overlap(room, held)
    waits = [int(f.data["seconds"]) for f in ordered if f.kind == "queue.left" and "seconds" in f.data]
    return Times(
        sum(waits) if waits else None,
        round(_length(together) - _length(_overlap(together, held))),
        round(_length(hold)),
        _rings(ordered),
    )


def _spans(facts: Sequence[Fact], legs: frozenset[int], opens: str, closes: str, end: datetime) -> list[Span]:
    """When any of the legs was in a state, merged. Leaving the room ends a hold too."""
    found: list[Span] = []
    for leg in legs:
        since: datetime | None = None
        for fact in facts:
            if fact.leg_id != leg:
                continue
            if fact.kind == opens:
                since = since or fact.at
            elif since is not None and fact.kind in (closes, "participant.left", "call.ended"):
                found.append((since, fact.at))
                since = None
        if since is not None:
            found.append((since, max(since, end)))
    return _merged(found)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged


def _overlap(one: list[Span], other: list[Span]) -> list[Span]:
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


def _length(spans: list[Span]) -> float:
    return sum((stop - start).total_seconds() for start, stop in spans)


def _rings(facts: Sequence[Fact]) -> dict[int, int]:
    began: dict[int, datetime] = {}
    lasted: dict[int, int] = {}
    for fact in facts:
        if fact.leg_id is None:
            continue
        if fact.kind in ("call.initiated", "call.ringing"):
            began.setdefault(fact.leg_id, fact.at)
        elif fact.kind in ("call.answered", "call.ended") and fact.leg_id in began and fact.leg_id not in lasted:
            lasted[fact.leg_id] = round((fact.at - began[fact.leg_id]).total_seconds())
    return lasted
