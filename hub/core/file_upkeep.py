"""What becomes of bytes outside the database later: swept when nobody's, moved elsewhere, looked for.

Each works in small pieces, beside those who read and write, and may be killed and begun again at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString

from hub.core import log
from hub.core.db import Database, execute
from hub.core.file_places import FilesAway, NotThere
from hub.core.files import FileMissing, Files, StoredFile
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "file_upkeep.sql")
GRACE = timedelta(days=1)  # how long nobody's bytes are kept: for who is about to name them, and for a backup under way
_PAGE = 500
_LOOKS = 8  # files looked for at once
_AT_ONCE = 4  # files of one step of a move
_PAUSE = 0.05  # seconds between two pages, for those who work meanwhile


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose rows have bytes."""

    page: LiteralString
    body: LiteralString
    out: LiteralString
    rows: LiteralString


_TABLES = (
    _Table(sql["bodies_raw"], sql["body_raw"], sql["out_raw"], sql["rows_raw"]),
    _Table(sql["bodies_attachment"], sql["body_attachment"], sql["out_attachment"], sql["rows_attachment"]),
    _Table(sql["bodies_recording"], sql["body_recording"], sql["out_recording"], sql["rows_recording"]),
)


# -- what is nobody's --------------------------------------------------------------------------------------------------
async def sweep(db: Database, files: Files, *, grace: timedelta = GRACE) -> int:
    """Remove the bytes that no row has named for so long; how many. `FilesAway` when some could not be removed.

    Nothing is removed while sending is frozen: a database that was restored may share its bucket with another.
    """
    if await db.value(sql["frozen"]):
        return 0
    after = 0
    while ids := [row["id"] for row in await db.dicts(sql["page"], {"after": after, "limit": _PAGE})]:
        await db.execute(sql["leave"], {"ids": ids, "grace": grace})
        await db.execute(sql["mark"], {"ids": ids})
        after = ids[-1]
        await asyncio.sleep(_PAUSE)
    await db.execute(sql["give_up"], {"grace": grace})
    return await _remove(db, files)


async def _remove(db: Database, files: Files) -> int:
    removed, after = 0, 0
    away: FilesAway | None = None
    while due := await db.all(StoredFile, sql["leaving"], {"after": after, "limit": _PAGE}):
        after = due[-1].id
        for one in due:
            try:
                await files.place(one.place).remove(one.key)
            except FilesAway as error:
                away = error
                continue
            removed += await db.execute(sql["removed"], {"id": one.id})
    if away is not None:
        raise away
    return removed


# -- from place to place -----------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Moved:
    """How far a move is."""

    files: int = 0
    bytes: int = 0
    missing: list[StoredFile] = field(default_factory=list[StoredFile])


async def move(db: Database, files: Files) -> AsyncGenerator[Moved]:
    """Bring all bytes to where new ones go (`files.store`); after each page how far it is.

    A row is changed when its bytes are durable in their new place. Where they were before, they are swept after a day,
    so that who reads them meanwhile goes on.
    """
    done = Moved()
    store = files.settings.store
    if store != "database":
        for table in _TABLES:
            async for _ in _out(db, files, table, done):
                yield done
    after = 0
    here = None if store == "database" else store
    while page := await db.all(StoredFile, sql["named"], {"after": after, "not_in": here, "limit": _AT_ONCE}):
        after = page[-1].id
        await asyncio.gather(*(_over(db, files, one, done) for one in page))
        yield done
    yield done


async def _out(db: Database, files: Files, table: _Table, done: Moved) -> AsyncGenerator[None]:
    """Out of the database."""
    after = 0
    while True:
        values = {"after": after, "least": max(files.settings.at_least, 1), "limit": _AT_ONCE}
        ids = [int(row["id"]) for row in await db.dicts(table.page, values)]
        if not ids:
            return
        await asyncio.gather(*(_one_out(db, files, table, row_id, done) for row_id in ids))
        after = ids[-1]
        yield


async def _one_out(db: Database, files: Files, table: _Table, row_id: int, done: Moved) -> None:
    body = await db.value(table.body, {"id": row_id})
    if body is None:
        return
    file_id = await files.put(db, body, files.settings.store)
    if await db.execute(table.out, {"id": row_id, "file_id": file_id, "size": len(body)}):
        done.files += 1
        done.bytes += len(body)


async def _over(db: Database, files: Files, one: StoredFile, done: Moved) -> None:
    """Into the database, or to another place."""
    try:
        body = await files.read(db, None, one.id)
    except FileMissing:
        done.missing.append(one)
        return
    values: dict[str, Any] = {"id": one.id, "body": body, "to": None}
    if files.settings.store != "database":
        values |= {"body": None, "to": await files.put(db, body, files.settings.store)}
    async with db.transaction() as conn:
        for table in _TABLES:
            await execute(conn, table.rows, values)
    done.files += 1
    done.bytes += len(body)


# -- what is there -----------------------------------------------------------------------------------------------------
async def missing(db: Database, files: Files) -> AsyncGenerator[StoredFile]:
    """The files that rows name and that are not where they should be, or have another size; it is noted of each."""
    after = 0
    while page := await db.all(StoredFile, sql["named"], {"after": after, "not_in": None, "limit": _PAGE}):
        after = page[-1].id
        for some in (page[n : n + _LOOKS] for n in range(0, len(page), _LOOKS)):
            found = await asyncio.gather(*(_is_there(files, one) for one in some))
            for one, there in zip(some, found, strict=True):
                if not there:
                    await db.execute(sql["found_missing"], {"id": one.id})
                    yield one
                elif one.missing:
                    await db.execute(sql["found_there"], {"id": one.id})


async def _is_there(files: Files, one: StoredFile) -> bool:
    try:
        return await files.place(one.place).size(one.key) == one.size
    except NotThere:
        return False


@dataclass(frozen=True, slots=True)
class Share:
    """Files of one place and state."""

    place: str
    state: str
    files: int
    bytes: int
    missing: int


async def sizes(db: Database) -> list[Share]:
    """What lies outside the database."""
    return await db.all(Share, sql["sizes"])
