"""A client id names one message: again the same is that message, anything else under it is refused and said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.app import App

USED = "This id was used for another message."


async def count(app: App) -> int:
    return await app.core.db.value("select count(*) from interaction where client_id is not null")


@pytest.mark.parametrize("path", ["replies", "notes"])
async def test_other_words_under_a_used_id_are_refused_when_written_again(app: App, path: str) -> None:
    amy, conversation = await app.agent("amy"), await app.sms()
    url = f"/conversations/{conversation}/{path}"
    first = await amy.post(url, {"client_id": "a", "text": "One."}, status=201)
    assert (await amy.post(url, {"client_id": "a", "text": "One."}, status=200))["id"] == first["id"]
    problem = await amy.post(url, {"client_id": "a", "text": "Two."}, status=409)
    assert problem["detail"] == USED
    assert await count(app) == 1


async def test_a_note_and_a_reply_are_never_one_when_they_share_an_id(app: App) -> None:
    amy, conversation = await app.agent("amy"), await app.sms()
    await amy.post(f"/conversations/{conversation}/notes", {"client_id": "a", "text": "One."}, status=201)
    await amy.post(f"/conversations/{conversation}/replies", {"client_id": "a", "text": "One."}, status=409)


@pytest.mark.parametrize("path", ["replies", "notes"])
async def test_an_id_names_another_message_when_it_is_used_in_another_conversation(app: App, path: str) -> None:
    amy = await app.agent("amy")
    one, other = await app.sms(sender="+14155550101"), await app.sms(sender="+14155550102")
    body = {"client_id": "a", "text": "One."}
    answers = await asyncio.gather(
        *(app.client.post(f"/api/v1/conversations/{n}/{path}", json=body, headers=amy.headers) for n in (one, other))
    )
    assert [a.status for a in answers] == [201, 201]
    assert await count(app) == 2


async def test_other_recipients_or_files_under_a_used_id_are_refused_when_mailed_again(app: App) -> None:
    amy, conversation = await app.agent("amy"), await app.mail()
    url = f"/conversations/{conversation}/replies"
    body: dict[str, Any] = {
        "client_id": "a",
        "text": "We are on it.",
        "cc": ["bob@home.example"],
        "subject": "Re: Lamp",
    }
    first = await amy.post(url, body, status=201)
    for change in (
        {"cc": ["eve@home.example"]},
        {"bcc": ["eve@home.example"]},
        {"subject": "Re: Other"},
        {"text": "We are on it"},
        {"html": "<p>We are on it.</p>"},
        {"channel": "sms"},
        {"account_id": 999},
        {
            "attachments": [
                await app.core.db.value(
                    "insert into attachment (uploaded_by, name, content_type, body) values (1, 'a.txt', 'text/plain', 'x') returning id"
                )
            ]
        },
    ):
        assert (await amy.post(url, {**body, **change}, status=409))["detail"] == USED, change
    for same in ({}, {"cc": ["BOB@home.example", "ana@customer.example"]}, {"channel": "email"}):
        assert (await amy.post(url, {**body, **same}, status=200))["id"] == first["id"]
    assert await count(app) == 1


async def test_other_words_or_people_under_a_used_id_are_refused_when_a_conversation_begins(app: App) -> None:
    amy = await app.agent("amy")
    body: dict[str, Any] = {
        "client_id": "a", "channel": "sms", "text": "Ready.", "address": {"kind": "phone", "value": "+1 415 555 0177"},
    }  # fmt: skip
    first = await amy.post("/conversations", body, status=201)
    same = {**body, "address": {"kind": "phone", "value": "+14155550177"}}
    assert (await amy.post("/conversations", same))["id"] == first["id"]
    by_contact = {**body, "address": None, "contact_id": first["contact"]["id"]}
    assert (await amy.post("/conversations", by_contact))["id"] == first["id"]
    for change in ({"text": "Not ready."}, {"address": {"kind": "phone", "value": "+14155550178"}}):
        assert (await amy.post("/conversations", {**body, **change}, status=409))["detail"] == USED


async def test_a_nul_is_refused_with_its_field_when_it_is_in_a_body(app: App) -> None:
    amy, conversation = await app.agent("amy"), await app.sms()
    for path, body, field in (
        ("replies", {"client_id": "a", "text": "a\x00b"}, "text"),
        ("replies", {"client_id": "a", "text": "a", "cc": ["a@b.example", "x\x00@b.example"]}, "cc.1"),
        ("notes", {"client_id": "a", "text": "\x00"}, "text"),
        ("transfer", {"agent_id": 1, "note": "\x00"}, "note"),
    ):
        problem = await amy.post(f"/conversations/{conversation}/{path}", body, status=422)
        assert [e["field"] for e in problem["errors"]] == [field]
    text = "what JSON writes for it: \\u0000"
    await amy.post(f"/conversations/{conversation}/notes", {"client_id": "b", "text": text}, status=201)


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "2100-01-01T00:00:00Z"])
async def test_a_conversation_is_not_snoozed_when_the_time_is_beyond_a_year(app: App, until: str) -> None:
    amy, conversation = await app.agent("amy"), await app.sms()
    problem = await amy.post(f"/conversations/{conversation}/snooze", {"until": until}, status=422)
    assert problem["errors"] == [
        {"field": "until", "message": "at most 366 days from now", "code": "other", "params": {}}
    ]
