"""What few messages bring beside their words: files, and a number that says who their writer is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from hub.channels.model import Attachment, Inbound
from hub.contacts import linking
from hub.core.db import Connection, execute, fetch_value
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit
from hub.core.sql import Queries
from hub.core.texts import clean
from hub.messages.views import Taken

sql = Queries.beside(__file__, "intake.sql")


async def store_number(unit: Unit, inbound: Inbound, row: Taken) -> None:
    """Somebody's number as it is now; who turns out to be known by it already is linked, for agents to undo."""
    values = {"address_id": row.address_id, "number": inbound.number, "reported": inbound.reported}
    await execute(unit.conn, sql["number"], values)
    if not inbound.number or inbound.number == inbound.address:
        return
    other = await fetch_value(unit.conn, sql["namesake"], values)
    if other is not None and row.contact_id is not None:
        with suppress(Conflict, Invalid):  # somebody linked them at this moment
            await linking.link(unit, min(other, row.contact_id), max(other, row.contact_id), actor_id=None)


async def store_attachments(conn: Connection, files: Sequence[tuple[Attachment, ...]], taken: dict[int, Taken]) -> None:
    """The files of each message, in order of the messages."""
    for n, row in taken.items():
        if row.duplicate:
            continue
        for a in files[n]:
            await execute(
                conn,
                sql["attach"],
                {
                    "interaction_id": row.interaction_id,
                    "name": clean(a.name)[:255],
                    "content_type": clean(a.content_type)[:255],
                    "content_id": clean(a.content_id)[:255] if a.content_id else None,
                    "inline": a.inline,
                    "body": a.body,
                },
            )
