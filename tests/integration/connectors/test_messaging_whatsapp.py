"""WhatsApp: one person under a number, an id, or both; the day in which anything may be said; what a message answers."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.channels.model import FilledTemplate
from hub.conversations import store
from hub.core.errors import Conflict
from hub.demo.twilio.content import OURS
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.messaging import PHONE, shown, worker, write

ID = "US.4566abCdeF"
SENDER = "+15550100100"
VIEWER: dict[str, Any] = {"viewer": 1, "sees_all": True, "queues": [], "offered": []}


@pytest.fixture
async def wa(hub: Hub) -> Hub:
    twilio = hub.twilio
    await hub.account(
        "wa",
        "twilio",
        "whatsapp",
        SENDER,
        account_sid=twilio.account_sid,
        auth_token=twilio.auth_token,
        api_base=twilio.url,
    )
    twilio.messaging.hooks["whatsapp"] = f"{hub.url}/hooks/twilio/wa/whatsapp"
    hub.forget_accounts()
    return hub


async def says(hub: Hub, text: str, sender: str = PHONE, *, bsuid: str | None = None, **more: str) -> str:
    extra = {"ExternalUserId": f"whatsapp:{bsuid}"} if bsuid else {}
    message, status = await hub.twilio.inbound(f"whatsapp:{sender}", text, **extra, **more)
    assert status == 200
    return message.sid


async def people(hub: Hub) -> list[tuple[str, str | None]]:
    rows = await hub.db.dicts("select value, number from address where kind = 'whatsapp' order by id")
    return [(row["value"], row["number"]) for row in rows]


async def contacts(hub: Hub) -> list[int]:
    rows = await hub.db.dicts("select contact_id from interaction where direction = 'in' order by id")
    return [row["contact_id"] for row in rows]


async def test_somebody_known_by_number_is_the_same_when_the_id_is_told(wa: Hub) -> None:
    await says(wa, "by number alone")
    await says(wa, "with both", bsuid=ID)
    await says(wa, "by id alone", ID, bsuid=ID)
    await says(wa, "by number again")
    assert len(set(await contacts(wa))) == 1
    assert await people(wa) == [(ID, PHONE)]
    assert await wa.value("select count(*) from conversation") == 1


async def test_somebody_without_a_number_is_answered_under_their_id(wa: Hub) -> None:
    await says(wa, "Hello", ID, bsuid=ID)
    assert await people(wa) == [(ID, None)]
    number = await write(wa, "Hello to you")
    await worker(wa).drain()
    assert (await shown(wa, number))[0] in ("sent", "delivered", "read")
    [sent] = [m for m in wa.twilio.messaging.messages.values() if m.direction == "outbound-api"]
    assert sent.to == f"whatsapp:{ID}"


async def test_a_new_number_under_a_known_id_is_the_same_person(wa: Hub) -> None:
    await says(wa, "old number", bsuid=ID)
    await says(wa, "new number", "+14155550102", bsuid=ID)
    assert await people(wa) == [(ID, "+14155550102")]
    assert len(set(await contacts(wa))) == 1


async def test_a_number_that_went_to_somebody_else_is_somebody_else(wa: Hub) -> None:
    await says(wa, "first owner", bsuid=ID)
    await says(wa, "second owner", bsuid="US.other")
    assert await people(wa) == [(ID, None), ("US.other", PHONE)]
    assert len(set(await contacts(wa))) == 2


async def test_after_a_day_only_a_template_is_sent(wa: Hub) -> None:
    await says(wa, "Hello")
    await write(wa, "within the day")
    await wa.db.execute("update interaction set at = at - interval '25 hours'")
    with pytest.raises(Conflict, match="approved template"):
        await write(wa, "too late")
    sid, content = next((s, c) for s, c in OURS.items() if "{{1}}" in c.body)
    variables = {k: f"v{k}" for k in content.variables}
    text = content.body
    for key, value in variables.items():
        text = text.replace("{{" + key + "}}", value)
    number = await write(wa, text, template=FilledTemplate(sid, variables))
    await worker(wa).drain()
    sent = [m for m in wa.twilio.messaging.messages.values() if m.direction == "outbound-api"]
    assert [(m.content_sid, m.body) for m in sent if m.content_sid] == [(sid, text)]
    assert (await shown(wa, number))[0] in ("sent", "delivered", "read")


async def test_a_window_that_the_provider_closed_first_says_what_to_do(wa: Hub) -> None:
    await says(wa, "Hello")
    wa.twilio.outcomes[f"whatsapp:{PHONE}"] = ("undelivered", 63016)
    number = await write(wa, "a second too late")
    await worker(wa).drain()
    await wa.twilio.messaging.wire.settled()
    status, words = await shown(wa, number)
    assert status == "failed"
    assert "template" in (words or "")


async def test_what_a_message_answers_and_where_it_was_sent_from_is_shown(wa: Hub) -> None:
    first = await says(wa, "Which lamp?")
    await says(wa, "", Latitude="48.85", Longitude="2.29", Label="Tower")
    await says(wa, "That one", OriginalRepliedMessageSid=first, Forwarded="true")
    await says(wa, "Yes", ButtonText="Yes", ButtonPayload="yes-1")
    found: dict[str, Any] = await store.conversation(wa.db, 1, VIEWER)
    facts = [i["message"] for i in found["interactions"] if i["message"]]
    assert facts[1]["location"] == {"latitude": "48.85", "longitude": "2.29", "label": "Tower"}
    assert "Tower" in found["interactions"][1]["text"]
    assert (facts[2]["quoted"]["text"], facts[2]["forwarded"]) == ("Which lamp?", True)
    assert facts[3]["button"] == "Yes"
    [way] = [w for w in found["reply_channels"] if w["channel"] == "whatsapp"]
    assert way["templates"]
    assert way["window_ends"] is not None


async def _resolved(wa: Hub, conversation: int, days: int) -> None:
    await wa.db.execute(
        "update conversation set status = 'resolved', resolved_at = now() - make_interval(days => %s) where id = %s",
        [days, conversation],
    )
    await wa.db.execute(
        "update queue_entry set state = 'closed', closed_at = now() where conversation_id = %s", [conversation]
    )


async def test_a_quoted_old_message_stays_in_the_conversation_that_goes_on(wa: Hub) -> None:
    old = await says(wa, "Which lamp fits?")
    await _resolved(wa, 1, 3)
    await says(wa, "A new question")
    assert await wa.value("select count(*) from conversation") == 2
    await says(wa, "This one, I meant", OriginalRepliedMessageSid=old)
    assert await wa.value("select conversation_id from interaction order by id desc limit 1") == 2
    assert await wa.value("select status from conversation where id = 1") == "resolved"
    assert await wa.value("select conversation_id from thread") == 2
    found: dict[str, Any] = await store.conversation(wa.db, 2, VIEWER)
    quoted = found["interactions"][-1]["message"]["quoted"]
    assert (quoted["text"], quoted["conversation_id"]) == ("Which lamp fits?", 1)


@pytest.mark.parametrize(("days", "conversation"), [(3, 1), (20, 2)])
async def test_a_quoted_old_message_reopens_its_conversation_when_none_goes_on(
    wa: Hub, days: int, conversation: int
) -> None:
    old = await says(wa, "Which lamp fits?")
    await _resolved(wa, 1, days)
    await says(wa, "About this again", OriginalRepliedMessageSid=old)
    assert await wa.value("select conversation_id from interaction order by id desc limit 1") == conversation
    assert await wa.value("select status from conversation where id = %s", conversation) == "open"


@pytest.mark.parametrize("first", [0, 1])
async def test_a_quote_is_not_torn_from_the_message_beside_it_when_both_come_at_once(wa: Hub, first: int) -> None:
    old = await says(wa, "Which lamp fits?")
    await _resolved(wa, 1, 3)
    account = await wa.of("wa")

    def form(sid: str, text: str, **more: str) -> bytes:
        fields = {"MessageSid": sid, "From": f"whatsapp:{PHONE}", "To": f"whatsapp:{SENDER}", "Body": text, **more}
        return urlencode(fields).encode()

    both = [form("SM" + "1" * 32, "New"), form("SM" + "2" * 32, "This one", OriginalRepliedMessageSid=old)]
    kind = "application/x-www-form-urlencoded"
    await asyncio.gather(
        *(wa.intake.message(wa.sms.translate(account, raw, kind, {})) for raw in (both[first], both[1 - first]))
    )
    # Whichever is stored first decides: a quote opens its conversation again, anything else begins one.
    assert await wa.value("select array_agg(conversation_id order by id) from interaction") in ([1, 2, 2], [1, 1, 1])


async def test_stop_of_a_stranger_is_nobodys_work(wa: Hub) -> None:
    await says(wa, "退订")
    assert await wa.value("select count(*) from queue_entry where state <> 'closed'") == 0
    assert await wa.value("select status from conversation") == "resolved"
    assert await wa.value("select opted_out_at is not null from address where kind = 'whatsapp'")
