"""One person is asked how it was at most once in a while, whatever they wrote from and however many matters end."""

from __future__ import annotations

import asyncio

from psycopg.types.json import Jsonb

from hub.core.db import fetch_value
from tests.integration.automation.test_ratings import PHONE, follow, questions, whatsapp
from tests.support.app import Agent, App


async def ended(app: App, agent: Agent, number: int) -> int:
    await agent.post(f"/conversations/{number}/pull")
    reply = {"client_id": f"a{number}", "text": "Done."}
    await agent.post(f"/conversations/{number}/replies", reply, status=201)
    await agent.post(f"/conversations/{number}/resolve")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now() where state = 'wrapping'")
    return number


async def sms_ended(app: App, agent: Agent, sender: str = PHONE) -> int:
    """Each a matter of its own."""
    await app.core.db.execute(
        "update conversation set resolved_at = now() - interval '3 days' where status = 'resolved'"
    )
    return await ended(app, agent, await app.sms(sender=sender))


async def asked(app: App, *numbers: int) -> list[int]:
    await follow(app, hours=1)
    return [await questions(app, number) for number in numbers]


async def test_person_is_asked_once_when_several_conversations_end(app: App) -> None:
    amy = await app.agent("amy")
    await follow(app)
    numbers = [await app.mail() for _ in range(3)]
    assert len(set(numbers)) == 3
    for number in numbers:
        await ended(app, amy, number)
    assert sum(await asked(app, *numbers)) == 1
    reasons = await app.core.db.dicts(
        "select reason from follow_up where kind = 'satisfaction' and state = 'cancelled'"
    )
    assert {row["reason"] for row in reasons} == {"the customer was asked of another conversation lately"}
    other = await sms_ended(app, amy, sender="+14155550178")
    assert await asked(app, other) == [1]


async def test_person_is_asked_again_when_the_pause_is_over(app: App) -> None:
    amy, db = await app.agent("amy"), app.core.db
    await follow(app)
    assert await asked(app, await sms_ended(app, amy)) == [1]
    await db.execute("update survey_asked set at = at - interval '6 days 23 hours'")
    assert await asked(app, await sms_ended(app, amy)) == [0]
    await db.execute("update survey_asked set at = at - interval '2 hours'")
    assert await asked(app, await sms_ended(app, amy)) == [1]
    pause = Jsonb({"satisfaction_pause_days": 0})
    await db.execute(
        "insert into meta (key, value) values ('automation', %s)"
        " on conflict (key) do update set value = meta.value || excluded.value",
        [pause],
    )
    assert await asked(app, await sms_ended(app, amy)) == [1]


async def test_person_is_asked_once_across_channels_and_linked_records(app: App) -> None:
    amy, db = await app.agent("amy"), app.core.db
    await follow(app)
    by_text, by_whatsapp, by_mail = await app.sms(sender=PHONE), await whatsapp(app, "Hello?"), await app.mail()
    for number in (by_text, by_whatsapp, by_mail):
        await ended(app, amy, number)
    rows = await db.dicts(
        "select v.id, c.root_id from conversation v join contact c on c.id = v.contact_id where v.id = any(%s)",
        [[by_text, by_mail]],
    )
    roots = {row["id"]: row["root_id"] for row in rows}
    await amy.post(f"/contacts/{roots[by_text]}/link", {"contact_id": roots[by_mail]})
    assert sum(await asked(app, by_text, by_whatsapp, by_mail)) == 1
    assert await db.value("select count(*) from follow_up where reason like '%%of another conversation%%'") == 2


async def test_one_of_many_may_ask_when_all_conversations_end_at_once(app: App) -> None:
    amy = await app.agent("amy")
    numbers = [await sms_ended(app, amy) for _ in range(6)]

    async def claim(number: int) -> bool:
        async with app.core.db.transaction() as conn:
            got = await fetch_value(conn, "select survey_claim(%s)", [number])
            await asyncio.sleep(0.05)
            return bool(got)

    assert sorted(await asyncio.gather(*map(claim, numbers))) == [False] * 5 + [True]


async def test_chat_does_not_ask_whom_a_text_has_asked(app: App) -> None:
    amy, db = await app.agent("amy"), app.core.db
    await follow(app)
    assert await asked(app, await sms_ended(app, amy)) == [1]
    person = await db.value("select contact_id from conversation order by id desc limit 1")
    address = await db.value(
        "insert into address (kind, value, contact_id) values ('visitor', 'v-survey', %s) returning id", [person]
    )
    for days, question in ((0, 0), (8, 1)):
        await db.execute("update survey_asked set at = at - make_interval(days => %s)", [days])
        matter = await db.value(
            "insert into conversation (contact_id, channel, queue_id, first_reply_at) "
            "select %s, 'chat', id, now() from queue limit 1 returning id",
            [person],
        )
        await db.execute(
            "insert into interaction (conversation_id, contact_id, seq, kind, direction, channel, address_id, text)"
            " values (%s, %s, 1, 'message', 'in', 'chat', %s, 'Hello')",
            [matter, person, address],
        )
        await db.value("select last_seq from chat_follow(%s)", [address])
        await db.execute(
            "update conversation set status = 'resolved', resolved_at = now(), resolved_by = %s where id = %s",
            [amy.id, matter],
        )
        await db.value("select last_seq from chat_follow(%s)", [address])
        await db.value("select last_seq from chat_follow(%s)", [address])
        found = await db.value(
            "select count(*) from chat_log where kind = 'rating.ask' and conversation_id = %s", [matter]
        )
        assert found == question
