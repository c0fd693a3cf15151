"""STOP and START: written down once, obeyed at once, answered by one of us and never by two."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from hub.channels.consent import Wish, confirmation
from hub.conversations import actions
from hub.core import events
from hub.core.errors import Conflict
from hub.messages import consents
from tests.integration.connectors.harness import Hub, eventually
from tests.integration.connectors.messaging import PHONE, said, shown, worker, write


async def ledger(hub: Hub) -> list[tuple[bool, str, str]]:
    rows = await hub.db.dicts("select wanted, source, detail from consent order by id")
    return [(row["wanted"], row["source"], row["detail"]) for row in rows]


async def opted_out(hub: Hub) -> bool:
    return bool(await hub.value("select opted_out_at is not null from address where value = %s", PHONE))


async def test_stop_that_twilio_answered_is_obeyed_and_never_answered_again(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    _, status = await hub.twilio.inbound(PHONE, "STOP")
    assert status == 200
    assert await ledger(hub) == [(False, "provider", "STOP")]
    assert await opted_out(hub)
    await worker(hub).drain()
    assert [m.direction for m in hub.twilio.thread(PHONE)] == ["inbound", "inbound"]
    assert (await said(hub))[-1] == ("internal", "The customer wants no more messages (STOP).")
    assert await hub.value("select count(*) from queue_entry where state = 'waiting'") == 1  # of the question alone


@pytest.mark.parametrize(
    ("word", "language"),
    [("退订", "zh"), ("TD", "zh"), ("baja", "es"), ("Arrêt", "fr"), ("abmelden", "de"), ("配信停止", "ja"), ("수신거부", "ko")],
)  # fmt: skip
async def test_foreign_stop_is_confirmed_once_in_its_language(hub: Hub, word: str, language: str) -> None:
    first, _ = await hub.twilio.inbound(PHONE, word)
    await hub.twilio.redeliver(first)
    await hub.twilio.inbound(PHONE, word)
    await worker(hub).drain()
    sent = [m.body for m in hub.twilio.thread(PHONE) if m.direction == "outbound-api"]
    assert sent == [confirmation(Wish.STOP, language)]
    assert [entry[:2] for entry in await ledger(hub)] == [(False, "word"), (False, "word")]


async def test_many_doubles_of_a_stop_are_one_line_and_one_confirmation(hub: Hub) -> None:
    message, _ = await hub.twilio.inbound(PHONE, "Стоп")
    await asyncio.gather(*(hub.twilio.redeliver(message) for _ in range(8)))
    assert len(await ledger(hub)) == 1
    assert await hub.value("select count(*) from outbound") == 1


async def test_stop_and_start_follow_each_other(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "STOP")
    await hub.twilio.inbound(PHONE, "START")
    assert [wanted for wanted, _, _ in await ledger(hub)] == [False, True]
    assert not await opted_out(hub)
    await write(hub, "Welcome back")
    await worker(hub).drain()
    assert [m.body for m in hub.twilio.thread(PHONE) if m.direction == "outbound-api"] == ["Welcome back"]


async def test_desk_is_refused_in_clear_words_after_a_stop(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    await hub.twilio.inbound(PHONE, "STOP")
    with pytest.raises(Conflict, match="has opted out"):
        await write(hub, "It is on its way")


async def test_what_waits_to_leave_stays_when_the_customer_says_stop(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    number = await write(hub, "It is on its way")
    await hub.twilio.inbound(PHONE, "退订")
    assert await shown(hub, number) == ("failed", "The customer has opted out of messages before this one left.")
    await worker(hub).drain()
    sent = [m.body for m in hub.twilio.thread(PHONE) if m.direction == "outbound-api"]
    assert sent == [confirmation(Wish.STOP, "zh")]


async def test_refusal_for_opt_out_goes_into_the_ledger_once(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    hub.twilio.messaging.opted_out.add(PHONE)  # they told Twilio, and we never heard of it
    number = await write(hub, "It is on its way")
    await worker(hub).drain()
    assert await shown(hub, number) == ("failed", "Twilio error 21610: the customer has opted out")
    assert await ledger(hub) == [(False, "refused", "Twilio error 21610: the customer has opted out")]
    assert await opted_out(hub)


async def test_status_with_opt_out_goes_into_the_ledger_however_often_it_comes(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    hub.twilio.outcomes[PHONE] = ("failed", 21610)
    hub.twilio.faults.duplicate = True
    number = await write(hub, "It is on its way")
    await worker(hub).drain()

    async def failed() -> Any:
        return (await shown(hub, number))[0] == "failed"

    await eventually(failed)
    assert [entry[1] for entry in await ledger(hub)] == ["refused"]


async def test_help_is_left_to_a_person_and_never_answered_by_us(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "HELP")
    await worker(hub).drain()
    assert await ledger(hub) == []
    assert [m.direction for m in hub.twilio.thread(PHONE)] == ["inbound"]
    assert await hub.value("select (meta ->> 'no_auto_answer')::boolean from interaction")


async def test_ledger_is_only_ever_added_to(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "STOP")
    for statement in ("update consent set wanted = true", "delete from consent"):
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            await hub.db.execute(statement)


async def test_told_wish_waits_for_the_conversation_and_holds_no_send_meanwhile(hub: Hub) -> None:
    """The order of locks: who writes results of sends has the conversation first, and would wait for ever."""
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    await write(hub, "It is on its way")
    [ends] = await hub.db.dicts("select contact_id, id from address where value = %s", [PHONE])
    amy = await hub.value("insert into agent (email, name) values ('amy@hub.example', 'Amy') returning id")

    async def tell() -> None:
        async with events.unit(hub.db, hub.feed) as unit:
            await consents.told(unit, ends["contact_id"], ends["id"], wanted=False, detail="by telephone", agent_id=amy)

    async with hub.db.transaction() as conn:
        await conn.execute("select 1 from conversation for update")
        telling = asyncio.create_task(tell())
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        await eventually(lambda: hub.db.value(waits))
        await conn.execute("select 1 from outbound where state = 'pending' for update nowait")  # raises if it is held
    await telling
    assert await hub.value("select state from outbound") == "failed"


async def meant(hub: Hub) -> str:
    return str(
        await hub.value("select meta ->> 'consent' from interaction where direction = 'in' order by id desc limit 1")
    )


@pytest.mark.parametrize(
    "word", ["Cancelar", "aus", "TD", "ret", "停止", "Please stop texting me", "no me escriban más"]
)
async def test_what_may_be_an_answer_to_an_agent_is_left_to_the_agent(hub: Hub, word: str) -> None:
    await hub.twilio.inbound(PHONE, "Tengo cita mañana")
    await write(hub, "¿Cancelar o reprogramar?")
    await hub.twilio.inbound(PHONE, word)
    assert await ledger(hub) == []
    assert not await opted_out(hub)
    assert (await said(hub))[-1][1].startswith("The customer may want no more messages")
    assert await meant(hub) == "perhaps"
    await write(hub, "Gracias")  # the agent can go on


@pytest.mark.parametrize("word", ["Cancelar", "aus", "TD"])
async def test_the_same_word_is_obeyed_where_nobody_talks_with_the_customer(hub: Hub, word: str) -> None:
    await hub.twilio.inbound(PHONE, word)
    assert [entry[:2] for entry in await ledger(hub)] == [(False, "word")]
    assert await opted_out(hub)
    assert await meant(hub) == "stop"


async def work(hub: Hub) -> list[tuple[str, bool, int]]:
    """Of each conversation its state, whether its customer waits, and how many live entries it has."""
    rows = await hub.db.dicts(
        "select v.status, v.waiting_since is not null as waits, count(e.id)::int as entries "
        "from conversation v left join queue_entry e on e.conversation_id = v.id and e.state <> 'closed' group by v.id order by v.id"
    )
    return [(row["status"], row["waits"], row["entries"]) for row in rows]


@pytest.mark.parametrize("word", ["STOP", "退订", "aus", "TD", "remove me"])
async def test_stop_of_a_stranger_is_nobodys_work_and_stands_with_their_contact(hub: Hub, word: str) -> None:
    await hub.twilio.inbound(PHONE, word)
    assert await work(hub) == [("resolved", False, 0)]
    assert [entry[0] for entry in await ledger(hub)] == [False]
    assert await hub.value("select count(*) from address where opted_out_at is not null") == 1
    await hub.twilio.inbound(PHONE, word)  # said again, it is no work either
    assert await work(hub) == [("resolved", False, 0)]
    await hub.twilio.inbound(PHONE, "And where is my lamp?")
    assert await work(hub) == [("open", True, 1)]


@pytest.mark.parametrize("word", ["STOP", "aus"])
async def test_question_before_a_stop_waits_on(hub: Hub, word: str) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    await hub.twilio.inbound(PHONE, word)
    assert await work(hub) == [("open", True, 1)]


async def test_stop_after_the_matter_was_over_opens_nothing(hub: Hub) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    await write(hub, "On its way")
    async with events.unit(hub.db, hub.feed) as unit:
        await actions.resolve(unit, 1, actor_id=None)
    await hub.twilio.inbound(PHONE, "退订")
    assert await work(hub) == [("resolved", False, 0)]


@pytest.mark.parametrize("word", ["STOP", "stop.", "Unsubscribe", "退订", "Baja", "стоп"])
async def test_plain_word_is_obeyed_whoever_talks(hub: Hub, word: str) -> None:
    await hub.twilio.inbound(PHONE, "Where is my lamp?")
    await write(hub, "On its way")
    await hub.twilio.inbound(PHONE, word)
    assert await opted_out(hub)
