"""Where an agent is rung: their browser while it says that it is there, or their own telephone."""

from __future__ import annotations

from dataclasses import dataclass

from hub.calls import callbacks
from hub.calls.events import DeviceChanged
from hub.calls.ivr_settings import CallFlow
from hub.calls.store import sql
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.core.db import Connection, execute, fetch_dicts, fetch_one, fetch_value
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit


@dataclass(frozen=True, slots=True)
class Device:
    """`endpoint` is a number, or `device:{agent}` for a browser."""

    kind: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    number: str | None
    ready: bool


async def of(conn: Connection, agent_id: int) -> Device | None:
    """Where to ring an agent now; None when nowhere."""
    row = await fetch_one(conn, _Row, sql["device"], {"agent_id": agent_id})
    if row is None or (row.kind == "browser" and not row.ready):
        return None
    return Device(row.kind, row.number or f"device:{agent_id}")


async def put(unit: Unit, agent_id: int, kind: str, number: str | None, *, ready: bool) -> None:
    """Set where an agent is rung; a browser repeats it while it is there, and says `ready=False` when it goes.

    `Invalid` for a number that we do not dial, `Conflict` for one at which somebody else is rung.
    """
    whole = await _own_number(unit, agent_id, number) if kind == "phone" else None
    values = {"agent_id": agent_id, "kind": kind, "ready": ready, "number": whole}
    before = await fetch_one(unit.conn, _Row, sql["device"], {"agent_id": agent_id})
    await fetch_dicts(unit.conn, sql["put_device"], values)
    if before is None or before.kind != kind or (kind == "browser" and before.ready != ready):
        # The router counts an agent's room for calls by this; it hears of it by the agent's name in the log.
        await unit.log(DeviceChanged(kind=kind, ready=ready or kind == "phone"), agent_id=agent_id)
        unit.notify("router")


async def _own_number(unit: Unit, agent_id: int, number: str | None) -> str:
    """The whole number at which an agent wants to be rung: the rule for dialling holds, and it rings nobody else."""
    if not number:
        raise Invalid(
            "A telephone needs its number.", code="device.number", fields={"number": "give it with the country code"}
        )
    whole = normalise(AddressKind.PHONE, number, field="number")
    flows = [CallFlow.model_validate(row["flow"]) for row in await fetch_dicts(unit.conn, sql["flows"])]
    await callbacks.check_number(unit, flows or [CallFlow()], whole)
    await execute(unit.conn, sql["only_one"], {"number": whole})
    if await fetch_value(unit.conn, sql["rings_another"], {"number": whole, "agent_id": agent_id}):
        raise Conflict(
            "Somebody else is rung at this number.",
            code="device.taken",
            remedy="Give the number of your own telephone.",
        )
    return whole
