"""The agents of a pool: what they hold, who of them is ready for what, and what is kept free of them.

Every change of an agent passes through `touch`, which renews their place among the ready and their share in the
reserves; so what is counted here equals a recount at any time.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Iterator, Mapping
from itertools import chain

from routing import policy, ready
from routing.model import Agent, AgentFacts, Channel, Group, Profile, Reserve, Waiting
from routing.policy import Blend, Step
from routing.reserve import Reserves, anywhere, barring, beside, is_heavy
from routing.views import View, Views

PRESENT = ("available", "busy")  # a conversation held for somebody waits for them while they are


class PoolAgents:
    """Everybody of one pool, the profiles they share and the groups these may serve."""

    def __init__(self, channels: Mapping[str, Channel], blend: Blend):
        self.channels = channels
        self.agents: dict[int, Agent] = {}
        self.groups: dict[tuple[int, str, int, int], Group] = {}
        self.dirty: dict[int, None] = {}  # agents who may have room, in order
        self.reserves = Reserves(blend)
        self.timers: list[tuple[float, int]] = []  # (when, agent): a pause is over
        self._placed: dict[int, tuple[Agent, str, int]] = {}
        self._profiles: dict[tuple[tuple[int, ...], tuple[tuple[str, int], ...]], Profile] = {}
        self.views = Views(channels)
        self._all = range(len(self.views))
        self._counting = {c: [v.index for v in self.views if c not in v.blind] for c in channels}
        self._used: list[View] = []  # views somebody has asked with
        self._bits: dict[str, tuple[int, int]] = {}  # channel -> its bit and maximum
        self._capacities: tuple[float, float] = (math.inf, 0)  # the smallest and the largest seen
        self.lightest = math.inf  # of the entries seen
        self._heaviest = 0.0
        self._mixed = False  # light and heavy work meet here

    # -- agents ----------------------------------------------------------------------------------------------
    def agent(self, agent_id: int) -> Agent:
        """Somebody, known or not."""
        agent = self.agents.get(agent_id)
        if agent is None:
            agent = self.agents[agent_id] = Agent(agent_id)
            agent.rooms = [0] * len(self.views)
            self._fill(agent)
        return agent

    def set_agent(self, facts: AgentFacts) -> bool:
        """Somebody's state, abilities or limits; whether they came or left."""
        agent = self.agent(facts.id)
        self._change_profile(agent, self._profile(facts.queues, facts.skills))
        moved = (agent.state in PRESENT) != (facts.state in PRESENT)
        agent.state, agent.reason = facts.state, facts.reason
        agent.idle_since = facts.idle_since
        if more := facts.capacity - agent.capacity:
            agent.capacity = facts.capacity
            agent.rooms = [room + more for room in agent.rooms]
        _weigh(agent)
        if agent.maxima != facts.maxima:
            agent.maxima = facts.maxima
            self._fill(agent)
        self._holds(facts.capacity)
        self.touch(agent)
        self.dirty[agent.id] = None
        return moved

    def pause(self, agent_id: int, until: float) -> None:
        """Ask nothing of an agent until then."""
        agent = self.agent(agent_id)
        agent.not_before = until
        self.touch(agent)
        heapq.heappush(self.timers, (until, agent_id))

    def run_timers(self, now: float) -> None:
        """End the pauses whose time is over."""
        while self.timers and self.timers[0][0] <= now:
            agent = self.agents[heapq.heappop(self.timers)[1]]
            if agent.not_before <= now:
                agent.not_before = 0.0
                self.touch(agent)
                self.dirty[agent.id] = None

    def give(self, entry_id: int, agent: Agent, channel: str, weight: int) -> None:
        """An entry is with an agent."""
        self._placed[entry_id] = (agent, channel, weight)
        if not self.lightest <= weight <= self._heaviest:
            self._weighs(weight)
        self._carry(agent, channel, weight, 1)

    def take(self, entry_id: int) -> None:
        """An entry is with nobody any more."""
        held = self._placed.pop(entry_id, None)
        if held is not None:
            self._carry(held[0], held[1], -held[2], -1)
            self.dirty[held[0].id] = None

    def with_agent(self, entry_id: int) -> tuple[Agent, str, int] | None:
        """Who has an entry, its channel and weight."""
        return self._placed.get(entry_id)

    def _carry(self, agent: Agent, channel: str, weight: int, count: int) -> None:
        agent.used += weight
        for view in self._counting.get(channel, self._all):
            agent.rooms[view] -= weight
        _weigh(agent)
        held = agent.counts[channel] = agent.counts.get(channel, 0) + count
        known = self._bits.get(channel)
        if known is not None:
            bit, most = known
            agent.full = agent.full | bit if held >= agent.maxima.get(channel, most) else agent.full & ~bit
        self.touch(agent)

    def _fill(self, agent: Agent) -> None:
        """Mark at which channels an agent is at the maximum."""
        agent.full = 0
        for channel, (bit, most) in self._bits.items():
            if not agent.allows(channel, most):
                agent.full |= bit

    def touch(self, agent: Agent) -> None:
        """Renew an agent's rooms, share in the reserves and place among the ready ones of their profile."""
        agent.token += 1
        profile, fitted = agent.profile, agent.fits
        if self._mixed:
            self.reserves.count(agent)
        if profile is None:
            return
        profile.found.clear()
        if fitted & ~agent.fits & profile.locked:  # kept free until now: for what waited for that, they are no more
            self.dirty[agent.id] = None
        if agent.state != "available" or agent.not_before:
            return
        rooms, fits, full, size = agent.rooms, agent.fits, agent.full, len(profile.agents)
        for view in self._used:
            room = rooms[view.index]
            if room >= view.least:
                ready.push(profile.ready[view.index], (room, fits | full & view.bits), agent, size)

    # -- finding ---------------------------------------------------------------------------------------------
    def best(self, group: Group, w: Waiting, now: float) -> tuple[Agent | None, Reserve | None]:
        """Who is to be asked for an entry; if nobody, what some may be kept free for until it is due."""
        best: Agent | None = None
        rank: tuple[int, int] | None = None
        free = careful = packable = False
        bars, pack, view = 0, group.placement == "pack", group.view
        if group.near:
            free, careful = anywhere(group), not is_heavy(group)
            packable = careful and group.placement == "auto" and not group.yields_to_all
            bars = group.bars if careful and w.due > now else 0
        asked = (view, group.weight, group.bit, pack)
        for of_level, flexibility, _, profile in group.profiles:
            place = (of_level, 0 if free else flexibility)
            if rank is not None and place > rank:
                break
            if careful:
                asked = (
                    view,
                    group.weight,
                    group.bit | profile.locked & bars,
                    pack or (packable and profile.tight > 0),
                )
            if w.excluded:
                agent = ready.search(profile, asked, w.excluded, now)
            else:
                agent = profile.found[asked] if asked in profile.found else ready.find(profile, asked)
            if agent is not None and (best is None or _before(agent, best, group if asked[3] else None)):
                best, rank = agent, place
        return best, self._locked(group) if best is None and bars else None

    @staticmethod
    def _locked(group: Group) -> Reserve | None:
        """What keeps agents from a group for whose entries nobody was found; it is tried again when that opens."""
        kept = barring(group)
        for reserve in kept:
            reserve.blocked[id(group)] = group
        return kept[0] if kept else None

    def serves_of(self, group: Group) -> Iterator[Agent]:
        """Who belongs to a group's queue: the eligible first, the best of them first."""
        for _, _, _, profile in group.profiles:
            yield from profile.agents.values()
        for profile in self._profiles.values():
            if group.queue_id in profile.queues and id(profile) not in group.levels:
                yield from profile.agents.values()

    # -- groups and profiles ---------------------------------------------------------------------------------
    def group(self, queue_id: int, channel: str, weight: int, step: Step) -> Group:
        """The group of entries that ask for this."""
        # By identity: hashing a step costs more than all the rest, and the engine parses equal ones once.
        key = (queue_id, channel, weight, id(step))
        group = self.groups.get(key)
        return group if group is not None else self._open(key, step)

    def _open(self, key: tuple[int, str, int, int], step: Step) -> Group:
        queue_id, name, weight, _ = key
        channel = self.channels.get(name)
        group = self.groups[key] = Group(queue_id, name, weight, step, 1 if channel is None else channel.max_per_agent)
        if channel is not None:
            group.placement, group.yields = channel.placement, channel.yields_to
            group.yields_to_all = self.views.yields_to_all(name)
        view = self.views.of(name)
        group.view = view.index
        group.bit, _ = self._bits.setdefault(name, (1 << len(self._bits), group.most))
        for profile in self._profiles.values():
            self._acquaint(group, profile)
        anew = self._match(view, group)
        self._weighs(weight)
        if self._mixed and group.reserve is None and self._is_heavy(weight):
            anew = self.reserves.open(group) or anew
        if anew:
            self._touch_all()
        return group

    def _match(self, view: View, group: Group) -> bool:
        """Entries like these look for agents in a view; whether agents have to take their places in it anew."""
        known = view.bits & group.bit
        if known and group.weight >= view.least:
            return False
        view.least = min(view.least, group.weight) if view.bits else group.weight
        view.bits |= group.bit
        if view not in self._used:
            self._used.append(view)
        return True

    def _is_heavy(self, weight: float) -> bool:
        return weight >= self._capacities[0]

    def _weighs(self, weight: int) -> None:
        if not self.lightest <= weight <= self._heaviest:
            self.lightest, self._heaviest = min(self.lightest, weight), max(self._heaviest, weight)
            self._mix()

    def _holds(self, capacity: int) -> None:
        least, most = self._capacities
        if capacity and not least <= capacity <= most:
            self._capacities = (min(least, capacity), max(most, capacity))
            self._mix()

    def _mix(self) -> None:
        """Keep reserves from the moment on at which light and heavy work meet."""
        if self.lightest >= self._capacities[1] or not self._is_heavy(self._heaviest):
            return
        self._mixed = True
        opened = [self.reserves.open(g) for g in self.groups.values() if g.reserve is None and self._is_heavy(g.weight)]
        if opened or not self.reserves:
            self._touch_all()

    def _touch_all(self) -> None:
        for agent in self.agents.values():
            self._fill(agent)
            self.touch(agent)

    def _change_profile(self, agent: Agent, profile: Profile) -> None:
        if agent.profile is not profile:
            if agent.profile is not None:
                self.reserves.leave(agent)
                agent.profile.agents.pop(agent.id, None)
                agent.profile.found.clear()
            profile.agents[agent.id] = agent
            agent.profile = profile

    def _profile(self, queues: tuple[int, ...], skills: tuple[tuple[str, int], ...]) -> Profile:
        profile = self._profiles.get((queues, skills))
        if profile is None:
            profile = self._profiles[queues, skills] = Profile(queues, skills, len(self.views))
            for group in self.groups.values():
                self._acquaint(group, profile)
        return profile

    def _acquaint(self, group: Group, profile: Profile) -> None:
        if group.queue_id not in profile.queues:
            return
        of_level = policy.level(group.step, profile.skills)
        if of_level is not None:
            group.levels[id(profile)] = of_level
            insort(group.profiles, (-of_level, profile.flexibility, len(group.profiles), profile))
            profile.groups.append((policy.bonus(of_level), group))
            for reserve in chain.from_iterable(profile.reserves.values()):
                beside(group, reserve)
            if group.reserve is not None:
                self.reserves.serve(group.reserve, profile)


def _weigh(agent: Agent) -> None:
    agent.load = agent.used / agent.capacity if agent.capacity else 1.0


def _before(a: Agent, b: Agent, group: Group | None) -> bool:
    """Whether `a` is to be asked before `b`, who is of another profile; in a group that is packed, by room first."""
    if group is not None and a.rooms[group.view] != b.rooms[group.view]:
        return a.rooms[group.view] < b.rooms[group.view]
    return (a.load, a.idle_since) < (b.load, b.idle_since)
