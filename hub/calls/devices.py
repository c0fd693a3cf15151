"""Where an agent is rung: their browser while it says that it is there, or their own telephone."""

from __future__ import annotations

from dataclasses import dataclass

from hub.calls.store import sql
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.core.db import Connection, fetch_dicts, fetch_one
from hub.core.errors import Invalid
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
    """Set where an agent is rung; a browser repeats it while it is there, and says `ready=False` when it goes."""
    if kind == "phone" and not number:
        raise Invalid("A telephone needs its number.", fields={"number": "give it with the country code"})
    values = {
        "agent_id": agent_id, "kind": kind, "ready": ready,
        "number": normalise(AddressKind.PHONE, number) if kind == "phone" and number else None,
    }  # fmt: skip
    before = await fetch_one(unit.conn, _Row, sql["device"], {"agent_id": agent_id})
    await fetch_dicts(unit.conn, sql["put_device"], values)
    if before is None or before.kind != kind or (kind == "browser" and before.ready != ready):
        # The router counts an agent's room for calls by this; it hears of it by the agent's name in the log.
        await unit.log("device.changed", agent_id=agent_id, data={"kind": kind, "ready": ready or kind == "phone"})
        unit.wake("router")
