"""Whoever sends several wrong fields reads of all of them at once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from hub.app import openapi
from hub.core.release import hub_version
from tests.support.app import Agent, App

Document = dict[str, Any]
DOCUMENT: Document = json.loads(openapi(hub_version(), "/"))


def _shape(schema: Document) -> Document:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def _writers() -> list[tuple[str, str, Document]]:
    """Every operation that takes two fields or more, with them."""
    found: list[tuple[str, str, Document]] = []
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content and len(fields := _shape(content["schema"]).get("properties", {})) > 1:
                found.append((method.upper(), path.removeprefix("/api/v1"), fields))
    return found


def _faulty(schema: Document) -> Any:
    """A value of another shape than any that a field takes."""
    kinds = {kind.get("type", "object") for kind in map(_shape, schema.get("anyOf", [schema]))}
    return next(
        value
        for kind, value in (("array", []), ("object", {}), ("string", "x"), ("boolean", True))
        if kind not in kinds
    )


@pytest.fixture
async def admin(app: App) -> Agent:
    return await app.agent("admin")


async def _refused(admin: Agent, method: str, path: str, body: Any, status: int = 422) -> dict[str, str]:
    problem = await admin.call(method, path, body, status=status)
    return {one["field"]: one["code"] for one in problem["errors"]}


async def test_two_wrong_fields_of_any_body_are_both_named(admin: Agent) -> None:
    writers = _writers()
    assert len(writers) > 25
    for method, path, fields in writers:
        where = path.replace("{", "").replace("}", "")
        for name in (part for part in path.split("/") if part.startswith("{")):
            where = path.replace(name, "1") if where == path else where.replace(name.strip("{}"), "1")
        for one, other in itertools.islice(itertools.combinations(fields, 2), 8):
            body = {one: _faulty(fields[one]), other: _faulty(fields[other])}
            named = await _refused(admin, method, where, body)
            assert {name.partition(".")[0] for name in named} >= {one, other}, (method, path, body, named)


async def test_form_of_a_queue_names_what_is_misshapen_and_what_is_taken(admin: Agent) -> None:
    wrong = {"key": "billing", "name": "", "hours_id": 9999, "members": [9999], "target_seconds": -1}
    assert await _refused(admin, "POST", "/admin/queues", wrong) == {
        "key": "taken", "name": "empty", "hours_id": "unknown", "members": "unknown", "target_seconds": "at_least",
    }  # fmt: skip
    [billing] = [q for q in (await admin.get("/admin/queues"))["items"] if q["key"] == "billing"]
    both = {"key": "billing", "name": f" {billing['name'].upper()}"}
    assert await _refused(admin, "POST", "/admin/queues", both) == {"key": "taken", "name": "taken"}
    one = {"key": "other", "name": billing["name"]}
    problem = await admin.call("POST", "/admin/queues", one, status=409)
    assert (problem["code"], [e["field"] for e in problem["errors"]]) == ("record.name_taken", ["name"])
    lost = {"key": "other", "name": "Other", "hours_id": 9999}
    assert await _refused(admin, "POST", "/admin/queues", lost) == {"hours_id": "unknown"}
    await admin.post(f"/admin/queues/{billing['id']}/adopt", {"version": billing["version"]})
    kept = {"version": billing["version"] + 1, "name": billing["name"], "hours_id": 9999, "wrap_up_seconds": -1}
    named = await _refused(admin, "PATCH", f"/admin/queues/{billing['id']}", kept)
    assert named == {"hours_id": "unknown", "wrap_up_seconds": "at_least"}  # its own name is not taken


async def test_form_of_a_role_names_what_is_misshapen_taken_and_contradicts_itself(admin: Agent) -> None:
    wrong = {"key": "agent", "name": "x" * 300, "permissions": {"conversation.reply": "queue"}}
    assert await _refused(admin, "POST", "/roles", wrong) == {
        "key": "taken", "name": "too_long", "permissions.conversation.reply": "reaches_farther",
    }  # fmt: skip


async def test_form_of_a_mailbox_names_its_servers_faults_beside_the_others(admin: Agent) -> None:
    settings = {"imap": {"host": "no such host!", "port": 993, "tls": "tls", "user": "u"}}
    wrong = {"name": "名" * 300, "address": "nobody", "queue_id": 9999, "settings": settings, "signature": "x" * 5000}
    named = await _refused(admin, "POST", "/mailboxes", wrong)
    assert named.items() >= {
        "name": "too_long", "address": "email", "queue_id": "unknown", "signature": "too_long",
    }.items()  # fmt: skip
    assert "settings.imap.host" in named
    [box, *_] = (await admin.get("/mailboxes"))["items"]
    change = {"name": "", "address": "nobody", "queue_id": 9999}
    named = await _refused(admin, "PATCH", f"/mailboxes/{box['id']}", change)
    assert named == {"name": "empty", "address": "email", "queue_id": "unknown"}
    problem = await admin.call("PATCH", f"/mailboxes/{box['id']}", {"queue_id": 9999}, status=422)
    assert problem["code"] == "queue.unknown"


async def test_names_of_three_hundred_characters_are_refused_in_words(admin: Agent) -> None:
    long = "收" * 300
    for method, path, body in (
        ("POST", "/admin/queues", {"key": "long", "name": long}),
        ("POST", "/roles", {"key": "long", "name": long, "permissions": {}}),
        ("PATCH", "/contacts/1", {"name": long}),
    ):
        problem = await admin.call(method, path, body, status=422)
        assert problem["errors"] == [
            {"field": "name", "code": "too_long", "params": {"max": 200}, "message": "must have at most 200 characters"}
        ]
