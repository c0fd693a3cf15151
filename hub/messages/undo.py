"""Taking an answer back before it leaves: one conditional UPDATE decides, and the words return to the writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.conversations import conversation, lifecycle
from hub.core.db import execute, fetch_dicts
from hub.core.errors import Conflict, NotFound
from hub.core.events import Unit
from hub.core.sql import Queries
from hub.messages.events import InteractionUpdated
from hub.queues import entries

sql = Queries.beside(__file__, "undo.sql")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was taken back, as it was typed. `attachments` are uploads again: id, name, content_type, size."""

    text: str
    html: str | None
    subject: str
    channel: str
    cc: list[str]
    bcc: list[str]
    attachments: list[dict[str, Any]]


async def cancel(unit: Unit, conversation_id: int, interaction_id: int, *, actor_id: int) -> Draft:
    """Take back an answer that waits to leave; `Conflict` when it is on its way.

    The conversation's clocks go on as if it had not been written, and what was resolved with it is open again.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    ids = {"conversation_id": conversation_id, "interaction_id": interaction_id}
    written = await fetch_dicts(unit.conn, sql["answer"], ids)
    if not written:
        raise NotFound("There is no such answer.", code="undo.unknown")
    if not await execute(unit.conn, sql["cancel"], ids):
        raise Conflict("It is on its way already.", code="undo.late", remedy="Write once more to put it right.")
    await execute(unit.conn, sql["cancelled"], ids)
    files = await fetch_dicts(unit.conn, sql["release_files"], ids)
    if held.status == "resolved":
        await lifecycle.reopen(unit, conversation_id, actor_id=actor_id)
        await entries.pull(unit, conversation_id, actor_id)
    await conversation.reply_withdrawn(unit.conn, conversation_id)
    await execute(unit.conn, sql["say_files"], {"id": conversation_id})
    said = InteractionUpdated(interaction_id=interaction_id, status="cancelled")
    await unit.log(said, conversation_id=conversation_id, actor_id=actor_id)
    return _draft(written[0], sorted(files, key=lambda file: file["id"]))


def _draft(row: dict[str, Any], files: list[dict[str, Any]]) -> Draft:
    meta = row["meta"]
    source = meta.get("source")
    return Draft(
        text=source or row["text"],
        html=None if source else row["html"],
        subject=row["subject"],
        channel=row["channel"],
        cc=meta.get("cc", []),
        bcc=meta.get("bcc", []),
        attachments=files,
    )
