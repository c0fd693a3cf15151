"""HTML that takes seconds to clean: cleaned where it can do no harm, once, and never by whoever shows it."""

from __future__ import annotations

from typing import Any

import pytest

import hub.messages.html
from connectors.email.accept import receive
from connectors.email.parse import Envelope
from hub.messages import pages
from tests.attack.scale import SCALE
from tests.support.app import App

SUPPORT, ANN = "support@lumen-oak.example", "ann@customer.example"
# What has cost a cleaner more than it is long, in one way or another.
EVIL = {
    "mismatched formatting": "".join(f"<b title={i}></i>" for i in range(10_000)),
    "formatting that is opened again": "<p>" + "".join(f"<font lang=x{i}>" for i in range(300)) + "<p>x" * 2000,
    "nested": "<div>" * 50_000,
    "nested tables": "<table><tr><td>" * 15_000,
    "attributes": "<p " + " ".join(f"a{i}=1" for i in range(100_000)) + ">x",
    "one long style": "<p style='" + "color:red;" * 100_000 + "'>x",
    "comments that never end": "<!--" * 200_000,
    "entities": "&amp" * 300_000,
    "options": "<select><option>" * 25_000,
    "foreign": "<svg><foreignObject><math><mi>" * 14_000,
    "pictures": "".join(f"<img src=cid:{i}>" for i in range(50_000)),
    "brackets": "<" * 1_900_000,
}


@pytest.fixture
def cleaned_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often this process itself cleans anything, instead of having it done."""
    calls: list[int] = []

    def clean(html: str, **more: Any) -> str:
        calls.append(len(html))
        raise AssertionError("in the web process")

    monkeypatch.setattr(hub.messages.html.nh3, "clean", clean)
    return calls


async def arrives(app: App, raw: bytes) -> int:
    """A mail taken in; its conversation."""
    account = next(a for a in await app.context.intake.accounts("email"))
    await receive(app.context.intake, app.core.vault, account, raw, Envelope(ANN, (SUPPORT,)))
    return await app.core.db.value("select conversation_id from interaction order by id desc limit 1")


def mail(html: str, text: str = "Where is my lamp?") -> bytes:
    """A mail with a text, and HTML beside it."""
    head = f"From: {ANN}\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n"
    return f"{head}--b\n\n{text}\n--b\nContent-Type: text/html\n\n{html}\n--b--\n".encode()


@pytest.mark.parametrize("name", EVIL if SCALE > 1 else ["mismatched formatting", "nested", "brackets"])
async def test_mail_with_costly_html_is_stored_and_opened_without_cleaning_anything(
    app: App, cleaned_here: list[int], name: str
) -> None:
    number = await arrives(app, mail(EVIL[name]))
    admin = await app.agent("admin")
    seen = await admin.get(f"/conversations/{number}")
    [shown] = seen["interactions"]
    assert shown["text"] == "Where is my lamp?"
    if shown["html"] is not None:
        assert "where is my lamp" not in shown["html"]
    status = 404 if shown["html"] is None else 200
    page = await app.client.get(f"/api/v1/interactions/{shown['id']}/page", headers=admin.headers)
    assert page.status == status
    assert cleaned_here == []
    assert await app.core.db.value("select count(*) from page") == await app.core.db.value(
        "select count(*) from interaction where html is not null"
    )


async def test_next_mail_flows_behind_one_whose_html_defeats_the_cleaning(app: App) -> None:
    await arrives(app, mail(EVIL["mismatched formatting"]))
    await arrives(app, mail("<p>Hello</p>", "Hello"))
    found = await app.core.db.dicts("select own, error from page order by interaction_id")
    assert [page["own"] for page in found] == [None, "<p>Hello</p>"]
    assert "longer than" in found[0]["error"]


async def test_old_message_gets_its_page_before_it_is_first_shown_and_once(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await arrives(app, mail("<p>Hello <script>x</script><b>there</b></p>", "Hello there"))
    costly = await arrives(app, mail(EVIL["mismatched formatting"]))
    await app.core.db.execute("delete from page")
    admin = await app.agent("admin")
    for _ in range(2):
        [shown] = (await admin.get(f"/conversations/{number}"))["interactions"]
        assert shown["html"] == "<p>Hello <b>there</b></p>"
        [shown] = (await admin.get(f"/conversations/{costly}"))["interactions"]
        assert (shown["html"], shown["text"]) == (None, "Where is my lamp?")
    assert await app.core.db.value("select count(*) from page") == 2
    await app.core.db.execute("update page set own = '<p>let through by older rules</p>'")
    monkeypatch.setattr(pages, "VERSION", pages.VERSION + 1)
    [shown] = (await admin.get(f"/conversations/{number}"))["interactions"]
    assert shown["html"] == "<p>Hello <b>there</b></p>"
    assert await app.core.db.value("select count(*) from page where version = %s", [pages.VERSION]) == 1


async def test_html_that_an_agent_sends_is_cleaned_elsewhere_too(app: App, cleaned_here: list[int]) -> None:
    number = await arrives(app, mail("<p>Hello</p>", "Hello"))
    admin = await app.agent("admin")
    body = {"client_id": "a", "text": "", "html": "<h1>Hello</h1><script>x</script><p>World</p>"}
    written = await admin.post(f"/conversations/{number}/replies", body)
    assert (written["html"], written["text"].split()) == ("<h1>Hello</h1><p>World</p>", ["Hello", "World"])
    costly = {"client_id": "b", "text": "x", "html": EVIL["mismatched formatting"]}
    refused = await admin.post(f"/conversations/{number}/replies", costly, status=422)
    assert refused["errors"][0]["field"] == "html"
    assert cleaned_here == []
