"""Why somebody was chosen and others were not, as codes: what the router writes into `decision`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from hub.queues.decision_reasons import Because, coded_reason
from routing import policy
from routing.model import Reserve
from routing.policy import Step

MOST = 10  # candidates kept per decision
FEW = 3  # of a flood of decisions
_CHOSEN = [coded_reason("chosen")]


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


def why_chosen(group: _Group, item: _Item, agent: _Agent, now: float) -> list[Because]:
    """Why me: what the offer card says."""
    if item.sticky_agent_id == agent.id:
        found = [coded_reason("asked")]
    elif not group.step.skills:
        found = [coded_reason("queue")]
    else:
        asked = ", ".join(key for key, _ in group.step.skills)
        level = group.levels.get(id(agent.profile), policy.MAX_LEVEL)
        found = [coded_reason("skill", skills=asked, n=level)]
    counted = _counted(group, agent)
    if counted:
        found.append(coded_reason("used", used=counted, capacity=agent.capacity))
    if agent.used > counted:  # what this item does not see, since it gives way to it
        found.append(coded_reason("givesWay", used=agent.used - counted))
    if not agent.used:
        found.append(coded_reason("idle", seconds=max(0, round(now - agent.idle_since))))
    return found + _room_left(group, agent)


def _counted(group: _Group, agent: _Agent) -> int:
    """How much an agent holds that counts against such an item."""
    return max(0, agent.capacity - agent.rooms[group.view])


def _room_left(group: _Group, agent: _Agent) -> list[Because]:
    """What heavy work still fits beside this item, or that others, who are there, stay free for it."""
    if not agent.used or agent.profile is None:
        return []
    for reserves in agent.profile.reserves.values():
        kind = reserves[0].kind
        if kind.channel == group.channel or not any(reserve.eligible for reserve in reserves):
            continue
        if agent.fits & kind.bit and kind.channel in group.yields:
            return [coded_reason("stillFits", channel=kind.channel)]
        free = sum(reserve.free for reserve in reserves)
        if free and agent.profile.tight & kind.bit and not agent.fits & kind.bit:
            return [coded_reason("othersFree", channel=kind.channel)]
    return []


def _share(group: _Group, agent: _Agent) -> float:
    """What counts against such an item, as a fraction of the capacity."""
    return round(_counted(group, agent) / agent.capacity, 2) if agent.capacity else 1.0


def considered(group: _Group, item: _Item, chosen: _Agent, now: float, others: Iterable[_Agent], most: int) -> str:
    """The chosen and others, `most` in all, with what spoke against each, as a JSON array."""
    levels, asked = group.levels, bool(group.step.skills)
    rows: list[dict[str, Any]] = []

    def add(agent: _Agent, why: list[Because]) -> None:
        idle = round(now - agent.idle_since)
        row: dict[str, Any] = {
            "agent_id": agent.id,
            "load": _share(group, agent),
            "idle_seconds": max(idle, 0),
            "because": why,
        }
        if asked:
            row["level"] = levels.get(id(agent.profile))
        rows.append(row)

    add(chosen, _CHOSEN)
    rows[0]["chosen"] = True
    for agent in others:
        if agent is chosen:
            continue
        if len(rows) >= most:
            break
        add(agent, [_against(group, item, agent, chosen, now)])
    return orjson.dumps(rows).decode()


def _against(group: _Group, item: _Item, agent: _Agent, chosen: _Agent, now: float) -> Because:
    if agent.state != "available":
        return coded_reason("presence", state=agent.state, **({"reason": agent.reason} if agent.reason else {}))
    if id(agent.profile) not in group.levels:
        return coded_reason("lacks", skills=", ".join(f"{key} {least}" for key, least in group.step.skills))
    if item.excluded and item.excluded.get(agent.id, 0.0) > now:
        return coded_reason("missed")
    room = agent.rooms[group.view]
    if group.weight > room:
        return _full(group, agent, agent.capacity - room)
    if agent.full & group.bit:
        most = agent.maxima.get(group.channel, group.most)
        return coded_reason("holds", held=agent.counts.get(group.channel, 0), most=most, channel=group.channel)
    if item.sticky_agent_id == chosen.id:
        return coded_reason("other")
    bits = agent.fits & ~chosen.fits & group.bars
    if bits:
        return coded_reason("keptFor", channel=next(r.kind.channel for r in group.near.values() if r.kind.bit & bits))
    return _weaker(group, agent, chosen)


def _full(group: _Group, agent: _Agent, used: int) -> Because:
    if used > agent.capacity:
        return coded_reason("over", used=used, capacity=agent.capacity)
    if used < agent.capacity:
        return coded_reason("noRoom", used=used, capacity=agent.capacity, weight=group.weight)
    return coded_reason("full", used=used, capacity=agent.capacity)


def _weaker(group: _Group, agent: _Agent, chosen: _Agent) -> Because:
    mine, best = group.levels[id(agent.profile)], group.levels.get(id(chosen.profile), policy.MAX_LEVEL)
    if mine < best:
        return coded_reason("weaker", mine=mine, best=best)
    if agent.profile.flexibility > chosen.profile.flexibility:
        return coded_reason("kept")
    if agent.load > chosen.load:
        return coded_reason("busier")
    return coded_reason("shorter" if agent.idle_since > chosen.idle_since else "urgent")
