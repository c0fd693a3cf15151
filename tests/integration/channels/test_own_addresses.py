"""One address of ours stands once, by the API and by `hub apply`, in turn and at once; what is missing is said at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub.channels.registry import load_connectors
from hub.core.errors import ConfigError
from hub.core.service import Core
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.integration.provisioning.test_center import SMALL, applied, file, write
from tests.support.app import Agent, App

__all__ = ["file"]


def body(address: str = "care@hub.example", *, name: str = "Care", **imap: Any) -> dict[str, Any]:
    section = {"host": "127.0.0.1", "port": 1, "tls": "none", "user": "u", **imap}
    return {
        "name": name, "address": address, "settings": {"imap": section}, "secrets": {"imap_password": "p"}
    }  # fmt: skip


async def add(admin: Agent, *, status: int = 201, **more: Any) -> dict[str, Any]:
    return await admin.post("/mailboxes", body(**more), status=status)


@pytest.mark.parametrize("again", ["once@hub.example", "ONCE@Hub.Example", " once@hub.example ", "once@hub.example."])
async def test_second_mailbox_of_an_address_is_refused_and_names_the_first(app: App, again: str) -> None:
    admin = await app.agent("admin")
    first = await add(admin, address="once@hub.example", name="First")
    refused = await add(admin, address=again, status=409)
    assert "'First'" in refused["detail"]
    assert first["key"] in refused["detail"]
    assert "another folder" in refused["remedy"]
    assert [one["id"] for one in (await admin.get("/mailboxes"))["items"] if one["address"] == "once@hub.example"] == [
        first["id"]
    ]
    await admin.call("PATCH", f"/mailboxes/{first['id']}", {"enabled": False})
    refused = await add(admin, address=again, status=409)
    assert "disabled" in refused["detail"]
    assert refused["remedy"].startswith("Enable")


async def test_two_folders_of_one_address_are_two_mailboxes_and_never_become_one(app: App) -> None:
    admin = await app.agent("admin")
    await add(admin, address="two@hub.example")
    second = await add(admin, address="two@hub.example", folder="Tickets")
    await add(admin, address="two@hub.example", folder="inbox", status=409)
    path = f"/mailboxes/{second['id']}"
    imap = {**body(folder="Inbox")["settings"]["imap"]}
    refused = await admin.call("PATCH", path, {"settings": {"imap": imap}}, status=409)
    assert "two@hub.example" in refused["detail"]
    assert (await admin.get(path))["settings"]["imap"]["folder"] == "Tickets"
    await admin.call("PATCH", path, {"name": "Still", "address": "two@hub.example"})


async def test_changed_address_that_is_anothers_is_refused_and_its_own_is_not(app: App) -> None:
    admin = await app.agent("admin")
    await add(admin, address="one@hub.example", name="One")
    other = await add(admin, address="other@hub.example")
    path = f"/mailboxes/{other['id']}"
    refused = await admin.call("PATCH", path, {"address": "One@hub.example", "name": "Lost"}, status=409)
    assert "'One'" in refused["detail"]
    assert (await admin.get(path))["name"] == "Care"
    await admin.call("PATCH", path, {"address": "OTHER@hub.example", "name": "Kept"})


async def test_address_that_is_anothers_is_said_beside_everything_else_that_is_wrong(app: App) -> None:
    admin = await app.agent("admin")

    async def wrong(method: str, path: str, given: dict[str, Any]) -> dict[str, str]:
        refused = await admin.call(method, path, given, status=422)
        return {one["field"]: one["code"] for one in refused["errors"]}

    await add(admin, address="held@hub.example", name="Holder")
    other = await add(admin, address="free@hub.example")
    taken = {"address": "address_taken"}
    path, form = f"/mailboxes/{other['id']}", body(address="Held@hub.example")
    assert await wrong("POST", "/mailboxes", {**form, "name": ""}) == {**taken, "name": "empty"}
    assert await wrong("POST", "/mailboxes", {**form, "queue_id": 999}) == {**taken, "queue_id": "unknown"}
    imap = {"host": "no host", "folder": "INBOX"}
    assert (await wrong("POST", "/mailboxes", body(address="held@hub.example", **imap))).keys() == {
        "address", "settings.imap.host"
    }  # fmt: skip
    elsewhere = body(address="held@hub.example", **{**imap, "folder": "Tickets"})
    assert (await wrong("POST", "/mailboxes", elsewhere)).keys() == {"settings.imap.host"}
    assert await wrong("PATCH", path, {"address": "held@hub.example", "queue_id": 999}) == {
        **taken, "queue_id": "unknown"
    }  # fmt: skip
    assert await wrong("PATCH", path, {"address": "free@hub.example", "queue_id": 999, "name": ""}) == {
        "queue_id": "unknown", "name": "empty"
    }  # fmt: skip
    alone = await admin.call("PATCH", path, {"address": "held@hub.example"}, status=409)
    assert [(one["code"], one["params"]["name"]) for one in alone["errors"]] == [("address_taken", "Holder")]


async def test_addresses_that_stood_twice_before_can_still_be_changed(app: App) -> None:
    admin = await app.agent("admin")
    first, second = await add(admin, address="old@hub.example"), await add(admin, address="older@hub.example")
    await app.core.db.execute("update account set address = 'old@hub.example' where id = %s", [second["id"]])
    for one in (first, second):
        await admin.call("PATCH", f"/mailboxes/{one['id']}", {"signature": "Yours", "enabled": False})


async def test_one_of_many_is_added_when_all_come_at_once(app: App) -> None:
    admin = await app.agent("admin")

    async def attempt(address: str) -> int:
        url = "/api/v1/mailboxes"
        return (await app.client.request("POST", url, json=body(address=address), headers=admin.headers)).status

    spellings = ["race@hub.example", "Race@hub.example", "RACE@HUB.EXAMPLE"] * 3
    assert sorted(await asyncio.gather(*map(attempt, spellings))) == [201] + [409] * 8


TWICE = """
[[account]]
key = "sms-2"
connector = "twilio"
channel = "sms"
name = "Again"
address = "{}"
settings = {{ account_sid = "AC00000000000000000000000000000000", auth_token = "another-token-of-some-length" }}
"""


@pytest.mark.parametrize("address", ["+15550100100", "+1 555 010-0100", "+1 (555) 0100.100"])
async def test_file_with_a_number_twice_changes_nothing_and_names_the_other(
    core: Core, file: Path, address: str
) -> None:
    write(file, SMALL + TWICE.format(address))
    for _ in range(2):  # both new, then beside one that stands
        with pytest.raises(ConfigError) as refused:
            await applied(core, file)
        assert "(sms)" in str(refused.value) or "(sms-2)" in str(refused.value)
        assert "Nothing was changed" in str(refused.value)
        assert await core.db.value("select count(*) from account where key = 'sms-2'") == 0
        write(file, SMALL)
        await applied(core, file)
        write(file, SMALL + TWICE.format(address))


async def test_file_may_exchange_addresses_and_leave_those_that_stood_twice(core: Core, file: Path) -> None:
    both = SMALL + TWICE.format("+15550100101")
    write(file, both)
    await applied(core, file)
    write(file, both.replace("0100100", "x").replace("0100101", "0100100").replace("x", "0100101", 1))
    assert len((await applied(core, file)).lines) >= 2
    await core.db.execute("update account set address = '+15550100100' where channel = 'sms'")
    write(file, SMALL + TWICE.format("+15550100100").replace("Again", "Renamed"))
    center = read(file, {"SMS_TOKEN": "one-token-of-some-length"})
    assert (await apply(core.db, core.vault, load_connectors(core), center)).lines == [
        "~ account 'sms-2': name Again → Renamed"
    ]


# -- everything that is missing ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, {"name", "address", "settings"}),
        ({"settings": {}}, {"name", "address"}),
        (
            {"settings": {"imap": {}, "smtp": {}, "dkim": {"selector": "a"}}},
            {
                "name", "address", "settings.imap.host", "settings.imap.user", "secrets.imap_password",
                "settings.smtp.host", "secrets.dkim_key",
            },
        ),
        (
            {"name": "A", "address": "nobody", "settings": {"imap": {"host": "h", "user": "u", "after": "burn"}, "what": 1}},
            {"address", "settings.imap.after", "settings.what", "secrets.imap_password"},
        ),
        (
            {"name": "A", "address": "a@hub.example", "settings": {"oauth": {}, "listen_tls": "tls", "listen_user": "u"}},
            {
                "settings.oauth.provider", "settings.oauth.client_id", "secrets.oauth_refresh_token",
                "settings.listen_cert", "settings.listen_key", "secrets.listen_password",
            },
        ),
        ({"name": 5, "address": [], "settings": "x", "secrets": {"A": "b"}}, {"name", "address", "settings"}),
        ([], {"body"}),
    ],
)  # fmt: skip
async def test_everything_that_is_missing_or_wrong_is_named_at_once(app: App, given: Any, fields: set[str]) -> None:
    problem = await (await app.agent("admin")).post("/mailboxes", given, status=422)
    named = {error["field"] for error in problem["errors"]}
    assert fields <= named, named
    assert not {name for name in named - fields if not name.startswith("secrets.")}, named
