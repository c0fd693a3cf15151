"""How much a decision looks at, counted: it must not grow with how many agents there are."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

import pytest

from routing import agents, ready
from routing.model import AgentFacts, Channel, Waiting
from routing.policy import ANYBODY
from routing.pool import Pool
from tests.unit.routing.world import BLENDED, QUEUES, WEIGHTS

SECONDS = {"voice": 240.0, "chat": 420.0, "sms": 90.0, "whatsapp": 90.0, "email": 240.0}
MIX = {"voice": 25, "chat": 30, "sms": 20, "whatsapp": 10, "email": 15}
DECISIONS = 1000
ONE = {"voice": Channel(1, 20, auto_accept=False)}


class Counted:
    """Counts the calls of what it wraps, by name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.calls = 0
        for where, name in ((heapq, "heappush"), (heapq, "heappop"), (agents.PoolAgents, "touch"), (ready, "find")):
            monkeypatch.setattr(where, name, self._counting(getattr(where, name)))

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.calls += 1
            return call(*args, **named)

        return counted


def facts(number: int, now: float) -> AgentFacts:
    return AgentFacts(number, 100, "available", None, now, (1, 2, 3), (), {})


def work(channels: dict[str, Channel], agents: int, counted: Counted) -> float:
    """Heap operations, searches and agents touched per decision, on a desk at 85 % of its load."""
    dice = random.Random(7)
    pool, now, ends = Pool(channels), 1000.0, list[tuple[float, int, int]]()
    for number in range(1, agents + 1):
        pool.set_agent(facts(number, now - number), now)
    kinds, shares = list(channels), [MIX[c] for c in channels]
    attention = sum(MIX[c] * SECONDS[c] * WEIGHTS[c] / 100 for c in kinds) / sum(shares)
    spans: dict[int, float] = {}
    made, warm, before = 0, agents * 3, 0
    for number in range(1, warm + DECISIONS + 1):
        if number == warm:
            made, before = 0, counted.calls
        now += dice.expovariate(0.85 * agents / attention)
        while ends and ends[0][0] <= now:
            over, entry, agent = heapq.heappop(ends)
            pool.forget(entry)
            pool.set_agent(facts(agent, over), over)
            made += give(pool, over, spans, ends)
        channel = dice.choices(kinds, shares)[0]
        spans[number] = dice.expovariate(1 / SECONDS[channel])
        due = now + (20.0 if channel == "voice" else 60.0)
        pool.wait(Waiting(number, number, QUEUES[channel], channel, now, now, due, WEIGHTS[channel], (ANYBODY,), None, 0.0, {}), now)  # fmt: skip
        made += give(pool, now, spans, ends)
    return (counted.calls - before) / made


def give(pool: Pool, now: float, spans: dict[int, float], ends: list[tuple[float, int, int]]) -> int:
    picks = pool.decide(now, 512)
    for pick in picks:
        heapq.heappush(ends, (now + spans[pick.entry_id], pick.entry_id, pick.agent_id))
    pool.kept.clear()
    return len(picks)


@pytest.mark.parametrize("channels", [ONE, BLENDED], ids=["calls", "blended"])
def test_work_per_decision_is_flat_when_agents_are_many(
    channels: dict[str, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    few, some, many = (work(channels, agents, counted) for agents in (20, 200, 2000))
    assert some < 1.5 * few
    assert many < 1.5 * few
    assert many < 40


@pytest.mark.parametrize("why", ["no room", "declined"])
def test_free_agent_is_found_when_a_thousand_before_them_are_not_to_be_asked(why: str) -> None:
    """Those have less load or were idle longer, and the one who is free comes last in every order."""
    pool, last = Pool(BLENDED), 1001
    for number in range(1, last + 1):
        pool.set_agent(facts(number, float(number)), 2000.0)
    excluded: dict[int, float] = {}
    if why == "declined":
        excluded = dict.fromkeys(range(1, last), 2060.0)
    else:
        for number in range(1, last):
            pool.hold(number, number, "sms", 20)
            pool.hold(10_000 + number, number, "chat", 25)
        for entry in range(100_000, 100_003):  # more load than anybody, and yet the only room for a call
            pool.hold(entry, last, "sms", 20)
    pool.decide(2000.0, 512)
    pool.wait(Waiting(50_000, 1, 1, "voice", 2000.0, 2000.0, 2020.0, 100, (ANYBODY,), None, 0.0, excluded), 2000.0)
    assert [(p.entry_id, p.agent_id) for p in pool.decide(2000.0, 512)] == [(50_000, last)]
