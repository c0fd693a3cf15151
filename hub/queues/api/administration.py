"""Queues, for who may change them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from hub.access.permissions import Permission
from hub.core import events
from hub.core.field_errors import FieldError
from hub.queues import administration
from hub.queues.administration import QUEUES
from hub.web.endpoints import Call, Endpoints
from hub.web.records import Archiving, KeptRecord, RecordHistory, RecordVersion
from hub.web.shapes import Id, In, Key, Name

queues = Endpoints("administration")
Seconds = Annotated[int, Field(ge=0, le=30 * 86_400)]
Bonus = Annotated[int, Field(ge=-86_400, le=30 * 86_400)]


def _each_once(ids: list[int]) -> list[int]:
    return sorted(set(ids))


Members = Annotated[list[Id], Field(max_length=10_000), AfterValidator(_each_once)]


class Delivering(BaseModel):
    """An account that delivers into a queue."""

    id: int
    name: str
    channel: str


class AdminQueue(KeptRecord):
    """A queue as administrators see it. Seconds: see the glossary."""

    target_seconds: int
    service_level_seconds: int
    short_abandon_seconds: int
    priority_seconds: int
    wrap_up_seconds: int
    hours_id: int | None
    members: list[int] = Field(description="The agents who work in it")
    hours_key: str | None = None
    people: int | None = Field(None, description="How many can be given its work; in lists only")
    present: int | None = Field(None, description="How many of them are available or busy; in lists only")
    accounts: int | None = Field(None, description="Accounts that deliver into it; in lists only")
    delivering: list[Delivering] = Field([], description="These accounts; in lists only")
    entries: int | None = Field(None, description="Conversations in it now; in lists only")


class NewQueue(In):
    key: Key
    name: Name
    target_seconds: Seconds = 60
    service_level_seconds: Seconds = 20
    short_abandon_seconds: Seconds = 5
    priority_seconds: Bonus = 0
    wrap_up_seconds: Seconds = 0
    hours_id: Id | None = None
    members: Members = Field(default_factory=list[int])


class QueueChange(RecordVersion):
    clearable: ClassVar[frozenset[str]] = frozenset({"hours_id"})
    name: Name | None = None
    target_seconds: Seconds | None = None
    service_level_seconds: Seconds | None = None
    short_abandon_seconds: Seconds | None = None
    priority_seconds: Bonus | None = None
    wrap_up_seconds: Seconds | None = None
    hours_id: Id | None = None
    members: Members | None = None


class AdminQueueList(BaseModel):
    items: list[AdminQueue]


class OpeningHours(BaseModel):
    id: int
    key: str
    timezone: Annotated[str, StringConstraints(max_length=100)]


class OpeningHoursList(BaseModel):
    items: list[OpeningHours]


async def _faults(call: Call, given: dict[str, Any], queue_id: int | None = None) -> dict[str, FieldError]:
    async with call.core.db.connection() as conn:
        return await administration.faults(conn, given, queue_id)


@queues.add("GET", "/admin/queues", needs=Permission.QUEUE_MANAGE, returns=AdminQueueList)
async def list_admin_queues(call: Call) -> dict[str, Any]:
    """All queues with everything that can be changed, the archived last."""
    return {"items": await QUEUES.listed(call.core.db)}


@queues.add(
    "POST",
    "/admin/queues",
    needs=Permission.QUEUE_MANAGE,
    returns=AdminQueue,
    status=201,
    errors=(409,),
    checks=_faults,
)
async def create_queue(call: Call, body: NewQueue) -> dict[str, Any]:
    """Make a queue; it is kept by its page from then on."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await administration.create(unit, body.model_dump(), actor_id=call.me.id)


@queues.add(
    "PATCH",
    "/admin/queues/{queue_id}",
    needs=Permission.QUEUE_MANAGE,
    returns=AdminQueue,
    errors=(409,),
    checks=_faults,
)
async def change_queue(call: Call, queue_id: int, body: QueueChange) -> dict[str, Any]:
    """Change a queue; 409 when somebody was faster, or when a file keeps it. What is left out stays."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await administration.change(unit, queue_id, body.changes(), version=body.version, actor_id=call.me.id)


@queues.add(
    "POST", "/admin/queues/{queue_id}/archive", needs=Permission.QUEUE_MANAGE, returns=AdminQueue, errors=(409,)
)
async def archive_queue(call: Call, queue_id: int, body: Archiving) -> dict[str, Any]:
    """Archive a queue into which nothing comes and in which nothing waits; or use it again."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await administration.archive(unit, queue_id, body.archived, version=body.version, actor_id=call.me.id)


@queues.add("POST", "/admin/queues/{queue_id}/adopt", needs=Permission.QUEUE_MANAGE, returns=AdminQueue, errors=(409,))
async def adopt_queue(call: Call, queue_id: int, body: RecordVersion) -> dict[str, Any]:
    """Let the page keep a queue that a file kept: `hub apply` leaves it alone from now on."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await QUEUES.adopt(unit, queue_id, version=body.version, actor_id=call.me.id)


@queues.add("GET", "/admin/queues/{queue_id}/history", needs=Permission.QUEUE_MANAGE, returns=RecordHistory)
async def list_queue_changes(call: Call, queue_id: int) -> dict[str, Any]:
    """What was done to a queue and by whom, the latest first."""
    await QUEUES.one(call.core.db, queue_id)
    return {"items": await QUEUES.history(call.core.db, queue_id)}


@queues.add("GET", "/admin/hours", needs=Permission.QUEUE_MANAGE, returns=OpeningHoursList)
async def list_hours(call: Call) -> dict[str, Any]:
    """Opening hours that a queue can have."""
    return {"items": await call.core.db.dicts(QUEUES.sql["hours"])}
