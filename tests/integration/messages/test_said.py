"""Words of the hub's own come with a code: a message of files alone has a preview everywhere, and so has a call."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from hub.channels.model import AddressKind, Attachment, Inbound, RemoteFile
from hub.queues import offers
from tests.support.app import Agent, App

PHOTO = Attachment("lamp.jpg", "image/jpeg", b"x")


async def sent(app: App, text: str, *files: Attachment, media: tuple[RemoteFile, ...] = (), key: str = "F1") -> int:
    account = next(a for a in await app.context.intake.accounts("twilio") if a.channel == "whatsapp")
    inbound = Inbound(
        account.id, key, b"x", "text/plain", AddressKind.WHATSAPP, "+14155550199", text, external_id=key,
        attachments=files, media=media, meta={"files": len(media)} if media else {},
    )  # fmt: skip
    done = await app.context.intake.message(inbound)
    assert done.conversation_id
    return done.conversation_id


async def summary(admin: Agent, number: int) -> tuple[str, Any]:
    listed = next(c for c in (await admin.get("/conversations?view=all"))["items"] if c["id"] == number)
    shown = await admin.get(f"/conversations/{number}")
    assert (shown["preview"], shown["said"]) == (listed["preview"], listed["said"])
    return listed["preview"], listed["said"]


def file(sort: str, name: str, more: int = 0) -> dict[str, Any]:
    return {"code": f"file.{sort}", "params": {"name": name, "more": more}}


@pytest.mark.parametrize(
    ("files", "preview", "said"),
    [
        ([PHOTO], "Photo: lamp.jpg", file("photo", "lamp.jpg")),
        ([Attachment("a.OGG", "AUDIO/ogg", b"x")], "Audio: a.OGG", file("audio", "a.OGG")),
        ([Attachment("v.mp4", "video/mp4", b"x"), PHOTO], "Video: v.mp4 (+1)", file("video", "v.mp4", 1)),
        ([Attachment("发票.pdf", "application/pdf", b"x")], "Document: 发票.pdf", file("document", "发票.pdf")),
        ([Attachment("", "", b"x")], "Document", file("document", "")),
        ([Attachment("n" * 300, "image", b"x")], f"Photo: {'n' * 120}", file("photo", "n" * 120)),
    ],
)
async def test_files_alone_are_named_in_lists_and_offers(
    app: App, files: list[Attachment], preview: str, said: dict[str, Any]
) -> None:
    admin = await app.agent("admin")
    number = await sent(app, " \n", *files)
    assert await summary(admin, number) == (preview, said)
    message = (await admin.get(f"/conversations/{number}"))["interactions"][-1]
    assert message["said"] == said
    entry = await app.core.db.value("select id from queue_entry where conversation_id = %s", [number])
    made = await app.core.db.value(
        "insert into offer (entry_id, agent_id, expires_at, epoch) values (%s, %s, now() + interval '1 minute', 1) returning id",
        [entry, admin.id],
    )
    offer = await offers.offer(app.core.db, made)
    assert offer is not None
    assert (offer["preview"], offer["said"]) == (preview, said)


async def test_files_still_to_be_fetched_are_named_by_their_kind(app: App) -> None:
    admin = await app.agent("admin")
    media = (RemoteFile("https://media.example/1", "image/png"), RemoteFile("https://media.example/2", "audio/ogg"))
    number = await sent(app, "", media=media)
    assert await summary(admin, number) == ("Photo (+1)", file("photo", "", 1))


async def test_words_stand_as_last_words_again_when_somebody_writes_some(app: App) -> None:
    admin = await app.agent("admin")
    number = await sent(app, "", PHOTO)
    assert await sent(app, "Here it is.", key="F2") == number
    assert await summary(admin, number) == ("Here it is.", None)
    assert await sent(app, "With words", PHOTO, key="F3") == number
    assert await summary(admin, number) == ("With words", None)
    assert await sent(app, "", Attachment("b.png", "image/png", b"x"), key="F4") == number
    assert await summary(admin, number) == ("Photo: b.png", file("photo", "b.png"))
    # What a hub of the version before writes over it knows nothing of codes, and stands as it is.
    await app.core.db.execute("update conversation set preview = 'Older' where id = %s", [number])
    assert await summary(admin, number) == ("Older", None)


async def test_our_own_files_are_named_and_taken_back(app: App) -> None:
    admin = await app.agent("admin")
    number = await app.sms("Send it, please.")
    await admin.post(f"/conversations/{number}/pull")
    form = aiohttp.FormData()
    form.add_field("file", b"\x89PNG\r\n\x1a\n", filename="plan.png", content_type="image/png")
    upload = await (await app.client.post("/api/v1/uploads", data=form, headers=admin.headers)).json()
    reply = {"client_id": "f", "text": "", "attachments": [upload["id"]], "undo_seconds": 10}
    written = await admin.post(f"/conversations/{number}/replies", reply, status=201)
    assert written["said"] == file("photo", "plan.png")
    assert await summary(admin, number) == ("Photo: plan.png", file("photo", "plan.png"))
    await admin.post(f"/conversations/{number}/interactions/{written['id']}/cancel")
    assert await summary(admin, number) == ("Send it, please.", None)
