"""One message, whole: everything that lists leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.channels.model import Page
from hub.core.db import Database
from hub.core.files import Opened
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import pages, views

sql = Queries.beside(__file__, "reading.sql")


@dataclass(frozen=True, slots=True)
class FullMessage:
    """A message with what its connector noted about it, and its page if it has one."""

    conversation_id: int
    text: str
    page: Page | None
    meta: dict[str, Any]
    raw_id: int | None
    attachments: list[dict[str, Any]]


async def full_message(db: Database, interaction_id: int) -> FullMessage | None:
    """The message, or None; whoever asks must be allowed to see its conversation."""
    rows = await db.dicts(sql["full_message"], {"id": interaction_id})
    if not rows:
        return None
    await pages.complete(db, rows)
    [row] = rows
    return FullMessage(
        row["conversation_id"], row["text"], views.page_of(row), row["meta"], row["raw_id"], row["attachments"]
    )


async def original(core: Core, found: FullMessage) -> Opened | None:
    """Its bytes as they came; None for what was written here."""
    rows = await core.db.dicts(sql["original"], {"id": found.raw_id}) if found.raw_id is not None else []
    return await core.files.open(core.db, rows[0]["body"], rows[0]["file_id"]) if rows else None
