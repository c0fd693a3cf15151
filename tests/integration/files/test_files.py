"""Bytes outside the database: written before they are named, the same once, swept when nobody's, moved both ways."""

from __future__ import annotations

import asyncio
import errno
import random
import time
from pathlib import Path

import pytest

from hub.core import file_places
from hub.core.db import Database
from hub.core.file_places import MARK, FilesAway
from hub.core.file_upkeep import missing, move, sweep
from hub.core.files import PIECE, FileExpired, FileMissing, Files
from tests.integration.files.stage import age, files, lose, lying, mount, read, row, unmount, write
from tests.support.bucket import Store as Double

BIG = bytes(range(256)) * 20_000  # 5 MB: several pieces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


async def test_a_file_lies_in_the_folder_under_its_digest_and_small_ones_in_the_row(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    small, large = await write(db, await here.keep(db, b"few")), await write(db, await here.keep(db, BIG))
    assert (await row(db, small))[0] == b"few"
    assert (await row(db, large))[0] is None
    assert list(lying(folder).values()) == [BIG]
    assert await read(db, here, large) == BIG
    opened = await here.open(db, *await row(db, large))
    assert [len(piece) async for piece in opened.pieces] == [PIECE] * 4 + [len(BIG) - 4 * PIECE]


async def test_the_same_bytes_lie_there_once_though_they_come_at_once(db: Database, folder: Path) -> None:
    here = [files("folder", folder) for _ in range(4)]
    kept = await asyncio.gather(*(one.keep(db, BIG) for one in here * 3))
    assert len({one.file_id for one in kept}) == 1
    await sweep(db, here[0])  # those that came second
    assert list(lying(folder).values()) == [BIG]


async def test_what_no_row_names_goes_after_a_day_and_what_is_named_stays(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    named = await write(db, await here.keep(db, b"named and kept"))
    await here.keep(db, b"never named")
    once = await write(db, await here.keep(db, b"named until now"))
    await db.execute("delete from attachment where id = %s", [once])
    await sweep(db, here)
    assert len(lying(folder)) == 3
    await age(db, 0.9)
    assert await sweep(db, here) == 0
    await age(db, 0.2)
    assert await sweep(db, here) == 2
    assert list(lying(folder).values()) == [b"named and kept"] == [await read(db, here, named)]


async def test_who_names_old_bytes_anew_while_they_are_swept_has_them(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    await here.keep(db, b"nobody's for days")
    await sweep(db, here)
    await age(db)
    kept = await here.keep(db, b"nobody's for days")  # found there; its row comes later than the next sweep
    assert await sweep(db, here) == 0
    assert await read(db, here, await write(db, kept)) == b"nobody's for days"


async def test_bytes_that_are_leaving_are_written_anew_under_another_name(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    first = await here.keep(db, b"on its way out")
    await db.execute("update stored_file set state = 'leaving'")
    kept = await here.keep(db, b"on its way out")
    assert kept.file_id != first.file_id
    assert await sweep(db, here) == 1  # as late as it comes, it meets nothing that was written since
    assert await read(db, here, await write(db, kept)) == b"on its way out"


async def test_a_crash_between_writing_and_naming_leaves_what_is_swept(
    db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = files("folder", folder)
    await here.keep(db, b"the first, to have a folder")

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(file_places.Folder, "write", dies)
        with pytest.raises(asyncio.CancelledError):
            await here.keep(db, b"written half-way")
    assert await db.value("select count(*) from stored_file where state = 'writing'") == 1
    kept = await here.keep(db, b"written half-way")
    await age(db)
    await write(db, kept)
    await sweep(db, here)
    assert await db.value("select count(*) from stored_file where state = 'writing'") == 0
    assert b"written half-way" in lying(folder).values()


async def test_a_full_disk_names_nothing_and_is_over_when_there_is_room(
    db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = files("folder", folder)
    await here.keep(db, b"the first, to have a folder")

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(file_places, "write_whole", full)
        with pytest.raises(FilesAway, match="No space left on device"):
            await here.keep(db, b"too much for it")
    assert await read(db, here, await write(db, await here.keep(db, b"too much for it"))) == b"too much for it"


async def test_a_disk_that_hangs_is_waited_for_within_a_bound(
    db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = files("folder", folder)
    kept = await here.keep(db, b"here before it hung")
    monkeypatch.setattr(file_places, "READ_SECONDS", 0.2)
    monkeypatch.setattr(file_places.Folder, "_piece", lambda *_: time.sleep(1))
    with pytest.raises(FilesAway, match="no answer within"):
        await here.read(db, None, kept.file_id)
    assert await db.value("select count(*) from stored_file where missing_at is not null") == 0


async def test_a_disk_that_is_not_mounted_is_neither_written_to_nor_taken_for_empty(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    kept = await here.keep(db, b"on the disk")
    unmount(folder)
    for process in (here, files("folder", folder)):
        with pytest.raises(FilesAway, match="Mount its disk"):
            await process.read(db, None, kept.file_id)
        with pytest.raises(FilesAway, match="Mount its disk"):
            await process.keep(db, b"more bytes")
    mount(folder)
    assert await files("folder", folder).read(db, None, kept.file_id) == b"on the disk"


async def test_missing_bytes_are_named_and_come_back_with_the_next_copy_of_them(db: Database, folder: Path) -> None:
    here = files("folder", folder)
    kept = await here.keep(db, b"somebody deletes it")
    row_id = await write(db, kept)
    lose(folder)
    with pytest.raises(FileMissing):
        await read(db, here, row_id)
    assert await here.missing(db) == 1
    assert [one.id async for one in missing(db, here)] == [kept.file_id]
    assert (await here.keep(db, b"somebody deletes it")).file_id == kept.file_id
    assert await read(db, here, row_id) == b"somebody deletes it"
    assert await here.missing(db) == 0


async def test_what_was_kept_long_enough_says_so(db: Database, folder: Path) -> None:
    with pytest.raises(FileExpired):
        await files("folder", folder).read(db, None, None)


async def test_files_move_both_ways_and_between_places_under_those_who_read(db: Database, folder: Path) -> None:
    double = await Double().start()
    try:
        bodies = {n: random.Random(n).randbytes(20 + 3000 * n) for n in range(12)}
        inside, outside, bucket = (files(store, folder, double) for store in ("database", "folder", "s3"))
        rows = {await write(db, await inside.keep(db, body)): body for body in bodies.values()}
        again = await write(db, await inside.keep(db, bodies[3]))
        rows[again] = bodies[3]
        over = asyncio.Event()

        async def reads() -> int:
            number = 0
            while not over.is_set():
                for row_id, body in rows.items():
                    assert await read(db, random.choice([inside, outside, bucket]), row_id) == body
                    number += 1
                await asyncio.sleep(0)
            return number

        reading = asyncio.create_task(reads())
        for there in (outside, bucket, outside, inside, bucket, inside):
            async for done in move(db, there):
                assert done.missing == []
            where = {
                name
                for (name,) in [
                    (r["place"],)
                    for r in await db.dicts(
                        "select distinct f.place from attachment a join stored_file f on f.id = a.file_id"
                    )
                ]
            }
            assert where == ({there.settings.store} - {"database"})
            await sweep(db, there)
        over.set()
        assert await reading > 0
        await age(db)
        await sweep(db, inside)
        assert lying(folder) == {}
        assert set(double.objects) <= {MARK, "probe"}
        for row_id, body in rows.items():
            assert await read(db, inside, row_id) == body
    finally:
        await double.stop()


async def test_a_move_that_is_killed_goes_on_where_it_was(db: Database, folder: Path) -> None:
    inside, outside = files("database", folder), files("folder", folder)
    rows = {
        await write(db, await inside.keep(db, b"body %d, long enough" % n)): b"body %d, long enough" % n
        for n in range(30)
    }
    steps = move(db, outside)
    for _ in range(3):
        await anext(steps)
    await steps.aclose()
    assert 0 < len(lying(folder)) < 30
    async for _ in move(db, outside):
        pass
    assert len(lying(folder)) == 30
    for row_id, body in rows.items():
        assert await read(db, outside, row_id) == body


async def test_any_order_of_steps_is_as_the_model_says(db: Database, folder: Path) -> None:
    """A model of rows and their bytes: whatever happens, each row reads what was written, and nothing is left in the end."""
    double = await Double().start()
    try:
        dice = random.Random(20261130)
        ways: list[Files] = [files(store, folder, double) for store in ("database", "folder", "s3")]
        texts = [dice.randbytes(dice.choice([4, 30, 3000])) for _ in range(8)]
        rows: dict[int, bytes] = {}
        held: list[tuple[bytes, object]] = []
        for _ in range(400):
            here = dice.choice(ways)
            match dice.randrange(8):
                case 0 | 1:
                    body = dice.choice(texts)
                    held.append((body, await here.keep(db, body)))
                case 2 | 3 if held:
                    body, kept = held.pop(dice.randrange(len(held)))
                    rows[await write(db, kept)] = body  # pyright: ignore[reportArgumentType] - a test's own words
                case 4 if rows:
                    gone = dice.choice(list(rows))
                    await db.execute("delete from attachment where id = %s", [gone])
                    del rows[gone]
                case 5:
                    held.clear()  # a transaction lasts minutes, never a day
                    await age(db, dice.choice([0.3, 1.1]))
                    await sweep(db, here)
                case 6 if dice.random() < 0.3:
                    async for _done in move(db, here):
                        pass
                case _ if rows:
                    row_id = dice.choice(list(rows))
                    assert await read(db, here, row_id) == rows[row_id]
                case _:
                    pass
        for row_id, body in rows.items():
            assert await read(db, ways[0], row_id) == body
        await db.execute("delete from attachment")
        await sweep(db, ways[0])
        await age(db)
        await sweep(db, ways[0])
        assert lying(folder) == {}
        assert set(double.objects) <= {MARK, "probe"}
        assert await db.value("select count(*) from stored_file") == 0
    finally:
        await double.stop()
