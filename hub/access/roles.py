"""Roles: named sets of permissions, each with a scope, that administrators make and give to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.access.permissions import FAR, MEANINGS, NEEDS_READING, Permission, Scope
from hub.core import field_errors
from hub.core.db import Connection, execute, fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.event_kinds import EventData
from hub.core.events import Unit
from hub.core.records import Records, Row
from hub.core.sql import Queries
from hub.core.texts import counted

ROLES = Records("role", Queries.beside(__file__, "roles.sql"))


class AgentRoleChanged(EventData):
    """An administrator gave somebody another role."""

    event = "agent.role_changed"

    before: str
    after: str


async def create(unit: Unit, values: Row, *, actor_id: int) -> Row:
    """A new role; `Invalid` names what is wrong with it."""
    check(values["permissions"])
    return await ROLES.create(unit, values, actor_id=actor_id)


async def change(unit: Unit, role_id: int, values: Row, *, version: int, actor_id: int) -> Row:
    """Change a role; the rights of everybody who has it are others at once."""
    if "permissions" in values:
        check(values["permissions"])
    await lock(unit.conn)
    row = await ROLES.change(unit, role_id, values, version=version, actor_id=actor_id)
    await _require_administrator(unit)
    unit.notify("sessions")
    return row


async def archive(unit: Unit, role_id: int, archived: bool, *, version: int, actor_id: int) -> Row:
    """Archive a role that nobody has, or take it up again."""
    await lock(unit.conn)
    people = await fetch_value(unit.conn, ROLES.sql["people_of"], {"id": role_id})
    if archived and people:
        raise Conflict(
            f"Having this role: {counted(people, 'person', 'people')}.",
            remedy="Give them another role first.",
            code="role.in_use",
            params={"count": people},
        )
    return await ROLES.archive(unit, role_id, archived, version=version, actor_id=actor_id)


async def give(unit: Unit, agent_id: int, key: str, *, actor_id: int) -> None:
    """Give somebody a role. `Conflict` when nobody would be left who can make roles."""
    await lock(unit.conn)
    before = await fetch_value(unit.conn, ROLES.sql["role_of"], {"agent_id": agent_id})
    if before is None:
        raise NotFound("There is no such person.", code="person.unknown")
    try:
        role = await ROLES.called(unit.conn, key)
    except NotFound:
        raise Invalid("There is no such role.", code="role.unknown", fields={"role": "not a role"}) from None
    if before == key:
        return
    if role["archived_at"] is not None:
        raise Conflict("This role is archived.", code="role.archived", remedy="Restore it first, or choose another.")
    await execute(unit.conn, ROLES.sql["give"], {"agent_id": agent_id, "role": key})
    await _require_administrator(unit)
    await unit.log(AgentRoleChanged(before=before, after=key), agent_id=agent_id, actor_id=actor_id)
    unit.notify("sessions")


def check(permissions: Mapping[str, Any]) -> None:
    """`Invalid` unless the permissions exist, have a scope that fits, and reach no farther than reading does."""
    if found := misfits(permissions):
        raise Invalid("The permissions do not fit.", code="role.permissions", fields=found)


def misfits(permissions: Mapping[str, Any]) -> dict[str, str]:
    """What does not fit, by field."""
    wrong: dict[str, str] = {}
    reading = FAR.get(permissions.get(Permission.CONVERSATION_READ), 0)  # type: ignore[arg-type] - any text is looked up
    for key, scope in permissions.items():
        if key not in MEANINGS:
            wrong[f"permissions.{key}"[:100]] = field_errors.wrong("permission")
        elif scope not in FAR:
            wrong[f"permissions.{key}"] = field_errors.wrong("choice", choices=", ".join(FAR))
        elif not MEANINGS[Permission(key)].scoped and scope != Scope.ALL:
            wrong[f"permissions.{key}"] = field_errors.wrong("reaches_all")
        elif key in NEEDS_READING and FAR[Scope(scope)] > reading:
            wrong[f"permissions.{key}"] = field_errors.wrong("reaches_farther")
    return wrong


async def lock(conn: Connection) -> None:
    """Let nobody else change who may do what until the transaction ends."""
    await execute(conn, ROLES.sql["lock_roles"])


async def somebody_administers(conn: Connection) -> bool:
    """Whether there is somebody who may make roles."""
    return bool(await fetch_value(conn, ROLES.sql["can_administer"]))


async def _require_administrator(unit: Unit) -> None:
    if not await somebody_administers(unit.conn):
        raise Conflict(
            "Nobody would be left who can make roles.", code="role.last", remedy="Give somebody else role.manage first."
        )
