"""Roles and permissions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.access import roles
from hub.access.permissions import MEANINGS, NEEDS_READING, Access, Permission, Scope
from hub.access.roles import ROLES
from hub.core import events
from hub.core.events import Unit
from hub.queues import leaving
from hub.web.endpoints import Call, Endpoints
from hub.web.records import Archiving, KeptRecord, RecordHistory, RecordVersion
from hub.web.shapes import In, Key, Name

administration = Endpoints("administration")
Granted = Annotated[dict[str, Scope], Field(max_length=len(Permission) * 2)]


class PermissionFact(BaseModel):
    """A permission: its group, what it allows, whether less than everything can be given, whether it needs reading."""

    key: str
    group: str
    text: str
    scoped: bool
    needs_reading: bool


class PermissionList(BaseModel):
    items: list[PermissionFact]


class Role(KeptRecord):
    permissions: dict[str, Scope]
    people: int | None = Field(None, description="How many have it; in lists only")
    handed_back: int | None = Field(
        None, description="How many conversations went back to their queues; after a change only"
    )


class RoleList(BaseModel):
    items: list[Role]


class NewRole(In):
    key: Key
    name: Name
    permissions: Granted


HandBack = Annotated[
    bool,
    Field(description="What lies with who may answer nobody any more goes back to its queue; else 409 `role.work`"),
]


class RoleChange(RecordVersion):
    name: Name | None = None
    permissions: Granted | None = None
    hand_back: HandBack = False

    def changes(self) -> dict[str, Any]:
        """The fields of the role that the body names."""
        return {key: value for key, value in super().changes().items() if key != "hand_back"}


class GivenRole(In):
    role: Key
    hand_back: HandBack = False


class RoleGiven(BaseModel):
    handed_back: int = Field(description="How many conversations went back to their queues")


async def _faults(call: Call, given: dict[str, Any], role_id: int | None = None) -> dict[str, str]:
    async with call.core.db.connection() as conn:
        return {**await ROLES.taken(conn, given, role_id), **roles.misfits(given.get("permissions") or {})}


@administration.add("GET", "/permissions", needs=Access.SIGNED_IN, returns=PermissionList)
async def list_permissions(call: Call) -> dict[str, Any]:
    """All that a role can allow."""
    return {
        "items": [
            {"key": p, "group": m.group, "text": m.text, "scoped": m.scoped, "needs_reading": p in NEEDS_READING}
            for p, m in MEANINGS.items()
        ]
    }


@administration.add("GET", "/roles", needs=Permission.ROLE_MANAGE, returns=RoleList)
async def list_roles(call: Call) -> dict[str, Any]:
    """All roles, the archived last."""
    return {"items": await ROLES.listed(call.core.db)}


@administration.add(
    "POST", "/roles", needs=Permission.ROLE_MANAGE, returns=Role, status=201, errors=(409,), checks=_faults
)
async def create_role(call: Call, body: NewRole) -> dict[str, Any]:
    """Make a role."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await roles.create(unit, body.model_dump(mode="json"), actor_id=call.me.id)


@administration.add(
    "PATCH", "/roles/{role_id}", needs=Permission.ROLE_MANAGE, returns=Role, errors=(409,), checks=_faults
)
async def change_role(call: Call, role_id: int, body: RoleChange) -> dict[str, Any]:
    """Change a role: `permissions` as a whole. Everybody who has it can do more or less at once.

    409 `role.work` counts what lies with those who could answer nobody any more: confirm with `hand_back`.
    """
    async with events.unit(call.core.db, call.core.feed) as unit:
        row = await roles.change(unit, role_id, body.changes(), version=body.version, actor_id=call.me.id)
        lost = await _without_right(unit, body.hand_back, role_id=role_id)
    return {**row, "handed_back": await leaving.take_back(call.core, lost, actor_id=call.me.id)}


@administration.add("POST", "/roles/{role_id}/archive", needs=Permission.ROLE_MANAGE, returns=Role, errors=(409,))
async def archive_role(call: Call, role_id: int, body: Archiving) -> dict[str, Any]:
    """Archive a role that nobody has; or use it again."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await roles.archive(unit, role_id, body.archived, version=body.version, actor_id=call.me.id)


@administration.add("POST", "/roles/{role_id}/adopt", needs=Permission.ROLE_MANAGE, returns=Role, errors=(409,))
async def adopt_role(call: Call, role_id: int, body: RecordVersion) -> dict[str, Any]:
    """Let the page keep a role that a file kept."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        return await ROLES.adopt(unit, role_id, version=body.version, actor_id=call.me.id)


@administration.add("GET", "/roles/{role_id}/history", needs=Permission.ROLE_MANAGE, returns=RecordHistory)
async def list_role_changes(call: Call, role_id: int) -> dict[str, Any]:
    """What was done to a role and by whom, the latest first."""
    await ROLES.one(call.core.db, role_id)
    return {"items": await ROLES.history(call.core.db, role_id)}


@administration.add("PUT", "/agents/{agent_id}/role", needs=Permission.ROLE_MANAGE, returns=RoleGiven, errors=(409,))
async def give_role(call: Call, agent_id: int, body: GivenRole) -> dict[str, Any]:
    """Give somebody a role; 409 when nobody would be left who can make roles.

    409 `role.work` counts what lies with somebody who could answer nobody any more: confirm with `hand_back`.
    """
    async with events.unit(call.core.db, call.core.feed) as unit:
        await roles.give(unit, agent_id, body.role, actor_id=call.me.id)
        lost = await _without_right(unit, body.hand_back, agent_id=agent_id)
    return {"handed_back": await leaving.take_back(call.core, lost, actor_id=call.me.id)}


async def _without_right(
    unit: Unit, hand_back: bool, *, agent_id: int | None = None, role_id: int | None = None
) -> list[int]:
    """Who may answer nobody after this change; `Conflict` when work lies with them and nobody said to hand it back."""
    lost = await leaving.lost_right(unit.conn, agent_id=agent_id, role_id=role_id)
    if not hand_back:
        await leaving.require_nothing_left(unit.conn, lost)
    return lost
