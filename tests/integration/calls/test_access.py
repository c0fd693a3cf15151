"""Who is believed and let in: signed callbacks, recordings, telephones in the browser."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import jwt
import pytest
from yarl import URL

from connectors.twilio.settings import Settings
from connectors.twilio.voice_rest import device_token
from hub.core.clock import now
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo.twilio.messages import signature
from tests.integration.calls.stage import CALLER, NUMBER, SID, TOKEN, stage
from tests.support.app import App

Change = Callable[[str, dict[str, str]], tuple[str, dict[str, str]]]
_TABLE: list[tuple[str, int, Change]] = [
    ("as sent", 200, lambda url, form: (url, form)),
    ("https for http", 403, lambda url, form: (url.replace("http:", "https:"), form)),
    ("a slash more", 403, lambda url, form: (url + "/", form)),
    ("a query less", 403, lambda url, form: (url.split("?")[0], form)),
    ("a query re-encoded", 403, lambda url, form: (url.replace("%20", "+"), form)),
    ("a fragment", 403, lambda url, form: (url + "#rc=2", form)),
    ("a field less", 403, lambda url, form: (url, {k: v for k, v in form.items() if v})),
    ("another value", 403, lambda url, form: (url, {**form, "Digits": "2"})),
]


@pytest.mark.parametrize("prefix", ["", "/center"])
@pytest.mark.parametrize(("case", "status", "change"), _TABLE, ids=[row[0] for row in _TABLE])
async def test_voice_webhook_is_believed_only_when_signed_for_exactly_this(
    db: Database, feed: Feed, vault: Vault, prefix: str, case: str, status: int, change: Change
) -> None:
    """Behind a proxy that strips a path prefix, Twilio signs the address it knows, prefix included."""
    async with stage(db, feed, vault, prefix=prefix) as scene:
        inside = scene.core.public_url.removesuffix(prefix)
        path = "/hooks/twilio/phone/voice/menu?note=a%20b&turn=1"
        form = {"AccountSid": SID, "CallSid": "CA" + "0" * 32, "Digits": "", "CallStatus": "in-progress"}
        url, signed = change(scene.core.public_url + path, form)
        headers = {"X-Twilio-Signature": signature(TOKEN, url, signed)}
        target = URL(inside + path, encoded=True)
        async with aiohttp.ClientSession() as http, http.post(target, data=form, headers=headers) as answer:
            assert answer.status == status, case


async def test_voice_webhook_is_refused_when_unsigned_or_for_another_account(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene, aiohttp.ClientSession() as http:
        url = f"{scene.core.public_url}/hooks/twilio/phone/voice"
        form = {"AccountSid": "AC" + "f" * 32, "CallSid": "CA1", "From": CALLER, "To": NUMBER}
        for headers in ({}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": signature(TOKEN, url, form)}):
            async with http.post(url, data=form, headers=headers) as answer:
                assert answer.status == 403
        strange = url.replace("/phone/", "/nobody/")
        async with http.post(strange, data=form) as answer:
            assert answer.status == 404


@pytest.mark.breaks_rules
async def test_recording_is_heard_only_by_who_may_see_the_conversation(app: App) -> None:
    db = app.core.db
    amy, ben, chiara = [await app.agent(name) for name in ("amy", "ben", "chiara")]
    phone = await db.dicts("select id, queue_id from account where channel = 'voice'")
    conversation = await app.sms()
    await db.execute("update conversation set queue_id = %s, agent_id = %s", [phone[0]["queue_id"], amy.id])
    call = await db.value(
        "insert into call (account_id, conversation_id, interaction_id, direction, number, our_number, state, outcome)"
        " values (%s, %s, 1, 'in', '+14155550100', '+15550100100', 'ended', 'answered') returning id",
        [phone[0]["id"], conversation],
    )
    kept = await db.value(
        "insert into call_recording (call_id, external_id, kind, state, seconds, content_type, body)"
        " values (%s, 'RE1', 'call', 'stored', 3, 'audio/wav', 'RIFF') returning id",
        [call],
    )
    [shown] = (await amy.get(f"/conversations/{conversation}/calls"))["items"]
    assert shown["recordings"][0]["id"] == kept
    path = f"/api/v1/recordings/{kept}/sound"
    statuses = {}
    for who, agent in (("amy", amy), ("ben", ben), ("chiara", chiara)):
        answer = await app.client.get(path, headers=agent.headers)
        statuses[who] = answer.status
    # Chiara works in other queues: to her there is no such thing.
    assert statuses == {"amy": 200, "ben": 200, "chiara": 404}
    heard = await db.dicts("select actor_id from event where kind = 'recording.heard' order by id")
    assert [row["actor_id"] for row in heard] == [amy.id, ben.id]
    await db.execute(
        "update call_recording set content_type = 'text/html'"
    )  # whatever came as sound is shown as no page
    assert (await app.client.get(path, headers=amy.headers)).content_type == "application/octet-stream"
    await amy.post(f"/calls/{call}/monitor", {"mode": "listen"}, status=403)
    await amy.get("/calls", status=403)
    setting = await amy.call("PUT", "/me/device", {"kind": "phone", "number": "+1 415 555 0199"})
    assert (setting["number"], setting["ready"], setting["simulated"]) == ("+14155550199", True, True)
    token = await amy.post("/me/device/token")
    assert token["identity"] == f"agent_{amy.id}"


def test_browser_token_lets_only_this_agent_in() -> None:
    settings = Settings.model_validate(
        {
            "account_sid": SID,
            "auth_token": TOKEN,
            "api_key_sid": "SK" + "a" * 32,
            "api_key_secret": "s" * 32,
            "twiml_app_sid": "AP" + "b" * 32,
        }
    )
    made = jwt.decode(device_token(settings, 42), "s" * 32, algorithms=["HS256"], options={"verify_aud": False})
    assert made["grants"]["identity"] == "agent_42"
    assert made["grants"]["voice"]["incoming"] == {"allow": True}
    assert 3500 < made["exp"] - now().timestamp() <= 3600
