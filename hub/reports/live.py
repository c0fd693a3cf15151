"""The floor as it is now: queues, agents and the board, in the shapes the screens speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from hub.agents.load import loads
from hub.agents.model import Load
from hub.core.clock import iso, now
from hub.core.db import Database, fetch_all
from hub.core.sql import Queries
from hub.reports.definitions import SERVICE_LEVEL_VARIANT, Counts

sql = Queries.beside(__file__)
FORGET_SECONDS = 10.0  # after so long without a look nobody reads up what has happened meanwhile
FRESH_SECONDS = 0.25  # how old a board may be: many screens ask, one query answers


class ServiceLevel(TypedDict):
    """Service level of today; `variant` says how it is computed."""

    target_seconds: int | None
    percent: float | None
    answered_in_target: int
    offered: int
    variant: str


class QueueLive(TypedDict):
    """A queue now, and today."""

    id: int
    key: str
    name: str
    waiting: int
    longest_wait_seconds: float
    oldest_entered_at: str | None
    offered: int
    assigned: int
    service_level: ServiceLevel
    abandoned: int
    answered: int
    average_speed_of_answer: float | None
    agents_available: int
    agents_total: int
    changes: int


class AgentLive(TypedDict):
    """An agent now."""

    id: int
    name: str
    state: str
    reason: str | None
    since: str
    load: Load
    conversations: int
    wrapping: int


class AgentStates(TypedDict):
    """How many are in which state; who wraps up is counted there too."""

    available: int
    busy: int
    away: int
    offline: int
    wrap_up: int


class Flow(TypedDict):
    """Five minutes of the curve."""

    at: str
    arrived: int
    answered: int


class Board(TypedDict):
    """Everything a manager watches."""

    at: str
    waiting: int
    longest_wait_seconds: float
    service_level: ServiceLevel
    answered: int
    abandoned: int
    agents: AgentStates
    queues: list[QueueLive]
    agent_list: list[AgentLive]
    series: list[Flow]


@dataclass(frozen=True, slots=True)
class _Queue:
    id: int
    key: str
    name: str
    target_seconds: int
    waiting: int
    offered: int
    assigned: int
    oldest_entered_at: datetime | None
    longest_wait_seconds: float
    agents_available: int
    agents_total: int
    entered: int
    answered: int
    answered_in_target: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    wait_seconds: float

    @property
    def today(self) -> Counts:
        return Counts(
            self.entered, self.answered, self.answered_in_target, self.abandoned, self.short_abandoned,
            self.flowed_out, self.wait_seconds,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Agent:
    id: int
    name: str
    state: str
    reason: str | None
    since: datetime
    conversations: int
    wrapping: int


@dataclass(frozen=True, slots=True)
class _Flow:
    at: datetime
    arrived: int
    answered: int


class Changes:
    """Counts, of each queue, the looks since which something has happened in one of its conversations.

    Most of what a list shows (who answered, what was said last, what did not arrive) leaves its numbers as they are.
    """

    def __init__(self, db: Database):
        self._db = db
        self._since: str | None = None
        self._looked = 0.0
        self._all = 0  # looks after which every queue counts as changed: nobody had looked for long
        self._counts: dict[int, int] = {}

    async def look(self) -> Callable[[int], int]:
        """Read what is new; the count of a queue."""
        if self._since is None or time.monotonic() - self._looked > FORGET_SECONDS:
            self._since = str(await self._db.value(sql["position"]))
            self._all += 1
        else:
            [found] = await self._db.dicts(sql["changed"], {"since": self._since})
            self._since = str(found["position"])
            for queue_id in found["queues"] or ():
                self._counts[queue_id] = self._counts.get(queue_id, 0) + 1
        self._looked = time.monotonic()
        return lambda queue_id: self._all + self._counts.get(queue_id, 0)


class Live:
    """Reads the floor; one per process, so that all its screens share one reading."""

    def __init__(self, db: Database):
        self._db = db
        self._lock = asyncio.Lock()
        self._board: Board | None = None
        self._read_at = 0.0
        self._changes = Changes(db)

    async def board(self) -> Board:
        """The whole floor, at most `FRESH_SECONDS` old."""
        async with self._lock:
            if self._board is None or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._board = await self._read()
                self._read_at = time.monotonic()
            return self._board

    async def queues(self, ids: Collection[int] | None = None) -> list[QueueLive]:
        """Every queue, or some."""
        return [q for q in (await self.board())["queues"] if ids is None or q["id"] in ids]

    async def queue(self, queue_id: int) -> QueueLive | None:
        """One queue, or None if there is no such queue."""
        return next(iter(await self.queues([queue_id])), None)

    async def _read(self) -> Board:
        changes = await self._changes.look()
        async with self._db.connection() as conn:
            rows = await fetch_all(conn, _Queue, sql["queues"])
            people = await fetch_all(conn, _Agent, sql["agents"])
            held = await loads(conn, [a.id for a in people])
            curve = await fetch_all(conn, _Flow, sql["series"])
        return {
            "at": iso(now()),
            "waiting": sum(q.waiting for q in rows),
            "longest_wait_seconds": round(max((q.longest_wait_seconds for q in rows), default=0.0), 1),
            "service_level": _service_level(rows),
            "answered": sum(q.answered for q in rows),
            "abandoned": sum(q.abandoned for q in rows),
            "agents": _states(people),
            "queues": [_queue(q, changes(q.id)) for q in rows],
            "agent_list": [_agent(a, held[a.id]) for a in people],
            "series": [{"at": iso(f.at), "arrived": f.arrived, "answered": f.answered} for f in curve],
        }


def _service_level(rows: Iterable[_Queue]) -> ServiceLevel:
    """Of one queue, or of several: each against its own target, named if all with numbers have the same."""
    queues = list(rows)
    targets = {q.target_seconds for q in queues if len(queues) == 1 or q.today.offered}
    total = sum((q.today for q in queues), Counts())
    return {
        "target_seconds": targets.pop() if len(targets) == 1 else None,
        "percent": total.service_level,
        "answered_in_target": total.answered_in_target,
        "offered": total.offered,
        "variant": SERVICE_LEVEL_VARIANT,
    }


def _queue(q: _Queue, changes: int) -> QueueLive:
    return {
        "id": q.id,
        "key": q.key,
        "name": q.name,
        "waiting": q.waiting,
        "longest_wait_seconds": round(q.longest_wait_seconds, 1),
        "oldest_entered_at": iso(q.oldest_entered_at) if q.oldest_entered_at else None,
        "offered": q.offered,
        "assigned": q.assigned,
        "service_level": _service_level([q]),
        "abandoned": q.abandoned,
        "answered": q.answered,
        "average_speed_of_answer": q.today.average_speed_of_answer,
        "agents_available": q.agents_available,
        "agents_total": q.agents_total,
        "changes": changes,
    }


def _agent(a: _Agent, load: Load) -> AgentLive:
    return {
        "id": a.id, "name": a.name, "state": a.state, "reason": a.reason, "since": iso(a.since), "load": load,
        "conversations": a.conversations, "wrapping": a.wrapping,
    }  # fmt: skip


def _states(people: Iterable[_Agent]) -> AgentStates:
    found: AgentStates = {"available": 0, "busy": 0, "away": 0, "offline": 0, "wrap_up": 0}
    for person in people:
        if person.state in ("available", "busy", "away", "offline"):
            found[person.state] += 1
        found["wrap_up"] += person.wrapping > 0
    return found
