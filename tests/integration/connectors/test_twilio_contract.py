"""Every request that the Twilio connector makes, held against what Twilio's API takes.

The yardstick is the SDK's own source. With `TWILIO_OPENAPI` naming Twilio's published definitions
(`twilio_api_v2010.json`, and after a `:` `twilio_content_v1.json`), these are one too.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.twilio import Twilio
from connectors.twilio.settings import Settings
from hub.channels.calls import Command, CommandKind
from hub.channels.model import Account, FilledTemplate, Outbound
from hub.core.service import Core
from hub.demo.twilio import TwilioStandin
from hub.demo.twilio.people import Behavior
from hub.demo.twilio.request_guard import Asked
from hub.demo.twilio.shapes import Request
from tests.integration.connectors.harness import NUMBER, SID, TOKEN, eventually
from tests.integration.connectors.openapi import Definition

PHONE, AGENT = "+14155550123", "+14155550177"
PUBLIC = "http://127.0.0.1:9"  # nobody is there: only what we ask is looked at
# Files themselves are no resources of the definition: the media of a message, the sound of a recording.
_FILE = re.compile(r"/(Media/ME\w+|Recordings/RE\w+\.wav)$")
EXPECTED = {
    ("Messages", "create"), ("Messages", "page"), ("Messages/Media", "page"), ("Messages/Media", "delete"),
    ("Content", "page"), ("Calls", "create"), ("Calls", "update"), ("Calls", "fetch"),
    ("Conferences", "page"), ("Conferences/Participants", "create"), ("Conferences/Participants", "update"),
    ("Conferences/Participants", "page"), ("Conferences/Recordings", "update"), ("Queues", "page"),
    ("Queues/Members", "page"), ("Recordings", "delete"),
}  # fmt: skip


async def over_the_wire() -> None:
    """The `wire` of a send."""


def account(channel: str, url: str) -> Account:
    settings = Settings.model_validate({"account_sid": SID, "auth_token": TOKEN, "api_base": url})
    return Account(1, channel, "twilio", channel, channel, NUMBER, settings, None, None, True)


def outbound(channel: str = "sms", **more: Any) -> Outbound:
    begun = Outbound(7, 1, 2, channel, PHONE, "Hello", 1, "<m@x>", datetime.now(UTC), "token")
    return replace(begun, **more)


def command(kind: CommandKind, leg: str | None = None, label: str = "leg-1", endpoint: str = PHONE, **data: Any) -> Command:  # fmt: skip
    return Command(1, kind, 1, 5, "call-1", leg, label, endpoint, NUMBER, 1, data)


async def messages(connector: Twilio, twilio: TwilioStandin) -> None:
    sms, whatsapp = account("sms", twilio.url), account("whatsapp", twilio.url)
    await connector.send(sms, outbound(), over_the_wire)
    await connector.send(sms, outbound(links=(f"{PUBLIC}/a.png", f"{PUBLIC}/b.png")), over_the_wire)
    template = FilledTemplate("HX" + "1" * 32, {"1": "Bo", "2": "LO-1"})
    await connector.send(whatsapp, outbound("whatsapp", template=template), over_the_wire)
    assert (await connector.traces(sms, outbound())).alike
    received, _ = await twilio.inbound(PHONE, "Look", media=[("image/png", b"\x89PNG\r\n\x1a\n")])
    assert len(await connector.history(sms, datetime.now(UTC).date())) >= 2
    file = received.webhook_form(twilio.url)["MediaUrl0"]
    assert (await connector.fetch_media(sms, file)).body.startswith(b"\x89PNG")
    await connector.delete_media(sms, file)
    assert len(await connector.templates(whatsapp)) == 3


async def calls(connector: Twilio, twilio: TwilioStandin) -> None:
    phone, exchange, voice = account("voice", twilio.url), twilio.exchange, connector.calls
    exchange.people.usual = Behavior(answers=0.2)

    async def ask(kind: CommandKind, leg: str | None = None, **more: Any) -> str:
        return str(await voice.perform(phone, command(kind, leg, **more), over_the_wire))

    agent = await ask(CommandKind.RING, seconds=20, record=True)
    customer = await ask(CommandKind.RING, label="leg-2", endpoint="+14155550124", seconds=40, ends=True)
    await eventually(lambda: _together(twilio, 2))
    watcher = await ask(CommandKind.RING, label="leg-3", endpoint=AGENT, mode="whisper", coached=agent)
    await eventually(lambda: _together(twilio, 3))
    for kind in (CommandKind.HOLD, CommandKind.UNHOLD, CommandKind.MUTE, CommandKind.UNMUTE):
        await ask(kind, customer)
    for mode in ("listen", "whisper", "barge"):
        await ask(CommandKind.COACH, watcher, mode=mode, coached=agent)
    await ask(CommandKind.KEYS, agent, keys="12#")
    await ask(CommandKind.PAUSE_RECORDING)
    await ask(CommandKind.RESUME_RECORDING)
    await ask(CommandKind.RING_PRESS, endpoint=AGENT, seconds=20)
    exchange.voice = replace(exchange.voice, twiml="<Response><Enqueue>hub-1</Enqueue></Response>")
    waiting = exchange.incoming("+14155550199")
    await eventually(lambda: _parked(twilio))
    assert {leg.leg for leg in await voice.live(phone)} >= {agent, customer, waiting.sid}
    assert await voice.state(phone, customer) is None
    await ask(CommandKind.SEND, waiting.sid, stage="join")
    await ask(CommandKind.HANG_UP, customer)
    await eventually(lambda: _recorded(twilio))
    [recording] = exchange.recordings
    assert (await voice.fetch_recording(phone, recording)).content_type == "audio/wav"
    await voice.delete_recording(phone, recording)


async def _together(twilio: TwilioStandin, number: int) -> bool:
    return any(len(room.people) == number for room in twilio.exchange.rooms.values())


async def _parked(twilio: TwilioStandin) -> bool:
    return bool(twilio.exchange.queue("hub-1").members)


async def _recorded(twilio: TwilioStandin) -> bool:
    return bool(twilio.exchange.recordings)


@pytest.fixture
async def asked() -> AsyncGenerator[list[Asked]]:
    """Everything that the connector asks of Twilio in a busy life."""
    connector = Twilio(cast("Core", SimpleNamespace(public_url=PUBLIC)))
    async with TwilioStandin(SID, TOKEN, number=NUMBER, pace=0.01, speed=25) as twilio:
        try:
            await messages(connector, twilio)
            await calls(connector, twilio)
        finally:
            await connector.close()
        refused = [words for code, words in twilio.exchange.problems if code == 20001]
        assert refused == []
        yield list(twilio.guard.asked)


async def test_every_request_is_one_that_the_sdk_could_have_made(asked: list[Asked]) -> None:
    seen: set[tuple[str, str]] = set()
    for one in asked:
        if _FILE.search(one.path):
            continue
        request = Request.of(one.method, one.path)
        assert request is not None, one
        given = one.fields if one.method == "POST" else one.query
        assert (request.problems(given), request.missing(given)) == ([], []), one
        seen.add(("/".join(request.resource), request.verb))
    assert seen == EXPECTED  # what is made here and nowhere else; a new kind of request belongs into the list


async def test_addresses_given_to_twilio_ask_it_to_try_again(asked: list[Asked]) -> None:
    given = [v for one in asked for k, values in one.fields.items() if k == "StatusCallback" for v in values]
    assert given
    assert all(url.startswith(f"{PUBLIC}/hooks/twilio/") for url in given)
    sends = [one.fields["StatusCallback"][0] for one in asked if one.path.endswith("/Messages.json") and one.fields]
    assert {url.partition("#")[2] for url in sends} == {"rc=5&rp=ct,rt,5xx"}


if "TWILIO_OPENAPI" in os.environ:  # Twilio's own definitions are not ours to ship

    async def test_every_request_is_in_twilios_published_definition(asked: list[Asked]) -> None:
        files = [Path(name) for name in os.environ["TWILIO_OPENAPI"].split(os.pathsep)]
        definition, content = Definition.read(*files), any("content" in file.name for file in files)
        for one in asked:
            if not _FILE.search(one.path) and (content or one.path.startswith("/2010-04-01/")):
                assert definition.problems(one) == [], one


# -- the yardstick itself --------------------------------------------------------------------------------------------
SMALL: dict[str, Any] = {
    "components": {"schemas": {"message_enum_update_status": {"type": "string", "enum": ["canceled"]}}},
    "paths": {
        "/2010-04-01/Accounts/{AccountSid}/Messages.json": {
            "get": {
                "parameters": [
                    {"name": "AccountSid", "in": "path", "required": True, "schema": {"pattern": "^AC[0-9a-f]{32}$"}},
                    {"name": "DateSent>", "in": "query", "schema": {"type": "string", "format": "date-time"}},
                    {"name": "PageSize", "in": "query", "schema": {"type": "integer"}},
                ]
            },
            "post": {
                "parameters": [{"name": "AccountSid", "in": "path", "required": True, "schema": {}}],
                "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
                    "required": ["To"],
                    "properties": {
                        "To": {"type": "string"}, "ForceDelivery": {"type": "boolean"},
                        "MediaUrl": {"type": "array", "items": {"type": "string"}},
                        "Status": {"$ref": "#/components/schemas/message_enum_update_status"},
                    },
                }}}},
            },
        }
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        (Asked("POST", "Messages", {}, {"To": ["x"], "MediaUrl": ["a", "b"], "ForceDelivery": ["true"]}), []),
        (Asked("POST", "Messages", {}, {"Body": ["x"]}), ["Body is no field", "To is missing"]),
        (Asked("POST", "Messages", {}, {"To": ["x", "y"]}), ["To is given more than once"]),
        (Asked("POST", "Messages", {}, {"To": ["x"], "Status": ["y"]}), ["Status is none of ['canceled']: 'y'"]),
        (Asked("GET", "Messages", {"PageSize": ["5"], "DateSent>": ["2026-01-01"]}, {}), []),
        (Asked("GET", "Messages", {"PageSize": ["x"], "Due": ["x"]}, {}), ["PageSize is no integer: 'x'", "Due is no parameter"]),
        (Asked("DELETE", "Messages", {}, {}), ["DELETE PATH is not in the definition"]),
    ],
)  # fmt: skip
def test_request_is_refused_by_a_definition_that_does_not_have_it(asked: Asked, wrong: list[str]) -> None:
    path = f"/2010-04-01/Accounts/{SID}/Messages.json"
    found = Definition(SMALL).problems(replace(asked, path=path))
    assert found == [words.replace("PATH", path) for words in wrong]
