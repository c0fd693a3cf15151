"""What goes wrong at the edges: the hub away, callbacks lost, processes killed; menus, calling out, who may do what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from hub.automation.firing import fire_next
from hub.automation.plans import plan_next
from hub.calls import actions, callbacks, commands, devices
from hub.calls.ivr_settings import CallFlow
from hub.channels.calls import CallError, CallOutcome
from hub.core.clock import now
from hub.core.db import Database
from hub.core.errors import Conflict, Forbidden, Invalid
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo.wire import Site
from hub.queues import entries
from tests.integration.calls.stage import CALLER, NUMBER, Behavior, eventually, stage
from tests.integration.calls.webhook_delivery import unruly

FALLBACK = '<?xml version="1.0"?><Response><Say>Please call again in a few minutes.</Say><Hangup/></Response>'


@pytest.mark.parametrize(("behavior", "away"), [("once", 3), ("doubled", 6), ("shuffled", 3)])
async def test_caller_hears_the_fallback_when_the_hub_is_away(
    db: Database, feed: Feed, vault: Vault, behavior: str, away: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=FALLBACK, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/static.xml", answer)
    site = Site(app, "127.0.0.1", 0)
    await site.start()
    async with unruly(stage(db, feed, vault, fallback_url=f"{site.url}/static.xml"), behavior) as scene:
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
        hours = await scene.factory.hours({})
        await db.execute("update queue set hours_id = %s", [hours])
        caller = scene.calls()
        await scene.in_state("voicemail")
        await eventually(lambda: _heard(caller, "We are closed at the moment."))
        caller.press("#")
        await scene.settled()
        assert (await scene.call())["outcome"] == "voicemail"


async def test_customer_is_called_when_the_agent_has_picked_up(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
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
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
        scene.twilio.exchange.people.behaviors[CALLER] = Behavior(instead="busy")
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
        await scene.agent("Amy", behavior=Behavior(answers=1))
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
        await scene.agent("Amy", behavior=Behavior(answers=1))
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


@pytest.mark.breaks_rules
async def test_sweeper_hangs_up_what_is_left_of_a_call_that_is_over(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        await scene.agent("Amy", behavior=Behavior(answers=1))
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
        await scene.agent("Amy", behavior=Behavior(answers=1))
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
        amy = await scene.agent("Amy", behavior=Behavior(answers=1))
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
        amy = await scene.agent("Amy", phone="+14155550177", behavior=Behavior(answers=1, keys=((1, "1"),)))
        caller = scene.calls()
        call = await scene.in_state("talking")
        await scene.factory.presence(amy, "offline")
        assert await entries.stranded(db, 0, 10) == []
        caller.hang_up()
        await scene.settled()
        assert (await scene.call())["id"] == call["id"]


async def test_no_call_is_offered_when_an_agent_has_no_telephone(db: Database, feed: Feed, vault: Vault) -> None:
    async with stage(db, feed, vault) as scene:
        amy = await scene.factory.agent("Amy", scene.queue)
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
