"""Queues as administrators keep them: see `hub.core.records`."""

from __future__ import annotations

from hub.agents.events import AgentQueuesChanged
from hub.core.db import Connection, fetch_dicts
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit
from hub.core.field_errors import FieldError, wrong
from hub.core.records import Records, Row
from hub.core.sql import Queries
from hub.core.texts import counted

QUEUES = Records("queue", Queries.beside(__file__, "administration.sql"))


async def faults(conn: Connection, values: Row, queue_id: int | None = None) -> dict[str, FieldError]:
    """What is wrong with the form of a queue beside its shape, by field."""
    asked: Row = {"hours_id": values.get("hours_id"), "members": values.get("members") or []}
    [known] = await fetch_dicts(conn, QUEUES.sql["known"], asked)
    strange = {field: wrong("unknown") for field, found in known.items() if not found}
    return {**await QUEUES.taken(conn, values, queue_id), **strange}


async def _require_known(unit: Unit, values: Row) -> None:
    """`Invalid` names opening hours and people that are not there."""
    found = {
        field: what for field, what in (await faults(unit.conn, values)).items() if field in ("hours_id", "members")
    }
    if found:
        raise Invalid("The queue names somebody or hours that are not there.", code="queue.names", fields=found)


async def create(unit: Unit, values: Row, *, actor_id: int) -> Row:
    """A new queue, with the people who work in it."""
    await _require_known(unit, values)
    row = await QUEUES.create(unit, values, actor_id=actor_id)
    await _log_members(unit, row["id"], row["members"], actor_id=actor_id)
    return row


async def change(unit: Unit, queue_id: int, values: Row, *, version: int, actor_id: int) -> Row:
    """Change a queue; who works in it from now on, or no longer, sees other conversations at once."""
    before = await QUEUES.in_transaction(unit, queue_id)
    await _require_known(unit, values)
    row = await QUEUES.change(unit, queue_id, values, version=version, actor_id=actor_id)
    await _log_members(unit, queue_id, sorted(set(before["members"]) ^ set(row["members"])), actor_id=actor_id)
    return row


async def _log_members(unit: Unit, queue_id: int, agent_ids: list[int], *, actor_id: int) -> None:
    for agent_id in agent_ids:
        await unit.log(AgentQueuesChanged(), agent_id=agent_id, queue_id=queue_id, actor_id=actor_id)
    if agent_ids:
        unit.notify("sessions")


async def archive(unit: Unit, queue_id: int, archived: bool, *, version: int, actor_id: int) -> Row:
    """Archive a queue into which nothing comes and in which nothing waits, or use it again."""
    row = await QUEUES.archive(unit, queue_id, archived, version=version, actor_id=actor_id)
    if archived:
        [use] = await fetch_dicts(unit.conn, QUEUES.sql["in_use"], {"id": queue_id})
        if use["accounts"]:
            raise Conflict(
                f"Delivering into this queue: {counted(use['accounts'], 'account')}.",
                remedy="Give them another queue first.",
                code="queue.accounts",
                params={"count": use["accounts"]},
            )
        if use["entries"]:
            raise Conflict(
                f"In this queue: {counted(use['entries'], 'conversation')}.",
                remedy="Transfer or resolve them first.",
                code="queue.entries",
                params={"count": use["entries"]},
            )
        if not use["others"]:
            raise Conflict("This is the last queue.", code="queue.last", remedy="Make another one first.")
    return row
