"""What should never be and is all the same, by a mistake or by hand, is found, put right and told."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest

from hub.cli.doctor import work_findings
from hub.conversations import invariants
from hub.core import events
from hub.core.health import Finding
from tests.support.app import App

FAULTS: dict[str, LiteralString] = {
    "waits_nowhere": "update queue_entry set state = 'closed' where conversation_id = %(id)s",
    "works_on_what_is_over": "update conversation set status = 'resolved', waiting_since = null, resolved_at = now() where id = %(id)s",
    "with_nobody": "update queue_entry set state = 'assigned', agent_id = null where conversation_id = %(id)s",
    "offer_gone": "update queue_entry set state = 'offered', agent_id = 1, offer_id = 99999 where conversation_id = %(id)s",
    "on_another_desk": "update queue_entry set state = 'assigned', agent_id = 1 where conversation_id = %(id)s",
    "on_a_desk_and_waiting": "update conversation set agent_id = 1 where id = %(id)s",
    "queue_gone": "update queue set archived_at = now() where id = (select queue_id from conversation where id = %(id)s)",
}


async def faults(app: App) -> list[str]:
    async with app.core.db.connection() as conn:
        return [fault.fault for fault in await invariants.broken(conn)]


async def findings(app: App) -> Finding:
    [found] = await work_findings(app.core.db)
    return found


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_is_put_right_once_and_told(app: App, fault: str) -> None:
    first, _ = await app.sms(), await app.mail()
    assert (await findings(app)).ok
    await app.core.db.execute(FAULTS[fault], {"id": first})
    assert fault in await faults(app)
    assert await invariants.sweep(app.core) >= 1
    assert await faults(app) == []
    assert await invariants.sweep(app.core) == 0
    told = await app.core.db.dicts("select conversation_id, fault from work_repair")
    assert {"conversation_id": first, "fault": fault} in told
    assert await app.core.db.value("select count(*) from event where kind = 'work.repaired'") == len(told)
    found = await findings(app)
    assert not found.ok
    assert fault in found.detail
    amy = await app.agent("amy")
    seen = {c["id"] for c in (await amy.get("/conversations?view=waiting"))["items"]}
    mine = {c["id"] for c in (await amy.get("/conversations?view=mine"))["items"]}
    if fault not in ("works_on_what_is_over", "on_another_desk", "queue_gone"):
        assert first in seen | mine


@pytest.mark.parametrize("gone", ["disabled_at = now()", "role = 'analyst'"])
@pytest.mark.parametrize("state", ["assigned", "wrapping", "offered"])
async def test_work_of_somebody_who_left_or_may_not_answer_is_somebody_elses(app: App, state: str, gone: str) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    await app.core.db.execute("update queue_entry set state = %s where conversation_id = %s", [state, conversation])
    if state == "wrapping":
        await app.core.db.execute("update conversation set status = 'resolved', waiting_since = null")
    await app.core.db.execute(f"update agent set {gone} where id = %s", [amy.id])  # pyright: ignore[reportArgumentType] - the two above
    await invariants.sweep(app.core)
    assert await faults(app) == []
    seen = {c["id"] for c in (await ben.get("/conversations?view=waiting"))["items"]}
    assert seen == (set() if state == "wrapping" else {conversation})


async def test_what_cannot_be_put_right_is_told_and_keeps_no_other_from_it(app: App, monkeypatch: Any) -> None:
    broken, other = await app.sms(), await app.mail()

    async def fails(*_: Any) -> bool:
        raise ValueError("cannot")

    monkeypatch.setitem(invariants._WAYS, "on_a_desk_and_waiting", fails)
    await app.core.db.execute(FAULTS["on_a_desk_and_waiting"], {"id": broken})
    await app.core.db.execute(FAULTS["waits_nowhere"], {"id": other})
    told: list[object] = []
    # one at a time, and what cannot be mended comes first
    assert await invariants.sweep(app.core, 1, bad=lambda _, row: told.append(row)) == 1
    assert told == [f"conversation {broken}"]
    assert await faults(app) == ["on_a_desk_and_waiting"]
    monkeypatch.undo()
    assert await invariants.sweep(app.core) == 1


async def test_what_is_in_order_is_left_alone(app: App) -> None:
    conversation = await app.sms()
    async with events.unit(app.core.db, app.core.feed) as unit:
        assert await invariants.mend(unit, conversation) == []
    assert await app.core.db.value("select count(*) from work_repair") == 0


async def test_looking_for_faults_reads_nothing_of_what_is_over(app: App) -> None:
    await app.sms()
    db = app.core.db
    await db.execute(
        "insert into conversation (contact_id, channel, status, queue_id, resolved_at) "
        "select n, 'sms', 'resolved', 1, now() from generate_series(1, 20000) n"
    )
    await db.execute(
        "insert into queue_entry (conversation_id, queue_id, channel, state, target_seconds, weight, closed_at) "
        "select id, 1, 'sms', 'closed', 60, 10, now() from conversation where status = 'resolved'"
    )
    await db.execute("analyze conversation")
    await db.execute("analyze queue_entry")
    values = {"conversation_id": None, "after": 0, "limit": 100}
    explain: Any = "explain (analyze, format json) " + invariants.sql["broken"]
    [row] = await db.dicts(explain, values)
    read = [
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in _nodes(row["QUERY PLAN"][0]["Plan"])
    ]
    assert max(read) < 100, read


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes that read a table."""
    found = [plan] if "Relation Name" in plan else []
    return found + [node for child in plan.get("Plans", []) for node in _nodes(child)]
