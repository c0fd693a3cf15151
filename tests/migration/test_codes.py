"""What a database of 0.1.0 says in English sentences comes out as codes; what is not known stays as it was written."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, LiteralString

import psycopg
import pytest

from hub.core import migrate as migrations
from hub.core.migrate import migrate, statements
from tests.migration.released import FIRST, load
from tests.support.postgres import other_database

ERRORS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "Twilio error 30003: the handset is unreachable": (
        "twilio.error", {"number": 30003, "reason": "the handset is unreachable"}),
    "Twilio error 99999: Was it (maybe): this?": ("twilio.error", {"number": 99999, "reason": "Was it (maybe): this?"}),
    "Twilio answers 400: Bad request": ("provider.refused", {"reason": "Bad request"}),
    "The gateway refused the message (402): no credit": ("provider.refused", {"reason": "no credit"}),
    "The gateway reports 'expired'.": ("provider.reports", {"word": "expired"}),
    "Twilio failed after the message was handed over (503).": ("provider.failed", {"status": 503}),
    "The customer has opted out of messages before this one left.": ("send.opted_out", {}),
    "Messages to +15005550006 are not allowed from this number (its list of destinations).": (
        "send.destination", {"address": "+15005550006"}),
    "This number has sent all it may today (2,000 segments). It was not sent; an administrator can raise the limit, or it "
    "can be sent again tomorrow.": ("send.spent", {"most": 2000}),
    "The mail server says 550 5.1.1 no such user": ("smtp.refused", {"reason": "550 5.1.1 no such user"}),
    "ana@shop.example could not be reached: 550 unknown": (
        "mail.returned", {"address": "ana@shop.example", "reason": "550 unknown"}),
    "The mail is 31.5 MB; its server takes at most 25.0 MB.": ("mail.too_large", {"size": 31.5, "most": 25.0}),
    "The worker stopped while sending; it may have arrived.": ("send.interrupted", {}),
    "The connector failed: KeyError: 'x'": ("send.broken", {"reason": "KeyError: 'x'"}),
    "Somebody's own words (550)": (None, {}),
    "The mail server says hello": (None, {}),
    "Twilio error 12345678901234567890: too long a number": (None, {}),
}  # fmt: skip
LOST: dict[str, tuple[str | None, dict[str, Any]]] = {
    "The file is larger than 25 MB.": ("media.too_large", {"size": 25}),
    "Twilio answers 404.": ("media.gone", {"status": 404}),
    "Twilio answers 500.": ("media.refused", {"status": 500}),
    "The provider did not answer in time.": ("media.unanswered", {}),
    "The file lies at evil.example, which is not Twilio's.": ("media.foreign", {"host": "evil.example"}),
    "The file could not be fetched: OSError.": ("media.failed", {"reason": "OSError"}),
    "The moon was in the way.": (None, {}),
}
UNSAID = {
    "(A sticker)": "unsaid.sticker",
    "(An empty message)": "unsaid.empty",
    "(A message that cannot be shown here: hologram)": "unsaid.unknown",
    "(A sticker), she said": None,
    "(a sticker)": None,
}
LINES = {
    "The customer has been waiting for an answer for more than 15 minutes.": ("line.waiting", {"minutes": 15}),
    "The customer rated our help 1 of 5 and is not content.\nToo slow\nand rude": (
        "line.rated", {"score": 1, "comment": "Too slow\nand rude"}),
    "The customer wants no more messages (STOP (all)).": ("line.stop", {"word": "STOP (all)"}),
    "Answers go to ana@shop.example now.": ("line.replyTo", {"address": "ana@shop.example"}),
    "The moon is full.": None,
}  # fmt: skip


@pytest.fixture
def old(database_url: str) -> Generator[str]:
    """A database as 0.1.0 left it."""
    with other_database(database_url, finds_functions=False) as url:
        load(FIRST, url)
        yield url


def some(conn: psycopg.Connection[Any], query: LiteralString, count: int) -> list[int]:
    found = [row[0] for row in conn.execute(query).fetchall()]
    assert len(found) >= count, query
    return found[:count]


def test_errors_of_sends_and_files_come_out_with_codes(old: str) -> None:
    with psycopg.connect(old) as conn:
        sends = dict(zip(some(conn, "select id from outbound order by id", len(ERRORS)), ERRORS, strict=True))
        for number, words in sends.items():
            conn.execute("update outbound set state = 'failed', error = %s where id = %s", [words, number])
        one = some(conn, "select id from interaction order by id", 1)[0]
        for n, words in enumerate(LOST):
            conn.execute(
                "insert into media (interaction_id, account_id, position, url, state, error)"
                " values (%s, 1, %s, 'https://x.example', 'lost', %s)",
                [one, 1000 + n, words],
            )
    migrate(old)
    with psycopg.connect(old) as conn:
        for number, words in sends.items():
            code, params = ERRORS[words]
            row = conn.execute("select error, code, coalesce(params, '{}') from outbound where id = %s", [number])
            assert row.fetchone() == (words, code, params)
        rows = conn.execute("select error, code, coalesce(params, '{}') from media where position >= 1000").fetchall()
        assert {row[0]: (row[1], row[2]) for row in rows} == LOST


def test_what_the_hub_wrote_by_itself_comes_out_with_codes(old: str) -> None:
    with psycopg.connect(old) as conn:
        incoming = "select id from interaction where kind = 'message' and direction = 'in' order by id"
        messages = dict(zip(some(conn, incoming, len(UNSAID)), UNSAID, strict=True))
        for number, words in messages.items():
            conn.execute("update interaction set text = %s, meta = '{}' where id = %s", [words, number])
            last = "update conversation set preview = %s where id = (select conversation_id from interaction where id = %s)"
            conn.execute(last, [words, number])
        others = "select id from interaction where direction = 'out' order by id"
        lines = dict(zip(some(conn, others, len(LINES)), LINES, strict=True))
        for number, words in lines.items():
            update = "update interaction set kind = 'system', text = %s, meta = '{\"n\": 1}' where id = %s"
            conn.execute(update, [words, number])
        written = "select id from interaction where direction = 'out' order by id desc"
        note = some(conn, written, 1)[0]
        conn.execute(
            "update interaction set text = 'Answers go to x@y.example now.', meta = '{}' where id = %s", [note]
        )
    migrate(old)
    with psycopg.connect(old) as conn:
        for number, words in messages.items():
            query = (
                "select i.text, i.meta -> 'said', v.preview, v.said"
                " from interaction i join conversation v on v.id = i.conversation_id where i.id = %s"
            )
            row = conn.execute(query, [number]).fetchone()
            assert row is not None
            text, said, preview, last = row
            assert text == words
            assert (said and said["code"]) == UNSAID[words]
            if preview == words and UNSAID[words]:
                assert last == said
        for number, words in lines.items():
            meta = (conn.execute("select meta from interaction where id = %s", [number]).fetchone() or ({},))[0]
            expected = LINES[words]
            if expected is None:
                assert meta == {"n": 1}
            else:
                params = {k: v for k, v in meta["said"]["params"].items() if v != ""}
                assert (meta["n"], meta["said"]["code"], params) == (1, *expected)
        shown = conn.execute("select meta from interaction where id = %s", [note]).fetchone()
        assert shown == ({},)  # somebody wrote it


def test_links_of_surveys_are_not_kept_where_agents_read(old: str) -> None:
    token = "17-1790000000-" + "abcdefghijklmnopqrstuvwxyz"
    with psycopg.connect(old) as conn:
        ours = some(conn, "select id from interaction where kind = 'message' and direction = 'out' order by id", 1)[0]
        update = "update interaction set automatic = true, text = %s where id = %s returning conversation_id"
        [matter] = conn.execute(update, [f"Tell us:\nhttps://x.example/rate/{token}", ours]).fetchone() or [0]
        cut = f"Tell us:\nhttps://x.example/rate/{token[:20]}"
        conn.execute("update conversation set preview = %s where id = %s", [cut, matter])
        theirs = some(conn, "select id from interaction where direction = 'in' and channel = 'email' order by id", 2)
        quote = f"Good\n> https://x.example/rate/{token}"
        update = "update interaction set text = 'Good', meta = jsonb_build_object('full_text', %s::text) where id = %s"
        conn.execute(update, [quote, theirs[0]])
        conn.execute("update interaction set text = %s where id = %s", [f"Part {token}", theirs[1]])
    migrate(old)
    with psycopg.connect(old) as conn:
        [text] = conn.execute("select text from interaction where id = %s", [ours]).fetchone() or [""]
        assert text == "Tell us:\n[Survey link sent]"
        [preview] = conn.execute("select preview from conversation where id = %s", [matter]).fetchone() or [""]
        assert preview == "Tell us:\n…"
        [meta] = conn.execute("select meta from interaction where id = %s", [theirs[0]]).fetchone() or [{}]
        assert meta == {"full_text": "Good\n> https://x.example/rate/…", "quotes_survey": True}
        [part] = conn.execute("select text from interaction where id = %s", [theirs[1]]).fetchone() or [""]
        assert part == f"Part {token}"  # no page of a survey


def test_a_rewrite_that_was_interrupted_goes_on_where_it_was(old: str) -> None:
    """What is done stays done, and a second run changes nothing: each statement of such a file may be run again."""
    migrate(old)
    file = migrations.FOLDER / "0052_because.sql"
    with psycopg.connect(old, autocommit=True) as conn:
        before = conn.execute("select id, because, candidates, xmin::text from decision order by id").fetchall()
        undone = [row[0] for row in before[::2]]
        conn.execute("update decision set because = null where id = any(%s)", [undone])
        for _ in range(2):
            for statement in statements(file.read_text(encoding="utf-8")):
                conn.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue] - the file's own words
        after = conn.execute("select id, because, candidates, xmin::text from decision order by id").fetchall()
    assert [row[:3] for row in after] == [row[:3] for row in before]
    touched = {new[0] for old_row, new in zip(before, after, strict=True) if old_row[3] != new[3]}
    assert touched == set(undone)


def test_rewrites_of_tables_are_done_in_batches() -> None:
    """A file that changes rows of a table that grows does not do it in one transaction; those before are history."""
    grown = (
        "decision",
        "interaction",
        "conversation",
        "event",
        "outbound",
        "media",
        "attachment",
        "contact",
        "address",
    )
    whole = [
        file.stem
        for file in sorted(migrations.FOLDER.glob("[0-9]*.sql"))
        if not (text := file.read_text(encoding="utf-8")).startswith("-- concurrently")
        and any(f"\nupdate {table} " in f"\n{text}" for table in grown)
    ]
    assert whole == HISTORY


HISTORY = ["0005_email", "0029_numbers"]  # the first is of 0.1.0; the second changes addresses of a few countries
