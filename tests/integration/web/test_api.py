"""The API as its users call it: desk work, access, bad input."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from hub.access import signin
from hub.core import clock
from hub.reports.buckets import count_next
from tests.support.app import App


async def _sign_in(app: App, email: str = "amy@lumen-oak.example", password: str = "correct horse battery") -> Any:
    row = (await app.core.db.dicts("select id from agent where email = %s", [email]))[0]
    await signin.set_password(app.core.db, row["id"], "correct horse battery")
    return await app.client.post("/api/v1/session", json={"email": email, "password": password})


# -- the desk --------------------------------------------------------------------------------------------------------
async def test_a_conversation_is_taken_answered_noted_and_resolved(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    assert [c["id"] for c in (await amy.get("/conversations?view=waiting"))["items"]] == [conversation]
    await amy.post(f"/conversations/{conversation}/pull")
    first = await amy.post(
        f"/conversations/{conversation}/replies", {"client_id": "r1", "text": "It left today."}, status=201
    )
    again = await amy.post(
        f"/conversations/{conversation}/replies", {"client_id": "r1", "text": "It left today."}, status=200
    )
    assert first["id"] == again["id"]
    await amy.post(f"/conversations/{conversation}/notes", {"client_id": "n1", "text": "Checked with the depot."})
    shown = await amy.get(f"/conversations/{conversation}")
    assert [(i["kind"], i["direction"]) for i in shown["interactions"]] == [
        ("message", "in"),
        ("message", "out"),
        ("note", "internal"),
    ]
    assert shown["agent"]["id"] == amy.id
    assert shown["waiting_since"] is None
    done = await amy.post(f"/conversations/{conversation}/resolve", {"disposition": "solved"})
    assert (done["status"], done["disposition"]) == ("resolved", "solved")
    assert (await amy.get("/conversations/counts"))["resolved_today"] == 1


async def test_pull_is_a_conflict_when_somebody_has_it(app: App) -> None:
    amy, ben = await app.agent("amy"), await app.agent("ben")
    await amy.call("PUT", "/me/presence", {"state": "away"})
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    problem = await ben.post(f"/conversations/{conversation}/pull", status=409)
    assert problem["status"] == 409


async def test_a_transfer_keeps_the_customers_age(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    queues = {q["key"]: q["id"] for q in await app.core.db.dicts("select key, id from queue")}
    moved = await amy.post(
        f"/conversations/{conversation}/transfer", {"queue_id": queues["billing"], "note": "A refund."}
    )
    assert moved["queue"]["id"] == queues["billing"]
    [row] = await app.core.db.dicts(
        "select e.entered_at < e.queued_at as older, e.state from queue_entry e where conversation_id = %s and state <> 'closed'",
        [conversation],
    )
    assert row == {"older": True, "state": "waiting"}


async def test_a_snooze_into_the_past_names_the_field(app: App) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    problem = await amy.post(f"/conversations/{conversation}/snooze", {"until": "2020-01-01T00:00:00Z"}, status=422)
    assert problem["errors"][0]["field"] == "until"


async def test_an_agent_can_write_first_and_a_double_click_writes_once(app: App) -> None:
    amy = await app.agent("amy")
    body = {
        "client_id": "c1",
        "channel": "sms",
        "address": {"kind": "phone", "value": "+1 415 555 0177"},
        "text": "Your lamp is ready.",
    }
    first, second = (
        await amy.post("/conversations", body, status=201),
        await amy.post("/conversations", body, status=201),
    )
    assert first["id"] == second["id"]
    assert await app.core.db.value("select count(*) from outbound") == 1
    assert await app.sms("Great!", sender="+14155550177") == first["id"]  # the answer comes back to it


async def test_lists_page_without_gaps_or_doubles(app: App) -> None:
    amy = await app.agent("amy")
    made = [await app.sms(sender=f"+1415555{n:04}") for n in range(7)]
    seen: list[int] = []
    cursor = ""
    while True:
        page = await amy.get(f"/conversations?limit=3{cursor}")
        seen += [c["id"] for c in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


# -- one customer ----------------------------------------------------------------------------------------------------
async def test_mail_and_sms_of_one_person_stand_on_one_timeline_once_linked(app: App) -> None:
    amy = await app.agent("amy")
    by_mail, by_sms = await app.mail("My lamp is broken"), await app.sms("Any news?")
    mail_contact = (await amy.get(f"/conversations/{by_mail}"))["contact"]["id"]
    sms_contact = (await amy.get(f"/conversations/{by_sms}"))["contact"]["id"]
    linked = await amy.post(f"/contacts/{mail_contact}/link", {"contact_id": sms_contact})
    assert {a["value"] for a in linked["addresses"]} == {"ana@customer.example", "+14155550100"}
    timeline = (await amy.get(f"/contacts/{mail_contact}/timeline"))["items"]
    assert [i["text"] for i in timeline] == ["Any news?", "My lamp is broken"]
    ways = (await amy.get(f"/conversations/{by_mail}"))["reply_channels"]
    assert {w["channel"] for w in ways} == {"email", "sms"}
    alone = await amy.call("DELETE", f"/contacts/{mail_contact}/links/{linked['linked'][0]['link_id']}")
    assert [a["value"] for a in alone["addresses"]] == ["ana@customer.example"]
    assert [i["text"] for i in (await amy.get(f"/contacts/{sms_contact}/timeline"))["items"]] == ["Any news?"]


async def test_links_undone_in_any_order_restore_everybody(app: App) -> None:
    amy = await app.agent("amy")
    a, b, c = [
        (await amy.get(f"/conversations/{await app.sms(sender=f'+1415555000{n}')}"))["contact"]["id"] for n in range(3)
    ]
    first = (await amy.post(f"/contacts/{b}/link", {"contact_id": c}))["linked"][0]["link_id"]
    both = await amy.post(f"/contacts/{a}/link", {"contact_id": b})
    assert len(both["addresses"]) == 3
    await amy.post(f"/contacts/{c}/link", {"contact_id": a}, status=422)
    await amy.call("DELETE", f"/contacts/{a}/links/{first}")
    assert await app.core.db.dicts("select id, root_id from contact order by id") == [
        {"id": a, "root_id": a},
        {"id": b, "root_id": a},
        {"id": c, "root_id": c},
    ]
    second = next(x["link_id"] for x in (await amy.get(f"/contacts/{a}"))["linked"])
    await amy.call("DELETE", f"/contacts/{a}/links/{second}")
    assert all(r["id"] == r["root_id"] for r in await app.core.db.dicts("select id, root_id from contact"))


# -- access ----------------------------------------------------------------------------------------------------------
async def test_nobody_reads_outside_their_queues(app: App) -> None:
    chiara, amy, admin = await app.agent("chiara"), await app.agent("amy"), await app.agent("admin")
    conversation = await app.sms()  # queue "care": not chiara's
    interaction = (await amy.get(f"/conversations/{conversation}"))["interactions"][0]
    contact = interaction["contact"]["id"]
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/interactions", None),
        ("GET", "/decisions", None),
        ("POST", "/pull", {}),
        ("POST", "/reopen", {}),
        ("POST", "/replies", {"client_id": "x", "text": "x"}),
        ("POST", "/notes", {"client_id": "x", "text": "x"}),
        ("POST", "/resolve", {}),
        ("POST", "/transfer", {"agent_id": 1}),
        ("POST", "/read", {"seq": 1}),
        ("POST", "/snooze", {"until": "2099-01-01T00:00:00Z"}),
        ("POST", "/wrap-up", {}),
    ):
        await chiara.call(method, f"/conversations/{conversation}{path}", body, status=404)
    assert (await chiara.get("/conversations"))["items"] == []
    assert (await chiara.get(f"/contacts/{contact}/timeline"))["items"] == []
    assert (await chiara.get("/conversations/counts"))["waiting"] == 0
    assert len((await admin.get("/conversations"))["items"]) == 1


async def test_an_attachment_is_as_private_as_its_conversation(app: App) -> None:
    amy, chiara = await app.agent("amy"), await app.agent("chiara")
    conversation = await app.sms()
    form = aiohttp.FormData()
    form.add_field("file", b"<script>alert(1)</script>", filename="发票.html", content_type="text/html")
    upload = await (await app.client.post("/api/v1/uploads", data=form, headers=amy.headers)).json()
    await chiara.get(f"/attachments/{upload['id']}", status=404)
    await amy.post(
        f"/conversations/{conversation}/replies", {"client_id": "a", "text": "See", "attachments": [upload["id"]]}
    )
    await chiara.get(f"/attachments/{upload['id']}", status=404)
    got = await app.client.get(f"/api/v1/attachments/{upload['id']}", headers=amy.headers)
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"].startswith("attachment;")
    assert await got.read() == b"<script>alert(1)</script>"


async def test_roles_bound_what_may_be_asked(app: App) -> None:
    amy, eva = await app.agent("amy"), await app.agent("eva")
    await amy.get("/events", status=403)
    await amy.get("/quarantine", status=403)
    await eva.get("/events")
    await eva.get("/quarantine")


async def test_signing_in_sets_a_cookie_that_scripts_cannot_read_and_forgeries_cannot_use(app: App) -> None:
    response = await _sign_in(app)
    assert response.status == 200
    cookie = response.cookies["hub_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    own = {"X-Hub-Request": "1"}
    assert (await app.client.get("/api/v1/me")).status == 200
    assert (await app.client.put("/api/v1/me/presence", json={"state": "away"})).status == 403
    foreign = {**own, "Origin": "https://evil.example"}
    assert (await app.client.put("/api/v1/me/presence", json={"state": "away"}, headers=foreign)).status == 403
    assert (await app.client.put("/api/v1/me/presence", json={"state": "away"}, headers=own)).status == 200
    assert (await app.client.delete("/api/v1/session", headers=own)).status == 204
    assert (await app.client.get("/api/v1/me")).status == 401


async def test_guessing_passwords_is_counted_and_tells_nothing(app: App) -> None:
    known = await _sign_in(app, password="wrong guess 123")
    unknown = await app.client.post(
        "/api/v1/session", json={"email": "nobody@example.com", "password": "wrong guess 123"}
    )
    assert known.status == unknown.status == 401
    assert (await known.json()) == (await unknown.json())
    statuses = [(await _sign_in(app, password="wrong guess 123")).status for _ in range(12)]
    assert 429 in statuses


async def test_a_one_time_link_works_once(app: App) -> None:
    agent = await app.agent("ben")
    token = await signin.invite(app.core.db, agent.id)
    link = {"token": token, "password": "a long new password"}
    assert (await app.client.post("/api/v1/session/link", json={**link, "password": "short"})).status == 422
    assert (await app.client.post("/api/v1/session/link", json=link)).status == 200
    assert (await app.client.post("/api/v1/session/link", json=link, headers={"X-Hub-Request": "1"})).status == 401


async def test_api_tokens_can_be_revoked(app: App) -> None:
    amy = await app.agent("amy")
    made = await amy.post("/tokens", {"name": "script"}, status=201)
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert (await app.client.get("/api/v1/me", headers=bearer)).status == 200
    assert "token" not in (await amy.get("/tokens"))["items"][0]
    await amy.call("DELETE", f"/tokens/{made['id']}")
    assert (await app.client.get("/api/v1/me", headers=bearer)).status == 401


# -- bad input -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x"}, "client_id"),
        ({"client_id": "a", "text": 5}, "text"),
        ({"client_id": "a", "text": "x", "role": "admin"}, "role"),
        ({"client_id": "a b", "text": "x"}, "client_id"),
        ([], "body"),
    ],
)
async def test_a_problem_names_the_field(app: App, body: Any, field: str) -> None:
    amy = await app.agent("amy")
    conversation = await app.sms()
    problem = await amy.call("POST", f"/conversations/{conversation}/replies", body, status=422)
    assert field in [e["field"] for e in problem["errors"]]
    assert problem["remedy"]


async def test_no_stranger_sees_a_stack_trace(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    amy = await app.agent("amy")

    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("hub.conversations.store.counts", broken)
    response = await app.client.get("/api/v1/conversations/counts", headers=amy.headers)
    text = await response.text()
    assert response.status == 500
    assert response.content_type == "application/problem+json"
    assert "secret detail" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/conversations/99999999999999999999",
        "/conversations/0",
        "/conversations/x",
        "/nothing",
        "/conversations?cursor=zzz",
        "/conversations?limit=0",
        "/conversations?limit=1&limit=2",
        "/contacts?cursor=-1",
    ],
)
async def test_odd_addresses_are_problems(app: App, path: str) -> None:
    amy = await app.agent("amy")
    response = await app.client.get(f"/api/v1{path}", headers=amy.headers)
    assert response.status in {404, 422}
    assert response.content_type == "application/problem+json"


async def test_health_and_metrics_answer(app: App) -> None:
    assert (await app.client.get("/health/live")).status == 200
    assert (await (await app.client.get("/health/ready")).json())["redis"] is True
    await app.sms()
    metrics = await (await app.client.get("/metrics")).text()
    assert 'hub_intake_total{connector="twilio",outcome="accepted"}' in metrics
    assert 'hub_queue_entries{queue="care"} 1.0' in metrics
    assert 'hub_outbox_messages{state="pending"} 0.0' in metrics


async def test_quarantine_is_seen_replayed_and_discarded_by_a_supervisor(app: App) -> None:
    eva = await app.agent("eva")
    account = (await app.context.intake.accounts("email"))[0]
    raw = b"From: ana@customer.example\r\nTo: support@lumen-oak.example\r\nSubject: Hi\r\n\r\nHello"
    for key in ("q1", "q2"):
        await app.context.intake.quarantine(
            connector="email",
            account_id=account.id,
            dedup_key=key,
            raw=raw,
            raw_type="message/rfc822",
            reason="broken",
            meta={"rcpt": ["support@lumen-oak.example"]},
        )
    held = (await eva.get("/quarantine"))["items"]
    assert [q["reason"] for q in held] == ["broken", "broken"]
    done = await eva.post(f"/quarantine/{held[0]['id']}/replay")
    assert (await eva.get(f"/conversations/{done['conversation_id']}"))["subject"] == "Hi"
    await eva.call("DELETE", f"/quarantine/{held[1]['id']}")
    assert (await eva.get("/quarantine"))["items"] == []


async def test_a_supervisor_reads_the_queue_as_it_was(app: App) -> None:
    eva, amy = await app.agent("eva"), await app.agent("amy")
    conversation = await app.sms()
    await amy.post(f"/conversations/{conversation}/pull")
    while await count_next(app.core.db):
        pass
    now = clock.now()
    since, until = clock.iso(now - timedelta(hours=1)), clock.iso(now + timedelta(hours=1))
    [row] = (await eva.get(f"/reports/queues?since={since}&until={until}"))["items"]
    assert (row["channel"], row["entered"], row["answered"], row["service_level"]) == ("sms", 1, 1, 100.0)
    assert row["service_level_variant"]
    await amy.get(f"/reports/queues?since={since}&until={until}", status=403)
    await eva.get(f"/reports/queues?since={until}&until={since}", status=422)
