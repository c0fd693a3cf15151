"""What customers want to get, and every word they said about it.

The ledger (`consent`) is only ever added to; `address.opted_out_at` is what it comes to.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from hub.contacts.events import AddressUnsubscribed, ContactConsent
from hub.core.db import Connection, Database, execute, fetch_value
from hub.core.errors import NotFound
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__, "consent.sql")
Source = Literal["provider", "word", "refused", "complaint", "link", "agent"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: who wants what, and how we know."""

    address_id: int
    channel: str
    wanted: bool
    source: Source
    detail: str = ""
    account_id: int | None = None
    raw_id: int | None = None
    outbound_id: int | None = None
    agent_id: int | None = None


async def record(conn: Connection, entry: Entry) -> bool:
    """Write it down; whether anything is different now."""
    await execute(conn, sql["write"], asdict(entry))
    return bool(await execute(conn, sql["apply"], {"address_id": entry.address_id, "wanted": entry.wanted}))


async def unsubscribe(unit: Unit, address_id: int) -> None:
    """End what goes to many for one address, and what of it waits to leave. Saying it again changes nothing."""
    contact_id = await fetch_value(unit.conn, sql["unsubscribe"], {"id": address_id})
    if contact_id is None:
        return
    await record(unit.conn, Entry(address_id, "email", wanted=False, source="link"))
    await execute(unit.conn, sql["cancel_bulk"], {"id": address_id})
    await unit.log(AddressUnsubscribed(address_id=address_id), contact_id=int(contact_id))


async def history(db: Database, contact_id: int) -> list[dict[str, Any]]:
    """The ledger of all addresses of a customer, the latest first."""
    return await db.dicts(sql["history"], {"contact_id": contact_id})


async def said_to_agent(
    unit: Unit, contact_id: int, address_id: int, *, wanted: bool, detail: str, agent_id: int
) -> None:
    """What a customer told one of us, by telephone say."""
    channel = await fetch_value(unit.conn, sql["channel_of"], {"address_id": address_id, "contact_id": contact_id})
    if channel is None:
        raise NotFound("This contact has no such address.", code="contact.no_address")
    await record(unit.conn, Entry(address_id, channel, wanted, "agent", detail, agent_id=agent_id))
    said = ContactConsent(address_id=address_id, wanted=wanted)
    await unit.log(said, contact_id=contact_id, actor_id=agent_id)
