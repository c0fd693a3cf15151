"""Queues kept by their page: made, changed, adopted from the file, archived; each change in the history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.channels.registry import load_connectors
from hub.core.errors import ConfigError
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.support.app import CENTER, VARIABLES, Agent, App


@pytest.fixture
async def admin(app: App) -> Agent:
    return await app.agent("admin")


async def queue(admin: Agent, key: str) -> dict[str, object]:
    return next(q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == key)


async def reapply(app: App) -> list[str]:
    difference = await apply(app.core.db, app.core.vault, load_connectors(app.core), read(CENTER, VARIABLES))
    return difference.lines


async def test_queue_is_made_changed_and_archived_and_each_is_in_its_history(admin: Agent) -> None:
    made = await admin.post("/admin/queues", {"key": "vip", "name": " VIP 贵宾 "}, status=201)
    assert (made["name"], made["source"], made["version"]) == ("VIP 贵宾", "page", 1)
    path = f"/admin/queues/{made['id']}"
    changed = await admin.call("PATCH", path, {"version": 1, "target_seconds": 30, "name": "VIP 贵宾"})
    assert (changed["target_seconds"], changed["version"]) == (30, 2)
    await admin.call("PATCH", path, {"version": 2, "name": None, "hours_id": None})  # null: as good as left out
    same = await admin.call("PATCH", path, {"version": 2, "target_seconds": 30})
    assert same["version"] == 2  # nothing changed, nothing is logged
    gone = await admin.post(f"{path}/archive", {"version": 2, "archived": True})
    assert gone["archived_at"]
    assert "VIP 贵宾" not in {q["name"] for q in (await admin.get("/config"))["queues"]}
    history = (await admin.get(f"{path}/history"))["items"]
    assert [c["change"] for c in history] == ["archived", "changed", "created"]
    assert (history[1]["before"], history[1]["after"]) == ({"target_seconds": 60}, {"target_seconds": 30})


@pytest.mark.parametrize("body", [
    {"key": "Big", "name": "x"}, {"key": "x" * 41, "name": "x"}, {"key": "ok", "name": "  "},
    {"key": "ok", "name": "x", "target_seconds": -1}, {"key": "ok", "name": "x", "hours_id": 987_654},
])  # fmt: skip
async def test_queue_that_does_not_fit_is_refused_and_nothing_is_made(admin: Agent, body: dict[str, object]) -> None:
    before = len((await admin.get("/admin/queues"))["items"])
    await admin.post("/admin/queues", body, status=422)
    assert len((await admin.get("/admin/queues"))["items"]) == before


async def test_second_of_two_changes_is_told_that_somebody_was_faster(admin: Agent) -> None:
    made = await admin.post("/admin/queues", {"key": "vip", "name": "VIP"}, status=201)
    path = f"/admin/queues/{made['id']}"
    await admin.call("PATCH", path, {"version": 1, "name": "First"})
    await admin.call("PATCH", path, {"version": 1, "name": "Second"}, status=409)
    assert (await queue(admin, "vip"))["name"] == "First"
    await admin.post("/admin/queues", {"key": "vip", "name": "Again"}, status=409)


async def test_file_keeps_its_queues_until_the_page_adopts_one(app: App, admin: Agent) -> None:
    care = await queue(admin, "care")
    path = f"/admin/queues/{care['id']}"
    refused = await admin.call("PATCH", path, {"version": care["version"], "name": "Ours"}, status=409)
    assert "configuration file" in refused["detail"]
    adopted = await admin.post(f"{path}/adopt", {"version": care["version"]})
    await admin.call("PATCH", path, {"version": adopted["version"], "name": "Ours"})
    assert not [line for line in await reapply(app) if "care" in line]
    assert (await queue(admin, "care"))["name"] == "Ours"


async def test_roles_of_the_file_are_made_changed_and_given(app: App, tmp_path: Path, admin: Agent) -> None:
    file = tmp_path / "center.toml"
    connectors = load_connectors(app.core)
    for scope in ("own", "queue"):
        file.write_text(
            f'[[role]]\nkey = "night"\nname = "Night"\npermissions = {{ "conversation.read" = "{scope}" }}\n'
        )
        done = await apply(app.core.db, app.core.vault, connectors, read(file))
        assert [line[2:] for line in done.lines] == ["role 'night'"]
        role = next(r for r in (await admin.get("/roles"))["items"] if r["key"] == "night")
        assert (role["source"], role["permissions"]) == ("file", {"conversation.read": scope})
    assert not (await apply(app.core.db, app.core.vault, connectors, read(file))).lines
    for wrong in ('key = "Night"', 'key = "agent"', 'key = "n"\npermissions = { "role.manage" = "own" }'):
        file.write_text(f'[[role]]\nname = "x"\n{wrong}\n')
        with pytest.raises(ConfigError):
            await apply(app.core.db, app.core.vault, connectors, read(file))


async def test_change_by_the_file_is_seen_by_who_has_the_page_open(app: App, admin: Agent) -> None:
    care = await queue(admin, "care")
    await app.core.db.execute("update queue set name = 'Old' where key = 'care'")
    await reapply(app)
    assert (await queue(admin, "care"))["version"] == int(str(care["version"])) + 1
    latest, *_, first = (await admin.get(f"/admin/queues/{care['id']}/history"))["items"]
    assert (latest["change"], latest["before"], latest["after"]) == ("changed", {"name": "Old"}, {"name": care["name"]})
    assert (latest["actor"], first["change"]) == (None, "created")


async def test_file_does_not_take_the_last_right_to_make_roles(app: App, tmp_path: Path, admin: Agent) -> None:
    file = tmp_path / "center.toml"
    file.write_text('[[agent]]\nemail = "admin@lumen-oak.example"\nname = "Alex"\nrole = "agent"\n')
    with pytest.raises(ConfigError, match="Nobody would be left"):
        await apply(app.core.db, app.core.vault, load_connectors(app.core), read(file))
    assert (await admin.get("/me"))["agent"]["role"] == "admin"


async def test_queue_in_use_is_not_archived_and_says_what_uses_it(app: App, admin: Agent) -> None:
    made = await admin.post("/admin/queues", {"key": "vip", "name": "VIP", "members": [admin.id]}, status=201)
    conversation = await app.sms()
    await admin.post(f"/conversations/{conversation}/transfer", {"queue_id": made["id"]})
    path = f"/admin/queues/{made['id']}/archive"
    refused = await admin.post(path, {"version": 1, "archived": True}, status=409)
    assert refused["detail"].startswith("In this queue: 1 conversation.")
    assert (await queue(admin, "vip"))["archived_at"] is None
    await admin.post(f"/conversations/{conversation}/pull")
    await admin.post(f"/conversations/{conversation}/resolve")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now(), outcome = 'resolved'")
    await admin.post(path, {"version": 1, "archived": True})


async def test_nobody_without_the_permission_sees_or_changes_queues(app: App) -> None:
    eva = await app.agent("eva")
    await eva.get("/admin/queues", status=403)
    await eva.post("/admin/queues", {"key": "vip", "name": "VIP"}, status=403)


@pytest.mark.parametrize(("path", "more"), [("/admin/queues", {}), ("/roles", {"permissions": {}})])
async def test_names_that_people_choose_by_are_given_once(admin: Agent, path: str, more: dict[str, object]) -> None:
    first = await admin.post(path, {"key": "one", "name": "Big Orders", **more}, status=201)
    refused = await admin.post(path, {"key": "two", "name": " big  ORDERS ", **more}, status=409)
    assert (refused["code"], refused["params"]) == ("record.name_taken", {"name": "big  ORDERS"})
    [field] = refused["errors"]
    assert (field["field"], field["code"], field["params"]) == ("name", "taken", {"value": "big  ORDERS"})
    refused = await admin.post(path, {"key": "one", "name": "Other", **more}, status=409)
    assert (refused["code"], refused["errors"][0]["field"]) == ("record.key_taken", "key")

    second = await admin.post(path, {"key": "two", "name": "Small orders", **more}, status=201)
    change = {"version": second["version"], "name": "BIG ORDERS"}
    assert (await admin.call("PATCH", f"{path}/{second['id']}", change, status=409))["code"] == "record.name_taken"
    await admin.post(f"{path}/{first['id']}/archive", {"version": first["version"], "archived": True})
    await admin.call("PATCH", f"{path}/{second['id']}", change)  # what is archived stands in nobody's way
    restore = {"version": first["version"] + 1, "archived": False}
    assert (await admin.post(f"{path}/{first['id']}/archive", restore, status=409))["code"] == "record.name_taken"


async def test_two_who_give_one_name_at_once_do_not_both_get_it(admin: Agent) -> None:
    bodies = [{"key": f"k{n}", "name": f"{' ' * n}Returns"} for n in range(4)]
    sent = [admin.app.client.post("/api/v1/admin/queues", json=body, headers=admin.headers) for body in bodies]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_doubles_of_an_older_version_stay_and_can_be_changed_and_renamed(admin: Agent) -> None:
    one = await admin.post("/admin/queues", {"key": "one", "name": "Returns"}, status=201)
    two = await admin.post("/admin/queues", {"key": "two", "name": "Other"}, status=201)
    await admin.app.core.db.execute("update queue set name = 'returns' where key = 'two'")
    assert await reapply(admin.app) == []
    await admin.call("PATCH", f"/admin/queues/{two['id']}", {"version": two["version"], "target_seconds": 9})
    await admin.call("PATCH", f"/admin/queues/{one['id']}", {"version": one["version"], "name": "Returns at once"})


async def test_file_may_exchange_names_and_gives_none_twice(app: App, admin: Agent, tmp_path: Path) -> None:
    text = CENTER.read_text(encoding="utf-8")
    file = tmp_path / "center.toml"
    swapped = text.replace('name = "Billing"', 'name = "Tmp"').replace('name = "E-mail"', 'name = "Billing"')
    file.write_text(swapped.replace('name = "Tmp"', 'name = "E-mail"'), encoding="utf-8")
    await apply(app.core.db, app.core.vault, load_connectors(app.core), read(file, VARIABLES))
    await admin.post("/admin/queues", {"key": "vip", "name": "VIP"}, status=201)
    file.write_text(text.replace('name = "Billing"', 'name = "vip "'), encoding="utf-8")
    with pytest.raises(ConfigError, match="are both called"):
        await apply(app.core.db, app.core.vault, load_connectors(app.core), read(file, VARIABLES))
