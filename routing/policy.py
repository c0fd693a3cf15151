"""The choice itself, pure: who is served next, and by whom. The router and the simulator share it.

A waiting item's key is the moment it is due: `entered + target - priority`. An agent who becomes free takes the item
with the least `key - LEVEL_BONUS * level`, so being good at something is worth some seconds of somebody's wait; for
one agent that adds a constant per class of items, which is why a heap per class stays sorted. An item that arrives
goes to the eligible agent with the highest level, then the fewest abilities (the others stay free for what only
they can do), then the lowest load, then the longest idle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEVEL_BONUS = 200.0  # seconds one level is worth when an agent chooses among items
MAX_LEVEL = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked of an agent, and until how many seconds after queueing (None: for ever)."""

    skills: tuple[tuple[str, int], ...] = ()
    until: float | None = None


ANYBODY = Step()


@dataclass(frozen=True, slots=True)
class Blend:
    """How much is kept free for heavy work, see `reserve` and `roomy`; a factor of 0 keeps nothing."""

    reserve_factor: float = 1.5
    reserve_cap: float = 1 / 5
    spread_floor: float = 1 / 3


BLEND = Blend()


def reserve(blend: Blend, eligible: int, in_progress: int) -> int:
    """How many of the eligible agents present are kept free while so many heavy items are in progress."""
    return min(
        math.ceil(blend.reserve_factor * math.sqrt(in_progress)), math.floor(eligible * blend.reserve_cap + 1e-9)
    )


def roomy(blend: Blend, eligible: int, kept: int) -> int:
    """How many have to be free for light work to be spread: with one fewer, three reserves and a fraction of all."""
    return 1 + max(3 * kept, math.ceil(eligible * blend.spread_floor - 1e-9))


def parse_steps(requirements: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps of `queue_entry.requirements`, in order; the last always holds for ever."""
    steps: list[Step] = []
    for item in requirements:
        skills: Mapping[str, Any] = item.get("skills") or {}
        seconds = item.get("seconds")
        until = None if seconds is None else float(seconds)
        steps.append(Step(tuple(sorted((str(k), int(v)) for k, v in skills.items())), until))
        if until is None:
            return tuple(steps)
    return (*steps, ANYBODY)


def step_at(steps: Sequence[Step], age: float) -> int:
    """Which step holds `age` seconds after queueing."""
    for index, step in enumerate(steps):
        if step.until is None or age < step.until:
            return index
    return len(steps) - 1


def level(step: Step, skills: Mapping[str, int]) -> int | None:
    """How well somebody with these skills does what the step asks: 1-5, or None if not at all.

    The weakest of the skills asked for counts; where none is asked for, everybody does it fully.
    """
    lowest = MAX_LEVEL
    for key, least in step.skills:
        have = skills.get(key, 0)
        if have < least:
            return None
        lowest = min(lowest, have)
    return lowest


def due(entered: float, target: float, priority: float) -> float:
    """The key of a waiting item, in the clock of `entered`."""
    return entered + target - priority


def bonus(of_level: int) -> float:
    """What being this good is worth when an agent chooses, in seconds."""
    return LEVEL_BONUS * of_level


def preference(of_level: int, flexibility: int, load: float, idle_since: float) -> tuple[int, int, float, float]:
    """Sorts eligible agents, the best first."""
    return (-of_level, flexibility, load, idle_since)
