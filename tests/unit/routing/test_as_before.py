"""Where nothing is blended, whoever was chosen before is chosen now."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.model import AgentFacts, Channel
from routing.pool import Pool
from tests.unit.routing import world
from tests.unit.routing.plain_pool import Pool as PlainPool
from tests.unit.routing.world import Op, days

KINDS = ("agent", "agent", "arrive", "arrive", "arrive", "end", "end", "decline", "later", "pause")
ONE = {"voice": Channel(1, 20, auto_accept=False)}
LIGHT = {"chat": Channel(4, 30, auto_accept=False), "sms": Channel(3, 60, auto_accept=False)}


class Both:
    """The pool and the one before, led through the same day."""

    def __init__(self, channels: dict[str, Channel], weights: dict[str, int], queues: int):
        self.new, self.old = Pool(channels), PlainPool(channels)
        self.channels, self.weights, self.queues = list(channels), weights, queues
        self.now = 1000.0
        self.number = 0
        self.held: dict[int, int] = {}

    def do(self, op: Op) -> None:
        getattr(self, f"_{op.what}")(op)
        assert self.new.next_timer() == self.old.next_timer()
        self._decide()

    def _decide(self) -> None:
        for limit in (3, 64):
            picks = [(p.entry_id, p.agent_id) for p in self.new.decide(self.now, limit)]
            assert picks == self.old.decide(self.now, limit)
            self.held.update(picks)

    def _agent(self, op: Op) -> None:
        facts = world.facts(op, self.now)
        for pool in (self.new, self.old):
            pool.set_agent(facts, self.now)

    def _arrive(self, op: Op) -> None:
        self.number += 1
        channel = self.channels[op.c % len(self.channels)]
        w = world.waiting(op, self.number, self.now, channel, self.weights[channel], 1 + op.b % self.queues)
        self.new.wait(w, self.now)
        self.old.wait(deepcopy(w, {id(s): s for s in w.steps}), self.now)

    def _end(self, op: Op) -> None:
        if self.held:
            entry = sorted(self.held)[op.b % len(self.held)]
            agent = self.held.pop(entry)
            for pool in (self.new, self.old):
                pool.forget(entry)
                if agent in pool.agents and (a := pool.agents[agent]).profile is not None:
                    pool.set_agent(
                        AgentFacts(agent, a.capacity, a.state, None, self.now, tuple(sorted(a.profile.queues)), tuple(sorted(a.profile.skills.items())), a.maxima),
                        self.now,
                    )  # fmt: skip

    def _decline(self, op: Op) -> None:
        if self.held:
            entry = sorted(self.held)[op.b % len(self.held)]
            agent = self.held.pop(entry)
            self.number += 1
            channel = self.channels[op.c % len(self.channels)]
            w = world.waiting(op, entry, self.now, channel, self.weights[channel], 1 + op.b % self.queues)
            w.excluded = {agent: self.now + 60}
            self.new.wait(w, self.now)
            self.old.wait(deepcopy(w, {id(s): s for s in w.steps}), self.now)

    def _later(self, op: Op) -> None:
        self.now += op.b

    def _pause(self, op: Op) -> None:
        for pool in (self.new, self.old):
            if op.a + 1 in pool.agents:
                pool.pause(op.a + 1, self.now + 5)


@settings(max_examples=400, deadline=None)
@given(days(KINDS, 80), st.integers(1, 3))
def test_choices_are_those_of_before_when_one_channel_fills_an_agent(day: list[Op], queues: int) -> None:
    both = Both(ONE, {"voice": 100}, queues)
    for op in day:
        both.do(op)


@settings(max_examples=400, deadline=None)
@given(days(KINDS, 80))
def test_choices_are_those_of_before_when_nothing_fills_an_agent(day: list[Op]) -> None:
    both = Both(LIGHT, {"chat": 25, "sms": 20}, 2)
    for op in day:
        both.do(op)
