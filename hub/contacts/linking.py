"""One person, several records: linked by an agent, and unlinked again without a trace.

A link is a pointer from one root to another; rows keep the contact they came with, so that undoing is an exact
inverse in any order. `root_id` is derived from the pointers and kept for quick reading.
"""

from __future__ import annotations

from hub.contacts.events import ContactLinked, ContactUnlinked
from hub.contacts.store import root_of, sql
from hub.core.db import execute, fetch_dicts, fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.events import Unit


async def link(unit: Unit, into_id: int, contact_id: int, *, actor_id: int | None) -> int:
    """Let the person of `contact_id` stand under the one of `into_id`; the link's id."""
    into, joining = await root_of(unit.conn, into_id), await root_of(unit.conn, contact_id)
    if into == joining:
        raise Invalid(
            "These are already the same person.", code="contact.same", fields={"contact_id": "already linked"}
        )
    locked = await fetch_dicts(unit.conn, sql["lock_pair"], {"ids": [into, joining]})
    if any(row["id"] != row["root_id"] for row in locked):
        raise Conflict("Somebody linked one of them just now.", code="contact.linked", remedy="Look again.")
    await execute(unit.conn, sql["set_merged"], {"id": joining, "into_id": into})
    await execute(unit.conn, sql["move_root"], {"from_id": joining, "to_id": into})
    link_id = int(
        await fetch_value(unit.conn, sql["new_link"], {"contact_id": joining, "into_id": into, "agent_id": actor_id})
    )
    await unit.log(ContactLinked(link_id=link_id, contact_id=joining), contact_id=into, actor_id=actor_id)
    return link_id


async def unlink(unit: Unit, link_id: int, *, actor_id: int | None) -> int:
    """Undo a link; the record that stands alone again."""
    rows = await fetch_dicts(unit.conn, sql["undo_link"], {"link_id": link_id, "agent_id": actor_id})
    if not rows:
        raise NotFound("There is no such link, or it was undone.", code="contact.no_link")
    alone = int(rows[0]["contact_id"])
    await execute(unit.conn, sql["clear_merged"], {"id": alone})
    await execute(unit.conn, sql["restore_root"], {"id": alone})
    await unit.log(ContactUnlinked(link_id=link_id), contact_id=alone, actor_id=actor_id)
    return alone
