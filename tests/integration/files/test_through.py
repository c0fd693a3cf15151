"""A whole hub whose files lie outside the database: mails, answers, uploads, recordings, and a store that is away."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, FormData

from hub.channels.model import AddressKind, Attachment, Inbound
from hub.core import file_places, problems
from hub.core.errors import Unavailable
from hub.core.files import Files, FileSettings
from hub.core.service import Addresses, Core
from hub.messages.outbox import Claimed, Outbox
from hub.messages.quarantine import Quarantine
from tests.integration.files.stage import files, lose, lying
from tests.support.app import App, open_app
from tests.support.bucket import Store as Double

PICTURE = Attachment("lamp.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8000)  # 2 MB
RAW = b"Subject: lamp\r\n\r\n" + b"the whole mail " * 3000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
async def app(core: Core, folder: Path, aiohttp_client: Any) -> App:
    return await open_app(replace(core, files=files("folder", folder, at_least=1000)), aiohttp_client)


@pytest.fixture
async def double() -> AsyncGenerator[Double]:
    found = await Double().start()
    yield found
    await found.stop()


def upload() -> FormData:
    form = FormData()
    form.add_field("file", io.BytesIO(PICTURE.body), filename="lamp.png", content_type="image/png")
    return form


async def letter(app: App, key: str = "M1") -> Inbound:
    account = next(a for a in await app.context.intake.accounts("email"))
    return Inbound(
        account.id, key, RAW, "message/rfc822", AddressKind.EMAIL, "ana@customer.example", "My lamp", subject="Lamp",
        attachments=(PICTURE, Attachment("note.txt", "text/plain", b"small")),
    )  # fmt: skip


async def test_a_mail_is_read_and_its_files_go_out_again_from_the_folder(app: App, folder: Path) -> None:
    done = await app.context.intake.message(await letter(app))
    assert (await app.context.intake.message(await letter(app))).duplicate
    assert sorted(map(len, lying(folder).values())) == sorted([len(RAW), len(PICTURE.body)])
    assert await app.core.db.value("select count(*) from raw where body is null") == 1
    amy = await app.agent("admin")
    page = await amy.get(f"/conversations/{done.conversation_id}/interactions")
    shown = page["items"][-1]["attachments"]
    assert [(a["name"], a["size"]) for a in shown] == [("lamp.png", len(PICTURE.body)), ("note.txt", 5)]
    answer = await app.client.get(f"/api/v1/attachments/{shown[0]['id']}", headers=amy.headers)
    assert answer.headers["Content-Length"] == str(len(PICTURE.body))
    assert await answer.read() == PICTURE.body
    answer = await app.client.get(f"/api/v1/interactions/{done.interaction_id}/original", headers=amy.headers)
    assert await answer.read() == RAW
    await app.core.db.execute("update attachment set interaction_id = (select max(id) from interaction)")
    claim = Claimed(1, done.interaction_id, done.conversation_id, 1, 1, PAYLOAD, None, "", False)  # pyright: ignore[reportArgumentType] - a test's own words
    sent = await Outbox(app.core).outbound(claim)
    assert [file.body for file in sent.attachments] == [PICTURE.body, b"small"]


PAYLOAD = {
    "channel": "email", "to": "ana@customer.example", "to_name": "Ana", "subject": "Lamp", "text": "Here", "html": None,
    "message_id": "<1@example.com>", "date": "2026-11-30T20:00:00+00:00", "in_reply_to": None, "references": [],
    "automatic": False,
}  # fmt: skip


async def picture(app: App, copies: int = 1) -> str:
    """Where a large file is fetched."""
    large = replace(PICTURE, body=PICTURE.body * copies)
    done = await app.context.intake.message(replace(await letter(app), attachments=(large,)))
    number = await app.core.db.value(
        "select id from attachment where interaction_id = %s and name = 'lamp.png'", [done.interaction_id]
    )
    return f"/api/v1/attachments/{number}"


async def test_a_large_file_is_asked_about_without_its_bytes(app: App) -> None:
    admin, url = await app.agent("admin"), await picture(app)
    for _ in range(2):  # the second finds the connection as it should be
        told = await app.client.head(url, headers=admin.headers)
        assert (told.status, told.headers["Content-Length"]) == (200, str(len(PICTURE.body)))
        assert await (await app.client.get(url, headers=admin.headers)).read() == PICTURE.body


async def test_who_leaves_in_the_middle_of_a_file_is_no_fault(app: App, caplog: pytest.LogCaptureFixture) -> None:
    admin, url = await app.agent("admin"), await picture(app, copies=10)  # more than what lies in sockets on the way
    for _ in range(3):
        answer = await app.client.get(url, headers=admin.headers)
        answer.close()
    await asyncio.sleep(0.2)
    assert await (await app.client.get(url, headers=admin.headers)).read() == PICTURE.body * 10
    assert [r.getMessage() for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []


async def test_a_file_that_breaks_off_is_not_taken_for_whole(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admin, url = await app.agent("admin"), await picture(app)
    place = app.core.files.place("folder")
    read = type(place).piece

    async def once(self: Any, key: str, start: int, length: int) -> bytes:
        if start:
            raise file_places.FilesAway("the folder", "its disk is gone")
        return await read(self, key, start, length)

    monkeypatch.setattr(type(place), "piece", once)
    answer = await app.client.get(url, headers=admin.headers)
    with pytest.raises((ClientError, ConnectionError)):
        await answer.read()
    assert "file_broken_off" in caplog.text


async def test_an_upload_and_its_copy_for_a_mail_lie_there_once(app: App, folder: Path) -> None:
    admin = await app.agent("admin")
    for _ in range(2):
        answer = await app.client.post("/api/v1/uploads", data=upload(), headers=admin.headers)
        assert answer.status == 201
    assert list(lying(folder).values()) == [PICTURE.body]


async def test_what_cannot_be_read_waits_in_quarantine_outside_as_well(app: App, folder: Path) -> None:
    await app.context.intake.quarantine(
        connector="email", account_id=None, dedup_key="odd", raw=RAW, raw_type="message/rfc822", reason="odd"
    )
    quarantine = Quarantine(app.core, app.context.intake, app.context.accounts, app.context.connectors)
    [held] = await quarantine.listed()
    assert await quarantine.body(await quarantine.show(held.id)) == RAW
    assert list(lying(folder).values()) == [RAW]


async def test_a_full_disk_refuses_the_mail_for_now_and_takes_it_the_next_time(
    app: App, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    await app.context.intake.message(replace(await letter(app, "M0"), raw=b"to have a folder" * 100, attachments=()))
    with monkeypatch.context() as patch:
        patch.setattr(file_places, "write_whole", full)
        with pytest.raises(Unavailable, match="No space left"):
            await app.context.intake.message(await letter(app))
        text = replace(await letter(app, "M2"), raw=b"few words", attachments=(), address="bo@customer.example")
        assert (await app.context.intake.message(text)).interaction_id  # what is small goes on
        assert [p.code for p in await problems.files(app.core.db, app.core.files)] == ["files.away"]
        admin = await app.agent("admin")
        answer = await app.client.post("/api/v1/uploads", data=upload(), headers=admin.headers)
        assert answer.status == 503
        assert (await answer.json())["code"] == "files.away"
        ready = await app.client.get("/health/ready")
        assert ready.status == 200
        told = await ready.json()
        assert told["status"] == "degraded"
        assert told["redis"] is True
        assert {"code": "files.away", "params": {"store": "folder"}} in told["problems"]
    assert await app.core.db.value("select count(*) from raw where state <> 'accepted'") == 0
    done = await app.context.intake.message(await letter(app))
    assert not done.duplicate
    assert done.interaction_id


async def test_bytes_that_are_missing_are_said_so_and_hold_up_nothing_else(app: App, folder: Path) -> None:
    done = await app.context.intake.message(await letter(app))
    admin = await app.agent("admin")
    lose(folder)
    page = await admin.get(f"/conversations/{done.conversation_id}/interactions")
    large, small = page["items"][-1]["attachments"]
    refused = await admin.get(f"/attachments/{large['id']}", status=404)
    assert refused["code"] == "file.missing"
    assert (await admin.get(f"/interactions/{done.interaction_id}/original", status=404))["code"] == "file.missing"
    answer = await app.client.get(f"/api/v1/attachments/{small['id']}", headers=admin.headers)
    assert await answer.read() == b"small"
    [problem] = await problems.files(app.core.db, app.core.files)
    assert (problem.code, problem.params) == ("files.missing", {"count": 2})
    assert problem.detail == "2 files missing from where they are kept"


@pytest.mark.parametrize("mood", ["away", "failing", "forbidden", "no bucket"])
async def test_a_bucket_that_cannot_be_used_refuses_for_now_and_is_used_when_it_can(
    core: Core, double: Double, aiohttp_client: Any, mood: str
) -> None:
    bucket = double.bucket(secret="another") if mood == "forbidden" else double.bucket()
    app = await open_app(replace(core, files=Files(FileSettings("s3", 1000, bucket=bucket))), aiohttp_client)
    if mood == "away":
        await double.stop()
    double.status, double.gone = 503 if mood == "failing" else None, mood == "no bucket"
    with pytest.raises(Unavailable):
        await app.context.intake.message(await letter(app))
    assert await app.core.db.value("select count(*) from raw") == 0
    if mood == "away":
        await double.start()
    double.status, double.gone = None, False
    usable = await open_app(
        replace(core, files=Files(FileSettings("s3", 1000, bucket=double.bucket()))), aiohttp_client
    )
    done = await usable.context.intake.message(await letter(usable))
    assert done.interaction_id
    assert RAW in double.objects.values()
    double.gone = True
    admin = await usable.agent("admin")
    refused = await admin.get(f"/interactions/{done.interaction_id}/original", status=503)
    assert refused["code"] == "files.away"  # a bucket that is gone is not a file that is missing
    assert await usable.core.files.missing(usable.core.db) == 0


async def test_a_bucket_that_hangs_is_waited_for_within_a_bound(
    core: Core, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Files(FileSettings("s3", 10, bucket=double.bucket()))
    kept = await here.keep(core.db, b"here before it hung")
    double.hangs = True
    monkeypatch.setattr(file_places, "READ_SECONDS", 0.5)
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="no answer within"):
            await here.read(core.db, None, kept.file_id)
    await double.stop()
    await double.start()


def test_settings_of_files_reach_the_processes_that_jobs_run_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = FileSettings("s3", 5, Path("/somewhere"), Double(port=9).bucket(prefix="hub"))
    for name in ("DATABASE", "REDIS", "KEY", "PUBLIC_URL", "FILES"):
        monkeypatch.setenv(f"HUB_CORE_{name}", "")
    Addresses("postgresql:///", "redis:///", b"k" * 32, "http://hub", found).to_environment()
    assert Addresses.from_environment().files == found
    monkeypatch.delenv("HUB_CORE_FILES")
    assert Addresses.from_environment().files == FileSettings()
