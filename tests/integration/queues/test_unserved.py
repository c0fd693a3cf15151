"""Queues that nobody serves: nothing is handed to one, and what comes into one by itself is shown to who can act."""

from __future__ import annotations

import pytest

from hub.channels.registry import load_connectors
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from tests.support.app import CENTER, VARIABLES, Agent, App


@pytest.fixture
async def admin(app: App) -> Agent:
    return await app.agent("admin")


async def made(admin: Agent, **more: object) -> dict[str, object]:
    return await admin.post("/admin/queues", {"key": "vip", "name": "VIP", **more}, status=201)


async def listed(agent: Agent, name: str) -> dict[str, int]:
    return next(q for q in (await agent.get("/config"))["queues"] if q["name"] == name)


async def empty(app: App, key: str) -> int:
    """A queue whose people are all gone; its id."""
    queue = await app.core.db.value("select id from queue where key = %s", [key])
    await app.core.db.execute("delete from agent_queue where queue_id = %s", [queue])
    return queue


async def test_transfer_to_a_queue_without_people_is_refused_in_words(app: App, admin: Agent) -> None:
    queue = await made(admin)
    conversation = await app.sms()
    amy = await app.agent("amy")
    refused = await amy.post(f"/conversations/{conversation}/transfer", {"queue_id": queue["id"]}, status=422)
    assert (refused["code"], refused["params"]) == ("queue.unstaffed", {"queue": "VIP"})
    assert (await amy.get(f"/conversations/{conversation}"))["queue"]["name"] != "VIP"
    assert ((place := await listed(amy, "VIP"))["people"], place["present"]) == (0, 0)


@pytest.mark.parametrize("gone", [
    "update agent set disabled_at = now() where id = %s",
    "update agent set role = 'analyst' where id = %s",
])  # fmt: skip
async def test_transfer_to_a_queue_whose_people_can_take_nothing_is_refused(app: App, admin: Agent, gone: str) -> None:
    ben = await app.agent("ben")
    queue = await made(admin, members=[ben.id, ben.id])
    assert queue["members"] == [ben.id]
    conversation = await app.sms()
    amy = await app.agent("amy")
    await app.core.db.execute(gone, [ben.id])  # pyright: ignore[reportArgumentType] - the two above
    body = {"queue_id": queue["id"]}
    assert (await amy.post(f"/conversations/{conversation}/transfer", body, status=422))["code"] == "queue.unstaffed"


async def test_transfer_to_an_agent_whose_work_nobody_else_could_take_is_refused(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    await app.core.db.execute("delete from agent_queue")  # Ben has no queue, and the conversation's has nobody
    path = f"/conversations/{conversation}/transfer"
    refused = await (await app.agent("admin")).post(path, {"agent_id": ben.id}, status=422)
    assert refused["code"] == "queue.unstaffed"
    await app.core.db.execute("update agent set role = 'analyst' where id = %s", [ben.id])
    refused = await (await app.agent("admin")).post(path, {"agent_id": ben.id}, status=422)
    assert refused["code"] == "agent.takes_none"


async def test_people_put_into_a_queue_on_its_page_serve_it_and_are_in_its_history(app: App, admin: Agent) -> None:
    queue = await made(admin)
    ben = await app.agent("ben")
    path = f"/admin/queues/{queue['id']}"
    changed = await admin.call("PATCH", path, {"version": 1, "members": [ben.id]})
    assert changed["members"] == [ben.id]
    [now] = [q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == "vip"]
    assert (now["people"], now["present"], now["members"]) == (1, 0, [ben.id])
    await ben.call("PUT", "/me/presence", {"state": "busy"})
    assert ((place := await listed(admin, "VIP"))["people"], place["present"]) == (1, 1)
    assert "VIP" in {q["name"] for q in (await ben.get("/me"))["queues"]}
    told = "select agent_id, queue_id from event where kind = 'agent.queues_changed'"
    assert await app.core.db.dicts(told) == [{"agent_id": ben.id, "queue_id": queue["id"]}]
    conversation = await app.sms()
    await (await app.agent("amy")).post(f"/conversations/{conversation}/transfer", {"queue_id": queue["id"]})
    left = await admin.call("PATCH", path, {"version": 2, "members": []})
    assert left["members"] == []
    [last, *_] = (await admin.get(f"{path}/history"))["items"]
    assert (last["before"], last["after"]) == ({"members": [ben.id]}, {"members": []})
    await admin.call("PATCH", path, {"version": 3, "members": [987_654_321]}, status=422)


async def test_file_leaves_alone_who_works_in_a_queue_that_its_page_keeps(app: App, admin: Agent) -> None:
    ben = await app.agent("ben")
    care = next(q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == "care")
    adopted = await admin.post(f"/admin/queues/{care['id']}/adopt", {"version": care["version"]})
    wanted = sorted({*adopted["members"], ben.id} - {(await app.agent("amy")).id})
    path = f"/admin/queues/{care['id']}"
    await admin.call("PATCH", path, {"version": adopted["version"], "members": wanted})
    done = await apply(app.core.db, app.core.vault, load_connectors(app.core), read(CENTER, VARIABLES))
    assert not [line for line in done.lines if "queues" in line]
    again = next(q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == "care")
    assert again["members"] == wanted


async def test_work_that_comes_by_itself_where_nobody_works_is_told_to_who_can_act(app: App, admin: Agent) -> None:
    assert (await admin.get("/notices"))["items"] == []
    account = await app.core.db.value("select queue_id from account where channel = 'sms'")
    key = await app.core.db.value("select key from queue where id = %s", [account])
    await empty(app, key)
    await app.sms()  # taken in all the same
    [notice] = (await admin.get("/notices"))["items"]
    assert (notice["code"], notice["params"]["waiting"]) == ("queues.unserved", 1)
    assert notice["params"]["queues"] in notice["text"]
    assert (await (await app.agent("ben")).get("/notices"))["items"] == []  # could do nothing about it
    ready = await (await app.client.get("/health/ready")).json()
    assert "queues.unserved" in {problem["code"] for problem in ready["problems"]}
    board = await admin.get("/board")
    assert [q["agents_total"] for q in board["queues"] if q["key"] == key] == [0]
    [page] = [q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == key]
    assert page["people"] == 0
    assert len(page["delivering"]) == page["accounts"] > 0
