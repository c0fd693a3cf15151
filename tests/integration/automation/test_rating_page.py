"""The page behind the question: reading records nothing, sending does, and the customer may change their mind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.automation.ratings import MOST_WORDS
from hub.channels.model import Page
from hub.core.clock import now
from hub.messages import tokens
from tests.support.app import Agent, App


async def answered(app: App, agent: Agent, text: str = "Where is my lamp?") -> int:
    number = await app.mail(text)
    await agent.post(f"/conversations/{number}/pull")
    await agent.post(f"/conversations/{number}/replies", {"client_id": f"a{number}", "text": "Done"}, status=201)
    await agent.post(f"/conversations/{number}/resolve")
    await app.core.db.execute("update queue_entry set state = 'closed', closed_at = now() where state = 'wrapping'")
    return number


def link(app: App, number: int, days: float = 14) -> str:
    return f"/rate/{tokens.rating_token(app.core.vault, number, now() + timedelta(days=days))}"


async def ratings(app: App) -> list[dict[str, Any]]:
    return await app.core.db.dicts("select conversation_id, agent_id, score, comment from rating")


async def test_rating_is_recorded_by_sending_and_never_by_reading(app: App) -> None:
    amy = await app.agent("amy")
    number = await answered(app, amy)
    path = link(app, number)
    for query in ("", "?score=5", "?score=5&comment=x"):
        page = await app.client.get(path + query)
        assert page.status == 200
        assert "<form" in await page.text()
        assert "script" not in page.headers["Content-Security-Policy"]
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (await app.client.head(path)).status == 200
    assert await ratings(app) == []
    done = await app.client.post(path, data={"score": "4", "comment": "  quick\r\n& <b>kind</b> "})
    assert (done.status, "Thank you" in await done.text()) == (200, True)
    assert await ratings(app) == [
        {"conversation_id": number, "agent_id": amy.id, "score": 4, "comment": "quick\n& <b>kind</b>"}
    ]
    again = await (await app.client.get(path)).text()
    assert 'value="4" required checked' in again
    assert "quick\n&amp; &lt;b&gt;kind&lt;/b&gt;" in again
    assert await app.core.db.value("select status from conversation where id = %s", [number]) == "resolved"


async def test_agent_gets_the_link_of_a_survey_by_no_way(app: App) -> None:
    """Neither where we sent it nor where the customer's mail quotes it: whoever has it is the customer."""
    amy = await app.agent("amy")
    number = await answered(app, amy)
    path = link(app, number)
    token = path.removeprefix("/rate/")
    quoting = f"Thanks!\n> https://hub.example{path}."
    html = f'<p>Thanks!</p><blockquote><a href="https://hub.example{path}">Rate</a></blockquote>'
    at = {"subject": f"Re: {path}", "html": html, "page": Page(html, html), "meta": {"full_text": quoting}}
    await app.mail(quoting, sender="ana@customer.example", **at)
    await app.mail("Order 17-1790000000-" + "a" * 26, sender="bob@customer.example")
    kept = await app.core.db.value(
        "select string_agg(to_jsonb(i)::text || coalesce(to_jsonb(p)::text, ''), ' ') from interaction i"
        " left join page p on p.interaction_id = i.id"
    )
    assert token not in kept
    assert "https://hub.example/rate/…" in kept
    assert "Order 17-1790000000-aaa" in kept  # nothing of ours signed that
    quoted = await app.core.db.value("select id from interaction where meta ? 'quotes_survey'")
    refused = await amy.call("GET", f"/interactions/{quoted}/original", status=403)
    assert refused["code"] == "message.original_survey"
    admin = await app.agent("admin")
    response = await app.client.get(f"/api/v1/interactions/{quoted}/original", headers=admin.headers)
    assert token.encode() in await response.read()


async def test_offer_after_a_low_rating_shows_score_and_words(app: App) -> None:
    amy = await app.agent("amy")
    number = await answered(app, amy)
    path = link(app, number)
    await app.client.post(path, data={"score": "1", "comment": "Nobody called back"})
    shown = await amy.get(f"/conversations/{number}")
    assert shown["preview"] == "Rated 1 of 5\nNobody called back"
    assert shown["said"] == {"code": "line.score", "params": {"score": 1, "comment": "Nobody called back"}}
    await app.client.post(path, data={"score": "5", "comment": "They have now"})
    assert (await amy.get(f"/conversations/{number}"))["preview"] == "Rated 5 of 5\nThey have now"


async def test_rating_is_changed_by_sending_again_and_said_once_when_it_is_the_same(app: App) -> None:
    number = await answered(app, await app.agent("amy"))
    path = link(app, number)
    for score in ("5", "5", "3", "3"):
        assert (await app.client.post(path, data={"score": score, "comment": ""})).status == 200
    assert [r["score"] for r in await ratings(app)] == [3]
    assert await app.core.db.value("select count(*) from event where kind = 'conversation.rated'") == 2


async def test_low_rating_on_the_page_brings_a_person_once(app: App) -> None:
    amy = await app.agent("amy")
    number = await answered(app, amy)
    path = link(app, number)
    done = await app.client.post(path, data={"score": "1", "comment": "Nobody called back"})
    assert "Somebody will look at it" in await done.text()
    shown = await amy.get(f"/conversations/{number}")
    assert (shown["status"], shown["entry_state"], shown["agent"]) == ("open", "waiting", None)
    assert shown["waiting_since"]
    [note] = [i["text"] for i in shown["interactions"] if i["kind"] == "note"]
    assert note == "The customer rated our help 1 of 5 and is not content.\nNobody called back"
    await amy.post(f"/conversations/{number}/pull")
    await amy.post(f"/conversations/{number}/resolve")
    assert (await app.client.post(path, data={"score": "2", "comment": ""})).status == 200
    shown = await amy.get(f"/conversations/{number}")
    assert shown["status"] == "resolved"  # better than before, and without a word that nobody has read


@given(said=st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "Nobody called back", "Still"])), max_size=7))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_customer_may_change_their_mind_as_often_as_they_like(app: App, said: list[tuple[int, str]]) -> None:
    amy = await app.agent("amy")
    number = await answered(app, amy)
    path, before, notes = link(app, number), None, 0
    for score, comment in said:
        done = await app.client.post(path, data={"score": str(score), "comment": comment})
        assert done.status == 200
        assert done.content_type == "text/html"
        shown = await amy.get(f"/conversations/{number}")
        news = (score, comment) != before
        notes += news and score < 3
        assert len([i for i in shown["interactions"] if i["kind"] == "note"]) == notes
        worse = score < 3 and news and (before is None or score < before[0] or comment not in ("", before[1]))
        assert (shown["status"] == "open") == worse
        if worse:
            assert (shown["entry_state"], bool(shown["waiting_since"])) == ("waiting", True)
            await amy.post(f"/conversations/{number}/pull")
            await amy.post(f"/conversations/{number}/resolve")
        before = (score, comment)
    kept = [(r["score"], r["comment"]) for r in await ratings(app) if r["conversation_id"] == number]
    assert kept == ([] if before is None else [before])


@pytest.mark.parametrize(
    "data", [{}, {"score": "6"}, {"score": "0"}, {"score": "x"}, {"score": "4", "comment": "x" * (MOST_WORDS + 1)}]
)
async def test_form_that_is_not_filled_in_is_shown_again_and_records_nothing(app: App, data: dict[str, str]) -> None:
    number = await answered(app, await app.agent("amy"))
    done = await app.client.post(link(app, number), data=data)
    assert (done.status, 'role="alert"' in await done.text()) == (400, True)
    assert await ratings(app) == []


async def test_hostile_form_is_refused_with_a_reason_and_records_nothing(app: App) -> None:
    path = link(app, await answered(app, await app.agent("amy")))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, status in (
        (b"\xff\xfe", 422),
        (b"&".join([b"a=1"] * 50), 422),
        (b"score=4&comment=" + b"x" * 20_000, 413),
    ):
        done = await app.client.post(path, data=body, headers=form)
        assert done.status == status, body[:10]
    assert (await app.client.post(path, data=b"score=4&comment=a%00b%ED%A0%80", headers=form)).status == 200
    assert [r["score"] for r in await ratings(app)] == [4]


async def test_link_that_is_wrong_or_too_old_says_so_and_records_nothing(app: App) -> None:
    number = await answered(app, await app.agent("amy"))
    good, old = link(app, number), link(app, number, days=-1)
    foreign = good.replace(f"/rate/{number}-", f"/rate/{number + 1}-")
    longer = good.replace(good.split("-")[1], str(int(good.split("-")[1]) + 86400))
    for path in (foreign, longer, good[:-1], "/rate/x", f"/rate/{number}", good.replace("/rate/", "/u/")):
        for answer in (await app.client.get(path), await app.client.post(path, data={"score": "5"})):
            assert (answer.status, "not valid" in await answer.text()) == (404, True)
    for answer in (await app.client.get(old), await app.client.post(old, data={"score": "5"})):
        assert (answer.status, "closed" in await answer.text()) == (410, True)
    assert await ratings(app) == []


async def test_page_speaks_the_customers_language(app: App) -> None:
    number = await answered(app, await app.agent("amy"))
    await app.core.db.execute("update contact set locale = 'zh_TW'")
    page = await (await app.client.get(link(app, number))).text()
    assert 'lang="zh-CN"' in page
    assert "您对我们的服务满意吗" in page


async def test_page_is_refused_when_one_network_asks_too_often(app: App) -> None:
    path = link(app, await answered(app, await app.agent("amy")))
    found = {(await app.client.get("/rate/x")).status for _ in range(320)}
    assert 429 in found
    assert (await app.client.post(path, data={"score": "5"})).status == 429
    assert await ratings(app) == []


async def test_rating_is_shown_on_conversation_and_timeline_and_counted_by_queue_and_agent(app: App) -> None:
    amy, admin = await app.agent("amy"), await app.agent("admin")
    numbers = [await answered(app, amy, text) for text in ("One", "Two", "Three")]
    for number, score in zip(numbers, ("5", "4", "1"), strict=True):
        await app.client.post(link(app, number), data={"score": score, "comment": f"said {score}"})
    shown = (await amy.get(f"/conversations/{numbers[1]}"))["rating"]
    assert {**shown, "at": ""} == {
        "score": 4,
        "comment": "said 4",
        "agent": {"id": amy.id, "name": shown["agent"]["name"]},
        "at": "",
    }
    contact = (await amy.get(f"/conversations/{numbers[1]}"))["contact"]["id"]
    timeline = (await amy.get(f"/contacts/{contact}/timeline"))["items"]
    assert {i["conversation_id"]: i["conversation_rating"]["score"] for i in timeline} == dict(
        zip(numbers, (5, 4, 1), strict=True)
    )
    day = (now() - timedelta(hours=1)).isoformat()[:19], (now() + timedelta(hours=1)).isoformat()[:19]
    found = await admin.get(f"/reports/ratings?since={day[0]}&until={day[1]}")
    assert found["all"] == {"of": None, "count": 3, "average": 3.33, "satisfied": 66.7}
    assert [(r["of"]["id"], r["count"], r["average"]) for r in found["agents"]] == [(amy.id, 3, 3.33)]
    assert sum(r["count"] for r in found["queues"]) == 3
    earlier = await admin.get("/reports/ratings?since=2020-01-01&until=2020-02-01")
    assert earlier == {"all": {"of": None, "count": 0, "average": None, "satisfied": None}, "queues": [], "agents": []}
    await amy.get(f"/reports/ratings?since={day[0]}&until={day[1]}", status=403)
    await admin.get(f"/reports/ratings?since={day[1]}&until={day[0]}", status=422)
