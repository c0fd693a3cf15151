"""What customers no longer want to get."""

from __future__ import annotations

from hub.core.db import execute, fetch_value
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__, "consent.sql")


async def unsubscribe(unit: Unit, address_id: int) -> None:
    """End what goes to many for one address, and what of it waits to leave. Saying it again changes nothing."""
    contact_id = await fetch_value(unit.conn, sql["unsubscribe"], {"id": address_id})
    if contact_id is None:
        return
    await execute(unit.conn, sql["cancel_bulk"], {"id": address_id})
    await unit.log("address.unsubscribed", contact_id=int(contact_id), data={"address_id": address_id})
