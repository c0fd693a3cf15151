"""The router's choice as it was before desks were blended, kept as it was: the model that one-channel choices are held to.

Only the words about a decision are left out; what was wrong is mended here as well: a place in a heap is not mistaken for
an earlier one, and who comes back finds what was held for them.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Iterator

from routing import policy
from routing.model import AgentFacts, Channel, Waiting
from routing.policy import Step
from tests.unit.routing.plain_model import Agent, Group, Profile

PRESENT = ("available", "busy")  # a conversation held for somebody waits for them while they are
_ASIDE = 256  # agents without room for a channel that are looked behind in one profile


class Pool:
    """Everybody and everything of one pool of agents."""

    def __init__(self, channels: dict[str, Channel]):
        self.channels = channels
        self.agents: dict[int, Agent] = {}
        self.waiting: dict[int, Waiting] = {}
        self._placed: dict[int, tuple[Agent, str, int]] = {}
        self._profiles: dict[tuple[tuple[int, ...], tuple[tuple[str, int], ...]], Profile] = {}
        self._groups: dict[tuple[int, str, int, int], Group] = {}
        self._held: dict[int, list[int]] = {}  # agent -> entries kept for them
        self._timers: list[tuple[float, int, int, int]] = []  # (when, entry or 0, agent or 0, token)
        self._places = 0
        self._hot: dict[int, Group] = {}  # groups that were empty before something came
        self._fresh: list[int] = []  # entries with conditions of their own, to be tried one by one
        self._dirty: dict[int, None] = {}  # agents who may have room, in order

    # -- what the database says ------------------------------------------------------------------------------
    def set_agent(self, facts: AgentFacts, now: float) -> None:
        """Somebody's state, abilities or limits; what they hold is counted from entries."""
        agent = self._agent(facts.id)
        self._move(agent, self._profile(facts.queues, facts.skills))
        left = (agent.state in PRESENT) != (facts.state in PRESENT)
        agent.state, agent.reason, agent.capacity = facts.state, facts.reason, facts.capacity
        agent.idle_since, agent.maxima = facts.idle_since, facts.maxima
        self._touch(agent)
        self._dirty[agent.id] = None
        if left:
            for entry_id in self._held.pop(agent.id, []):
                if (w := self.waiting.get(entry_id)) is not None:
                    self._leave(w, now)
                    self._place(w, now)

    def remove_agent(self, agent_id: int, now: float) -> None:
        """Somebody who is disabled."""
        if agent_id in self.agents:
            self.set_agent(AgentFacts(agent_id, 0, "offline", None, 0.0, (), (), {}), now)

    def wait(self, w: Waiting, now: float) -> None:
        """An entry waits, with these properties."""
        if w.id in self.waiting or w.id in self._placed:
            self.forget(w.id)
        self.waiting[w.id] = w
        self._place(w, now)

    def hold(self, entry_id: int, agent_id: int, channel: str, weight: int) -> None:
        """An entry is with an agent: offered, assigned or wrapping."""
        self.forget(entry_id)
        self._give(entry_id, self._agent(agent_id), channel, weight)

    def knows(self, entry_id: int) -> bool:
        """Whether it waits here or is held."""
        return entry_id in self.waiting or entry_id in self._placed

    def forget(self, entry_id: int) -> None:
        """An entry is gone, or is about to be seen anew."""
        w = self.waiting.pop(entry_id, None)
        if w is not None:
            w.token = -1
            held_for = self._held.get(w.sticky_agent_id or 0)
            if held_for and w.id in held_for:
                held_for.remove(w.id)
        held = self._placed.pop(entry_id, None)
        if held is not None:
            agent, channel, weight = held
            agent.used -= weight
            agent.counts[channel] -= 1
            self._touch(agent)
            self._dirty[agent.id] = None

    def pause(self, agent_id: int, until: float) -> None:
        """Ask nothing of an agent until then: somebody else is changing their row."""
        agent = self._agent(agent_id)
        agent.not_before = until
        self._touch(agent)
        heapq.heappush(self._timers, (until, 0, agent_id, 0))

    def begin(self) -> None:
        """After a rebuild: with more items than hands, let each agent take what is most urgent for them."""
        hands = sum(1 for agent in self.agents.values() if agent.state == "available")
        if len(self.waiting) > hands:
            self._hot.clear()
        self._dirty = dict.fromkeys(self.agents)

    def next_timer(self) -> float | None:
        """When something changes by itself, or None."""
        return self._timers[0][0] if self._timers else None

    # -- deciding --------------------------------------------------------------------------------------------
    def decide(self, now: float, limit: int) -> list[tuple[int, int]]:
        """Up to `limit` decisions, already counted here. Call again while it returns that many."""
        self._run_timers(now)
        picks: list[tuple[int, int]] = []
        for group in sorted(self._hot.values(), key=lambda g: g.heap[0] if g.heap else (0.0, 0, 0)):
            self._serve_group(group, now, limit, picks)
            if len(picks) >= limit:
                return picks
            del self._hot[id(group)]
        while self._fresh and len(picks) < limit:
            self._serve_special(self._fresh.pop(), now, picks)
        while self._dirty and len(picks) < limit:
            agent_id = next(iter(self._dirty))
            if self._serve_agent(self.agents[agent_id], now, limit, picks):
                del self._dirty[agent_id]
        return picks

    def _serve_group(self, group: Group, now: float, limit: int, picks: list[tuple[int, int]]) -> None:
        while len(picks) < limit and (w := self._head(group)) is not None:
            agent = self._best_agent(group, w, now)
            if agent is None:
                return
            heapq.heappop(group.heap)
            picks.append(self._pick(w, agent))

    def _serve_special(self, entry_id: int, now: float, picks: list[tuple[int, int]]) -> None:
        w = self.waiting.get(entry_id)
        if w is None or w.not_before > now:
            return
        group = self._group_of(w, now)
        if self._is_held(w, now):
            agent = self.agents.get(w.sticky_agent_id or 0)
            if agent is None or not self._open(agent, group, now):
                return
        else:
            agent = self._best_agent(group, w, now)
        if agent is not None:
            picks.append(self._pick(w, agent))

    def _serve_agent(self, agent: Agent, now: float, limit: int, picks: list[tuple[int, int]]) -> bool:
        """Fill an agent; False when `limit` came first."""
        while agent.state == "available" and agent.not_before <= now and agent.used < agent.capacity:
            if len(picks) >= limit:
                return False
            found = self._best_item(agent, now)
            if found is None:
                return True
            picks.append(self._pick(found[0], agent))
        return True

    def _best_item(self, agent: Agent, now: float) -> tuple[Waiting, Group] | None:
        best: tuple[float, Waiting, Group] | None = None
        for extra, group in agent.profile.groups if agent.profile else ():
            if not (group.heap or group.special) or not agent.room(group.channel, group.weight, group.most):
                continue
            for w in self._tops(group, agent, now):
                if best is None or w.due - extra < best[0]:
                    best = (w.due - extra, w, group)
        held = self._held.get(agent.id)
        if held:
            held[:] = [entry_id for entry_id in held if entry_id in self.waiting]
        for entry_id in held or ():
            w = self.waiting[entry_id]
            if not self._is_held(w, now):
                continue
            group = self._group_of(w, now)
            key = w.due - policy.bonus(policy.MAX_LEVEL)
            if agent.room(w.channel, w.weight, group.most) and (best is None or key < best[0]):
                best = (key, w, group)
        return None if best is None else (best[1], best[2])

    def _tops(self, group: Group, agent: Agent, now: float) -> Iterator[Waiting]:
        head = self._head(group)
        if head is not None:
            yield head
        special = group.special
        while special and special[0][1] not in self.waiting:
            special.pop(0)
        for _, entry_id, token in special:
            w = self.waiting.get(entry_id)
            if w is not None and w.token == token and w.excluded.get(agent.id, 0.0) <= now:
                yield w
                return

    def _best_agent(self, group: Group, w: Waiting, now: float) -> Agent | None:
        best: Agent | None = None
        rank: tuple[int, int] | None = None
        for of_level, flexibility, _, profile in group.profiles:
            if rank is not None and (of_level, flexibility) > rank:
                break
            agent = self._readiest(profile, group, w, now)
            if agent is not None and (best is None or (agent.load, agent.idle_since) < (best.load, best.idle_since)):
                best, rank = agent, (of_level, flexibility)
        return best

    def _readiest(self, profile: Profile, group: Group, w: Waiting, now: float) -> Agent | None:
        ready, aside = profile.ready, list[tuple[float, float, int, int]]()
        found: Agent | None = None
        while ready and len(aside) < _ASIDE:
            top = ready[0]
            agent = self.agents[top[2]]
            if agent.token != top[3]:
                heapq.heappop(ready)
            elif self._open(agent, group, now) and w.excluded.get(agent.id, 0.0) <= now:
                found = agent
                break
            else:
                aside.append(heapq.heappop(ready))
        for item in aside:
            heapq.heappush(ready, item)
        return found

    def _open(self, agent: Agent, group: Group, now: float) -> bool:
        return (
            agent.state == "available"
            and agent.not_before <= now
            and agent.room(group.channel, group.weight, group.most)
        )

    def _pick(self, w: Waiting, agent: Agent) -> tuple[int, int]:
        w.token = -1
        del self.waiting[w.id]
        self._give(w.id, agent, w.channel, w.weight)
        return w.id, agent.id

    # -- places ----------------------------------------------------------------------------------------------
    def _place(self, w: Waiting, now: float) -> None:
        """Put an entry where it belongs now, and set the clock for when that changes."""
        self._places += 1
        w.token = self._places
        if w.sticky_agent_id is None and not w.excluded and not w.not_before and len(w.steps) == 1:
            self._push(self._group(w, w.steps[0]), w)  # most are as plain as this
            return
        if w.not_before > now:
            heapq.heappush(self._timers, (w.not_before, w.id, 0, w.token))
            return
        if w.sticky_agent_id is not None and w.sticky_until > now:
            self._held.setdefault(w.sticky_agent_id, []).append(w.id)
        if self._is_held(w, now):
            heapq.heappush(self._timers, (w.sticky_until, w.id, 0, w.token))
            self._fresh.append(w.id)
            return
        index = policy.step_at(w.steps, now - w.queued)
        group = self._group(w, w.steps[index])
        barred = [until for until in w.excluded.values() if until > now]
        if barred:
            insort(group.special, (w.due, w.id, w.token))
            heapq.heappush(self._timers, (min(barred), w.id, 0, w.token))
            self._fresh.append(w.id)
        else:
            self._push(group, w)
        until = w.steps[index].until
        if until is not None:
            heapq.heappush(self._timers, (w.queued + until, w.id, 0, w.token))

    def _push(self, group: Group, w: Waiting) -> None:
        if not group.heap or self._head(group) is None:
            self._hot[id(group)] = group
        heapq.heappush(group.heap, (w.due, w.id, w.token))

    def _is_held(self, w: Waiting, now: float) -> bool:
        if w.sticky_agent_id is None or w.sticky_until <= now or w.excluded.get(w.sticky_agent_id, 0.0) > now:
            return False
        agent = self.agents.get(w.sticky_agent_id)
        return agent is not None and agent.state in PRESENT

    def _head(self, group: Group) -> Waiting | None:
        heap = group.heap
        while heap:
            _, entry_id, token = heap[0]
            w = self.waiting.get(entry_id)
            if w is not None and w.token == token:
                return w
            heapq.heappop(heap)
        return None

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            _, entry_id, agent_id, token = heapq.heappop(self._timers)
            if agent_id:
                self._touch(self.agents[agent_id])
                self._dirty[agent_id] = None
            elif (w := self.waiting.get(entry_id)) is not None and w.token == token:
                self._leave(w, now)
                self._place(w, now)

    def _leave(self, w: Waiting, now: float) -> None:
        held = self._held.get(w.sticky_agent_id or 0)
        if held and w.id in held:
            held.remove(w.id)
        for index in range(len(w.steps)):
            group = self._groups.get((w.queue_id, w.channel, w.weight, id(w.steps[index])))
            if group is not None and group.special:
                group.special = [s for s in group.special if s[1] != w.id and s[1] in self.waiting]

    # -- agents ----------------------------------------------------------------------------------------------
    def _agent(self, agent_id: int) -> Agent:
        agent = self.agents.get(agent_id)
        if agent is None:
            agent = self.agents[agent_id] = Agent(agent_id)
        return agent

    def _give(self, entry_id: int, agent: Agent, channel: str, weight: int) -> None:
        self._placed[entry_id] = (agent, channel, weight)
        agent.used += weight
        agent.counts[channel] = agent.counts.get(channel, 0) + 1
        self._touch(agent)

    def _touch(self, agent: Agent) -> None:
        """Renew an agent's place among the ready ones of their profile."""
        agent.token += 1
        profile = agent.profile
        if profile is not None and agent.state == "available" and agent.used < agent.capacity:
            ready = profile.ready
            if len(ready) > 4 * len(profile.agents) + 64:
                ready[:] = [item for item in ready if self.agents[item[2]].token == item[3]]
                heapq.heapify(ready)
            heapq.heappush(ready, (agent.load, agent.idle_since, agent.id, agent.token))

    def _move(self, agent: Agent, profile: Profile) -> None:
        if agent.profile is not profile:
            if agent.profile is not None:
                agent.profile.agents.pop(agent.id, None)
            profile.agents[agent.id] = agent
            agent.profile = profile

    def _profile(self, queues: tuple[int, ...], skills: tuple[tuple[str, int], ...]) -> Profile:
        profile = self._profiles.get((queues, skills))
        if profile is None:
            profile = self._profiles[queues, skills] = Profile(queues, skills)
            for group in self._groups.values():
                self._acquaint(group, profile)
        return profile

    def _group_of(self, w: Waiting, now: float) -> Group:
        return self._group(w, w.steps[policy.step_at(w.steps, now - w.queued)])

    def _group(self, w: Waiting, step: Step) -> Group:
        # By identity: hashing a step costs more than all the rest, and the engine parses equal ones once.
        key = (w.queue_id, w.channel, w.weight, id(step))
        group = self._groups.get(key)
        if group is None:
            most = 1 if (channel := self.channels.get(w.channel)) is None else channel.max_per_agent
            group = self._groups[key] = Group(w.queue_id, w.channel, w.weight, step, most)
            for profile in self._profiles.values():
                self._acquaint(group, profile)
        return group

    def _acquaint(self, group: Group, profile: Profile) -> None:
        if group.queue_id not in profile.queues:
            return
        of_level = policy.level(group.step, profile.skills)
        if of_level is not None:
            group.levels[id(profile)] = of_level
            insort(group.profiles, (-of_level, profile.flexibility, len(group.profiles), profile))
            profile.groups.append((policy.bonus(of_level), group))
