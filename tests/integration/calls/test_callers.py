"""Who calls: the customer of a number, somebody at a line of their own, or nobody that can be told from another."""

from __future__ import annotations

from typing import Any

import pytest

from hub.calls import actions
from hub.contacts import store as contacts
from hub.core import events
from hub.core.errors import HubError
from tests.integration.calls.stage import CALLER, Stage, eventually
from tests.integration.calls.webhook_delivery import Open, record

once = pytest.mark.parametrize("open_stage", ["once"], indirect=True)


async def people(scene: Stage) -> list[tuple[str, str, str]]:
    """Each address with its contact's name, in order."""
    rows = await scene.core.db.dicts(
        "select a.kind, a.value, c.name from address a join contact c on c.id = a.contact_id order by a.id"
    )
    return [(row["kind"], row["value"], row["name"]) for row in rows]


async def rings_off(scene: Stage, sender: str, number: str) -> None:
    """Somebody calls and hangs up while waiting."""
    caller = scene.calls(sender)
    await scene.in_state("queued", number=number)
    caller.hang_up()
    await scene.settled()


@once
@pytest.mark.parametrize("sender", ["+266696687", "anonymous", "+86282452253", "sip:anonymous@anonymous.invalid"])
async def test_each_call_stands_by_itself_when_the_number_is_withheld(open_stage: Open, sender: str) -> None:
    async with open_stage() as scene:
        for _ in range(2):
            await rings_off(scene, sender, "")
        found = await people(scene)
        assert [(kind, name) for kind, _, name in found] == [("visitor", "Number withheld")] * 2
        assert await scene.core.db.value("select count(*) from conversation") == 2
        account = await scene.account()
        with pytest.raises(HubError):
            await scene.does(actions.dial, account, 1, sender)
        assert await scene.core.db.value("select count(*) from outbound") == 0


@once
async def test_a_sip_caller_is_the_customer_when_the_address_is_a_number(open_stage: Open) -> None:
    async with open_stage() as scene:
        async with events.unit(scene.core.db, scene.core.feed) as unit:
            known = await contacts.find_or_add(unit, contacts.AddressKind.WHATSAPP, CALLER)
        await rings_off(scene, f"sip:{CALLER}@pbx.example:5060;transport=tls", CALLER)
        await rings_off(scene, CALLER, CALLER)
        assert await scene.core.db.dicts("select distinct contact_id from conversation") == [
            {"contact_id": known.contact_id}
        ]


@once
async def test_a_sip_caller_is_always_the_same_when_the_address_is_a_name(open_stage: Open) -> None:
    async with open_stage() as scene:
        for sender in ("sip:alice@PBX.example", "sips:alice@pbx.example;transport=tls", "sip:bob@pbx.example"):
            await rings_off(scene, sender, sender.split(";")[0].replace("sips", "sip").replace("PBX", "pbx"))
        assert await people(scene) == [
            ("visitor", "sip:alice@pbx.example", "alice@pbx.example"),
            ("visitor", "sip:bob@pbx.example", "bob@pbx.example"),
        ]


@once
async def test_a_call_ends_in_the_right_record_when_the_number_is_withheld(open_stage: Open) -> None:
    async with open_stage() as scene:
        caller = scene.calls("anonymous")
        await scene.in_state("queued", number="")
        caller.hang_up()
        assert (await record(scene, ""))["outcome"] == "abandoned"


@once
@pytest.mark.parametrize(
    ("sender", "flow", "offered"),
    [
        (CALLER, {}, True),
        (f"sip:{CALLER}@pbx.example", {}, True),
        ("anonymous", {}, False),
        ("+266696687", {"dial_codes": ["266"]}, False),
        ("sip:alice@pbx.example", {}, False),
        ("+4930123456", {}, False),
        ("+4930123456", {"dial_codes": ["49"]}, True),
        ("+19005550100", {}, False),  # premium
        (CALLER, {"callback": False}, False),
    ],
)
async def test_star_is_spoken_of_when_it_does_something(
    open_stage: Open, sender: str, flow: dict[str, Any], offered: bool
) -> None:
    async with open_stage(flow=flow) as scene:
        caller = scene.calls(sender)

        async def heard() -> bool:
            return any("number 1 in the queue" in said for said in caller.played)

        await eventually(heard)
        await scene.talk(5)
        assert any("Press star" in said for said in caller.played) == offered
        caller.press("*")
        await scene.talk(20)
        kept = await scene.core.db.value("select count(*) from callback")
        assert kept == int(offered)
        assert caller.over == offered
        caller.hang_up()


@once
async def test_star_is_not_spoken_of_when_a_callback_is_promised_already(open_stage: Open) -> None:
    async with open_stage() as scene:
        first = scene.calls()
        await scene.in_state("queued")
        await scene.talk(5)
        first.press("*")

        async def promised() -> bool:
            return bool(await scene.core.db.value("select count(*) from callback"))

        await eventually(promised)
        again = scene.calls()

        async def heard() -> bool:
            return any("in the queue" in said for said in again.played)

        await eventually(heard)
        await scene.talk(5)
        assert not any("Press star" in said for said in again.played)
        again.hang_up()
