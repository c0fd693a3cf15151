"""Numbers and messages at the API: templates, windows, prices, consent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import FormData
from psycopg.types.json import Jsonb

from hub.channels.accounts import seal
from hub.core.clock import now
from hub.core.secrets import Vault
from hub.messages import tokens
from tests.support.app import Agent, App

LIMITS = {"price_per_segment": 0.0079, "prices": {"+1415": 0.01}, "currency": "USD", "daily_segments": 500}
TEMPLATE = {
    "sid": "HX" + "a" * 32,
    "name": "order_ready",
    "body": "Hello {{1}}, your order {{2}} is ready.",
    "variables": {"1": "Nora", "2": "A-17"},
}


async def account(app: App, channel: str, **settings: Any) -> int:
    """The center's number of that channel with these settings; a new one where it has none."""
    found = await app.core.db.value("select id from account where channel = %s order by id", [channel])
    if found is None:
        sealed = seal(app.core.vault, "wa", {"auth_token": "0" * 32})
        found = await app.core.db.value(
            "insert into account (key, connector, channel, name, address, settings, secrets, queue_id) "
            "select 'wa', connector, %s, 'WhatsApp', address, settings, %s, queue_id from account where channel = 'sms' "
            "limit 1 returning id",
            [channel, sealed],
        )
    await app.core.db.execute("update account set settings = settings || %s where id = %s", [Jsonb(settings), found])
    app.context.accounts._read_at = -9e9
    return int(found)


@pytest.fixture
async def admin(app: App) -> Agent:
    return await app.agent("admin")


async def test_price_of_the_longest_prefix_is_shown_beside_the_number(app: App, admin: Agent) -> None:
    await account(app, "sms", limits=LIMITS)
    number = await app.sms(sender="+14155550100")
    [way] = [w for w in (await admin.get(f"/conversations/{number}"))["reply_channels"] if w["channel"] == "sms"]
    assert (way["price"], way["currency"], way["max_length"], way["templates"]) == (0.01, "USD", 1600, False)


@pytest.mark.parametrize(("sender", "answered"), [("LUMENBANK", False), ("22333", True), ("+14155550100", True)])
async def test_text_from_a_name_offers_no_answer_by_text(app: App, admin: Agent, sender: str, answered: bool) -> None:
    number = await app.sms(sender=sender)
    shown = await admin.get(f"/conversations/{number}")
    assert bool(shown["reply_channels"]) is answered
    await admin.post(
        f"/conversations/{number}/replies", {"client_id": "x", "text": "Hi"}, status=201 if answered else 422
    )


async def test_message_that_is_too_long_is_refused_with_its_length(app: App, admin: Agent) -> None:
    number = await app.sms()
    body = {"client_id": "x", "text": "é" * 1601}
    problem = await admin.post(f"/conversations/{number}/replies", body, status=422)
    assert "1,601" in problem["detail"]
    assert [(e["field"], e["message"], e["code"]) for e in problem["errors"]] == [("text", "too long", "other")]


async def test_numbers_show_what_they_sent_against_their_bounds(app: App, admin: Agent) -> None:
    number = await account(app, "sms", limits={**LIMITS, "messages_per_second": 2, "destinations": ["+1"]})
    await app.core.db.execute("insert into spending values (%s, (now() at time zone 'utc')::date, 7)", [number])
    [shown] = [n for n in (await admin.get("/messaging/accounts"))["items"] if n["account_id"] == number]
    assert (shown["segments_today"], shown["daily_segments"], shown["messages_per_second"]) == (7, 500, 2)
    assert shown["destinations"] == ["+1"]
    assert shown["spent_today"] == pytest.approx(0.0553)
    await (await app.agent("amy")).get("/messaging/accounts", status=403)


async def test_what_a_customer_told_us_is_in_the_ledger_and_holds_at_once(app: App, admin: Agent) -> None:
    number = await app.sms()
    shown = await admin.get(f"/conversations/{number}")
    contact, [address] = shown["contact"]["id"], (await admin.get(f"/contacts/{shown['contact']['id']}"))["addresses"]
    written = await admin.post(f"/conversations/{number}/replies", {"client_id": "a", "text": "On its way."})
    said = {"wanted": False, "detail": "by telephone"}
    await admin.call("PUT", f"/contacts/{contact}/addresses/{address['id']}/consent", said, status=204)
    shown = await admin.get(f"/conversations/{number}")
    assert shown["opted_out"] == [{"channel": "sms", "address": "+14155550100", "address_id": address["id"]}]
    assert [w for w in shown["reply_channels"] if w["channel"] == "sms"] == []
    assert next(i for i in shown["interactions"] if i["id"] == written["id"])["status"] == "failed"
    assert [i["text"] for i in shown["interactions"] if i["kind"] == "system"] == [
        "The customer wants no more messages (by telephone)."
    ]
    await admin.call("PUT", f"/contacts/{contact}/addresses/{address['id']}/consent", {"wanted": True}, status=204)
    ledger = (await admin.get(f"/contacts/{contact}/consent"))["items"]
    assert [(x["wanted"], x["source"], x["detail"]) for x in ledger] == [
        (True, "agent", ""),
        (False, "agent", "by telephone"),
    ]
    assert ledger[0]["agent"]["id"] == admin.id
    assert (await admin.get(f"/contacts/{contact}"))["addresses"][0]["opted_out"] is False
    await admin.call("PUT", f"/contacts/{contact}/addresses/999999/consent", said, status=404)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("5550100", "must begin with +"),
        ("+999123456789", "no country"),
        ("+1415", "too short"),
        ("+4915100000000000000000", "too long"),
        ("hello", "not a phone number"),
    ],
)
async def test_a_number_that_is_none_is_refused_in_plain_words(app: App, admin: Agent, number: str, why: str) -> None:
    start = {"client_id": "n", "channel": "sms", "text": "Hello", "address": {"kind": "phone", "value": number}}
    problem = await admin.post("/conversations", start, status=422)
    assert why in problem["detail"]
    assert "default region" not in problem["detail"]
    assert "+1415555" in problem["remedy"]


async def test_a_file_of_ours_is_given_to_who_has_its_address_for_a_while(app: App, admin: Agent) -> None:
    number = await app.sms()
    form = FormData()
    form.add_field("file", b"%PDF-1.4", filename="планы 计划.pdf", content_type="application/pdf")
    uploaded = await (await app.client.post("/api/v1/uploads", data=form, headers=admin.headers)).json()
    vault = app.core.vault
    token = tokens.file_token(vault, uploaded["id"], now() + timedelta(hours=1))
    assert (await app.client.get(f"/m/{token}")).status == 404  # not sent to anybody yet
    await admin.post(
        f"/conversations/{number}/replies", {"client_id": "f", "text": "", "attachments": [uploaded["id"]]}
    )
    answer = await app.client.get(f"/m/{token}")
    assert (answer.status, answer.content_type, await answer.read()) == (200, "application/pdf", b"%PDF-1.4")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    late = tokens.file_token(vault, uploaded["id"], now() - timedelta(seconds=1))
    other = tokens.file_token(Vault(b"another-key-" * 6), uploaded["id"], now() + timedelta(hours=1))
    for wrong in (late, other, token[:-3] + "AAA", "x", token.upper()):
        assert (await app.client.get(f"/m/{wrong}")).status == 404


async def test_writing_first_on_whatsapp_takes_a_template(app: App, admin: Agent) -> None:
    number = await account(app, "whatsapp", templates=[TEMPLATE], api_base="http://127.0.0.1:1")
    templates = (await admin.get(f"/accounts/{number}/message-templates"))["items"]
    assert [t["body"] for t in templates if t["id"] == TEMPLATE["sid"]] == [TEMPLATE["body"]]
    start = {
        "client_id": "w", "channel": "whatsapp", "text": "Hello", "account_id": number,
        "address": {"kind": "whatsapp", "value": "+14155550177"},
    }  # fmt: skip
    refused = await admin.post("/conversations", start, status=409)
    assert "template" in refused["remedy"].lower()
    filled = {"id": TEMPLATE["sid"], "variables": {"1": "Ana", "2": "B-2"}}
    shown = await admin.post("/conversations", {**start, "text": "", "template": filled}, status=201)
    assert [i["text"] for i in shown["interactions"]] == ["Hello Ana, your order B-2 is ready."]
    assert shown["interactions"][0]["message"]["template"] == TEMPLATE["sid"]
    [payload] = await app.core.db.dicts("select payload from outbound")
    assert payload["payload"]["template"] == filled


async def test_templates_that_cannot_be_listed_say_why(app: App, admin: Agent) -> None:
    number = await account(app, "whatsapp", templates=[], api_base="http://127.0.0.1:1")
    assert await admin.get(f"/accounts/{number}/message-templates") == {
        "items": [],
        "problem": "Twilio does not list the templates.",
    }
    sms = await account(app, "email")
    await admin.get(f"/accounts/{sms}/message-templates", status=404)
    start = {
        "client_id": "w", "channel": "whatsapp", "text": "", "account_id": number, "template": {"id": "HX1", "variables": {}},
        "address": {"kind": "whatsapp", "value": "+14155550177"},
    }  # fmt: skip
    await admin.post("/conversations", start, status=409)
    await admin.post("/conversations", {**start, "account_id": sms}, status=422)


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ({"id": TEMPLATE["sid"], "variables": {"1": "Ana"}}, "template.variables.2"),
        ({"id": TEMPLATE["sid"], "variables": {"1": "Ana", "2": " "}}, "template.variables.2"),
        ({"id": TEMPLATE["sid"], "variables": {"1": "a", "2": "b", "3": "c"}}, "template.variables.3"),
        ({"id": "HXnone", "variables": {}}, "template.id"),
    ],
)
async def test_template_that_does_not_fit_is_refused_by_name(
    app: App, admin: Agent, template: dict[str, Any], field: str
) -> None:
    number = await account(app, "whatsapp", templates=[TEMPLATE], api_base="http://127.0.0.1:1")
    start = {
        "client_id": "w", "channel": "whatsapp", "text": "", "account_id": number, "template": template,
        "address": {"kind": "whatsapp", "value": "+14155550177"},
    }  # fmt: skip
    problem = await admin.post("/conversations", start, status=422)
    assert [f["field"] for f in problem["errors"]] == [field]
    assert await app.core.db.value("select count(*) from outbound") == 0
