"""Ratings by reply: only a bare score is one; it is nobody's work unless it is low, and everything else reaches a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.channels.model import AddressKind, Inbound
from hub.reports.buckets import count_next
from tests.support.app import Agent, App
from workers.followups import run_due

PHONE = "+14155550177"


async def follow(app: App, hours: float = 0) -> None:
    """What follows by itself, up to a time."""
    db = app.core.db
    while await plan_next(db):
        pass
    if hours:
        await db.execute(
            "update follow_up set due_at = due_at - %s where state = 'scheduled'", [timedelta(hours=hours)]
        )
    await note_late(db)
    await run_due(app.core)
    while await plan_next(db):
        pass


async def asked(app: App, agent: Agent, text: str = "Done.", *, mail: bool = False) -> int:
    """A conversation that was answered and resolved, and whose customer was asked how it was."""
    await plan_next(app.core.db)  # the reader begins here
    number = await (app.mail() if mail else app.sms(sender=PHONE))
    await agent.post(f"/conversations/{number}/pull")
    await agent.post(f"/conversations/{number}/replies", {"client_id": "a", "text": text}, status=201)
    await agent.post(f"/conversations/{number}/resolve")
    await app.core.db.execute("update queue_entry set wrap_up_until = now() where state = 'wrapping'")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now() where state = 'wrapping'")
    await follow(app, hours=1)
    assert await questions(app, number) == 1
    return number


async def questions(app: App, number: int) -> int:
    query = "select count(*) from follow_up where conversation_id = %s and kind = 'satisfaction' and state = 'fired'"
    return int(await app.core.db.value(query, [number]))


async def ratings(app: App) -> list[dict[str, Any]]:
    return await app.core.db.dicts("select conversation_id, agent_id, score, comment from rating")


async def state(app: App, number: int) -> tuple[str, str | None, bool]:
    """(status, state of the live entry, whether the customer waits)."""
    [row] = await app.core.db.dicts(
        "select v.status, e.state, v.waiting_since is not null as waits from conversation v "
        "left join queue_entry e on e.conversation_id = v.id and e.state <> 'closed' where v.id = %s",
        [number],
    )
    return row["status"], row["state"], row["waits"]


async def numbers(app: App) -> list[dict[str, Any]]:
    while await count_next(app.core.db):
        pass
    return await app.core.db.dicts("select * from stat_bucket order by queue_id, channel, at")


async def whatsapp(app: App, text: str, **meta: Any) -> int:
    account = next(a for a in await app.context.intake.accounts("twilio") if a.channel == "whatsapp")
    app.ids["w"] = app.ids.get("w", 0) + 1
    inbound = Inbound(
        account.id, f"WA{app.ids['w']}", b"x", "text/plain", AddressKind.WHATSAPP, PHONE, text, meta=meta,
        external_id=f"WA{app.ids['w']}",
    )  # fmt: skip
    done = await app.context.intake.message(inbound)
    assert done.conversation_id
    return done.conversation_id


@pytest.mark.parametrize(("text", "score"), [("5", 5), ("4!", 4), ("3/5", 3), ("★★★★★", 5)])
async def test_good_score_is_recorded_and_opens_nothing(app: App, text: str, score: int) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy)
    before = await numbers(app)
    assert await app.sms(text, sender=PHONE) == number
    assert await state(app, number) == ("resolved", None, False)
    await follow(app)
    assert await ratings(app) == [{"conversation_id": number, "agent_id": amy.id, "score": score, "comment": ""}]
    assert await state(app, number) == ("resolved", None, False)
    assert await numbers(app) == before
    shown = (await amy.get(f"/conversations/{number}"))["interactions"][-1]
    assert (shown["text"], shown["automatic"], shown["direction"]) == (text, False, "in")


async def test_good_score_by_mail_is_recorded_and_opens_nothing(app: App) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy, mail=True)
    before = await numbers(app)
    question = await app.core.db.value("select max(external_id) from interaction where automatic and direction = 'out'")
    assert await app.mail("5", references=(question,)) == number
    await follow(app)
    assert [r["score"] for r in await ratings(app)] == [5]
    assert await state(app, number) == ("resolved", None, False)
    assert await numbers(app) == before


@pytest.mark.parametrize(
    "text",
    ["2:30 pm works", "5.99 was charged twice", "4, but where is my invoice?", "4 - quick", "5?", "3\nWhere is it?"],
)
async def test_answer_that_says_more_than_a_score_reaches_a_person(app: App, text: str) -> None:
    number = await asked(app, await app.agent("amy"))
    assert await app.sms(text, sender=PHONE) == number
    await follow(app)
    assert await ratings(app) == []
    assert await state(app, number) == ("open", "waiting", True)


@pytest.mark.parametrize("text", ["1", "2/5"])
async def test_low_score_is_recorded_and_waits_for_a_person_with_a_note(app: App, text: str) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy)
    assert await app.sms(text, sender=PHONE) == number
    await follow(app)
    assert [(r["score"], r["agent_id"]) for r in await ratings(app)] == [(int(text[0]), amy.id)]
    assert await state(app, number) == ("open", "waiting", True)
    notes = [i["text"] for i in (await amy.get(f"/conversations/{number}"))["interactions"] if i["kind"] == "note"]
    assert notes == [f"The customer rated our help {text[0]} of 5 and is not content."]


async def test_score_is_no_rating_when_one_of_us_has_written_since_the_question(app: App) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy)
    await amy.post(f"/conversations/{number}/reopen")
    await amy.post(f"/conversations/{number}/replies", {"client_id": "b", "text": "How many lamps?"}, status=201)
    await app.sms("4", sender=PHONE)
    await follow(app)
    assert await ratings(app) == []
    assert (await state(app, number))[2]
    await amy.post(f"/conversations/{number}/resolve")
    await app.sms("5", sender=PHONE)
    await follow(app)
    assert await ratings(app) == []
    assert (await state(app, number))[0] == "open"


async def test_score_is_recorded_and_closes_nothing_when_the_customer_wrote_before_it(app: App) -> None:
    number = await asked(app, await app.agent("amy"))
    await app.sms("Thanks! And the invoice?", sender=PHONE)
    await app.sms("5", sender=PHONE)
    await follow(app)
    assert [r["score"] for r in await ratings(app)] == [5]
    assert await state(app, number) == ("open", "waiting", True)


async def test_last_score_counts_when_a_customer_gives_two(app: App) -> None:
    number = await asked(app, await app.agent("amy"))
    await app.sms("3", sender=PHONE)
    await app.sms("5", sender=PHONE, key="twice")
    await app.sms("5", sender=PHONE, key="twice")
    await follow(app)
    await follow(app)
    assert [r["score"] for r in await ratings(app)] == [5]
    assert await state(app, number) == ("resolved", None, False)
    assert await app.core.db.value("select count(*) from event where kind = 'conversation.rated'") == 2


async def test_score_days_later_is_the_answer_to_the_question_and_no_new_matter(app: App) -> None:
    number = await asked(app, await app.agent("amy"))
    await app.core.db.execute("update conversation set resolved_at = now() - interval '5 days'")
    await app.core.db.execute("update follow_up set ended_at = now() - interval '5 days' where state = 'fired'")
    assert await app.sms("5", sender=PHONE) == number
    await follow(app)
    assert [r["score"] for r in await ratings(app)] == [5]
    await app.core.db.execute("update follow_up set ended_at = now() - interval '15 days' where state = 'fired'")
    other = await app.sms("4", sender=PHONE)
    assert other != number
    assert await state(app, other) == ("open", "waiting", True)


async def test_number_is_a_message_when_nothing_was_asked(app: App) -> None:
    number = await app.sms("5", sender=PHONE)
    await follow(app)
    assert await state(app, number) == ("open", "waiting", True)
    assert await ratings(app) == []


async def test_rating_is_of_whoever_answered_last_whoever_has_it_now(app: App) -> None:
    amy, eva = await app.agent("amy"), await app.agent("eva")
    number = await asked(app, amy)
    await app.core.db.execute("update conversation set agent_id = %s where id = %s", [eva.id, number])
    await app.sms("5", sender=PHONE)
    await follow(app)
    assert [r["agent_id"] for r in await ratings(app)] == [amy.id]


# -- asking ------------------------------------------------------------------------------------------------------
async def test_question_is_asked_once_however_often_a_matter_is_resolved(app: App) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy)
    for again in ("b", "c"):
        await app.sms("One more thing", sender=PHONE)
        await amy.post(f"/conversations/{number}/replies", {"client_id": again, "text": "Here"}, status=201)
        await amy.post(f"/conversations/{number}/resolve")
        await follow(app, hours=1)
    assert await questions(app, number) == 1


async def test_question_is_asked_once_when_two_were_planned(app: App) -> None:
    amy = await app.agent("amy")
    number = await asked(app, amy)
    await app.core.db.execute(
        "insert into follow_up (key, kind, conversation_id, due_at, stops_on_reply) "
        "values ('again', 'satisfaction', %s, now(), false)",
        [number],
    )
    await follow(app)
    assert await questions(app, number) == 1


async def test_question_is_not_asked_when_the_matter_closed_by_itself(app: App) -> None:
    amy = await app.agent("amy")
    await plan_next(app.core.db)
    number = await app.sms(sender=PHONE)
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "Done"}, status=201)
    for _ in range(3):
        await follow(app, hours=80)
    assert (await state(app, number))[0] == "resolved"
    await follow(app, hours=80)
    assert await questions(app, number) == 0


async def test_question_is_not_asked_when_the_customer_wants_no_automatic_mail(app: App) -> None:
    amy = await app.agent("amy")
    await plan_next(app.core.db)
    number = await app.mail(meta={"no_auto_answer": True})
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "Done"}, status=201)
    await amy.post(f"/conversations/{number}/resolve")
    await follow(app, hours=1)
    assert await questions(app, number) == 0


async def test_question_by_mail_has_a_link_and_by_text_message_asks_for_a_number(app: App) -> None:
    amy = await app.agent("amy")
    asking = "select text from interaction where conversation_id = %s and automatic and direction = 'out'"
    by_mail = await asked(app, amy, mail=True)
    assert (await app.core.db.value(asking, [by_mail])).endswith("Tell us here:\n[Survey link sent]")
    sent = "select payload ->> 'text' from outbound o join interaction i on i.id = o.interaction_id where i.automatic and o.conversation_id = %s"
    assert f"{app.core.public_url}/rate/" in await app.core.db.value(sent, [by_mail])
    said = await app.core.db.value(asking, [await asked(app, amy)])
    assert "/rate/" not in said
    assert "number from 1" in said


# -- reactions ---------------------------------------------------------------------------------------------------
async def test_reaction_is_kept_and_shown_and_does_nothing_else(app: App) -> None:
    amy = await app.agent("amy")
    number = await whatsapp(app, "Where is my lamp?")
    await amy.post(f"/conversations/{number}/pull")
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "On its way"}, status=201)
    await plan_next(app.core.db)
    assert await whatsapp(app, "❤️", reaction=True, replied_to="WA1") == number
    assert await state(app, number) == ("open", "assigned", False)  # no clock starts
    await amy.post(f"/conversations/{number}/resolve")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now() where state = 'wrapping'")
    before = await numbers(app)
    await app.core.db.execute("update conversation set resolved_at = now() - interval '3 days'")
    for text, meta in (("👎", {"reaction": True}), ("👍", {})):
        assert await whatsapp(app, text, **meta) == number
        assert await state(app, number) == ("resolved", None, False)
    assert await numbers(app) == before
    shown = (await amy.get(f"/conversations/{number}"))["interactions"]
    assert [i["text"] for i in shown][-2:] == ["👎", "👍"]
    await follow(app)
    assert await app.core.db.value("select count(*) from follow_up where kind = 'missed_reply'") == 0


async def test_friendly_sign_is_an_answer_while_the_matter_is_open(app: App) -> None:
    amy = await app.agent("amy")
    await amy.call("PUT", "/me/presence", {"state": "available"})
    number = await app.sms(sender=PHONE)
    await amy.post(f"/conversations/{number}/pull")
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "Shall I send it?"}, status=201)
    assert await app.sms("👍", sender=PHONE) == number
    assert await state(app, number) == ("open", "assigned", True)


async def test_reaction_leaves_a_reminder_standing_and_stops_no_clock(app: App) -> None:
    amy = await app.agent("amy")
    await plan_next(app.core.db)
    number = await whatsapp(app, "Where is my lamp?")
    await amy.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "Shall I send it?"}, status=201)
    await follow(app)
    await whatsapp(app, "👍", reaction=True)
    await follow(app)
    planned = "select state from follow_up where kind = 'reminder' and conversation_id = %s"
    assert await app.core.db.value(planned, [number]) == "scheduled"
