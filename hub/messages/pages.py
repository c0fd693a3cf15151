"""The pages of messages: made when they come; for older messages, and by newer rules, before they are first shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.channels.model import Page
from hub.core import log
from hub.core.db import Connection, Database, execute
from hub.core.errors import Invalid
from hub.core.sandbox import CONFINED, Defeated
from hub.core.sql import Queries
from hub.messages.html import VERSION, Clean, TextOf

logger = log.get(__name__)
sql = Queries.beside(__file__, "pages.sql")
_PATIENCE = 5.0  # seconds a list waits for the pages of old messages; what takes longer is there the next time
_AT_ONCE = 8
_making: dict[int, asyncio.Task[Page]] = {}  # by message: however many screens ask, it is made once


@dataclass(frozen=True, slots=True)
class _Source:
    id: int
    html: str
    own_end: int | None


async def written_here(html: str, text: str) -> tuple[Page, str]:
    """The page and the text of HTML that somebody hands in to be sent; `Invalid` when it cannot be shown.

    A `text` that was handed in beside it stays.
    """
    try:
        page = await CONFINED.run(Clean(html))
        return page, text if text.strip() else await CONFINED.run(TextOf(html))
    except Defeated as error:
        raise Invalid(error.detail, remedy="Send simpler HTML.", fields={"html": "cannot be shown"}) from None


async def store(conn: Connection, interaction_id: int, page: Page) -> None:
    """Store the page of a message that was written here."""
    await execute(conn, sql["keep"], _row(interaction_id, page))


async def complete(db: Database, rows: Sequence[dict[str, Any]]) -> None:
    """Put pages into rows of messages that have HTML and no page by today's rules; within seconds, or not yet."""
    lacking = {row["id"]: row for row in rows if row["has_html"] and row["page_version"] != VERSION}
    for row in lacking.values():  # what older rules let through is not shown meanwhile
        row |= {"page_own": None, "page_whole": None}
    loop = asyncio.get_running_loop()
    ends = loop.time() + _PATIENCE
    ids = list(lacking)
    for at in range(0, len(ids), _AT_ONCE):
        tasks = {number: _begun(db, number) for number in ids[at : at + _AT_ONCE]}
        await asyncio.wait(tasks.values(), timeout=max(0.0, ends - loop.time()))
        for number, task in tasks.items():
            if task.done() and not task.cancelled() and task.exception() is None:
                page = task.result()
                found = {"page_own": page.own, "page_whole": page.whole, "page_pictures": list(page.pictures)}
                lacking[number] |= found
        if loop.time() >= ends:
            return


def _begun(db: Database, number: int) -> asyncio.Task[Page]:
    loop = asyncio.get_running_loop()
    task = _making.get(number)
    if task is None or task.done() or task.get_loop() is not loop:
        task = _making[number] = loop.create_task(_make(db, number), name=f"page-{number}")
        task.add_done_callback(lambda done: _ended(number, done))
    return task


def _ended(number: int, task: asyncio.Task[Page]) -> None:
    if _making.get(number) is task:
        del _making[number]
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("page_not_made", interaction=number, error=str(error))


async def _make(db: Database, number: int) -> Page:
    source = await db.one(_Source, sql["source"], {"id": number})
    if source is None:
        return Page()
    try:
        page: Page = await CONFINED.run(Clean(source.html, source.own_end))
    except Defeated as error:
        page = Page(error=error.detail)
    await db.execute(sql["keep"], _row(number, page))
    return page


def _row(number: int, page: Page) -> dict[str, Any]:
    return {
        "id": number, "version": VERSION, "own": page.own, "whole": page.whole, "pictures": list(page.pictures),
        "error": page.error,
    }  # fmt: skip
