"""A contact center in simulated time, run by the router's own pool: what a policy or a staffing would bring.

Arrivals are Poisson, service and patience exponential, each sampled once per customer, so that two runs with one
seed differ only by what was changed (common random numbers). Validated against Erlang's formulas and the product
form of FCFS-ALIS systems (Adan and Weiss) in `tests/unit/test_simulate.py`.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from routing import policy
from routing.model import AgentFacts, Channel, Waiting
from routing.policy import Step
from routing.pool import Pool

_CHANNEL = "voice"
_WEIGHT = 100


@dataclass(frozen=True, slots=True)
class Flow:
    """Customers of one kind: `rate` per second, `service` mean seconds, `patience` mean seconds (None: endless).

    `target` is the answer time aimed at, seconds; `steps` what is asked of an agent.
    """

    queue_id: int
    rate: float
    service: float
    patience: float | None = None
    target: float = 20.0
    steps: tuple[Step, ...] = (policy.ANYBODY,)


@dataclass(frozen=True, slots=True)
class Worker:
    """An agent; `speed` shortens every service."""

    queues: tuple[int, ...]
    skills: Mapping[str, int] = field(default_factory=dict[str, int])
    speed: float = 1.0


@dataclass(slots=True)
class Outcome:
    """What became of one flow's customers, those of the warm-up left out. Waits are in seconds."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    waited: float = 0.0
    waited_by_answered: float = 0.0
    at_once: int = 0
    in_target: int = 0

    @property
    def average_wait(self) -> float:
        """Mean wait of all, the impatient too."""
        return self.waited / self.offered if self.offered else 0.0

    @property
    def average_speed_of_answer(self) -> float:
        """Mean wait of the answered."""
        return self.waited_by_answered / self.answered if self.answered else 0.0

    @property
    def service_level(self) -> float:
        """Fraction of the offered that were answered within the target."""
        return self.in_target / self.offered if self.offered else 0.0

    @property
    def delayed(self) -> float:
        """Fraction of the offered that had to wait at all."""
        return 1 - self.at_once / self.offered if self.offered else 0.0

    @property
    def abandonment(self) -> float:
        """Fraction of the offered that left."""
        return self.abandoned / self.offered if self.offered else 0.0


@dataclass(frozen=True, slots=True)
class _Customer:
    id: int
    flow: int
    at: float
    service: float
    patience: float | None


def simulate(
    flows: Sequence[Flow], workers: Sequence[Worker], *, customers: int, seed: int = 1, warm_up: float = 0.1
) -> list[Outcome]:
    """Let so many customers come; one outcome per flow. `warm_up` is the fraction that fills the center uncounted."""
    return _Run(flows, workers, int(customers * warm_up)).go(_arrivals(flows, customers, random.Random(seed)))


def _arrivals(flows: Sequence[Flow], count: int, chance: random.Random) -> Iterator[_Customer]:
    rates = [flow.rate for flow in flows]
    total, now = sum(rates), 0.0
    for number in range(1, count + 1):
        now += chance.expovariate(total)
        index = chance.choices(range(len(flows)), rates)[0]
        flow = flows[index]
        patience = None if flow.patience is None else chance.expovariate(1 / flow.patience)
        yield _Customer(number, index, now, chance.expovariate(1 / flow.service), patience)


class _Run:
    def __init__(self, flows: Sequence[Flow], workers: Sequence[Worker], skip: int):
        self._flows = flows
        self._workers = workers
        self._skip = skip
        self._pool = Pool({_CHANNEL: Channel(max_per_agent=1, timeout=0, auto_accept=True)})
        self._here: dict[int, _Customer] = {}  # waiting
        self._next: list[tuple[float, int, int]] = []  # (when, customer, agent or 0: patience is over)
        self._outcomes = [Outcome() for _ in flows]
        for number in range(1, len(workers) + 1):
            self._free(number, 0.0)

    def go(self, arrivals: Iterator[_Customer]) -> list[Outcome]:
        for customer in arrivals:
            self._until(customer.at)
            self._arrive(customer)
        self._until(float("inf"))
        return self._outcomes

    def _until(self, moment: float) -> None:
        while self._next and self._next[0][0] <= moment:
            now, customer, agent = heapq.heappop(self._next)
            if agent:
                self._pool.forget(customer)
                self._free(agent, now)
            elif (gone := self._here.pop(customer, None)) is not None:
                self._pool.forget(customer)
                self._count(gone, now, answered=False)
            self._serve(now)

    def _free(self, number: int, now: float) -> None:
        worker = self._workers[number - 1]
        skills = tuple(sorted(worker.skills.items()))
        self._pool.set_agent(AgentFacts(number, _WEIGHT, "available", None, now, worker.queues, skills, {}), now)

    def _arrive(self, c: _Customer) -> None:
        flow = self._flows[c.flow]
        self._here[c.id] = c
        due = policy.due(c.at, flow.target, 0.0)
        self._pool.wait(
            Waiting(c.id, c.id, flow.queue_id, _CHANNEL, c.at, c.at, due, _WEIGHT, flow.steps, None, 0.0, {}), c.at
        )
        if c.patience is not None:
            heapq.heappush(self._next, (c.at + c.patience, c.id, 0))
        self._serve(c.at)

    def _serve(self, now: float) -> None:
        for pick in self._pool.decide(now, 64):
            customer = self._here.pop(pick.entry_id)
            self._count(customer, now, answered=True)
            ends = now + customer.service / self._workers[pick.agent_id - 1].speed
            heapq.heappush(self._next, (ends, pick.entry_id, pick.agent_id))

    def _count(self, c: _Customer, now: float, *, answered: bool) -> None:
        if c.id <= self._skip:
            return
        o, wait = self._outcomes[c.flow], now - c.at
        o.offered += 1
        o.waited += wait
        if answered:
            o.answered += 1
            o.waited_by_answered += wait
            o.at_once += wait == 0.0
            o.in_target += wait <= self._flows[c.flow].target
        else:
            o.abandoned += 1
