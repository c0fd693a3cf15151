"""A backup has the files of the folder in it, names those it needs beside it, and says what is missing of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.backup.archive import Archive
from hub.core.db import Database
from hub.core.errors import ConfigError
from hub.core.file_upkeep import sweep
from hub.core.files import Files
from tests.integration.cli.test_cli import Line, clean, line
from tests.integration.files.stage import age, files, lose, lying, read, write
from tests.support.bucket import Store as Double
from tests.support.postgres import other_database

__all__ = ["clean", "line"]
BODY = bytes(range(256)) * 9000


def put(url: str, kept_in: Files, *bodies: bytes) -> list[int]:
    async def inside() -> list[int]:
        db = Database(url, size=2)
        await db.open()
        try:
            return [await write(db, await kept_in.keep(db, body)) for body in bodies]
        finally:
            await db.close()

    return asyncio.run(inside())


def got(url: str, kept_in: Files, row_id: int) -> bytes:
    async def inside() -> bytes:
        db = Database(url, size=2)
        await db.open()
        try:
            return await read(db, kept_in, row_id)
        finally:
            await db.close()

    return asyncio.run(inside())


@pytest.fixture
def folder(clean: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUB_FILES__STORE", "folder")
    monkeypatch.setenv("HUB_FILES__FOLDER", str(clean / "files"))
    monkeypatch.setenv("HUB_FILES__AT_LEAST", "10")
    return clean / "files"


def test_a_backup_brings_its_files_back_into_an_empty_folder(line: Line, folder: Path, clean: Path) -> None:
    url = line.places.database_url
    ids = put(url, files("folder", folder), BODY, b"another file", BODY)
    said = line.run("backup", clean / "hub.backup")
    assert "In it: 2 files of the folder." in said
    there = lying(folder)
    folder.rename(clean / "lost")
    with other_database(url) as copy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_DATABASE__URL", copy)
        said = line.run("restore", clean / "hub.backup")
        assert "2 came back" in said
        assert "issing" not in said
        assert lying(folder) == there
        assert [got(copy, files("folder", folder), one) for one in ids] == [BODY, b"another file", BODY]
        assert "Every file is where it should be." in line.run("files", "check")
        assert "0 came back" in line.run("restore", clean / "hub.backup", "--force")


def test_what_a_backup_lacks_is_named_when_it_is_made_and_when_it_is_restored(
    line: Line, folder: Path, clean: Path
) -> None:
    url = line.places.database_url
    put(url, files("folder", folder), BODY, b"another file")
    said = line.run("backup", clean / "bare.backup", "--without-files", "--no-verify")
    assert "Not in it: 2 files outside the database." in said
    [key] = [name for name, body in lying(folder).items() if body == BODY]
    lose(folder)
    said = line.run("backup", clean / "hub.backup", "--no-verify")
    assert said.count("Missing from the folder:") == 2
    with other_database(url) as copy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_DATABASE__URL", copy)
        said = line.run("restore", clean / "bare.backup")
        assert f"{key[:2]}/{key[2:4]}/{key}" in said
        assert "2 files missing; see `hub files check`. All else is there." in said
        assert "2 files missing" in line.run("files", "check", code=1)


def test_a_backup_whose_files_are_cut_off_or_changed_is_refused_before_anything_is_replaced(
    line: Line, folder: Path, clean: Path
) -> None:
    put(line.places.database_url, files("folder", folder), BODY)
    line.run("backup", clean / "hub.backup", "--no-verify")
    whole = (clean / "hub.backup").read_bytes()
    at = whole.index(BODY[:1000])
    for odd in (whole[: at + 5000], whole[: at + 2000] + b"!" + whole[at + 2001 :], whole[: at + len(BODY)]):
        (clean / "odd.backup").write_bytes(odd)
        with pytest.raises(ConfigError, match="damaged"):
            Archive.read(clean / "odd.backup").check_files()
    Archive.read(clean / "hub.backup").check_files()


async def test_a_restored_copy_removes_nothing_of_a_bucket_that_it_may_share(db: Database) -> None:
    double = await Double().start()
    try:
        here = files("s3", double=double)
        await here.keep(db, b"of the database it is a copy of")
        await sweep(db, here)
        await age(db)
        await db.execute("update sending set frozen_at = clock_timestamp(), reason = 'restored'")
        assert await sweep(db, here) == 0
        assert b"of the database it is a copy of" in double.objects.values()
        await db.execute("update sending set frozen_at = null")
        assert await sweep(db, here) == 1
    finally:
        await double.stop()
