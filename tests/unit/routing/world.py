"""Random days for a pool: who works, what comes, what ends, as plain steps that a test carries out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from routing.model import AgentFacts, Channel, Waiting
from routing.policy import ANYBODY, Step

ALL = frozenset({"voice", "chat", "sms", "whatsapp"})
BLENDED = {
    "voice": Channel(1, 20, auto_accept=False),
    "chat": Channel(4, 30, auto_accept=False),
    "sms": Channel(5, 60, auto_accept=False, yields_to=frozenset({"voice"})),
    "whatsapp": Channel(5, 60, auto_accept=False, yields_to=frozenset({"voice"})),
    "email": Channel(10, 120, auto_accept=False, yields_to=ALL),
}
WEIGHTS = {"voice": 100, "chat": 25, "sms": 20, "whatsapp": 20, "email": 10}
QUEUES = {"voice": 1, "chat": 2, "sms": 2, "whatsapp": 3, "email": 3}
LAW = Step((("law", 2),))
LAW_FIRST = Step((("law", 2),), 30.0)  # one object each: groups are told apart by identity
STEPS = ((ANYBODY,), (LAW,), (LAW_FIRST, ANYBODY))
SKILLS: tuple[tuple[tuple[str, int], ...], ...] = ((), (("law", 2),), (("law", 5),), (("tax", 3),))


@dataclass(frozen=True, slots=True)
class Op:
    """Something happens; what `a`, `b` and `c` choose depends on it."""

    what: Literal["agent", "arrive", "end", "decline", "silence", "message", "later", "pause", "leave"]
    a: int
    b: int
    c: int


def days(kinds: tuple[str, ...], longest: int = 60) -> st.SearchStrategy[list[Op]]:
    """Lists of steps; most are arrivals and ends."""
    what = st.sampled_from(kinds)
    return st.lists(st.builds(Op, what, st.integers(0, 11), st.integers(0, 99), st.integers(0, 99)), max_size=longest)


def facts(op: Op, now: float, *, capacities: tuple[int, ...] = (100,)) -> AgentFacts:
    """An agent as one step has them: mostly available."""
    state = ("available", "available", "available", "busy", "away")[op.b % 5]
    queues = ((1, 2, 3), (1,), (2, 3), (1, 2))[op.c % 4]
    maxima = {"voice": 0} if op.b % 7 == 6 else {}
    return AgentFacts(
        op.a + 1, capacities[op.c % len(capacities)], state, None, now, queues, SKILLS[(op.b + op.c) % 4], maxima
    )


def waiting(op: Op, number: int, now: float, channel: str, weight: int, queue: int) -> Waiting:
    """What arrives: some with skills asked for, some held for one agent, some of high priority."""
    target = {"voice": 20.0, "chat": 60.0}.get(channel, 600.0)
    sticky = op.a + 1 if op.b % 9 == 8 else None
    priority = 900.0 if op.c % 11 == 10 else 0.0
    return Waiting(
        number, number, queue, channel, now, now, now + target - priority, weight, STEPS[op.c % 3 if op.b % 3 == 0 else 0],
        sticky, now + 40.0 if sticky else 0.0, {},
    )  # fmt: skip
