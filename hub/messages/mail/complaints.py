"""A reader called a message of ours spam (RFC 5965): nothing goes to that address by itself any more."""

from __future__ import annotations

from dataclasses import dataclass

from hub.channels.model import Delivery
from hub.contacts import consent
from hub.contacts.consent import Entry
from hub.core import events
from hub.core.db import fetch_one
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import replies
from hub.messages.lines import line

sql = Queries.beside(__file__, "complaints.sql")


@dataclass(frozen=True, slots=True)
class _Complained:
    conversation_id: int
    address_id: int
    address: str


async def record(core: Core, delivery: Delivery) -> bool:
    """Opt the address out and say so in the conversation, once; False if the report names no message of ours."""
    async with events.unit(core.db, core.feed) as unit:
        values = {"outbound_id": delivery.outbound_id, "provider_id": delivery.provider_id}
        found = await fetch_one(unit.conn, _Complained, sql["complained"], values)
        if found is None:
            return False
        if await consent.record(unit.conn, Entry(found.address_id, "email", wanted=False, source="complaint")):
            await replies.system_line(unit, found.conversation_id, line("spam", address=found.address))
        return True
