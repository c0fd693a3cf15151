"""What is kept free for heavy work: how many agents are eligible and free, and how many heavy items are in progress.

A heavy item fills an agent (its weight reaches their capacity), as a call does. Each group of heavy entries has a
reserve with three numbers over the agents who may serve it: `eligible` are available and may take the channel at all,
`free` have room for one, `in_progress` counts the heavy items they hold. They change with the agents, one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

from routing import policy
from routing.model import Agent, Group, Kind, Profile, Reserve
from routing.policy import Blend

_NOTHING = (0, 0, 0)
_BOUNDS = 10_000  # pairs of numbers whose bounds are remembered
_ENDLESS = 1 << 62  # more agents than there are
_FIRST_BIT = 64  # lower ones mark channels at their maximum


class Reserves:
    """All reserves. None is kept while all work is heavy: there is nothing to keep it free from."""

    def __init__(self, blend: Blend):
        self._blend = blend
        self._kinds: dict[tuple[str, int], Kind] = {}
        self._listed: tuple[Kind, ...] = ()  # the same, to go through
        self._all: list[Reserve] = []
        self._bounds: dict[tuple[int, int], tuple[int, int]] = {}  # (eligible, in progress) -> (kept, roomy)
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
            self._listed = tuple(self._kinds.values())
        reserve = group.reserve = Reserve(kind, group)
        self._all.append(reserve)
        for _, _, _, profile in group.profiles:
            self.serve(reserve, profile)
        return new

    def serve(self, reserve: Reserve, profile: Profile) -> None:
        """A profile may serve a heavy group: its agents count."""
        profile.reserves.setdefault(reserve.kind.bit, []).append(reserve)
        reserve.served.append(profile)
        _weigh_in(profile, reserve.kind, locked=int(reserve.locked), tight=int(reserve.tight))
        for _, group in profile.groups:
            beside(group, reserve)
        for agent in profile.agents.values():
            eligible, free, in_progress = agent.marks.get(reserve.kind.bit, _NOTHING)
            reserve.eligible += eligible
            reserve.free += free
            reserve.in_progress += in_progress
        self._settle(reserve)

    def count(self, agent: Agent) -> None:
        """Count an agent anew, after anything about them has changed.

        An agent adds to (eligible, free, in progress); nothing if such an item does not fill them.
        """
        fits, capacity, marks = 0, agent.capacity, agent.marks
        for kind in self._listed:
            eligible = free = held = 0
            if 0 < capacity <= kind.weight:
                held = agent.counts.get(kind.channel, 0)
                most = agent.maxima.get(kind.channel, kind.most)
                if most > 0 and agent.state == "available":
                    eligible = 1
                    if held < most and agent.rooms[kind.view] >= kind.weight and not agent.not_before:
                        free = 1
                        fits |= kind.bit
            now = (eligible, free, held)
            before = marks.get(kind.bit, _NOTHING)
            if now != before:
                marks[kind.bit] = now
                self._add(agent, kind.bit, (eligible - before[0], free - before[1], held - before[2]))
        agent.fits = fits

    def leave(self, agent: Agent) -> None:
        """An agent leaves their profile."""
        for bit, marks in agent.marks.items():
            self._add(agent, bit, (-marks[0], -marks[1], -marks[2]))
        agent.marks.clear()

    def _add(self, agent: Agent, bit: int, change: tuple[int, int, int]) -> None:
        eligible, free, in_progress = change
        for reserve in agent.profile.reserves.get(bit, ()) if agent.profile else ():
            reserve.free += free
            if eligible or in_progress:
                reserve.eligible += eligible
                reserve.in_progress += in_progress
                self._settle(reserve)
            elif not reserve.floor < reserve.free < reserve.ceiling:
                self._settle(reserve)

    def _settle(self, reserve: Reserve) -> None:
        """Work out whether a reserve is locked or tight, and between which numbers of free agents it stays so."""
        numbers = (reserve.eligible, reserve.in_progress)
        bounds = self._bounds.get(numbers)
        if bounds is None:
            bounds = self._bound(*numbers)
        reserve.kept, roomy = bounds
        locked, tight = 0 < reserve.kept >= reserve.free, reserve.free < roomy
        if not tight:
            reserve.floor, reserve.ceiling = roomy - 1, _ENDLESS
        elif locked:
            reserve.floor, reserve.ceiling = -_ENDLESS, reserve.kept + 1
        else:
            reserve.floor, reserve.ceiling = reserve.kept or -_ENDLESS, roomy
        if locked is not reserve.locked or tight is not reserve.tight:
            self._turn(reserve, locked, tight)

    def _turn(self, reserve: Reserve, locked: bool, tight: bool) -> None:
        more, tighter = int(locked) - int(reserve.locked), int(tight) - int(reserve.tight)
        reserve.locked, reserve.tight = locked, tight
        for profile in reserve.served:
            _weigh_in(profile, reserve.kind, locked=more, tight=tighter)
        if reserve.blocked and not locked:
            self.opened.append(reserve)

    def _bound(self, eligible: int, in_progress: int) -> tuple[int, int]:
        if len(self._bounds) > _BOUNDS:
            self._bounds.clear()
        kept = policy.reserve(self._blend, eligible, in_progress)
        roomy = policy.roomy(self._blend, eligible, kept) if eligible > 0 else 0
        self._bounds[eligible, in_progress] = kept, roomy
        return kept, roomy


def beside(group: Group, reserve: Reserve) -> None:
    """Some of those who serve a group serve heavy work as well."""
    group.near[id(reserve)] = reserve
    if reserve.kind.channel not in group.yields:
        group.bars |= reserve.kind.bit


def is_heavy(group: Group) -> bool:
    """Whether a group's entries fill somebody who may serve them."""
    return group.reserve is not None and group.reserve.eligible > 0


def barring(group: Group) -> list[Reserve]:
    """Reserves that keep free agents from a group's entries until these are due."""
    if not group.bars or is_heavy(group):
        return []
    return [r for r in group.near.values() if r.locked and r.kind.bit & group.bars]


def _weigh_in(profile: Profile, kind: Kind, *, locked: int, tight: int) -> None:
    """A reserve of a profile has become locked or tight (1), is so no more (-1), or is as it was (0)."""
    bit, causes = kind.bit, profile.causes
    if locked:
        causes[bit] = left = causes.get(bit, 0) + locked
        profile.locked = profile.locked | bit if left else profile.locked & ~bit
    if tight:
        causes[-bit] = left = causes.get(-bit, 0) + tight
        profile.tight = profile.tight | bit if left else profile.tight & ~bit


def anywhere(group: Group) -> bool:
    """Whether a group's entries need no care for what only few can do: they give way to whatever else comes."""
    return group.yields_to_all and any(r.eligible for r in group.near.values())
