"""The stand-in as the SDK's own client sees it: resources, errors, pages and files are Twilio's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException

from connectors.twilio.rest import Rest, ThrottledError
from connectors.twilio.settings import Settings
from hub.demo.twilio import TwilioStandin
from hub.demo.twilio.people import Behavior
from tests.chaos.harness import Program, start
from tests.integration.connectors.harness import NUMBER, SID, TOKEN, eventually, free_port

PHONE, WHATSAPP = "+14155550123", "whatsapp:+14155550123"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32


@pytest.fixture
async def twilio() -> AsyncGenerator[TwilioStandin]:
    async with TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.01, speed=25) as standin:
        yield standin


@pytest.fixture
async def client(twilio: TwilioStandin) -> AsyncGenerator[Any]:
    rest = Rest()
    yield rest.client(Settings.model_validate({"account_sid": SID, "auth_token": TOKEN, "api_base": twilio.url}))
    await rest.close()


def basic(user: str = SID, secret: str = TOKEN) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(user, secret)}


async def sent(client: Any, body: str = "Hello", to: str = PHONE, **more: Any) -> Any:
    return await client.messages.create_async(to=to, from_=more.pop("from_", NUMBER), body=body, **more)


async def refused(call: Awaitable[Any]) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as error:
        await call
    return error.value.status, error.value.code


async def ends(client: Any, sid: str, status: str) -> Any:
    async def found() -> Any:
        message = await client.messages(sid).fetch_async()
        return message if message.status == status else None

    return await eventually(found)


# -- messages --------------------------------------------------------------------------------------------------------
async def test_message_is_made_read_redacted_and_deleted(client: Any) -> None:
    made = await sent(client, "你好" * 40)
    assert (made.status, made.direction, made.num_segments, made.sid[:2]) == ("queued", "outbound-api", "2", "SM")
    arrived = await ends(client, made.sid, "delivered")
    assert arrived.date_sent is not None
    assert (await client.messages(made.sid).update_async(body="")).body == ""
    assert await client.messages(made.sid).delete_async()
    assert await refused(client.messages(made.sid).fetch_async()) == (404, 20404)


async def test_message_under_way_is_neither_redacted_nor_deleted(twilio: TwilioStandin, client: Any) -> None:
    twilio.messaging.pace = 5
    made = await sent(client)
    assert await refused(client.messages(made.sid).update_async(body="")) == (409, 20009)
    assert await refused(client.messages(made.sid).delete_async()) == (409, 20009)
    assert await refused(client.messages(made.sid).update_async(status="canceled")) == (409, 30409)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "+1"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": None}, 21603),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"from_": "+14155559999"}, 21606),
        ({"from_": WHATSAPP}, 63007),
        ({"body": None}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"media_url": ["ftp://x"]}, 21620),
        ({"media_url": ["https://x"] * 11}, 21623),
        ({"content_sid": "HX" + "0" * 32, "body": None}, 21655),
        ({"content_sid": "HX" + "1" * 32, "content_variables": "{", "body": None}, 21656),
        ({"schedule_type": "fixed", "send_at": datetime(2030, 1, 1, tzinfo=UTC)}, 35118),
    ],
)
async def test_message_is_refused_with_twilios_code(client: Any, fields: dict[str, Any], code: int) -> None:
    given = {"to": PHONE, "from_": NUMBER, "body": "x", **fields}
    asked = client.messages.create_async(**{name: value for name, value in given.items() if value is not None})
    assert await refused(asked) == (400, code)


async def test_recipient_who_said_stop_is_not_written_to_until_start(twilio: TwilioStandin, client: Any) -> None:
    await twilio.inbound(PHONE, "STOP")
    assert await refused(sent(client)) == (400, 21610)
    await twilio.inbound(PHONE, "start")
    assert (await sent(client)).status == "queued"


async def test_free_text_fails_outside_whatsapps_window_and_a_template_arrives(
    twilio: TwilioStandin, client: Any
) -> None:
    ours = f"whatsapp:{NUMBER}"
    late = await sent(client, to=WHATSAPP, from_=ours)
    assert (await ends(client, late.sid, "undelivered")).error_code == 63016
    template = await client.messages.create_async(
        to=WHATSAPP, from_=ours, content_sid="HX" + "1" * 32, content_variables='{"1": "Bo"}'
    )
    assert (await ends(client, template.sid, "read")).body.startswith("Hello Bo, there is news")
    await twilio.inbound(WHATSAPP, "hi")
    assert await ends(client, (await sent(client, to=WHATSAPP, from_=ours)).sid, "read")
    for message in twilio.messages.values():
        message.created -= timedelta(hours=25)
    assert await ends(client, (await sent(client, to=WHATSAPP, from_=ours)).sid, "undelivered")


async def test_scheduled_message_leaves_at_its_time_unless_it_is_called_off(client: Any) -> None:
    service, soon = "MG" + "1" * 32, datetime.now(UTC) + timedelta(seconds=1)
    fields: dict[str, Any] = {"to": PHONE, "body": "x", "messaging_service_sid": service, "schedule_type": "fixed"}
    one = await client.messages.create_async(**fields, send_at=soon)
    two = await client.messages.create_async(**fields, send_at=soon)
    assert (one.status, one.messaging_service_sid) == ("scheduled", service)
    assert (await client.messages(two.sid).update_async(status="canceled")).status == "canceled"
    await ends(client, one.sid, "delivered")
    assert (await client.messages(two.sid).fetch_async()).status == "canceled"


async def test_list_is_filtered_and_its_pages_keep_their_place_while_it_grows(
    twilio: TwilioStandin, client: Any
) -> None:
    made = [(await sent(client, f"n{n}")).sid for n in range(7)]
    await sent(client, "elsewhere", to="+14155550199")
    await twilio.inbound(PHONE, "hi")
    first = await client.messages.page_async(to=PHONE, page_size=3)
    seen = [m.sid for m in first]
    await sent(client, "newer")  # would move every page by one
    page: Any = first
    while (page := await page.next_page_async()) is not None:
        seen += [m.sid for m in page]
    assert seen == made[::-1]
    assert len(await client.messages.list_async(from_=PHONE)) == 1
    now = datetime.now(UTC)
    assert await client.messages.list_async(to=PHONE, date_sent_after=now + timedelta(hours=1)) == []
    assert len(await client.messages.list_async(to=PHONE, date_sent_before=now + timedelta(hours=1))) == 8
    assert len(await client.messages.list_async(to=PHONE, date_sent_after=now - timedelta(hours=1), limit=4)) == 4
    assert await client.messages.list_async(to=PHONE, date_sent=now - timedelta(days=2)) == []


# -- files and templates ---------------------------------------------------------------------------------------------
async def test_file_is_fetched_only_with_credentials_and_gone_when_deleted(twilio: TwilioStandin, client: Any) -> None:
    message, _ = await twilio.inbound(PHONE, "", media=[("image/png", PNG)])
    assert message.sid.startswith("MM")
    [file] = await client.messages(message.sid).media.list_async()
    assert (file.content_type, file.parent_sid) == ("image/png", message.sid)
    assert (await client.messages(message.sid).media(file.sid).fetch_async()).sid == file.sid
    url = message.webhook_form(twilio.url)["MediaUrl0"]
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, 20003)
        signed_in = basic()
        async with http.get(url, headers=signed_in, allow_redirects=False) as answer:
            assert answer.status == 307
            storage = answer.headers["Location"]
        async with http.get(storage) as answer:
            assert await answer.read() == PNG
        async with http.get(storage, headers=signed_in) as answer:
            assert answer.status == 400  # the storage must never see them
    assert await client.messages(message.sid).media(file.sid).delete_async()
    assert await client.messages(message.sid).media.list_async() == []
    assert await refused(client.messages(message.sid).media(file.sid).fetch_async()) == (404, 20404)


async def test_templates_are_listed_by_pages_and_each_is_approved(client: Any) -> None:
    listed = await client.content.v1.contents.list_async(page_size=2)
    assert [c.friendly_name for c in listed] == ["order_update", "order_update", "thank_you"]
    one = await client.content.v1.contents(listed[0].sid).fetch_async()
    assert one.types["twilio/text"]["body"].startswith("Hello {{1}}")
    approval = await client.content.v1.contents(listed[0].sid).approval_fetch().fetch_async()
    assert approval.whatsapp["status"] == "approved"
    assert await refused(client.content.v1.contents("HX" + "0" * 32).fetch_async()) == (404, 20404)


# -- who may ask -----------------------------------------------------------------------------------------------------
async def test_wrong_credentials_are_turned_away_and_an_api_key_is_let_in(twilio: TwilioStandin) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{SID}/Messages.json"
    twilio.guard.api_keys["SK" + "a" * 32] = "a-secret"
    async with aiohttp.ClientSession() as http:
        for user, secret, status in ((SID, "wrong", 401), ("SK" + "a" * 32, "a-secret", 200), (SID, TOKEN, 200)):
            async with http.get(url, headers=basic(user, secret)) as answer:
                assert answer.status == status
        elsewhere = url.replace(SID, "AC" + "f" * 32)
        async with http.get(elsewhere, headers=basic()) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, 20404)
        unknown = url.replace("Messages", "Faxes")
        async with http.get(unknown, headers=basic()) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, 20404)


async def test_throttled_request_says_when_to_come_back(twilio: TwilioStandin, client: Any) -> None:
    twilio.faults.throttle = 1
    with pytest.raises(ThrottledError) as error:
        await sent(client)
    assert error.value.retry_after == 1
    twilio.faults.throttle = 1
    url = f"{twilio.url}/2010-04-01/Accounts/{SID}/Messages.json"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data={"To": PHONE}, headers=basic()) as answer,
    ):
        assert (answer.status, (await answer.json())["code"]) == (429, 20429)
        assert "Twilio-Concurrent-Requests" in answer.headers


@pytest.mark.parametrize(
    ("path", "form", "code"),
    [
        ("Messages", {"From": NUMBER, "Body": "x"}, 21604),
        ("Messages", {"To": PHONE, "From": NUMBER, "Text": "x"}, 20001),
        ("Calls", {"From": NUMBER, "Url": "http://x"}, 21201),
        ("Calls", {"To": PHONE, "Url": "http://x"}, 21213),
        ("Calls", {"To": PHONE, "From": NUMBER}, 21205),
        ("Calls", {"To": PHONE, "From": NUMBER, "Url": "http://x", "Timeout": "soon"}, 20001),
        ("Conferences/room/Participants", {"From": NUMBER}, 21201),
        ("Conferences/room/Participants", {"To": PHONE, "From": NUMBER, "Muted": "yes"}, 20001),
        ("Queues", {"MaxSize": "3"}, 20001),
    ],
)
async def test_request_is_refused_when_twilio_would_not_understand_it(
    twilio: TwilioStandin, path: str, form: dict[str, str], code: int
) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{SID}/{path}.json"
    async with aiohttp.ClientSession(headers=basic()) as http, http.post(url, data=form) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)
    assert twilio.messages == {}
    assert twilio.exchange.calls == {}


# -- calls -----------------------------------------------------------------------------------------------------------
async def test_call_is_made_listed_redirected_ended_and_deleted(twilio: TwilioStandin, client: Any) -> None:
    twilio.exchange.people.behaviors[PHONE] = Behavior(answers=1)
    made = await client.calls.create_async(to=PHONE, from_=NUMBER, twiml="<Response><Pause length='600'/></Response>")
    assert await refused(client.calls(made.sid).update_async(url="http://127.0.0.1:1/")) == (400, 21220)
    assert await refused(client.calls(made.sid).delete_async()) == (409, 20009)
    await eventually(lambda: _is(client, made.sid, "in-progress"))
    await client.calls(made.sid).update_async(twiml="<Response><Say>Goodbye</Say><Pause length='600'/></Response>")
    call = twilio.exchange.calls[made.sid]
    await eventually(lambda: _true(lambda: "Goodbye" in call.played))
    assert [c.sid for c in await client.calls.list_async(to=PHONE, status="in-progress")] == [made.sid]
    assert (await client.calls(made.sid).update_async(status="completed")).status == "completed"
    assert await refused(client.calls(made.sid).update_async(twiml="<Response/>")) == (400, 21220)
    assert await client.calls(made.sid).delete_async()
    assert await refused(client.calls(made.sid).fetch_async()) == (404, 20404)
    assert await refused(client.calls.create_async(to="+1", from_=NUMBER, twiml="<Response/>")) == (400, 21211)
    assert await refused(client.calls.create_async(to=PHONE, from_="+14155559999", twiml="<Response/>")) == (400, 21210)


async def test_participant_has_a_label_of_their_own_and_hears_announcements(twilio: TwilioStandin, client: Any) -> None:
    twilio.exchange.people.usual = Behavior(answers=0.5)
    room = client.conferences("room")
    agent = await room.participants.create_async(to="client:amy", from_=NUMBER, label="amy", beep="false")
    twilio.exchange.people.behaviors["client:amy"] = Behavior(answers=0.5)
    twilio.exchange.answer(twilio.exchange.calls[agent.call_sid])
    await eventually(lambda: _there(twilio, 1))
    assert await refused(room.participants.create_async(to=PHONE, from_=NUMBER, label="amy")) == (400, 16025)
    await room.participants.create_async(to=PHONE, from_=NUMBER, label="ann")
    await eventually(lambda: _there(twilio, 2))
    [live] = await client.conferences.list_async(friendly_name="room", status="in-progress")
    people = client.conferences(live.sid).participants
    assert (await people("ann").update_async(hold=True)).hold
    # A held participant's EndConferenceOnExit is ignored, silently.
    assert not (await people("ann").update_async(end_conference_on_exit=True)).end_conference_on_exit
    assert (await people("amy").update_async(muted=True)).muted
    assert await people("amy").delete_async()
    await client.conferences(live.sid).update_async(status="completed")
    assert (await client.conferences(live.sid).fetch_async()).status == "completed"
    assert await people.list_async() == []
    assert await refused(people("ann").fetch_async()) == (404, 20404)


async def test_queue_is_made_named_anew_and_deleted_when_nobody_is_in_it(twilio: TwilioStandin, client: Any) -> None:
    made = await client.queues.create_async(friendly_name="care", max_size=5)
    assert await refused(client.queues.create_async(friendly_name="care")) == (400, 22003)
    assert (await client.queues(made.sid).update_async(max_size=7)).max_size == 7
    twilio.exchange.voice = type(twilio.exchange.voice)(twiml="<Response><Enqueue>care</Enqueue></Response>")
    caller = twilio.exchange.incoming(PHONE)

    async def waiting() -> Any:
        return (await client.queues(made.sid).fetch_async()).current_size

    await eventually(waiting)
    assert (await client.queues(made.sid).members("Front").fetch_async()).call_sid == caller.sid
    assert await refused(client.queues(made.sid).delete_async()) == (400, 22004)
    caller.hang_up()
    await eventually(lambda: _true(lambda: not twilio.exchange.queue("care").members))
    assert await client.queues(made.sid).delete_async()
    assert await client.queues.list_async() == []


async def _is(client: Any, sid: str, status: str) -> bool:
    return (await client.calls(sid).fetch_async()).status == status


async def _true(check: Callable[[], bool]) -> bool:
    return check()


async def _there(twilio: TwilioStandin, number: int) -> bool:
    return any(len(room.people) == number for room in twilio.exchange.rooms.values())


async def test_virtual_time_can_be_moved_on(twilio: TwilioStandin) -> None:
    waited = asyncio.create_task(twilio.exchange.clock.sleep(100_000))
    await asyncio.sleep(0)
    twilio.exchange.clock.advance(100_000)
    await asyncio.wait_for(waited, 5)


async def test_demo_of_its_own_serves_the_real_client_and_a_page(tmp_path: Path) -> None:
    program = start(tmp_path, "demo", "twilio", "--port", str(port := free_port()))
    try:
        said = await eventually(lambda: _said(program), 60)
        settings = {"account_sid": said["Account SID"], "auth_token": said["Auth token"]}
        rest = Rest()
        client: Any = rest.client(Settings.model_validate({**settings, "api_base": f"http://127.0.0.1:{port}"}))
        made = await client.messages.create_async(to=PHONE, from_=said["Number"], body="Hello")
        assert made.status == "queued"
        await rest.close()
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as page:
            assert "You are the customer" in await page.text()
    finally:
        await program.stop()


async def _said(program: Program) -> dict[str, str] | None:
    """What it printed, by its names; nothing until all of it is there."""
    lines = [(words[0], words[-1]) for line in program.said.splitlines() if len(words := line.rsplit(" ", 1)) == 2]
    found = dict(lines)
    return found if "Number" in found else None
