"""What is found stands in the order of what is best, page by page, and is narrowed by who, when, where and in what language."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from hub.core.clock import now
from hub.demo.history import fill
from hub.search.index import begin_anew
from tests.integration.search.test_languages import found, indexed
from tests.support.app import Agent, App


async def _ids(agent: Agent, q: str, **query: object) -> list[int]:
    return [item["id"] for item in await found(agent, q, **query)]


async def test_whose_name_it_is_comes_before_whose_subject_and_that_before_a_mention(app: App) -> None:
    theirs = await app.mail("Where is my order?", sender="rosa.winter@customer.example", name="Rosa Winter")
    subject = await app.mail("Is it in stock?", sender="a@x.example", subject="Lamp Winter Rosa")
    together = await app.mail("I want the Winter Rosa lamp", sender="c@x.example")
    apart = await app.mail("Winter is coming, and among all the lamps I like the colour rosa", sender="b@x.example")
    await indexed(app.core.db)
    admin = await app.agent("admin")
    assert await _ids(admin, "rosa winter") == [theirs, subject, together, apart]
    assert (await found(admin, "rosa winter"))[0]["found"]["where"] == "customer"
    assert (await found(admin, "rosa winter"))[1]["found"] == {
        "interaction_id": (await found(admin, "rosa winter"))[1]["found"]["interaction_id"],
        "where": "subject",
        "pieces": [{"text": "Lamp ", "hit": False}, {"text": "Winter", "hit": True}, {"text": " ", "hit": False}, {"text": "Rosa", "hit": True}],
    }  # fmt: skip


async def test_a_whole_word_comes_before_one_that_is_only_begun(app: App) -> None:
    whole = await app.mail("x", sender="1@x.example", name="Ann Lee")
    begun = await app.mail("x", sender="2@x.example", name="Annabel Leeds")
    await indexed(app.core.db)
    admin = await app.agent("admin")
    assert await _ids(admin, "ann lee") == [whole, begun]
    assert [item["name"] for item in (await admin.get("/contacts?q=ann%20lee"))["items"]] == [
        "Ann Lee",
        "Annabel Leeds",
    ]


async def test_pages_hold_everything_once_and_the_new_comes_before_the_old(app: App) -> None:
    await fill(app.core.db, conversations=700, interactions=2_500, report=lambda _: None)
    await indexed(app.core.db)
    admin = await app.agent("admin")
    for path, size in (("/conversations?q=lam", 40), ("/contacts?q=example", 90)):
        seen: list[int] = []
        cursor = ""
        while True:
            page = await admin.get(f"{path}&limit={size}{cursor}")
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={quote(page['next_cursor'])}"
        assert len(seen) == len(set(seen)) > 250, path  # more than a block
    assert (await admin.get("/contacts?q=example&cursor=nonsense", status=422))["errors"]


async def test_a_search_is_narrowed_by_agent_state_language_and_time(app: App) -> None:
    db = app.core.db
    one = await app.mail("The chandelier", sender="ana@x.example")
    two = await app.mail("The chandelier, too", sender="bea@x.example", locale="pt-BR")
    amy, admin = await app.agent("amy"), await app.agent("admin")
    await amy.post(f"/conversations/{one}/pull")
    await db.execute("update interaction set at = now() - interval '40 days' where conversation_id = %s", [two])
    await indexed(db)
    assert set(await _ids(admin, "chandelier")) == {one, two}
    assert await _ids(admin, "chandelier", agent_id=amy.id) == [one]
    assert await _ids(admin, "chandelier", status="resolved") == []
    assert set(await _ids(admin, "chandelier", status="open")) == {one, two}
    assert await _ids(admin, "chandelier", language="pt") == [two]
    assert await _ids(admin, "chandelier", language="pt-br") == [two]
    month = (now() - timedelta(days=30)).isoformat()
    assert await _ids(admin, "chandelier", since=month) == [one]
    assert await _ids(admin, "chandelier", until=month) == [two]
    assert await _ids(admin, "bea", until=month) == [two]
    assert await _ids(admin, "bea", since=month) == []
    assert (await admin.get("/conversations?language=pt", status=422))["errors"] == [
        {"field": "q", "message": "say what to look for", "code": "other", "params": {}}
    ]


async def test_files_notes_and_own_fields_are_found(app: App) -> None:
    conversation = await app.mail("See the file", sender="ana@x.example")
    await app.core.db.execute(
        "insert into attachment (interaction_id, name, content_type, body) select max(id), 'Überweisung März.pdf', 'application/pdf', 'x' from interaction"
    )
    admin = await app.agent("admin")
    contact = (await admin.get(f"/conversations/{conversation}"))["contact"]["id"]
    await admin.call("PATCH", f"/contacts/{contact}", {"attributes": {"customer_no": "KD-778812", "vip": True}})
    await admin.post(f"/conversations/{conversation}/notes", {"client_id": "n", "text": "Promised a voucher"})
    await indexed(app.core.db)
    for q, where in (
        ("ueberweisung", "file"),
        ("märz pdf", "file"),
        ("kd778812", "customer"),
        ("KD-7788", "customer"),
        ("voucher", "text"),
    ):
        items = await found(admin, q)
        assert [item["id"] for item in items] == [conversation], q
        assert items[0]["found"]["where"] == where, q
        assert any(piece["hit"] for piece in items[0]["found"]["pieces"])
    assert [item["id"] for item in (await admin.get("/contacts?q=KD-778812"))["items"]] == [contact]
    assert await _ids(admin, "true") == []


async def test_words_made_otherwise_are_made_anew(app: App) -> None:
    db = app.core.db
    assert not await begin_anew(db)  # there are none yet: the first that comes says whose they are
    await app.mail("The chandelier", sender="ana@x.example")
    await indexed(db)
    assert not await begin_anew(db)
    await db.execute("update meta set value = '0' where key = 'search.version'")
    await db.execute("update search_doc set words = ''")
    assert await begin_anew(db)
    assert not await begin_anew(db)
    await indexed(db)
    assert len(await _ids(await app.agent("admin"), "chandelier")) == 1


async def test_what_is_shown_of_a_conversation_has_the_words_wherever_else_they_are_found(app: App) -> None:
    """The customer's name has the words, too, and a later message only begins like them."""
    admin = await app.agent("admin")
    number = await app.sms("please kill 3 of them")
    assert await app.sms("kill 38 of them") == number
    contact = (await admin.get(f"/conversations/{number}"))["contact"]["id"]
    await admin.call("PATCH", f"/contacts/{contact}", {"name": "Kill 3"})
    await indexed(app.core.db)
    [item] = await found(admin, "kill 3")
    assert item["id"] == number
    assert "".join(piece["text"] for piece in item["found"]["pieces"]) == "please kill 3 of them"
    assert [piece["text"] for piece in item["found"]["pieces"] if piece["hit"]] == ["kill", "3"]


async def test_conversation_that_says_the_word_whole_comes_before_a_newer_one_that_begins_so(app: App) -> None:
    whole = await app.sms("The lamp is broken")
    assert await app.sms("Lampshades as well, and lampposts") == whole
    begun = await app.mail("Lampshades", sender="b@x.example", subject="Lampshades")
    await indexed(app.core.db)
    admin = await app.agent("admin")
    assert await _ids(admin, "lamp") == [whole, begun]
    [first, _] = await found(admin, "lamp")
    assert [piece["text"] for piece in first["found"]["pieces"] if piece["hit"]] == ["lamp"]
