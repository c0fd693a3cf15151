"""Agents and waiting entries in memory, and the matching of the two.

Entries that ask for the same (queue, channel, weight, step) form a group with one heap, so what nobody can serve
never blocks what somebody can. Agents with the same queues and skills share a profile, which knows the groups it
may serve. A heap's stale items are recognised by their token and dropped when they come to the top.

What agents hold, and who of them is found for an entry, is in `routing.agents`. Nothing here waits, reads a clock or
touches the database: the engine does.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import replace

from routing import policy
from routing.agents import PRESENT, PoolAgents
from routing.model import Agent, AgentFacts, Channel, Group, Kept, Pick, Reserve, Waiting
from routing.policy import Blend, Step
from routing.reasons import FEW, MOST, considered, why_chosen
from routing.reserve import barring, is_heavy


class Pool:
    """Everybody and everything of one pool of agents."""

    def __init__(self, channels: Mapping[str, Channel], blend: Blend = policy.BLEND):
        self.crew = PoolAgents(channels, blend)
        self.channels = channels
        self.waiting: dict[int, Waiting] = {}
        self.kept: list[
            Kept
        ] = []  # what was found to wait for a lock since somebody last looked; the engine empties it
        self._held: dict[int, list[int]] = {}  # agent -> entries kept for them, or that are to be when they come
        self._timers: list[tuple[float, int, int]] = []  # (when, entry, token)
        self._locks: list[tuple[float, int, Group]] = []  # (when, entry, group): its first entry is due
        self._places = 0  # given out so far
        self._hot: dict[int, Group] = {}  # groups that were empty before something came
        self._fresh: list[int] = []  # entries with conditions of their own, to be tried one by one
        self._calm = True  # little waits: decisions are told in full

    @property
    def agents(self) -> dict[int, Agent]:
        """Everybody, by id."""
        return self.crew.agents

    # -- what the database says ------------------------------------------------------------------------------
    def set_agent(self, facts: AgentFacts, now: float) -> None:
        """Somebody's state, abilities or limits; what they hold is counted from entries."""
        if self.crew.set_agent(facts):
            for entry_id in self._held.pop(facts.id, []):
                if (w := self.waiting.get(entry_id)) is not None:
                    self._leave(w)
                    self._place(w, now)

    def remove_agent(self, agent_id: int, now: float) -> None:
        """Somebody who is disabled."""
        if agent_id in self.agents:
            self.set_agent(AgentFacts(agent_id, 0, "offline", None, 0.0, (), (), {}), now)

    def wait(self, w: Waiting, now: float) -> None:
        """An entry waits, with these properties."""
        if self.knows(w.id):
            self.forget(w.id)
        self.waiting[w.id] = w
        self._place(w, now)

    def hold(self, entry_id: int, agent_id: int, channel: str, weight: int) -> None:
        """An entry is with an agent: offered, assigned or wrapping."""
        self.forget(entry_id)
        self.crew.give(entry_id, self.crew.agent(agent_id), channel, weight)

    def learn(self, queue_id: int, channel: str, weight: int, step: Step) -> None:
        """Such entries come: what they need is kept free for them from now on, if they are heavy."""
        self.crew.group(queue_id, channel, weight, step)

    def knows(self, entry_id: int) -> bool:
        """Whether it waits here or is held."""
        return entry_id in self.waiting or self.crew.with_agent(entry_id) is not None

    def forget(self, entry_id: int) -> None:
        """An entry is gone, or weighs nothing while its customer is silent, or is about to be seen anew."""
        w = self.waiting.pop(entry_id, None)
        if w is not None:
            w.token = -1
            self._unname(w)
        self.crew.take(entry_id)

    def fits(self, agent_id: int, channel: str, weight: int, queue_id: int) -> bool:
        """Whether one more item would fit an agent who is available."""
        agent = self.crew.agent(agent_id)
        return agent.state == "available" and agent.takes(self.crew.group(queue_id, channel, weight, policy.ANYBODY))

    def instead(self, w: Waiting, agent_id: int, now: float) -> int | None:
        """Who else would be asked for an entry that is on offer to somebody; None when nobody is ready for it."""
        group = self._group_of(w, now)
        other, _ = self.crew.best(group, replace(w, excluded={**w.excluded, agent_id: math.inf}), now)
        return None if other is None else other.id

    def pause(self, agent_id: int, until: float) -> None:
        """Ask nothing of an agent until then: somebody else is changing their row."""
        self.crew.pause(agent_id, until)

    def channel_of(self, entry_id: int) -> str | None:
        """The channel of an entry that is with an agent."""
        held = self.crew.with_agent(entry_id)
        return None if held is None else held[1]

    def begin(self) -> None:
        """After a rebuild: with more items than hands, let each agent take what is most urgent for them."""
        hands = sum(1 for agent in self.agents.values() if agent.state == "available")
        if len(self.waiting) > hands:
            self._hot.clear()
        self.crew.dirty = dict.fromkeys(self.agents)

    def next_timer(self) -> float | None:
        """When something changes by itself, or None."""
        return min((heap[0][0] for heap in (self._timers, self._locks, self.crew.timers) if heap), default=None)

    # -- deciding --------------------------------------------------------------------------------------------
    def decide(self, now: float, limit: int) -> list[Pick]:
        """Up to `limit` decisions, already counted here. Call again while it returns that many."""
        self._run_timers(now)
        self._calm = len(self.waiting) < limit
        picks: list[Pick] = []
        for group in self._hot_groups():
            self._serve_group(group, now, limit, picks)
            if len(picks) >= limit:
                return picks
            del self._hot[id(group)]
        while self._fresh and len(picks) < limit:
            self._serve_special(self._fresh.pop(), now, picks)
        dirty = self.crew.dirty
        while dirty and len(picks) < limit:
            agent_id = next(iter(dirty))
            if self._serve_agent(self.agents[agent_id], now, limit, picks):
                del dirty[agent_id]
        return picks

    def _hot_groups(self) -> list[Group]:
        hot = list(self._hot.values())
        if len(hot) > 1:
            hot.sort(key=lambda group: group.heap[0] if group.heap else (0.0, 0, 0))
        return hot

    def _serve_group(self, group: Group, now: float, limit: int, picks: list[Pick]) -> None:
        while len(picks) < limit and (w := self._head(group)) is not None:
            agent, kept = self.crew.best(group, w, now)
            if agent is None:
                if kept:
                    self._await_lock(group, w, kept)
                return
            heapq.heappop(group.heap)
            picks.append(self._pick(w, agent, group, now))

    def _serve_special(self, entry_id: int, now: float, picks: list[Pick]) -> None:
        w = self.waiting.get(entry_id)
        if w is None or w.not_before > now:
            return
        group = self._group_of(w, now)
        if self._is_held(w, now):
            agent = self.agents.get(w.sticky_agent_id or 0)
            if agent is None or not self._open(agent, group, now):
                return
        else:
            agent, kept = self.crew.best(group, w, now)
            if kept:
                self._await_lock(group, w, kept)
        if agent is not None:
            picks.append(self._pick(w, agent, group, now))

    def _serve_agent(self, agent: Agent, now: float, limit: int, picks: list[Pick]) -> bool:
        """Fill an agent; False when `limit` came first."""
        while agent.state == "available" and agent.not_before <= now:
            if len(picks) >= limit:
                return False
            found = self._best_item(agent, now)
            if found is None:
                return True
            w, group = found
            picks.append(self._pick(w, agent, group, now))
        return True

    def _best_item(self, agent: Agent, now: float) -> tuple[Waiting, Group] | None:
        if max(agent.rooms) < self.crew.lightest:
            return None
        least, best = math.inf, None
        for extra, group in agent.profile.groups if agent.profile else ():
            heap, special = group.heap, group.special
            # What lies on top may be gone; what comes after it is due no sooner, so a later one need not be looked at.
            if not ((heap and heap[0][0] - extra < least) or (special and special[0][0] - extra < least)):
                continue
            if not agent.takes(group):
                continue
            for w in self._tops(group, agent, now):
                if w.due - extra < least and not self._is_kept(agent, group, w, now):
                    least, best = w.due - extra, (w, group)
        for w in self._kept_for(agent, now):
            key = w.due - policy.bonus(policy.MAX_LEVEL)
            group = self._group_of(w, now)
            if key < least and agent.takes(group):
                least, best = key, (w, group)
        return best

    def _kept_for(self, agent: Agent, now: float) -> Iterator[Waiting]:
        """Entries that wait for exactly this agent."""
        held = self._held.get(agent.id)
        if held:
            held[:] = [entry_id for entry_id in held if entry_id in self.waiting]
            yield from (w for w in map(self.waiting.__getitem__, held) if self._is_held(w, now))

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

    def _open(self, agent: Agent, group: Group, now: float) -> bool:
        return agent.state == "available" and agent.not_before <= now and agent.takes(group)

    def _pick(self, w: Waiting, agent: Agent, group: Group, now: float) -> Pick:
        of_level = group.levels.get(id(agent.profile), policy.MAX_LEVEL)
        told = considered(group, w, agent, now, self.crew.serves_of(group), MOST if self._calm else FEW)
        why = why_chosen(group, w, agent, now)
        channel = self.channels.get(w.channel)
        w.token = -1
        del self.waiting[w.id]
        self.crew.give(w.id, agent, w.channel, w.weight)
        timeout = 60 if channel is None else 0 if channel.auto_accept else channel.timeout
        return Pick(w.id, agent.id, w.channel, w.weight, w.due - policy.bonus(of_level), timeout, why, told)

    # -- what is kept free -----------------------------------------------------------------------------------
    def _is_kept(self, agent: Agent, group: Group, w: Waiting, now: float) -> bool:
        """Whether an agent is kept free for heavy work, and this entry has to wait for that until it is due."""
        if w.due <= now or agent.profile is None or not agent.fits:
            return False
        bits = agent.fits & group.bars
        if not bits or is_heavy(group) or not bits & agent.profile.locked:
            return False
        key = id(agent.profile)
        for reserve in barring(group):
            if bits & reserve.kind.bit and key in reserve.group.levels:
                reserve.blocked[id(group)] = group
                self._await_lock(group, w, reserve)
        return True

    def _await_lock(self, group: Group, w: Waiting, reserve: Reserve) -> None:
        """Look again when an entry is due; that more are free than are kept is seen when it happens."""
        if w.due not in group.armed:
            self.kept.append(Kept(w.id, w.due, reserve.kind.channel, reserve.free, reserve.kept))
            heapq.heappush(self._locks, (w.due, w.id, group))
            group.armed.add(w.due)

    # -- places ----------------------------------------------------------------------------------------------
    def _place(self, w: Waiting, now: float) -> None:
        """Put an entry where it belongs now, and set the clock for when that changes."""
        self._places += 1
        w.token = self._places  # of no earlier place, though the entry is another object when it is seen anew
        if w.sticky_agent_id is None and not w.excluded and not w.not_before and len(w.steps) == 1:
            self._push(self._group(w, w.steps[0]), w)  # most are as plain as this
            return
        if w.not_before > now:
            heapq.heappush(self._timers, (w.not_before, w.id, w.token))
            return
        if w.sticky_agent_id is not None and w.sticky_until > now:
            self._held.setdefault(w.sticky_agent_id, []).append(w.id)
        if self._is_held(w, now):
            heapq.heappush(self._timers, (w.sticky_until, w.id, w.token))
            self._fresh.append(w.id)
            return
        index = policy.step_at(w.steps, now - w.queued)
        group = self._group(w, w.steps[index])
        barred = [until for until in w.excluded.values() if until > now]
        if barred:
            insort(group.special, (w.due, w.id, w.token))
            heapq.heappush(self._timers, (min(barred), w.id, w.token))
            self._fresh.append(w.id)
        else:
            self._push(group, w)
        until = w.steps[index].until
        if until is not None:
            heapq.heappush(self._timers, (w.queued + until, w.id, w.token))

    def _push(self, group: Group, w: Waiting) -> None:
        if group.armed or not group.heap or self._head(group) is None:
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
            _, entry_id, token = heapq.heappop(self._timers)
            if (w := self.waiting.get(entry_id)) is not None and w.token == token:
                self._leave(w)
                self._place(w, now)
        while self._locks and self._locks[0][0] <= now:
            due, _, group = heapq.heappop(self._locks)
            group.armed.discard(due)
            self._retry(group)
        self.crew.run_timers(now)
        for reserve in self.crew.reserves.opened:
            for group in reserve.blocked.values():
                self._retry(group)
            reserve.blocked.clear()
        self.crew.reserves.opened.clear()

    def _retry(self, group: Group) -> None:
        self._hot[id(group)] = group
        self._fresh.extend(entry_id for _, entry_id, _ in group.special)

    def _unname(self, w: Waiting) -> None:
        held = self._held.get(w.sticky_agent_id or 0)
        if held and w.id in held:
            held.remove(w.id)

    def _leave(self, w: Waiting) -> None:
        self._unname(w)
        for step in w.steps:
            group = self.crew.groups.get((w.queue_id, w.channel, w.weight, id(step)))
            if group is not None and group.special:
                group.special = [s for s in group.special if s[1] != w.id and s[1] in self.waiting]

    def _group_of(self, w: Waiting, now: float) -> Group:
        return self._group(w, w.steps[policy.step_at(w.steps, now - w.queued)])

    def _group(self, w: Waiting, step: Step) -> Group:
        return self.crew.group(w.queue_id, w.channel, w.weight, step)
