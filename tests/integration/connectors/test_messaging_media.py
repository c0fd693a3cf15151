"""Files that messages name: fetched once, by who may, from the provider alone; kept, told by their bytes, deleted there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from hub.messages.media import Keeper
from tests.integration.connectors.harness import Hub, free_port
from tests.integration.connectors.messaging import PHONE, core

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")

VOICE = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01" + bytes(200)


def keeper(hub: Hub) -> Keeper:
    hub.forget_accounts()
    return Keeper(core(hub), hub.accounts, hub.connectors)


async def files(hub: Hub) -> list[dict[str, Any]]:
    """As they are shown: in the order of the message, whichever came first."""
    return await hub.db.dicts(
        "select f.name, f.content_type, f.body from attachment f left join media m on m.attachment_id = f.id order by m.position"
    )


async def states(hub: Hub) -> list[tuple[str, bool, str | None]]:
    rows = await hub.db.dicts("select state, gone_there, error from media order by id")
    return [(row["state"], row["gone_there"], row["error"]) for row in rows]


async def due_now(hub: Hub) -> None:
    await hub.db.execute("update media set due_at = now()")


async def test_a_picture_is_stored_once_and_deleted_at_the_provider(hub: Hub) -> None:
    message, status = await hub.twilio.inbound(
        PHONE, "Look", media=[("image/png", PNG), ("text/vcard", b"BEGIN:VCARD\r\n")]
    )
    assert status == 200
    await hub.twilio.redeliver(message)
    await asyncio.gather(*(keeper(hub).drain() for _ in range(3)))
    found = await files(hub)
    assert [(f["name"], f["content_type"]) for f in found] == [
        ("image-1.png", "image/png"),
        ("file-2.vcf", "text/vcard"),
    ]
    assert bytes(found[0]["body"]) == PNG
    assert await states(hub) == [("stored", True, None)] * 2
    assert len(hub.twilio.messaging.deleted_media) == 2
    assert await hub.value("select count(*) from event where kind = 'interaction.updated'") == 2


async def test_a_file_is_what_its_bytes_say_and_never_what_its_sender_calls_it(hub: Hub) -> None:
    page = b"<html><script>alert(1)</script></html>"
    await hub.twilio.inbound(
        PHONE, "Look", media=[("image/png", page), ("text/html", b"\x00\x01\x02"), ("image/jpeg", PNG)]
    )
    await keeper(hub).drain()
    kinds = [f["content_type"] for f in await files(hub)]
    assert kinds[0] not in ("image/png", "image/jpeg")
    assert kinds[1:] == ["application/octet-stream", "image/png"]


async def test_a_file_that_never_comes_is_lost_with_the_reason_and_the_message_stays(hub: Hub) -> None:
    message, _ = await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG)])
    message.media.clear()
    for tries in range(1, 7):
        await keeper(hub).drain()
        [pause] = await hub.db.dicts("select attempts, extract(epoch from due_at - now())::float8 as s from media")
        assert pause["attempts"] == tries
        assert pause["s"] <= 3**tries
        await due_now(hub)
    assert await files(hub) == []
    assert await states(hub) == [("lost", True, "Twilio answers 404.")]
    assert await hub.value("select code || params::text from media") == 'media.gone{"status": 404}'
    assert await hub.texts("sms") == ["Look"]


@pytest.mark.parametrize("late", [1, 3])
async def test_a_file_is_fetched_when_the_provider_does_not_have_it_yet(hub: Hub, late: int) -> None:
    hub.twilio.faults.no_media = late
    await hub.twilio.inbound(PHONE, "Listen", media=[("audio/ogg", VOICE)])
    for _ in range(late):
        await keeper(hub).drain()
        assert await states(hub) == [("remote", False, "Twilio answers 404.")]
        await due_now(hub)
    await keeper(hub).drain()
    assert await states(hub) == [("stored", True, None)]
    assert [(f["name"], f["content_type"]) for f in await files(hub)] == [("audio-1.ogg", "audio/ogg")]


async def test_a_provider_that_is_away_delays_and_loses_nothing(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG)])
    port = hub.twilio.port
    await hub.configure("sms", "api_base", f"http://127.0.0.1:{free_port()}")
    await hub.db.execute("update media set url = replace(url, %s, %s)", [f":{port}/", f":{free_port()}/"])
    await keeper(hub).drain()
    [(state, _, words)] = await states(hub)
    assert state in ("remote", "lost")
    assert words


async def test_a_fetcher_that_died_holding_a_file_only_delays_it(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG)])
    await hub.db.execute("update media set attempts = 1, due_at = now() + interval '2 minutes'")  # claimed, then killed
    await keeper(hub).drain()
    assert await files(hub) == []
    await due_now(hub)
    await keeper(hub).drain()
    assert len(await files(hub)) == 1


async def test_who_is_not_the_provider_is_never_asked(hub: Hub) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=PNG)

    app = web.Application()
    app.router.add_get("/{all:.*}", note)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG)])
        await hub.db.execute("update media set url = %s", [f"http://127.0.0.1:{port}/Accounts/secret"])
        await keeper(hub).drain()
    finally:
        await runner.cleanup()
    assert asked == []
    [(state, _, words)] = await states(hub)
    assert state == "lost"
    assert "not Twilio's" in (words or "")


@pytest.mark.parametrize("url", ["https://api.twilio.com:port/x", "http://[::1", "ftp:///", "x"])
async def test_an_address_that_is_none_is_lost_and_the_next_file_flows(hub: Hub, url: str) -> None:
    await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG), ("image/png", PNG)])
    await hub.db.execute("update media set url = %s where position = 0", [url])
    await keeper(hub).drain()
    assert [state for state, _, _ in await states(hub)] == ["lost", "stored"]


async def test_a_file_that_breaks_its_fetcher_is_given_up_in_the_end(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.twilio.inbound(PHONE, "Look", media=[("image/png", PNG)])

    async def breaks(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(hub.sms, "fetch_media", breaks)
    for _ in range(10):
        await keeper(hub).drain()
        await due_now(hub)
    assert await states(hub) == [("lost", True, "The file could not be fetched: RuntimeError.")]


@pytest.mark.parametrize("whatsapp", [False, True])
async def test_a_message_of_nothing_but_files_is_a_message(hub: Hub, whatsapp: bool) -> None:
    if whatsapp:
        await hub.account("wa", "twilio", "whatsapp", "+15550100100", account_sid=hub.twilio.account_sid, auth_token=hub.twilio.auth_token, api_base=hub.twilio.url)  # fmt: skip
        hub.twilio.messaging.hooks["whatsapp"] = f"{hub.url}/hooks/twilio/wa/whatsapp"
        hub.forget_accounts()
    sender = f"whatsapp:{PHONE}" if whatsapp else PHONE
    _, status = await hub.twilio.inbound(sender, "", media=[("image/png", PNG)])
    assert status == 200
    await keeper(hub).drain()
    assert len(await files(hub)) == 1
    assert await hub.value("select meta ->> 'files' from interaction") == "1"
