"""Migrations beside a hub at work: behind a reader, killed, two at once, and an older hub on a newer database."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from hub.cli.main import main
from hub.core import log
from hub.core import migrate as migrations
from hub.core.embedded import Servers
from hub.core.errors import ConfigError, Unavailable
from hub.core.migrate import check, migrate
from tests.support.postgres import other_database

ROOT = Path(__file__).parent.parent.parent
WAITS = "set lock_timeout = '2s'"  # what a statement of a hub at work may wait


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's migrations, where a test may add its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, copy)
    monkeypatch.setattr(migrations, "FOLDER", copy)
    monkeypatch.setattr(migrations, "_PAUSES", (0.3,))
    return copy


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue] - a test's own words
        return row[0] if row else None


def test_a_migration_behind_a_reader_holds_up_nobody_and_gets_through_in_the_end(
    database_url: str, folder: Path
) -> None:
    (folder / "9001_more.sql").write_text("alter table lease add column more text;")
    with psycopg.connect(database_url) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("select * from lease")
        migrating = pool.submit(migrate, database_url)
        with psycopg.connect(database_url, autocommit=True) as writer:
            writer.execute(WAITS)
            for n in range(60):
                writer.execute("insert into lease values (%s, 'x', 1, now())", [f"test-{n}"])
                time.sleep(0.05)
        assert not migrating.done()
        reader.rollback()
        assert "9001_more" in migrating.result(60)
    assert ask(database_url, "select count(*) from lease where more is null and name like 'test-%'") == 60


def test_a_migration_that_gets_no_lock_says_who_has_it_and_changes_nothing(database_url: str, folder: Path) -> None:
    (folder / "9001_more.sql").write_text("create table more_of_it (); alter table lease add column more text;")
    with psycopg.connect(database_url, application_name="a report") as reader:
        reader.execute("select * from lease")
        pid = reader.info.backend_pid
        with pytest.raises(Unavailable, match=rf"9001_more got no lock .* process {pid} \(a report, idle in trans"):
            migrate(database_url, patience=1)
    assert ask(database_url, "select to_regclass('more_of_it')") is None
    assert migrate(database_url)[0] == "9001_more"


def test_a_migration_killed_at_any_moment_is_done_by_the_next_start(database_url: str) -> None:
    program = "import sys; from hub.core.migrate import migrate; migrate(sys.argv[1])"
    with other_database(database_url) as url:
        for _ in range(4):
            process = subprocess.Popen(
                [sys.executable, "-c", program, url],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.DEVNULL,
            )
            _eventually(lambda p=process: _begun(url) or p.poll() is not None)
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            process.wait(10)
        migrate(url)
        check(url)
        assert migrate(url) == []
        assert ask(url, "select count(*) from event") == 0


def _begun(url: str) -> bool:
    return ask(url, "select to_regclass('migration')") is not None


def _eventually(true: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, f"not within {seconds} s"
        time.sleep(0.02)


# -- long indexes ------------------------------------------------------------------------------------------------------
INDEXES = """-- concurrently
-- Two that take their time; nobody waits for them.
create index concurrently if not exists lease_holder on lease (holder);
create index concurrently if not exists lease_expiry
    on lease (expires_at);
"""


def test_an_index_is_built_beside_those_who_write_whatever_ended_its_first_build(
    database_url: str, folder: Path
) -> None:
    (folder / "9001_indexes.sql").write_text(INDEXES)
    with psycopg.connect(database_url) as writer, psycopg.connect(database_url, autocommit=True) as other:
        writer.execute("insert into lease values ('a', 'x', 1, now())")
        other.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):  # a build that is given up leaves an invalid index
            other.execute("create index concurrently lease_holder on lease (holder)")
        assert ask(database_url, "select indisvalid from pg_index where indexrelid = 'lease_holder'::regclass") is False
        with ThreadPoolExecutor(2) as pool:
            migrating = [pool.submit(migrate, database_url) for _ in range(2)]  # two processes start at once
            other.execute(WAITS)
            other.execute("insert into lease values ('b', 'x', 1, now())")
            writer.commit()
            assert sorted("9001_indexes" in done.result(60) for done in migrating) == [False, True]
    valid = "select bool_and(indisvalid) from pg_index where indexrelid in ('lease_holder'::regclass, 'lease_expiry'::regclass)"
    assert ask(database_url, valid) is True


def test_every_migration_outside_a_transaction_may_run_again() -> None:
    """A build that fails half-way is begun again: each statement must be one that does no harm then."""
    harmless = (
        "create index concurrently if not exists",
        "create unique index concurrently if not exists",
        "drop index concurrently if exists",
        "alter table decision add column if not exists",
        "create temporary table if not exists",
        "create index if not exists worded_said on worded",  # a temporary one
        "create or replace function pg_temp.",
        "create or replace procedure pg_temp.",
        "call pg_temp.",  # of what goes on where it was: tests/migration/test_codes.py
    )
    for file in migrations.FOLDER.glob("[0-9]*.sql"):
        text = file.read_text(encoding="utf-8")
        if text.startswith("-- concurrently"):
            for statement in migrations.statements(text):
                assert statement.lower().startswith(harmless), (file.name, statement)


# -- an older hub on a newer database ------------------------------------------------------------------------------------
@pytest.fixture
def configured(database_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(log, "configure", lambda **_: None)  # the tests' own way of logging stays
    monkeypatch.setenv("HUB_DATABASE__URL", database_url)
    monkeypatch.setenv("HUB_REDIS__URL", servers.redis_url)
    monkeypatch.setenv("HUB_SECRET_KEY", "test-key-" * 8)
    monkeypatch.chdir(tmp_path)
    return database_url


NEWER = ("insert into migration (name) values ('9999_future')",)


def _make_newer(url: str, oldest: int = 0) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in NEWER:
            conn.execute(statement)
        conn.execute("update compatibility set oldest = %s", [oldest])


def test_a_migration_that_was_applied_is_not_written_anew(database_url: str, folder: Path) -> None:
    more = folder / "9001_more.sql"
    more.write_text("alter table lease add column more text;")
    migrate(database_url)
    more.write_text("alter table lease add column more text not null default '';")
    with pytest.raises(ConfigError, match="9001_more is written otherwise than what was applied"):
        migrate(database_url)
    more.write_text("alter table lease add column more text;")
    assert migrate(database_url) == []


def test_an_older_hub_does_nothing_to_a_newer_database(database_url: str) -> None:
    _make_newer(database_url)
    assert migrate(database_url) == []
    check(database_url)


def test_a_hub_that_is_too_old_does_not_start_and_says_so(configured: str, capsys: pytest.CaptureFixture[str]) -> None:
    _make_newer(configured, oldest=9999)
    for command in (["up"], ["serve"], ["services"], ["work"], ["migrate"], ["quarantine", "list"]):
        assert main(command) == 2, command
        said = capsys.readouterr().err
        assert said.startswith("hub: This hub is too old for the database: it knows migrations up to "), command
        assert "and 9999 is needed" in said
    assert main(["doctor"]) == 1
    assert "This hub is too old for the database" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("delete from migration where name = '0015_compatibility'", "0015_compatibility"),
        ("delete from function_set", "the functions of this version"),
        ("update function_set set digest = 'of other words'", "the functions of this version"),
    ],
)
def test_commands_never_migrate(
    configured: str, capsys: pytest.CaptureFixture[str], change: LiteralString, lacks: str
) -> None:
    with psycopg.connect(configured, autocommit=True) as conn:
        conn.execute(change)
    assert main(["quarantine", "list"]) == 2
    said = capsys.readouterr().err
    assert f"The database is older than this hub: it lacks {lacks}" in said
    assert "hub migrate" in said


@pytest.mark.breaks_rules  # nothing is left that could keep them
def test_a_database_without_a_hub_is_said(configured: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(configured, autocommit=True) as conn:
        conn.execute("drop schema public cascade")
        conn.execute("create schema public")
    for command in (["quarantine", "list"], ["work"]):
        assert main(command) == 2
        assert "The database is empty: no hub has been started on it yet." in capsys.readouterr().err
    assert ask(configured, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


def test_a_migration_written_anew_before_it_was_released_is_known_by_its_earlier_text(
    database_url: str, folder: Path
) -> None:
    earlier = "create table later (id int); insert into later values (1);"
    (folder / "9001_later.sql").write_text(earlier)
    with other_database(database_url, finds_functions=False) as url:
        migrate(url)
        (folder / "9001_later.sql").write_text("-- concurrently\ncreate table if not exists later (id int);")
        with pytest.raises(ConfigError, match="9001_later is written otherwise"):
            migrate(url)
        known = (folder / "rewritten.txt").read_text()
        digest = hashlib.sha256(earlier.encode()).hexdigest()
        (folder / "rewritten.txt").write_text(f"{known}9001_later {digest}\n")
        assert migrate(url) == []
        (folder / "rewritten.txt").write_text(f"{known}9001_later {'0' * 64}\n")
        with pytest.raises(ConfigError, match="9001_later is written otherwise"):
            migrate(url)


def test_a_procedure_of_a_migration_commits_batch_by_batch(database_url: str, folder: Path) -> None:
    body = (
        "-- concurrently\n"
        "create table if not exists heap (id int);\n"
        "create or replace procedure pg_temp.fill() language plpgsql as $$\n"
        "begin\n    for n in 1..3 loop\n        insert into heap values (n); -- one\n        commit;\n    end loop;\n"
        "    perform 1 / 0;\nend $$;\n\n"
        "call pg_temp.fill();\n"
    )
    (folder / "9001_heap.sql").write_text(body)
    with other_database(database_url, finds_functions=False) as url:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(url)
        assert ask(url, "select count(*) from heap") == 3
        (folder / "9001_heap.sql").write_text(body.replace("    perform 1 / 0;\n", ""))
        assert "9001_heap" in migrate(url)
        assert ask(url, "select count(*) from heap") == 6
