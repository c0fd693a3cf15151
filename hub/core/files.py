"""Bytes of files, mails as they came and recordings: in the row, or outside the database. The only way to either.

A row has its bytes in a column of its own, or `file_id` names a `stored_file`. Outside the database bytes lie under
their SHA-256 and that id, written and synced before any row names them, the same bytes once. Bytes of fewer than
`at_least` stay in the row: a file of a few hundred bytes costs more elsewhere than there.

How nothing is lost: `keep` writes the row of a file first (`writing`), then the bytes, then says that they are `kept`;
who names it does so within the next minutes. Bytes that no row names are removed when none has for a day
(`hub.core.file_upkeep`), by an id that is never used again; what is there
already `keep` marks under the row's lock, and looks whether it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psycopg

from hub.core import log
from hub.core.db import Database
from hub.core.errors import NotFound
from hub.core.file_places import S3, Bucket, FilesAway, Folder, NotThere, Place
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "files.sql")
PIECE = 1 << 20
_TOLD = 15.0  # seconds for which what was found out about the place is said again
Store = Literal["database", "folder", "s3"]


class FileMissing(NotFound):
    """The bytes of this file are not where they should be."""

    def __init__(self) -> None:
        super().__init__(
            "The bytes of this file are missing from where files are kept.",
            code="file.missing",
            remedy="Whoever runs the hub sees it in `hub files check`, and may have them in a backup.",
        )


class FileExpired(NotFound):
    """The bytes were kept for as long as was asked for, and are gone."""

    def __init__(self) -> None:
        super().__init__("These bytes were not kept any longer.", code="file.expired")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where new bytes go, and where older ones may still be."""

    store: Store = "database"
    at_least: int = 16 * 1024  # bytes
    folder: Path | None = None
    bucket: Bucket | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """How a row names bytes: one of `body` and `file_id`, and how many they are."""

    body: bytes | None
    file_id: int | None
    size: int

    @property
    def values(self) -> dict[str, Any]:
        """For the statement that writes the row."""
        return {"body": self.body, "file_id": self.file_id, "size": self.size}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes outside the database."""

    id: int
    sha256: str
    size: int
    place: str
    missing: bool

    @property
    def key(self) -> str:
        """Their name there."""
        return key_of(self.sha256, self.id)


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes to be handed on piece by piece."""

    size: int
    pieces: AsyncGenerator[bytes]


def key_of(sha256: str, file_id: int) -> str:
    """The name of a file's bytes outside the database."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}-{file_id}"


@dataclass(slots=True)
class _Told:
    at: float = float("-inf")
    trouble: FilesAway | None = None


@dataclass(slots=True)
class Files:
    """Keeps and reads bytes for one process."""

    settings: FileSettings = field(default_factory=FileSettings)
    _places: dict[str, Place] = field(default_factory=dict[str, Place])
    _ready: set[str] = field(default_factory=set[str])
    _told: _Told = field(default_factory=_Told)

    def place(self, name: str) -> Place:
        """A place that is configured; `FilesAway` for one that is not."""
        if name not in self._places:
            if name == "folder" and self.settings.folder is not None:
                self._places[name] = Folder(self.settings.folder)
            elif name == "s3" and self.settings.bucket is not None:
                self._places[name] = S3(self.settings.bucket)
            else:
                what = "files.folder" if name == "folder" else "files.bucket"
                raise FilesAway(f"the {name} that has them", f"{what} is not set")
        return self._places[name]

    async def keep(self, db: Database, body: bytes) -> Kept:
        """Make bytes durable; how a row is to name them. `FilesAway` when that cannot be done now."""
        if self.settings.store == "database" or len(body) < self.settings.at_least:
            return Kept(body, None, len(body))
        return Kept(None, await self.put(db, body, self.settings.store), len(body))

    async def put(self, db: Database, body: bytes, place_name: str) -> int:
        """The id of a file of these bytes in a place; they are durable there."""
        place = await self._prepared(db, place_name)
        digest = await asyncio.to_thread(hashlib.sha256, body)
        facts = {"sha256": digest.digest(), "size": len(body), "place": place_name}
        for _ in range(3):
            if (there := await db.value(sql["here"], facts)) is not None:
                await self._surely(place, key_of(digest.hexdigest(), int(there)), body)
                await db.execute(sql["found"], {"id": there})
                return int(there)
            mine = int(await db.value(sql["begin"], facts))
            await place.write(key_of(digest.hexdigest(), mine), body)
            try:
                if await db.execute(sql["written"], {"id": mine}):
                    return mine
            except psycopg.errors.UniqueViolation:  # the same bytes came twice at once: theirs are there
                await db.execute(sql["give_up"], {"id": mine})
        raise FilesAway(place.where, "it took too long")

    async def _surely(self, place: Place, key: str, body: bytes) -> None:
        """What is to be there is there: else it is written anew."""
        try:
            if await place.size(key) == len(body):
                return
        except NotThere:
            pass
        logger.warning("file_written_again", key=key)
        await place.write(key, body)

    async def _prepared(self, db: Database, name: str) -> Place:
        place = self.place(name)
        if name not in self._ready:
            await place.prepare(in_use=bool(await db.value(sql["anything"], {"place": name})))
            self._ready.add(name)
        return place

    async def read(self, db: Database, body: bytes | None, file_id: int | None) -> bytes:
        """All the bytes that a row names."""
        opened = await self.open(db, body, file_id)
        return b"".join([piece async for piece in opened.pieces])

    async def open(self, db: Database, body: bytes | None, file_id: int | None) -> Opened:
        """The bytes that a row names, piece by piece: the first is here already, so that what fails fails now."""
        if body is not None:
            return Opened(len(body), _whole(bytes(body)))
        if file_id is None:
            raise FileExpired
        found = await db.one(StoredFile, sql["file"], {"id": file_id})
        if found is None:
            raise FileMissing
        first = await self._piece(db, found, 0)
        if found.missing:
            await db.execute(sql["found"], {"id": found.id})
        return Opened(found.size, self._pieces(db, found, first))

    async def _pieces(self, db: Database, file: StoredFile, first: bytes) -> AsyncGenerator[bytes]:
        at, piece = 0, first
        while piece:
            yield piece
            at += len(piece)
            piece = await self._piece(db, file, at) if at < file.size else b""

    async def _piece(self, db: Database, file: StoredFile, at: int) -> bytes:
        length = min(PIECE, file.size - at)
        try:
            piece = await self.place(file.place).piece(file.key, at, length) if length else b""
            if len(piece) < length:
                raise NotThere
        except NotThere:
            await db.execute(sql["missing"], {"id": file.id})
            logger.error("file_missing", file=file.id, key=file.key, place=file.place)  # noqa: TRY400 - no stack tells more
            raise FileMissing from None
        return piece

    async def trouble(self, db: Database) -> FilesAway | None:
        """What keeps new bytes from being written, found out by writing; not oftener than every few seconds."""
        if self.settings.store == "database":
            return None
        if time.monotonic() - self._told.at > _TOLD:
            self._told.at = time.monotonic()
            self._told.trouble = FilesAway(
                f"the {self.settings.store}", "no answer yet"
            )  # who asks may not wait for it
            self._told.trouble = await self._tried(db)
        return self._told.trouble

    async def _tried(self, db: Database) -> FilesAway | None:
        try:
            place = await self._prepared(db, self.settings.store)
            await place.write("probe", b"Whether files can be written.")
        except FilesAway as error:
            return error
        return None

    async def missing(self, db: Database) -> int:
        """How many files are known not to be where they should."""
        return int(await db.value(sql["lost"]))


async def _whole(body: bytes) -> AsyncGenerator[bytes]:
    if body:
        yield body
