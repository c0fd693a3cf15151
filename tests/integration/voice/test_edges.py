"""What goes wrong at the edges: the hub away, callbacks lost, processes killed; menus, calling out, who may do what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from yarl import URL

from connectors.twilio.settings import Settings
from connectors.twilio.voice_rest import device_token
from hub.automation.firing import fire_next
from hub.automation.plans import plan_next
from hub.calls import actions, callbacks, commands, devices
from hub.calls.flow import CallFlow
from hub.channels.calls import CallError, CallOutcome
from hub.conversations import queueing
from hub.core.clock import now
from hub.core.db import Database
from hub.core.errors import Conflict, Forbidden, Invalid
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo.twilio.messages import signature
from hub.demo.wire import Site
from tests.house import House
from tests.integration.voice.manners import unruly
from tests.integration.voice.stage import CALLER, NUMBER, SID, TOKEN, Manner, eventually, stage

FALLBACK = '<?xml version="1.0"?><Response><Say>Please call again in a few minutes.</Say><Hangup/></Response>'


@pytest.mark.parametrize(("manner", "away"), [("once", 3), ("doubled", 6), ("shuffled", 3)])
async def test_caller_hears_the_fallback_when_the_hub_is_away(
    db: Database, feed: Feed, vault: Vault, manner: str, away: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=FALLBACK, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/static.xml", answer)
    site = Site(app, "127.0.0.1", 0)
    await site.start()
    async with unruly(stage(db, feed, vault, fallback_url=f"{site.url}/static.xml"), manner) as scene:
        scene.twilio.faults.down = away  # rc=2: one try and two more
        caller = scene.calls()
        await eventually(lambda: _over(caller))
        assert caller.played == ["Please call again in a few minutes."]
        assert [status for _, status in scene.twilio.webhooks if status == 0] == [0] * away
        assert [code for code, _ in scene.twilio.exchange.problems] == [11205]
        assert await scene.call() == {}
    await site.stop()


async def _over(call: Any) -> bool:
    return bool(call.over)


async def test_menu_understands_a_language_and_a_spoken_word(db: Database, feed: Feed, vault: Vault) -> None:
    flow = {
        "menu": {"en": "Orders or billing? 中文请按9", "zh-CN": "订单还是账单？"},
        "options": {"1": {"queue": "care", "words": ["订单", "orders"]}, "9": {"locale": "zh-CN"}},
    }
    async with stage(db, feed, vault, flow=flow) as scene:
        caller = scene.calls()
        await scene.in_state("menu")
        caller.press("9")
        await eventually(lambda: _heard(caller, "订单还是账单？"))
        caller.say("我想查一下订单")
        call = await scene.in_state("queued")
        assert (call["locale"], call["queue_id"]) == ("zh-CN", scene.queue)
        await eventually(lambda: _heard(caller, "您排在第1位"))
        caller.hang_up()
        await scene.settled()
        assert scene.twilio.exchange.problems == []


async def _heard(call: Any, words: str) -> bool:
    return any(words in heard for heard in call.played)


async def test_silent_caller_is_queued_when_the_menu_was_asked_often_enough(
    db: Database, feed: Feed, vault: Vault
) -> None:
    flow = {"menu": {"en": "Press 1."}, "options": {"1": {"queue": "care"}}, "menu_tries": 2}
    async with stage(db, feed, vault, flow=flow) as scene:
        scene.twilio.faults.duplicate = True  # asked twice by each turn, it is one turn
        caller = scene.calls()
        call = await scene.in_state("queued")
        assert caller.played.count("Press 1.") == 2
        assert call["tries"] == 2
        caller.hang_up()
        await scene.settled()


async def test_message_is_taken_when_the_queue_is_closed(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        hours = await scene.centre.hours({})
        await db.execute("update queue set hours_id = %s", [hours])
        caller = scene.calls()
        await scene.in_state("voicemail")
        await eventually(lambda: _heard(caller, "We are closed at the moment."))
        caller.press("#")
        await scene.settled()
        assert (await scene.call())["outcome"] == "voicemail"


async def test_customer_is_called_when_the_agent_has_picked_up(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("Amy", manner=Manner(answers=1))
        account = await scene.account()
        await scene.does(actions.dial, account, amy, CALLER)
        call = await scene.in_state("talking")
        agent, customer = await scene.legs(call["id"])
        assert (agent["role"], customer["role"]) == ("agent", "customer")
        made = [fields for _, path, fields in scene.twilio.rest.requests if path.endswith("Participants.json")]
        assert [fields["From"] for fields in made] == [[NUMBER], [NUMBER]]
        await scene.talk(5)
        await scene.does(actions.hang_up, call["id"], amy)
        await scene.settled()
        call = await scene.call()
        assert (call["outcome"], call["direction"]) == ("answered", "out")
        await scene.does(actions.wrap_up, call["id"], amy, disposition=None, resolve=True)
        assert await db.value("select status from conversation") == "resolved"
        assert (await scene.call())["wrap_seconds"] is not None


async def test_agent_is_free_when_the_customer_is_busy(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("Amy", manner=Manner(answers=1))
        scene.twilio.exchange.people.manners[CALLER] = Manner(instead="busy")
        await scene.does(actions.dial, await scene.account(), amy, CALLER)
        await scene.in_state("ended")
        await scene.settled()
        assert (await scene.call())["outcome"] == "busy"
        assert await db.value("select count(*) from queue_entry where state <> 'closed'") == 0


@pytest.mark.parametrize("number", ["+19005550123", "+4915112345678", "+1", "hello"])
def test_number_is_not_dialled_when_it_costs_or_lies_elsewhere(number: str) -> None:
    assert not callbacks.allowed(CallFlow(), number)


async def test_dialling_stops_when_the_hour_is_full(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault, flow={"dial_per_hour": 0}) as scene:
        amy = await scene.agent("Amy")
        with pytest.raises(Conflict):
            await scene.does(actions.dial, await scene.account(), amy, CALLER)
        with pytest.raises(Invalid):
            await scene.does(actions.dial, await scene.account(), amy, "+4915112345678")


async def test_strangers_cannot_touch_a_call(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        await scene.agent("Amy", manner=Manner(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        ben = await scene.agent("Ben")
        for act in (actions.hang_up, actions.hold, actions.mute):
            with pytest.raises(Forbidden):
                await scene.does(act, call["id"], ben, **({} if act is actions.hang_up else {"on": True}))
        caller.hang_up()
        await scene.settled()


async def test_sweeper_ends_a_call_when_every_callback_about_it_was_lost(
    db: Database, feed: Feed, vault: Vault
) -> None:
    async with stage(db, feed, vault) as scene:
        await scene.agent("Amy", manner=Manner(answers=1))
        caller = scene.calls()
        call = await scene.in_state("talking")
        for one in scene.twilio.exchange.calls.values():
            scene.twilio.wire.silent.add(one.sid)
        caller.hang_up()
        await eventually(lambda: _all_over(scene))
        assert (await scene.call())["state"] == "talking"
        assert await scene.runner().sweep(age=0) >= 1
        call = await scene.in_state("ended")
        assert call["outcome"] == "answered"
        await scene.runner().step()
        assert await db.value("select count(*) from call_leg where ended_at is null") == 0


async def _all_over(scene: Any) -> bool:
    return all(c.over for c in scene.twilio.exchange.calls.values())


async def test_sweeper_hangs_up_what_is_left_of_a_call_that_is_over(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        await scene.agent("Amy", manner=Manner(answers=1))
        caller = scene.calls()
        await scene.in_state("talking")
        await db.execute("update call set state = 'ended', outcome = 'answered', ended_at = now()")
        await db.execute("update call_leg set ended_at = now()")
        assert await scene.runner().sweep(age=0) == 2
        assert caller.over


@pytest.mark.parametrize("fault", ["throttle", "lose_answer", "fail"])
async def test_call_is_answered_once_when_the_provider_falters(
    db: Database, feed: Feed, vault: Vault, fault: str
) -> None:
    async with stage(db, feed, vault) as scene:
        setattr(scene.twilio.faults, fault, 1)
        await scene.agent("Amy", manner=Manner(answers=1))
        caller = scene.calls()
        if fault == "fail":  # whether it rings is unknown: never asked twice, so the offer's time runs out
            await eventually(lambda: db.value("select id from call_command where state = 'unknown'"))
            caller.hang_up()
        else:
            call = await scene.in_state("talking")
            assert len([leg for leg in await scene.legs(call["id"]) if leg["role"] == "agent"]) == 1
            rung = [c for c in scene.twilio.exchange.calls.values() if c.to == scene.device("Amy")]
            assert len(rung) == 1
            caller.hang_up()
        await eventually(lambda: _all_over(scene))


def test_command_that_may_ring_is_left_unknown_when_its_process_died() -> None:
    lost = CallError("stopped", outcome=CallOutcome.UNKNOWN)
    assert commands.verdict("ring", 1, lost, crossed=True) == ("unknown", 0)
    assert commands.verdict("ring", 1, lost, crossed=False)[0] == "pending"
    assert commands.verdict("hold", 1, lost, crossed=True)[0] == "pending"
    assert commands.verdict("hold", commands.TRIES, lost, crossed=True)[0] == "failed"


async def test_callback_waits_in_the_queue_when_its_time_has_come(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        caller = scene.calls()
        await scene.in_state("queued")
        caller.hang_up()
        await scene.settled()
        call = await scene.call()
        amy = await scene.agent("Amy", manner=Manner(answers=1))
        account = await scene.account()
        due = now() + timedelta(hours=1)
        await scene.does(
            actions.schedule_callback, account, call["conversation_id"], CALLER, due, created_by=amy, agent_id=amy
        )
        with pytest.raises(Conflict):
            await scene.does(actions.schedule_callback, account, call["conversation_id"], CALLER, due, created_by=amy)
        await db.execute("update callback set due_at = now()")
        call = await scene.in_state("talking")
        assert (call["kind"], call["agent_id"]) == ("callback", amy)
        await scene.does(actions.hang_up, call["id"], amy)
        await scene.settled()
        assert await db.value("select state from callback") == "done"


# -- signatures ------------------------------------------------------------------------------------------------------
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


@pytest.mark.parametrize("prefix", ["", "/centre"])
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


async def test_missed_caller_gets_a_text_message(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        await db.execute(
            "insert into account (key, connector, channel, name, address, queue_id, settings, secrets)"
            " select 'sms', connector, 'sms', 'SMS', address, queue_id, settings, null from account"
        )
        await plan_next(db)
        caller = scene.calls()
        await scene.in_state("queued")
        caller.hang_up()
        await scene.settled()

        async def planned() -> bool:
            await plan_next(db)
            return bool(await db.execute("update follow_up set due_at = now() where kind = 'missed_call'"))

        await eventually(planned)
        assert await fire_next(scene.core)
        [sent] = await db.dicts("select channel, direction, text from interaction where direction = 'out'")
        assert (sent["channel"], sent["text"][:22]) == ("sms", "Sorry that we missed y")


async def test_call_goes_on_when_the_agents_screen_is_gone(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("Amy", phone="+14155550177", manner=Manner(answers=1, keys=((1, "1"),)))
        caller = scene.calls()
        call = await scene.in_state("talking")
        await scene.centre.presence(amy, "offline")
        assert await queueing.stranded(db, 0, 10) == []
        caller.hang_up()
        await scene.settled()
        assert (await scene.call())["id"] == call["id"]


async def test_no_call_is_offered_when_an_agent_has_no_telephone(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.centre.agent("Amy", scene.queue)
        caller = scene.calls()
        await scene.in_state("queued")
        await scene.runner().step()
        assert await db.value("select count(*) from offer") == 0
        await scene.does(devices.put, amy, "browser", None, ready=True)
        scene.agents["Amy"] = amy
        await scene.answers(scene.device("Amy"))
        await scene.in_state("talking")
        caller.hang_up()
        await scene.settled()


@pytest.mark.breaks_rules
async def test_recording_is_heard_only_by_who_may_see_the_conversation(house: House) -> None:
    db = house.core.db
    amy, ben, chiara = [await house.agent(name) for name in ("amy", "ben", "chiara")]
    phone = await db.dicts("select id, queue_id from account where channel = 'voice'")
    conversation = await house.sms()
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
        answer = await house.client.get(path, headers=agent.headers)
        statuses[who] = answer.status
    # Chiara works in other queues: to her there is no such thing.
    assert statuses == {"amy": 200, "ben": 200, "chiara": 404}
    heard = await db.dicts("select actor_id from event where kind = 'recording.heard' order by id")
    assert [row["actor_id"] for row in heard] == [amy.id, ben.id]
    await db.execute(
        "update call_recording set content_type = 'text/html'"
    )  # whatever came as sound is shown as no page
    assert (await house.client.get(path, headers=amy.headers)).content_type == "application/octet-stream"
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
