"""What is kept free for heavy work: how many agents are eligible and free, and how many heavy items are in progress.

A heavy item fills an agent (its weight reaches their capacity), as a call does. Each group of heavy entries has a
reserve with three numbers over the agents who may serve it: `eligible` are available and may take the channel at all,
`free` have room for one, `in_progress` counts the heavy items they hold. They change with the agents, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from routing.model import Agent, Group, Kind, Profile, Reserve
from routing.policy import Blend

_NOTHING = (0, 0, 0)
_FIRST_BIT = 64  # lower ones mark channels at their maximum


class Reserves:
    """All reserves. None is kept while all work is heavy: there is nothing to keep it free from."""

    def __init__(self, blend: Blend):
        self._blend = blend
        self._kinds: dict[tuple[str, int], Kind] = {}
        self._all: list[Reserve] = []
        self.opened: list[Reserve] = []  # whose lock ended while something waited for that

    def __iter__(self) -> Iterator[Reserve]:
        return iter(self._all)

    def __bool__(self) -> bool:
        return bool(self._all)

    def open(self, group: Group) -> bool:
        """Keep a reserve for a group; whether its kind is new, so that every agent has to be looked at anew."""
        key = (group.channel, group.weight)
        kind = self._kinds.get(key)
        new = kind is None
        if kind is None:
            bit = 1 << (_FIRST_BIT + len(self._kinds))
            kind = self._kinds[key] = Kind(group.channel, group.weight, group.view, group.most, bit)
        reserve = group.reserve = Reserve(kind, group, self._blend)
        self._all.append(reserve)
        for _, _, _, profile in group.profiles:
            self.serve(reserve, profile)
        return new

    def serve(self, reserve: Reserve, profile: Profile) -> None:
        """A profile may serve a heavy group: its agents count."""
        profile.reserves.append(reserve)
        for _, group in profile.groups:
            group.near[id(reserve)] = reserve
        for agent in profile.agents.values():
            reserve.add(agent.marks.get(reserve.kind.bit, _NOTHING))

    def count(self, agent: Agent) -> None:
        """Count an agent anew, after anything about them has changed."""
        agent.fits = 0
        for kind in self._kinds.values():
            marks = mark(agent, kind)
            if marks[1]:
                agent.fits |= kind.bit
            before = agent.marks.get(kind.bit, _NOTHING)
            if marks != before:
                agent.marks[kind.bit] = marks
                self._add(agent, kind.bit, _minus(marks, before))

    def leave(self, agent: Agent) -> None:
        """An agent leaves their profile."""
        for bit, marks in agent.marks.items():
            self._add(agent, bit, _minus(_NOTHING, marks))
        agent.marks.clear()

    def _add(self, agent: Agent, bit: int, change: tuple[int, int, int]) -> None:
        for reserve in agent.profile.reserves if agent.profile else ():
            if reserve.kind.bit == bit:
                reserve.add(change)
                if reserve.blocked and not reserve.locked:
                    self.opened.append(reserve)


def mark(agent: Agent, kind: Kind) -> tuple[int, int, int]:
    """What an agent adds to (eligible, free, in progress); nothing if such an item does not fill them."""
    if not 0 < agent.capacity <= kind.weight:
        return _NOTHING
    held = agent.counts.get(kind.channel, 0)
    eligible = agent.state == "available" and agent.maxima.get(kind.channel, kind.most) > 0
    free = (
        eligible
        and not agent.not_before
        and agent.rooms[kind.view] >= kind.weight
        and agent.allows(kind.channel, kind.most)
    )
    return int(eligible), int(free), held


def _minus(a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    """The change from `b` to `a`."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def is_heavy(group: Group) -> bool:
    """Whether a group's entries fill somebody who may serve them."""
    return group.reserve is not None and group.reserve.eligible > 0


def barring(group: Group) -> list[Reserve]:
    """Reserves that keep free agents from a group's entries until these are due."""
    if is_heavy(group):
        return []
    yields = group.yields
    return [r for r in group.near.values() if r.free <= r.kept and r.kept and r.kind.channel not in yields]


def tight(group: Group) -> list[Reserve]:
    """Reserves for whose sake a group's entries go to whom they leave least room, rather than to the least loaded."""
    if group.placement != "auto" or group.yields_to_all or is_heavy(group):
        return []
    return [r for r in group.near.values() if r.tight]


def serves(profile: Profile, reserves: Iterable[Reserve]) -> Iterator[Reserve]:
    """Those of some reserves that a profile's agents are of."""
    key = id(profile)
    return (r for r in reserves if key in r.group.levels)


def anywhere(group: Group) -> bool:
    """Whether a group's entries need no care for what only few can do: they give way to whatever else comes."""
    return group.yields_to_all and any(r.eligible for r in group.near.values())
