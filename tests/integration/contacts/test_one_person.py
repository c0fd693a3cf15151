"""One person for a number: in two spellings, on two channels, at one instant, by voice, by hand, by a provider's id."""

from __future__ import annotations

import asyncio

import pytest

from hub.channels.model import AddressKind
from hub.contacts import linking, store
from hub.core import events
from hub.core.errors import Conflict
from hub.messages.intake import Intake
from tests.integration.connectors.harness import Hub
from tests.integration.connectors.messaging import core, shown, worker, write
from tests.support.app import App

PHONE = "+14155550101"
SPELLINGS = [
    ("+5215512345678", "+525512345678"),
    ("+551187654321", "+5511987654321"),
    ("+5491123456789", "+541123456789"),
    ("+22997123456", "+2290197123456"),
]


async def says(hub: Hub, sender: str, text: str = "Hello", **more: str) -> None:
    _, status = await hub.twilio.inbound(sender, text, **more)
    assert status == 200


async def people(hub: Hub) -> int:
    """How many people there are, linked records counted once."""
    return await hub.value("select count(distinct root_id) from contact")


async def by_hand(hub: Hub, kind: AddressKind, value: str) -> store.Found:
    async with events.unit(hub.db, hub.feed) as unit:
        return await store.find_or_add(unit, kind, value)


@pytest.mark.parametrize(("reported", "written"), SPELLINGS)
async def test_one_person_when_whatsapp_reports_another_spelling_than_people_write(
    both: Hub, reported: str, written: str
) -> None:
    hub = both
    made = await by_hand(hub, AddressKind.WHATSAPP, written)
    await says(hub, f"whatsapp:{reported}", "Hola")
    await says(hub, written, "por SMS")
    assert (await by_hand(hub, AddressKind.WHATSAPP, reported)).id == made.id
    assert (await by_hand(hub, AddressKind.PHONE, reported)).contact_id == made.contact_id
    assert await people(hub) == 1
    assert await hub.value("select count(*) from address") == 2


@pytest.mark.parametrize(("reported", "written"), SPELLINGS)
async def test_an_answer_goes_to_the_number_that_the_provider_reported(both: Hub, reported: str, written: str) -> None:
    hub = both
    await by_hand(hub, AddressKind.WHATSAPP, written)
    await says(hub, f"whatsapp:{reported}", "Hola")
    number = await write(hub, "Buenas")
    await worker(hub).drain()
    [sent] = [m for m in hub.twilio.messaging.messages.values() if m.direction == "outbound-api"]
    assert sent.to == f"whatsapp:{reported}"
    assert (await shown(hub, number))[0] in ("sent", "delivered", "read")


@pytest.mark.parametrize("first", ["sms", "whatsapp"])
async def test_one_person_when_a_number_writes_by_sms_and_by_whatsapp(both: Hub, first: str) -> None:
    senders = [PHONE, f"whatsapp:{PHONE}"]
    for sender in senders if first == "sms" else senders[::-1]:
        await says(both, sender)
    assert await people(both) == 1
    assert await both.value("select count(*) from conversation") == 2


async def test_one_person_when_both_channels_bring_a_number_at_the_same_instant(both: Hub) -> None:
    numbers = [f"+141555502{n:02}" for n in range(20)]
    await asyncio.gather(*(says(both, sender) for n in numbers for sender in (n, f"whatsapp:{n}")))
    assert await people(both) == len(numbers)
    assert await both.value("select count(*) from contact") == len(numbers)


async def test_one_person_when_two_processes_take_both_channels_at_once(both: Hub) -> None:
    numbers = [f"+141555503{n:02}" for n in range(20)]
    await asyncio.gather(*(says(both, sender) for n in numbers for sender in (n, f"whatsapp:{n}")))
    taken = [
        (account, key)
        for account, key in [
            (row["account_id"], bytes(row["body"]))
            for row in await both.db.dicts("select account_id, body from raw order by id")
        ]
    ]
    await both.db.execute(
        "truncate raw, interaction, conversation, contact, address, phone_person, thread, queue_entry, event, media cascade"
    )
    processes = [Intake(core(both), both.accounts, both.connectors) for _ in range(4)]
    accounts = await both.accounts.all()
    messages = [
        both.sms.translate(accounts[account], raw, "application/x-www-form-urlencoded", {}) for account, raw in taken
    ]
    await asyncio.gather(*(processes[n % 4].message(one) for n, one in enumerate(messages)))
    for one in processes:
        await one.close()
    assert await both.value("select count(*) from interaction") == 40
    assert await people(both) == len(numbers)


async def test_a_provider_who_tells_an_id_later_meets_the_customer_of_its_number(both: Hub) -> None:
    await says(both, PHONE)
    await says(both, "whatsapp:US.abc", ExternalUserId="whatsapp:US.abc")
    assert await people(both) == 2
    await says(both, f"whatsapp:{PHONE}", ExternalUserId="whatsapp:US.abc")
    assert await people(both) == 1
    assert await both.value("select count(*) from contact_link where undone_at is null and linked_by is null") == 1


async def test_whom_an_agent_took_apart_is_not_joined_again(both: Hub) -> None:
    await says(both, PHONE)
    await says(both, "whatsapp:US.abc", ExternalUserId="whatsapp:US.abc")
    await says(both, f"whatsapp:{PHONE}", ExternalUserId="whatsapp:US.abc")
    link = await both.value("select id from contact_link")
    async with events.unit(both.db, both.feed) as unit:
        await linking.unlink(unit, link, actor_id=None)
    await says(both, "whatsapp:+14155550177", ExternalUserId="whatsapp:US.abc")
    await says(both, f"whatsapp:{PHONE}", ExternalUserId="whatsapp:US.abc")
    assert await people(both) == 2


async def test_a_number_taken_over_by_another_user_is_another_person(both: Hub) -> None:
    await says(both, PHONE)
    await says(both, f"whatsapp:{PHONE}", ExternalUserId="whatsapp:US.first")
    assert await people(both) == 1
    await says(both, f"whatsapp:{PHONE}", ExternalUserId="whatsapp:US.second")
    assert await people(both) == 2


async def test_a_number_given_to_a_contact_by_hand_is_theirs_on_every_channel(both: Hub) -> None:
    made = await by_hand(both, AddressKind.EMAIL, "ana@shop.example")
    async with events.unit(both.db, both.feed) as unit:
        await store.add_address(unit, made.contact_id, AddressKind.PHONE, "+52 1 55 1234 5678", actor_id=1)
    await says(both, "whatsapp:+5215512345678")
    assert await people(both) == 1
    other = await by_hand(both, AddressKind.EMAIL, "eva@shop.example")
    with pytest.raises(Conflict):
        async with events.unit(both.db, both.feed) as unit:
            await store.add_address(unit, other.contact_id, AddressKind.WHATSAPP, "+525512345678", actor_id=1)


async def test_each_wrong_fact_of_a_customer_is_named_and_none_is_kept(app: App) -> None:
    admin = await app.agent("admin")
    number = (await admin.get(f"/conversations/{await app.sms()}"))["contact"]["id"]
    wrong = {"name": "n" * 201, "locale": "x y", "timezone": "Mars/Base"}
    refused = await admin.call("PATCH", f"/contacts/{number}", wrong, status=422)
    assert {one["field"]: one["code"] for one in refused["errors"]} == {
        "name": "too_long", "locale": "format", "timezone": "timezone",
    }  # fmt: skip
    changed = await admin.call("PATCH", f"/contacts/{number}", {"name": "  Ana ", "timezone": "Europe/Berlin"})
    assert (changed["name"], changed["timezone"]) == ("Ana", "Europe/Berlin")
    changed = await admin.call("PATCH", f"/contacts/{number}", {"name": "   ", "timezone": ""})
    assert changed["name"] == ""


@pytest.mark.parametrize("value", ["hello", "+1", "+86696", "+999123456789"])
async def test_wrong_number_is_said_once_and_where_it_was_written(app: App, value: str) -> None:
    amy = await app.agent("amy")
    refused = await amy.call("PUT", "/me/device", {"kind": "phone", "number": value}, status=422)
    assert [one["field"] for one in refused["errors"]] == ["number"]
    assert refused["code"] == "address.phone"
    assert refused["detail"].casefold().count("not a phone number") == 1
