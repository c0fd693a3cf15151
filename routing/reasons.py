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
    full: int
    maxima: dict[str, int]
    profile: Any
    load: float


class _Group(Protocol):
    queue_id: int
    channel: str
    weight: int
    most: int
    step: Step
    levels: dict[int, int]
    view: int
    bit: int
    bars: int
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
    if not agent.used or agent.profile is None:
        return ""
    for reserves in agent.profile.reserves.values():
        kind = reserves[0].kind
        if kind.channel == group.channel or not any(reserve.eligible for reserve in reserves):
            continue
        if agent.fits & kind.bit and kind.channel in group.yields:
            return f"; {kind.channel} still fits"
        if agent.profile.tight & kind.bit and not agent.fits & kind.bit:
            return f"; leaves others free for {kind.channel}"
    return ""


def considered(group: _Group, item: _Item, chosen: _Agent, now: float, others: Iterable[_Agent], most: int) -> str:
    """The chosen and others, `most` in all, with what spoke against each, as a JSON array."""
    levels, asked = group.levels, bool(group.step.skills)
    rows = [
        {
            "agent_id": chosen.id,
            "chosen": True,
            "level": levels.get(id(chosen.profile)) if asked else None,
            "load": round(chosen.load, 2),
            "idle_seconds": max(0, round(now - chosen.idle_since)),
            "reason": "chosen",
        }
    ]
    for agent in others:
        if agent is chosen:
            continue
        if len(rows) >= most:
            break
        idle = round(now - agent.idle_since)
        rows.append(
            {
                "agent_id": agent.id,
                "chosen": False,
                "level": levels.get(id(agent.profile)) if asked else None,
                "load": round(agent.load, 2),
                "idle_seconds": idle if idle > 0 else 0,
                "reason": _against(group, item, agent, chosen, now),
            }
        )
    return orjson.dumps(rows).decode()


def _against(group: _Group, item: _Item, agent: _Agent, chosen: _Agent, now: float) -> str:
    if agent.state != "available":
        return f"{agent.state}: {agent.reason}" if agent.reason else agent.state
    if id(agent.profile) not in group.levels:
        return "lacks " + ", ".join(f"{key} {least}" for key, least in group.step.skills)
    if item.excluded and item.excluded.get(agent.id, 0.0) > now:
        return "declined or missed it just now"
    room = agent.rooms[group.view]
    if group.weight > room:
        return f"full: {agent.capacity - room} of {agent.capacity}"
    if agent.full & group.bit:
        most = agent.maxima.get(group.channel, group.most)
        return f"holds {agent.counts.get(group.channel, 0)} of {most} {group.channel}"
    if item.sticky_agent_id == chosen.id:
        return "was not the one asked for"
    bits = agent.fits & ~chosen.fits & group.bars
    if bits:
        return f"kept free for {next(r.kind.channel for r in group.near.values() if r.kind.bit & bits)}"
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
