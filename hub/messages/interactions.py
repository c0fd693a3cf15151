"""Interactions: what was said, written or called, inserted here alone (what arrives, by the function `intake`).

The event that announces an interaction carries its id, and the interaction carries the event's sequence: the id comes
first, then the event, then the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.core.clock import now
from hub.core.db import Connection, execute, fetch_value
from hub.core.sql import Queries

sql = Queries.beside(__file__, "interactions.sql")


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """One line of a conversation. `kind`: `message`, `note` or `system`; `direction`: `in`, `out` or `internal`."""

    conversation_id: int
    contact_id: int
    seq: int  # of the event on the conversation's topic
    kind: str
    direction: str
    text: str
    channel: str | None = None
    account_id: int | None = None
    address_id: int | None = None
    agent_id: int | None = None
    subject: str = ""
    html: str | None = None
    external_id: str | None = None
    client_id: str | None = None
    status: str = "received"
    automatic: bool = False
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    at: datetime | None = None  # None: now


async def next_id(conn: Connection) -> int:
    """An id for the event and the row that follow."""
    return int(await fetch_value(conn, sql["next_id"]))


async def insert(conn: Connection, interaction_id: int, new: NewInteraction) -> None:
    """Write it down under an id of `next_id`."""
    values = {
        "id": interaction_id, "conversation_id": new.conversation_id, "contact_id": new.contact_id, "seq": new.seq,
        "kind": new.kind, "direction": new.direction, "channel": new.channel, "account_id": new.account_id,
        "address_id": new.address_id, "agent_id": new.agent_id, "subject": new.subject, "text": new.text,
        "html": new.html, "external_id": new.external_id, "client_id": new.client_id, "status": new.status,
        "automatic": new.automatic, "meta": Jsonb(new.meta), "at": new.at or now(),
    }  # fmt: skip
    await execute(conn, sql["insert"], values)
