"""Queues as administrators keep them: see `hub.core.records`."""

from __future__ import annotations

from hub.core.db import fetch_dicts
from hub.core.errors import Conflict
from hub.core.events import Unit
from hub.core.records import Records, Row
from hub.core.sql import Queries

QUEUES = Records("queue", Queries.beside(__file__, "administration.sql"))


async def archive(unit: Unit, queue_id: int, archived: bool, *, version: int, actor_id: int) -> Row:
    """Archive a queue into which nothing comes and in which nothing waits, or use it again."""
    row = await QUEUES.archive(unit, queue_id, archived, version=version, actor_id=actor_id)
    if archived:
        [use] = await fetch_dicts(unit.conn, QUEUES.sql["in_use"], {"id": queue_id})
        if use["accounts"]:
            raise Conflict(
                f"{use['accounts']} accounts deliver into this queue.",
                remedy="Give them another queue first.",
                code="queue.accounts",
                params={"count": use["accounts"]},
            )
        if use["entries"]:
            raise Conflict(
                f"{use['entries']} conversations are in this queue.",
                remedy="Transfer or resolve them first.",
                code="queue.entries",
                params={"count": use["entries"]},
            )
        if not use["others"]:
            raise Conflict("This is the last queue.", code="queue.last", remedy="Make another one first.")
    return row
