"""Roles that administrators make: what they allow, at once, everywhere, and what cannot be done with them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.access.permissions import MEANINGS, Access, Permission
from hub.app import ENDPOINTS
from tests.support.app import Agent, App

SCOPED = [p for p in Permission if MEANINGS[p].scoped]


async def give(app: App, who: Agent, **permissions: str) -> None:
    """A role of its own for somebody, as the pages make it: `conversation_read="own"`."""
    admin = await app.agent("admin")
    granted = {key.replace("_", "."): scope for key, scope in permissions.items()}
    key = f"r{await app.core.db.value('select count(*) from role')}"
    await admin.post("/roles", {"key": key, "name": key, "permissions": granted}, status=201)
    await admin.call("PUT", f"/agents/{who.id}/role", {"role": key})


async def seen(agent: Agent) -> set[int]:
    return {c["id"] for c in (await agent.get("/conversations?view=all"))["items"]}


async def test_each_endpoint_refuses_who_has_no_permission_at_all(app: App) -> None:
    amy = await app.agent("amy")
    await give(app, amy)
    for endpoint in ENDPOINTS:
        if not isinstance(endpoint.needs, Permission):
            continue
        path = endpoint.path.removeprefix("/api/v1")
        for name in endpoint.path_ids:
            path = path.replace("{" + name + "}", "1")
        problem = await amy.call(endpoint.method, path, {} if endpoint.body else None, status=403)
        assert endpoint.needs.value in problem["detail"], endpoint.path


def test_every_permission_is_asked_for_and_explained() -> None:
    assert {e.needs for e in ENDPOINTS} == {*Permission, *Access}
    assert set(MEANINGS) == set(Permission)


async def test_scopes_reach_as_far_as_they_say_in_lists_counts_and_pages(app: App) -> None:
    amy = await app.agent("amy")
    mine, queued = await app.sms("mine", sender="+14155550101"), await app.sms("queued", sender="+14155550102")
    foreign = await app.sms("foreign", sender="+14155550103")
    billing = await app.core.db.value("select id from queue where key = 'billing'")
    await app.core.db.execute("delete from agent_queue where agent_id = %s and queue_id = %s", [amy.id, billing])
    await (await app.agent("admin")).post(f"/conversations/{foreign}/transfer", {"queue_id": billing})
    await amy.post(f"/conversations/{mine}/pull")
    for scope, wanted in (("own", {mine}), ("queue", {mine, queued}), ("all", {mine, queued, foreign})):
        await give(app, amy, conversation_read=scope, conversation_handle="own")
        assert await seen(amy) == wanted
        assert sum((await amy.get("/conversations/counts"))["queues"].values()) == len(wanted)
        for conversation in (mine, queued, foreign):
            await amy.get(f"/conversations/{conversation}", status=200 if conversation in wanted else 404)


async def test_what_may_be_read_may_not_be_answered_without_its_permission(app: App) -> None:
    amy = await app.agent("amy")
    mine, queued = await app.sms(sender="+14155550101"), await app.sms(sender="+14155550102")
    await amy.post(f"/conversations/{mine}/pull")
    await give(app, amy, conversation_read="queue", conversation_reply="own")
    await amy.post(f"/conversations/{mine}/replies", {"client_id": "a", "text": "Hello"}, status=201)
    await amy.post(f"/conversations/{queued}/replies", {"client_id": "b", "text": "Hello"}, status=404)
    await amy.post(f"/conversations/{mine}/notes", {"client_id": "c", "text": "A note"}, status=403)


@pytest.mark.parametrize(
    ("permissions", "field"),
    [
        ({"conversation.raed": "all"}, "permissions.conversation.raed"),
        ({"role.manage": "queue"}, "permissions.role.manage"),
        ({"conversation.read": "own", "conversation.reply": "queue"}, "permissions.conversation.reply"),
        ({"call.supervise": "own"}, "permissions.call.supervise"),
    ],
)
async def test_role_that_contradicts_itself_is_refused_and_says_where(
    app: App, permissions: dict[str, str], field: str
) -> None:
    admin = await app.agent("admin")
    body = {"key": "odd", "name": "Odd", "permissions": permissions}
    problem = await admin.post("/roles", body, status=422)
    assert [e["field"] for e in problem["errors"]] == [field]
    assert "odd" not in {r["key"] for r in (await admin.get("/roles"))["items"]}


async def test_change_of_a_role_holds_at_once_and_is_in_the_history(app: App) -> None:
    admin, amy = await app.agent("admin"), await app.agent("amy")
    conversation = await app.sms()
    made = await admin.post("/roles", {"key": "quiet", "name": "Quiet", "permissions": {"conversation.read": "all"}})
    await admin.call("PUT", f"/agents/{amy.id}/role", {"role": "quiet"})
    await amy.get(f"/conversations/{conversation}")
    change = {"version": made["version"], "permissions": {"board.read": "all"}}
    changed = await admin.call("PATCH", f"/roles/{made['id']}", change)
    assert (changed["version"], changed["permissions"]) == (made["version"] + 1, {"board.read": "all"})
    await amy.get(f"/conversations/{conversation}", status=403)
    assert (await amy.get("/me"))["permissions"] == {"board.read": "all"}
    late = await admin.call("PATCH", f"/roles/{made['id']}", {"version": made["version"], "name": "Late"}, status=409)
    assert "meanwhile" in late["detail"]
    latest, first = (await admin.get(f"/roles/{made['id']}/history"))["items"]
    assert (latest["change"], latest["actor"]["name"]) == ("changed", (await admin.get("/me"))["agent"]["name"])
    assert latest["before"] == {"permissions": {"conversation.read": "all"}}
    assert latest["after"] == {"permissions": {"board.read": "all"}}
    assert first["change"] == "created"


async def test_nobody_takes_the_last_right_to_make_roles_away(app: App) -> None:
    admin = await app.agent("admin")
    made = await admin.post("/roles", {"key": "chief", "name": "Chief", "permissions": {"role.manage": "all"}})
    await admin.call("PUT", f"/agents/{admin.id}/role", {"role": "agent"}, status=409)
    await admin.call("PUT", f"/agents/{admin.id}/role", {"role": "chief"})
    await admin.call("PATCH", f"/roles/{made['id']}", {"version": 1, "permissions": {}}, status=409)
    await admin.post(f"/roles/{made['id']}/archive", {"version": 1, "archived": True}, status=409)
    assert (await admin.get("/me"))["permissions"] == {"role.manage": "all"}


async def test_built_in_roles_stay_as_they_are(app: App) -> None:
    admin = await app.agent("admin")
    role = next(r for r in (await admin.get("/roles"))["items"] if r["key"] == "agent")
    await admin.call("PATCH", f"/roles/{role['id']}", {"version": role["version"], "name": "x"}, status=409)
    await admin.post(f"/roles/{role['id']}/adopt", {"version": role["version"]}, status=409)
    await admin.post("/roles", {"key": "agent", "name": "x", "permissions": {}}, status=409)


async def test_analyst_sees_the_board_and_no_conversation(app: App) -> None:
    ben = await app.agent("ben")
    await app.sms()
    await (await app.agent("admin")).call("PUT", f"/agents/{ben.id}/role", {"role": "analyst"})
    await ben.get("/board")
    await ben.get("/conversations", status=403)
    await ben.get("/contacts", status=403)


async def test_archived_role_is_not_given_and_comes_back(app: App) -> None:
    admin, amy = await app.agent("admin"), await app.agent("amy")
    made: dict[str, Any] = await admin.post("/roles", {"key": "old", "name": "Old", "permissions": {}})
    gone = await admin.post(f"/roles/{made['id']}/archive", {"version": 1, "archived": True})
    await admin.call("PUT", f"/agents/{amy.id}/role", {"role": "old"}, status=409)
    await admin.post(f"/roles/{made['id']}/archive", {"version": gone["version"], "archived": False})
    await admin.call("PUT", f"/agents/{amy.id}/role", {"role": "old"})
