"""Who works here: reads for the desk."""

from __future__ import annotations

from dataclasses import dataclass

from hub.agents.model import Colleague, Place, Ref
from hub.core.db import Database
from hub.core.sql import Queries

sql = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class _Colleague:
    id: int
    name: str
    role: str
    state: str
    queues: list[int]


@dataclass(frozen=True, slots=True)
class _Queue:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class _Place:
    id: int
    name: str
    people: int
    present: int


@dataclass(frozen=True, slots=True)
class _Skill:
    key: str
    level: int


async def agents_list(db: Database) -> list[Colleague]:
    """Everybody who is not disabled, by name, with state and queue ids."""
    rows = await db.all(_Colleague, sql["colleagues"])
    return [{"id": r.id, "name": r.name, "role": r.role, "state": r.state, "queues": r.queues} for r in rows]


async def queues_of(db: Database, agent_id: int) -> list[Ref]:
    """The queues an agent works in, by name."""
    return [{"id": q.id, "name": q.name} for q in await db.all(_Queue, sql["queues_of"], {"agent_id": agent_id})]


async def all_queues(db: Database) -> list[Place]:
    """Every queue, by name: where work can be handed to, and who would take it there."""
    rows = await db.all(_Place, sql["all_queues"])
    return [{"id": q.id, "name": q.name, "people": q.people, "present": q.present} for q in rows]


async def skills_of(db: Database, agent_id: int) -> dict[str, int]:
    """An agent's skills: key to level 1-5."""
    return {s.key: s.level for s in await db.all(_Skill, sql["skills_of"], {"agent_id": agent_id})}
