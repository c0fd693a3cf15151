"""Why somebody was chosen and others were not, in words: what the router writes into `decision`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from routing import policy
from routing.model import Reserve
from routing.policy import Step

MOST = 10  # candidates kept per decision
FEW = 3  # of a flood of decisions


class _Agent(Protocol):
    id: int
    state: str
    reason: str | None
    capacity: int
    used: int
    rooms: list[int]
    idle_since: float
    counts: dict[str, int]
    fits: int
    maxima: dict[str, int]
    profile: Any

    @property
    def load(self) -> float: ...


class _Group(Protocol):
    queue_id: int
    channel: str
    weight: int
    most: int
    step: Step
    levels: dict[int, int]
    view: int
    yields: frozenset[str]

    @property
    def near(self) -> Mapping[int, Reserve]: ...


class _Item(Protocol):
    excluded: dict[int, float]
    sticky_agent_id: int | None


def why_chosen(group: _Group, item: _Item, agent: _Agent, now: float) -> str:
    """Why me: the words on the offer card."""
    idle = f"{agent.used} of {agent.capacity} used" if agent.used else f"idle for {_duration(now - agent.idle_since)}"
    idle += _room_left(group, agent)
    if item.sticky_agent_id == agent.id:
        return f"has worked on it or was asked for; {idle}"
    if not group.step.skills:
        return f"works in this queue; {idle}"
    asked = ", ".join(key for key, _ in group.step.skills)
    return f"{asked} at level {group.levels.get(id(agent.profile), policy.MAX_LEVEL)}; {idle}"


def _room_left(group: _Group, agent: _Agent) -> str:
    """What heavy work still fits beside this item, or that others stay free for it."""
    if not agent.used:
        return ""
    for reserve in group.near.values():
        kind = reserve.kind
        if kind.channel == group.channel or not reserve.eligible:
            continue
        if agent.fits & kind.bit and kind.channel in group.yields:
            return f"; {kind.channel} still fits"
        if reserve.tight and not agent.fits & kind.bit:
            return f"; leaves others free for {kind.channel}"
    return ""


def considered(group: _Group, item: _Item, chosen: _Agent, now: float, others: Iterable[_Agent], most: int) -> str:
    """The chosen and others, `most` in all, with what spoke against each, as a JSON array."""
    rows = [_row(group, chosen, now, "chosen", chosen=True)]
    for agent in others:
        if len(rows) >= most:
            break
        if agent is not chosen:
            rows.append(_row(group, agent, now, _against(group, item, agent, chosen, now), chosen=False))
    return orjson.dumps(rows).decode()


def _row(group: _Group, agent: _Agent, now: float, reason: str, *, chosen: bool) -> dict[str, Any]:
    return {
        "agent_id": agent.id,
        "chosen": chosen,
        "level": group.levels.get(id(agent.profile)) if group.step.skills else None,
        "load": round(agent.load, 2),
        "idle_seconds": max(0, round(now - agent.idle_since)),
        "reason": reason,
    }


def _against(group: _Group, item: _Item, agent: _Agent, chosen: _Agent, now: float) -> str:
    if agent.state != "available":
        return f"{agent.state}: {agent.reason}" if agent.reason else agent.state
    if id(agent.profile) not in group.levels:
        return "lacks " + ", ".join(f"{key} {least}" for key, least in group.step.skills)
    if item.excluded.get(agent.id, 0.0) > now:
        return "declined or missed it just now"
    if group.weight > agent.rooms[group.view]:
        return f"full: {agent.capacity - agent.rooms[group.view]} of {agent.capacity}"
    held, most = agent.counts.get(group.channel, 0), agent.maxima.get(group.channel, group.most)
    if held >= most:
        return f"holds {held} of {most} {group.channel}"
    if item.sticky_agent_id == chosen.id:
        return "was not the one asked for"
    for reserve in group.near.values():
        if agent.fits & ~chosen.fits & reserve.kind.bit and reserve.kind.channel not in group.yields:
            return f"kept free for {reserve.kind.channel}"
    return _weaker(group, agent, chosen)


def _weaker(group: _Group, agent: _Agent, chosen: _Agent) -> str:
    mine, best = group.levels[id(agent.profile)], group.levels.get(id(chosen.profile), policy.MAX_LEVEL)
    if mine < best:
        return f"level {mine}, the chosen has {best}"
    if agent.profile.flexibility > chosen.profile.flexibility:
        return "kept free for what fewer can do"
    if agent.load > chosen.load:
        return "has more to do"
    return "idle for a shorter time" if agent.idle_since > chosen.idle_since else "takes something more urgent to them"


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
