"""Customers and conversations are found by what is known of them, and only by who may see them."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from hub.core.db import Database
from hub.demo.history import fill
from hub.search.index import index_next, index_people
from tests.support.app import Agent, App


async def _indexed(db: Database) -> None:
    while await index_next(db) or await index_people(db):
        pass


async def _conversations(agent: Agent, q: str, **query: object) -> list[int]:
    more = "".join(f"&{key}={value}" for key, value in query.items())
    return [item["id"] for item in (await agent.get(f"/conversations?q={quote(q)}{more}"))["items"]]


async def _contacts(agent: Agent, q: str) -> list[int]:
    return [item["id"] for item in (await agent.get(f"/contacts?q={quote(q)}"))["items"]]


@pytest.mark.parametrize(
    "q",
    ["münchen", "MUNCHEN lampe", "ana.costa@customer.example", "Costa", "customer.example", '"Ana" <ana.costa@customer.example>', "开发票", "LO-10482"],
)  # fmt: skip
async def test_a_conversation_is_found_by_what_was_said_and_by_whom(app: App, q: str) -> None:
    other = await app.mail("Something else", sender="bob@other.example")
    wanted = await app.mail("Die Lampe für München, LO-10482. 我要开发票，谢谢", sender="ana.costa@customer.example")
    await app.mail("And again", sender="eve@else.example")
    await _indexed(app.core.db)
    admin = await app.agent("admin")
    assert await _conversations(admin, q) == [wanted]
    assert await _conversations(admin, f"#{other}") == [other]
    assert await _conversations(admin, "nothing of this") == []
    assert await _conversations(admin, " - ") == []


async def test_an_earlier_message_and_a_note_are_found_too(app: App) -> None:
    conversation = await app.sms("The chandelier is broken", sender="+14155550123")
    await app.sms("Hello?", sender="+14155550123")
    admin = await app.agent("admin")
    await admin.post(f"/conversations/{conversation}/notes", {"client_id": "n1", "text": "Refund was promised by Hugo"})
    await _indexed(app.core.db)
    for q in ("chandelier", "hugo refund", "(415) 555-0123", "5550123"):
        assert await _conversations(admin, q) == [conversation], q
    [contact] = await _contacts(admin, "415 555 0123")
    assert (await admin.get(f"/contacts/{contact}"))["addresses"][0]["value"] == "+14155550123"


async def test_nobody_finds_what_they_may_not_see(app: App) -> None:
    conversation = await app.sms("A secret chandelier", sender="+14155550123")  # of customer care
    await _indexed(app.core.db)
    chiara, amy = await app.agent("chiara"), await app.agent("amy")
    for q in ("chandelier", "+14155550123", f"#{conversation}"):
        assert await _conversations(chiara, q) == []
        assert await _conversations(amy, q) == [conversation]


async def test_a_search_is_narrowed_as_a_list_is(app: App) -> None:
    sms = await app.sms("The chandelier", sender="+14155550123")
    mail = await app.mail("The chandelier", sender="ana@customer.example")
    await _indexed(app.core.db)
    admin = await app.agent("admin")
    assert await _conversations(admin, "chandelier") == [mail, sms]
    assert await _conversations(admin, "chandelier", channel="sms") == [sms]
    assert await _conversations(admin, "chandelier", view="resolved") == []
    assert await _conversations(admin, "chandelier", view="waiting") == [mail, sms]


async def test_a_person_is_found_by_every_name_and_address_and_by_new_ones(app: App) -> None:
    await app.mail("Hello", sender="ana.costa@customer.example")
    await _indexed(app.core.db)
    amy = await app.agent("amy")
    [contact] = await _contacts(amy, "ana.costa@customer.example")
    await amy.call("PATCH", f"/contacts/{contact}", {"name": "José Ångström"})
    await amy.post(f"/contacts/{contact}/addresses", {"kind": "phone", "value": "+442079460958"})
    await _indexed(app.core.db)
    for q in ("jose", "ANGSTROM josé", "ang", "costa", "020 7946 0958", f"#{contact}"):
        assert await _contacts(amy, q) == [contact], q
    assert await _contacts(amy, "strom") == []  # a word's beginning is looked for, not its middle


async def test_linked_people_are_found_as_one_and_apart_again(app: App) -> None:
    await app.mail("Hello", sender="ana@customer.example")
    await app.mail("Hello", sender="costa@other.example")
    await _indexed(app.core.db)
    admin = await app.agent("admin")
    [one], [two] = await _contacts(admin, "ana@customer.example"), await _contacts(admin, "costa@other.example")
    linked = await admin.post(f"/contacts/{one}/link", {"contact_id": two})
    await _indexed(app.core.db)
    assert (
        await _contacts(admin, "ana@customer.example")
        == await _contacts(admin, "costa@other.example")
        == [linked["id"]]
    )
    await admin.call("DELETE", f"/contacts/{linked['id']}/links/{linked['linked'][0]['link_id']}")
    await _indexed(app.core.db)
    assert await _contacts(admin, "ana@customer.example") == [one]
    assert await _contacts(admin, "costa@other.example") == [two]


async def test_what_was_here_before_is_found_page_by_page_without_repeats(app: App) -> None:
    db = app.core.db
    await fill(db, conversations=200, interactions=900, report=lambda _: None)
    await _indexed(db)
    admin = await app.agent("admin")
    assert await db.value("select count(*) from search_contact") == 200
    found: list[int] = []
    cursor = ""
    while True:
        page = await admin.get(f"/conversations?q=lamp&limit=7{cursor}")
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={quote(page['next_cursor'])}"
    expected = await db.dicts(
        "select distinct conversation_id as id from interaction where text ~* '\\ml[aá]mp' or subject ~* '\\ml[aá]mp'"
    )
    assert len(found) == len(set(found)) > 20
    assert set(found) == {row["id"] for row in expected}
