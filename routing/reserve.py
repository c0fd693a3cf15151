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
_FIRST_BIT = 64  # lower ones mark channels at their maximum


class Reserves:
    """All reserves. None is kept while all work is heavy: there is nothing to keep it free from."""

    def __init__(self, blend: Blend):
        self._blend = blend
        self._kinds: dict[tuple[str, int], Kind] = {}
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
        reserve = group.reserve = Reserve(kind, group)
        self._all.append(reserve)
        for _, _, _, profile in group.profiles:
            self.serve(reserve, profile)
        return new

    def serve(self, reserve: Reserve, profile: Profile) -> None:
        """A profile may serve a heavy group: its agents count."""
        profile.reserves.setdefault(reserve.kind.bit, []).append(reserve)
        reserve.served.append(profile)
        _weigh_in(profile, reserve.kind.bit, locked=int(reserve.locked), tight=int(reserve.tight))
        for _, group in profile.groups:
            beside(group, reserve)
        for agent in profile.agents.values():
            self._change(reserve, agent.marks.get(reserve.kind.bit, _NOTHING))

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
        for reserve in agent.profile.reserves.get(bit, ()) if agent.profile else ():
            self._change(reserve, change)

    def _change(self, reserve: Reserve, change: tuple[int, int, int]) -> None:
        """Adjust the three numbers and what follows from them."""
        eligible, free, in_progress = change
        reserve.free += free
        if eligible or in_progress:
            reserve.eligible += eligible
            reserve.in_progress += in_progress
            reserve.kept, reserve.roomy = self._bound(reserve.eligible, reserve.in_progress)
        locked = 0 < reserve.kept >= reserve.free
        tight = reserve.free < reserve.roomy and reserve.eligible > 0
        if locked != reserve.locked or tight != reserve.tight:
            more, tighter = int(locked) - int(reserve.locked), int(tight) - int(reserve.tight)
            reserve.locked, reserve.tight = locked, tight
            for profile in reserve.served:
                _weigh_in(profile, reserve.kind.bit, locked=more, tight=tighter)
            if reserve.blocked and not locked:
                self.opened.append(reserve)

    def _bound(self, eligible: int, in_progress: int) -> tuple[int, int]:
        bound = self._bounds.get((eligible, in_progress))
        if bound is None:
            if len(self._bounds) > _BOUNDS:
                self._bounds.clear()
            kept = policy.reserve(self._blend, eligible, in_progress)
            bound = self._bounds[eligible, in_progress] = kept, policy.roomy(self._blend, eligible, kept)
        return bound


def beside(group: Group, reserve: Reserve) -> None:
    """Some of those who serve a group serve heavy work as well."""
    group.near[id(reserve)] = reserve
    if reserve.kind.channel not in group.yields:
        group.bars |= reserve.kind.bit


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
    if not group.bars or is_heavy(group):
        return []
    return [r for r in group.near.values() if r.locked and r.kind.bit & group.bars]


def _weigh_in(profile: Profile, bit: int, *, locked: int, tight: int) -> None:
    """A reserve of a profile has become locked or tight (1), is so no more (-1), or is as it was (0)."""
    if locked:
        causes = profile.causes[bit, True] = profile.causes.get((bit, True), 0) + locked
        profile.locked = profile.locked | bit if causes else profile.locked & ~bit
    if tight:
        causes = profile.causes[bit, False] = profile.causes.get((bit, False), 0) + tight
        profile.tight = profile.tight | bit if causes else profile.tight & ~bit


def anywhere(group: Group) -> bool:
    """Whether a group's entries need no care for what only few can do: they give way to whatever else comes."""
    return group.yields_to_all and any(r.eligible for r in group.near.values())
