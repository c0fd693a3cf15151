"""Files in the chat, both ways: each reaches the other side once, is read by its visitor alone, and runs nowhere."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest

from connectors.chat.files import MOST_FILES, MOST_WAITING, file_name
from hub.core import events
from hub.demo import ChatVisitor
from hub.messages import replies
from tests.integration.connectors.harness import SITE, Hub

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
PAGE = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture
async def visitor(hub: Hub) -> AsyncGenerator[ChatVisitor]:
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.open(name="Ann")
        yield visitor


async def put(
    hub: Hub, visitor: ChatVisitor, body: bytes, name: str = "a.png", *, number: str | None = None, **headers: str
) -> tuple[int, dict[str, Any], str]:
    """Send a file as the widget does; status, answer, and its id."""
    number = number or str(uuid.uuid4())
    said = {"Authorization": f"Bearer {visitor.token}", "Origin": hub.url, "Content-Type": "image/png", **headers}
    where = f"{hub.url}/hooks/chat/{SITE}/files/{number}"
    async with hub.http.put(where, params={"name": name}, data=body, headers=said) as answer:
        said_back = await answer.json() if "json" in answer.content_type else {}
        return answer.status, said_back, number


async def get(hub: Hub, link: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with hub.http.get(f"{hub.url}/hooks/chat/{SITE}/files/{link}", headers=headers) as answer:
        return answer, await answer.read()


async def attach(hub: Hub, name: str, kind: str, body: bytes) -> None:
    """An agent answers with a file."""
    amy = await hub.value(
        "insert into agent (email, name) values ('amy@example.com', 'Amy') "
        "on conflict (email) do update set name = 'Amy' returning id"
    )
    upload = await hub.value(
        "insert into attachment (uploaded_by, name, content_type, body) values (%s, %s, %s, %s) returning id",
        amy, name, kind, body,
    )  # fmt: skip
    async with events.unit(hub.db, hub.feed) as unit:
        said = replies.Reply(client_id=str(uuid.uuid4()), text="", attachments=(upload,))
        await replies.reply(unit, hub.vault, 1, said, actor_id=amy)


async def stored(hub: Hub) -> list[dict[str, Any]]:
    return await hub.db.dicts("select name, content_type, body from attachment order by id")


async def test_visitors_file_is_stored_once_however_often_it_and_its_message_are_sent(
    hub: Hub, visitor: ChatVisitor
) -> None:
    name = "C:\\fakepath\\photo \u202egnp.exe"
    number = "file-0001"
    for _ in range(2):
        status, _, _ = await put(hub, visitor, PNG, name, number=number)
        assert status == 201
    command = str(uuid.uuid4())
    first = await visitor.command("message", {"text": "", "files": [number]}, id=command)
    again = await visitor.command("message", {"text": "", "files": [number]}, id=command)
    assert first["ev"]["data"]["files"][0]["name"] == "photo gnp.exe"
    assert again["ev"]["seq"] == first["ev"]["seq"]
    assert [(f["name"], f["content_type"], bytes(f["body"])) for f in await stored(hub)] == [
        ("photo gnp.exe", "image/png", PNG)
    ]
    assert await hub.value("select count(*) from chat_upload") == 0


async def test_two_tabs_that_send_the_same_message_at_once_make_one(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    _, _, number = await put(hub, visitor, PNG)
    async with ChatVisitor(hub.http, hub.url, SITE) as other:
        await other.connect(visitor.token)
        command = str(uuid.uuid4())
        asked = {"text": "look", "files": [number]}
        acks = await asyncio.gather(*(v.command("message", asked, id=command) for v in (visitor, other)))
    assert len({ack["ev"]["data"]["id"] for ack in acks}) == 1
    assert len(await stored(hub)) == 1


async def test_agents_file_reaches_the_visitor_and_comes_again_after_a_reload(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    await attach(hub, "plan.png", "image/png", PNG)
    shown = (await visitor.answer())["files"]
    assert [(f["name"], f["type"], f["size"]) for f in shown] == [("plan.png", "image/png", len(PNG))]
    async with ChatVisitor(hub.http, hub.url, SITE) as page:
        await page.connect(visitor.token)
        again = (await page.answer())["files"]
    for file in (*shown, *again):
        answer, body = await get(hub, file["link"])
        assert (answer.status, body) == (200, PNG)
        assert answer.headers["Content-Type"] == "image/png"


async def test_nothing_that_could_run_is_shown_in_place(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    for kind in ("text/html", "image/svg+xml", "application/xhtml+xml", "application/pdf", "text/xml"):
        await attach(hub, 'a"\r\nX: y.html', kind, PAGE)
        answer, body = await get(hub, (await visitor.answer())["files"][0]["link"])
        assert body == PAGE
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "X" not in answer.headers


async def test_a_page_called_a_picture_is_kept_as_what_it_is(hub: Hub, visitor: ChatVisitor) -> None:
    _, _, number = await put(hub, visitor, PAGE, "a.png")
    await visitor.command("message", {"text": "x", "files": [number]})
    assert not (await stored(hub))[0]["content_type"].startswith("image/")


async def test_link_is_for_its_visitor_this_site_and_a_while(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    await attach(hub, "plan.png", "image/png", PNG)
    link = (await visitor.answer())["files"][0]["link"]
    for forged in ("1", link[:-2] + "AA", link + "A", "x" * 300):
        assert (await get(hub, forged))[0].status == 404
    assert (await get(hub, link, **{"Sec-Fetch-Site": "cross-site"}))[0].status == 403
    assert (await get(hub, link, **{"Sec-Fetch-Site": "none"}))[0].status == 403
    assert (await get(hub, link, **{"Sec-Fetch-Site": "same-origin"}))[0].status == 200
    async with hub.http.delete(
        f"{hub.url}/hooks/chat/{SITE}/session", json={"token": visitor.token}, headers={"Origin": hub.url}
    ) as answer:
        assert answer.status == 204
    assert (await get(hub, link))[0].status == 404


async def test_files_of_notes_and_of_others_are_nobodys(hub: Hub, visitor: ChatVisitor) -> None:
    await visitor.say("Hello")
    await attach(hub, "plan.png", "image/png", PNG)
    link = (await visitor.answer())["files"][0]["link"]
    await hub.db.execute("update interaction set kind = 'note' where direction = 'out'")
    assert (await get(hub, link))[0].status == 404
    async with ChatVisitor(hub.http, hub.url, SITE) as stranger:
        await stranger.open()
        _, _, number = await put(hub, visitor, PNG)
        ack = await stranger.command("message", {"text": "mine", "files": [number]})
        assert ack["err"]["code"] == 422


async def test_what_is_refused_says_why(hub: Hub, visitor: ChatVisitor) -> None:
    assert (await put(hub, visitor, b""))[1]["code"] == "file.empty"
    assert (await put(hub, visitor, PNG, Authorization="Bearer x"))[0] == 401
    assert (await put(hub, visitor, PNG, Origin="https://elsewhere.example"))[0] == 403
    assert (await put(hub, visitor, PNG, number="../../x"))[0] in {404, 405, 422}
    await hub.configure(SITE, "max_file_bytes", 2048)
    status, said, _ = await put(hub, visitor, b"x" * 2049)
    assert (status, said["code"]) == (413, "file.too_large")
    await hub.configure(SITE, "files", value=False)
    assert (await put(hub, visitor, PNG))[1]["code"] == "files.off"


async def test_files_wait_in_bounded_number_and_removing_makes_room(hub: Hub, visitor: ChatVisitor) -> None:
    numbers = [(await put(hub, visitor, PNG))[2] for _ in range(MOST_WAITING)]
    assert (await put(hub, visitor, PNG))[1]["code"] == "file.too_many"
    where = f"{hub.url}/hooks/chat/{SITE}/files/{numbers.pop()}"
    said = {"Authorization": f"Bearer {visitor.token}", "Origin": hub.url}
    async with hub.http.delete(where, headers=said) as answer:
        assert answer.status == 204
    assert (await put(hub, visitor, PNG))[0] == 201
    ack = await visitor.command("message", {"text": "", "files": numbers[: MOST_FILES + 1]})
    assert str(MOST_FILES) in ack["err"]["detail"]
    await hub.db.execute("update chat_upload set created_at = now() - interval '1 day'")
    await hub.chat._files.expire()
    ack = await visitor.command("message", {"text": "", "files": numbers[:1]})
    assert "not there" in ack["err"]["detail"]


async def test_one_visitor_cannot_send_without_end(hub: Hub, visitor: ChatVisitor) -> None:
    statuses = [(await put(hub, visitor, PNG, number="the-same-file"))[0] for _ in range(40)]
    assert statuses[:30] == [201] * 30
    assert 429 in statuses


async def test_longest_text_arrives_whole_and_a_longer_one_is_refused_in_words(hub: Hub, visitor: ChatVisitor) -> None:
    for text in ("\U0001f4a1" * 20_000, "\u0001" * 19_999 + "x", '"' * 20_000):
        ack = await visitor.say(text)
        assert ack["ev"]["data"]["text"] == text
        ack = await visitor.say(text + "x")
        assert "20,001" in ack["err"]["detail"]


def test_name_of_a_file_has_no_folders_and_no_turned_writing() -> None:
    assert file_name("../../etc/passwd") == "passwd"
    assert file_name("a\u202ecod.exe\x00") == "acod.exe\ufffd"
    assert file_name(" ") == "file"
    assert len(file_name("n" * 900 + ".pdf")) == 255
