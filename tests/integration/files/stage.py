"""Rows with bytes, written as the hub writes them, and what may become of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hub.core.db import Database
from hub.core.files import Files, FileSettings, Kept, Store
from tests.support.bucket import Store as Double

UPLOAD = (
    "insert into attachment (name, content_type, body, file_id, size)"
    " values ('a.bin', 'application/octet-stream', %(body)s, %(file_id)s, %(size)s) returning id"
)


def files(store: Store, folder: Path | None = None, double: Double | None = None, *, at_least: int = 10) -> Files:
    return Files(FileSettings(store, at_least, folder, double.bucket() if double else None))


async def write(db: Database, kept: Kept) -> int:
    """A row that names them; its id."""
    return int(await db.value(UPLOAD, kept.values))


async def row(db: Database, row_id: int) -> tuple[bytes | None, int | None]:
    [found] = await db.dicts("select body, file_id from attachment where id = %s", [row_id])
    return found["body"], found["file_id"]


async def read(db: Database, kept_in: Files, row_id: int) -> bytes:
    return await kept_in.read(db, *await row(db, row_id))


def lying(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by the SHA-256 of its name."""
    found = {}
    for file in folder.glob("??/??/*"):
        digest = file.name.partition("-")[0]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
        found[file.name] = file.read_bytes()
    return found


async def age(db: Database, days: float = 2) -> None:
    """Let so much time have passed for what is kept."""
    await db.execute(
        "update stored_file set at = at - make_interval(secs => %(s)s), unnamed_at = unnamed_at - make_interval(secs => %(s)s)",
        {"s": days * 86400},
    )


def lose(folder: Path) -> None:
    """Somebody deletes all that lies there."""
    for file in folder.glob("??/??/*"):
        file.unlink()


def unmount(folder: Path) -> None:
    """The disk is gone; the empty folder it was mounted on is left."""
    folder.rename(folder.with_name("aside"))
    folder.mkdir()


def mount(folder: Path) -> None:
    """It is back. Nothing may have been written in its place."""
    folder.rmdir()
    folder.with_name("aside").rename(folder)
