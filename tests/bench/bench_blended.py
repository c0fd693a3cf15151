"""Blended desks in simulated time: the table of `docs/admin/routing.md`, by the router's own pool.

Misses are customers who were not served in target, in per cent, averaged over channels and four mixes; paired
replications with common random numbers. Beside each figure stands what it is to be. Everything is one process
without a clock or a network, so the same size gives the same table anywhere.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from dataclasses import dataclass

from routing.blended import MIXES, RULES, Desk, miss, simulate
from tests.bench.stage import SMALL, Figure, show


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy's miss with so many agents at a load, in per cent, and how far a run of this size may be from it."""

    rule: str
    agents: int
    load: float
    percent: float
    within: float


TABLE = (
    Wanted("1 lowest load, released meanwhile", 20, 0.85, 28.0, 2.0),
    Wanted("2 most loaded first", 20, 0.85, 15.8, 2.0),
    Wanted("4b = 2 + yielding work", 20, 0.85, 1.71, 0.5),
    Wanted("9 as by default", 20, 0.85, 1.41, 0.5),
)
MORE = (
    Wanted("0 lowest load, silence keeps its weight", 20, 0.85, 58.4, 5.0),
    Wanted("4 = 1 + yielding work", 20, 0.85, 8.3, 1.5),
    Wanted("9 as by default", 10, 0.85, 3.8, 1.0),
    Wanted("9 as by default", 20, 0.95, 3.58, 1.0),
    Wanted("1 lowest load, released meanwhile", 60, 0.85, 25.2, 2.0),
    Wanted("4b = 2 + yielding work", 60, 0.85, 0.26, 0.3),
    Wanted("9 as by default", 60, 0.85, 0.28, 0.3),
)


def misses(rule: str, agents: int, load: float, *, seeds: int, hours: float) -> list[float]:
    """The mean over the four mixes, in per cent, of each replication."""
    warm_up = min(hours, 1.0) * 3600
    desks = [Desk(agents, load, mix, seconds=hours * 3600, warm_up=warm_up) for mix in MIXES.values()]
    return [
        100 * statistics.mean(miss(desk, simulate(desk, RULES[rule], seed)) for desk in desks) for seed in range(seeds)
    ]


def interval(values: list[float]) -> float:
    """Half of a 95 % interval of the mean, normal."""
    return 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def measure() -> list[Figure]:
    """The table, and the gap between the policies it is about."""
    seeds, hours = (1, 0.2) if SMALL else (8, 6.0)
    figures: list[Figure] = []
    for w in TABLE[::3] if SMALL else (*TABLE, *MORE):
        found = misses(w.rule, w.agents, w.load, seeds=seeds, hours=hours)
        off = abs(statistics.mean(found) - w.percent)
        name = f"blended: {w.agents} agents at {w.load}, {w.rule}"
        met = None if SMALL else off <= w.within + interval(found)
        figures.append(
            Figure(name, f"{statistics.mean(found):.2f} ± {interval(found):.2f} %", f"{w.percent} ± {w.within} %", met)
        )
    return figures


async def run() -> list[Figure]:
    """Pure computing, so beside the loop."""
    return await asyncio.to_thread(measure)


if __name__ == "__main__":
    show("Blended desks", asyncio.run(run()))
