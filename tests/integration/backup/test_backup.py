"""`hub backup` and `hub restore`: whole or not at all, with the key, onto servers of either version."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub.backup import clients as backup_clients
from hub.backup import make
from hub.backup.archive import Archive
from hub.backup.clients import find_clients
from hub.core.embedded import Embedded, Servers
from hub.core.errors import ConfigError
from hub.core.migrate import check, migrate
from tests.integration.cli.test_cli import KEY, Line, clean, line
from tests.support.app import CENTER
from tests.support.postgres import other_database

__all__ = ["clean", "line"]
DEBIAN = Path("/usr/lib/postgresql/15/bin")


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue] - a test's own words
        return row[0] if row else None


def leftovers(folder: Path) -> list[str]:
    return [
        f.name for f in folder.iterdir() if (f.name.startswith(".") and "unfinished" in f.name) or "backup-" in f.name
    ]


@pytest.fixture
def filled(line: Line) -> Line:
    line.run("apply", CENTER)
    line.run("user", "add", "dana@hub.example", "--name", "Dana 你好", "--role", "admin")
    return line


@pytest.fixture
def elsewhere(line: Line, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """Another database on the same server, and the command line on it."""
    with other_database(line.places.database_url) as url:
        monkeypatch.setenv("HUB_DATABASE__URL", url)
        yield url


def test_a_backup_is_whole_private_and_brings_everything_back(filled: Line, clean: Path) -> None:
    file = clean / "hub.backup"
    said = filled.run("backup", file)
    assert "checked by restoring it" in said
    assert "The secret key is in it" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert leftovers(clean) == []
    archive = Archive.read(file)
    assert archive.key == KEY.encode()
    assert archive.manifest.tables["agent"] == ask(filled.places.database_url, "select count(*) from agent")
    with other_database(filled.places.database_url) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_DATABASE__URL", url)
        said = filled.run("restore", file)
        assert "Nothing leaves until you have looked" in said
        assert "The secret key is the backup's already." in said
        check(url)
        assert ask(url, "select name from agent where email = 'dana@hub.example'") == "Dana 你好"
        with psycopg.connect(url) as conn:
            have = make.counts(conn)
        changed = dict.fromkeys(("event", "sending", "migration", "session"), 0)
        assert have | changed == archive.manifest.tables | changed
        assert ask(url, "select sending_frozen_since() is not null and sending_frozen_since() < 'infinity'")
        assert "Sending is frozen since" in filled.run("outbox", "status")
        assert "Sending is no longer frozen." in filled.run("outbox", "thaw")
        assert "Sending is not frozen." in filled.run("outbox", "status")
        assert filled.run("apply", CENTER).startswith("Nothing to change.")  # secrets can be read, too


def test_a_backup_can_be_restored_without_a_hub(filled: Line, clean: Path) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--without-key", "--no-verify")
    assert Archive.read(file).key is None
    with tarfile.open(file) as archive:
        archive.extract("database.dump", clean, filter="data")
    with other_database(filled.places.database_url) as url:
        target = backup_clients.Target.of(url)
        programs = find_clients(18)
        done = subprocess.run(
            programs.command("pg_restore", "--no-owner", f"--dbname={target.conninfo}", str(clean / "database.dump")),
            env=target.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "error" not in done.stderr.replace('schema "public" already exists', "").lower() or done.returncode == 1
        assert ask(url, "select count(*) from agent") == Archive.read(file).manifest.tables["agent"]
        assert ask(url, "select sending_frozen_since() = 'infinity'")  # restored by hand it is frozen, too
        assert "Sending is frozen" in _status(filled, url)


def _status(line: Line, url: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_DATABASE__URL", url)
        return line.run("outbox", "status")


def test_a_restore_into_what_is_not_empty_is_refused_and_replaces_all_of_it_with_force(
    filled: Line, clean: Path
) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--no-verify")
    filled.run("user", "add", "late@hub.example", "--name", "Late")
    url = filled.places.database_url
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table mine (n int)")
        conn.execute("create function mine_too() returns int language sql as 'select 1'")
        conn.execute("create type mine_as_well as enum ('a')")
    assert "The database is not empty." in filled.run("restore", file, code=2)
    assert ask(url, "select count(*) from agent where email = 'late@hub.example'") == 1
    filled.run("restore", file, "--force")
    assert ask(url, "select count(*) from agent where email = 'late@hub.example'") == 0
    assert ask(url, "select to_regclass('mine')") is None
    assert ask(url, "select count(*) from pg_proc where proname = 'mine_too'") == 0
    assert ask(url, "select to_regtype('mine_as_well')") is None
    assert filled.run("restore", file, "--force").startswith("Restored the backup of ")  # and again


def test_a_restore_beside_others_is_refused_and_ends_their_connections_with_force(filled: Line, clean: Path) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--no-verify")
    url = filled.places.database_url
    with psycopg.connect(url, autocommit=True, application_name="a worker") as other:
        said = filled.run("restore", file, code=2)
        assert f"process {other.info.backend_pid} (a worker, here)" in said
        assert "Ended: 1 connection of others" in filled.run("restore", file, "--force")
        with pytest.raises(psycopg.OperationalError):
            other.execute("select 1")


def test_a_restore_that_fails_changes_nothing(filled: Line, clean: Path, elsewhere: str) -> None:
    file = clean / "hub.backup"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUB_DATABASE__URL", filled.places.database_url)
        filled.run("backup", file, "--no-verify")
    migrate(elsewhere)
    before = ask(elsewhere, "select count(*) from migration")
    with psycopg.connect(elsewhere, autocommit=True) as conn:
        conn.execute("create schema held")
        conn.execute(
            "create function held.refuse() returns event_trigger language plpgsql as 'begin raise exception ''no''; end'"
        )
        conn.execute(
            "create event trigger refuse on ddl_command_start when tag in ('CREATE TABLE') execute function held.refuse()"
        )
    said = filled.run("restore", file, "--force", code=2)
    assert "The dump could not be loaded: " in said
    assert "Nothing was changed." in said
    assert ask(elsewhere, "select count(*) from migration") == before


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "something else"])
def test_a_damaged_file_is_refused_before_anything_is_touched(filled: Line, clean: Path, harm: str) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--no-verify")
    content = file.read_bytes()
    half = len(content) // 2
    broken = {
        "cut": content[:half],
        "changed": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        "empty": b"",
        "something else": b"PGDMP" + content,
    }
    file.write_bytes(broken[harm])
    said = filled.run("restore", file, "--force", code=2)
    assert "is no whole backup of a hub" in said or "is damaged" in said
    assert ask(filled.places.database_url, "select count(*) from agent where email = 'dana@hub.example'") == 1
    assert "sending is not frozen" in filled.run("outbox", "status").lower()


def test_a_failed_backup_leaves_the_older_one_and_no_empty_file(
    filled: Line, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--no-verify")
    content = file.read_bytes()
    false = clean / "false"
    false.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        (false / program).write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\necho nonsense\necho broken pipes >&2\nexit 1\n'
        )
        (false / program).chmod(0o755)
    monkeypatch.setattr(backup_clients, "_installed", lambda: iter([backup_clients.Clients(false, "99.1", 99)]))
    assert "pg_dump 99.1 failed: broken pipes" in filled.run("backup", file, code=2)
    assert file.read_bytes() == content
    assert "pg_dump 99.1 failed" in filled.run("backup", clean / "new.backup", code=2)
    assert not (clean / "new.backup").exists()
    assert leftovers(clean) == []


def test_a_backup_that_does_not_restore_is_not_kept(filled: Line, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_manifest", _lying(make._manifest))
    said = filled.run("backup", clean / "hub.backup", code=2)
    assert "The backup is not whole: agent: " in said
    assert not (clean / "hub.backup").exists()
    assert leftovers(clean) == []


def _lying(real: Any) -> Any:
    def manifest(*arguments: Any) -> Any:
        found = real(*arguments)
        found.tables["agent"] += 1
        return found

    return manifest


def test_clients_that_are_too_old_are_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    have = [backup_clients.Clients(Path("/a"), "15.3", 15), backup_clients.Clients(Path("/b"), "18.6", 18)]
    monkeypatch.setattr(backup_clients, "_installed", lambda: iter(have))
    assert [find_clients(major).major for major in (14, 15, 16, 18)] == [15, 15, 18, 18]
    with pytest.raises(
        ConfigError, match=r"of PostgreSQL 19 or newer .*15\.3 in /a, 18\.6 in /b.*postgresql-client-19"
    ):
        find_clients(19)


def test_a_file_that_cannot_be_is_said(filled: Line, clean: Path) -> None:
    assert "cannot be a file" in filled.run("backup", clean, code=2)
    assert "cannot be a file" in filled.run("backup", clean / "nowhere" / "hub.backup", code=2)
    assert "nowhere.backup: No such file" in filled.run("restore", clean / "nowhere.backup", code=2)


# -- between versions of PostgreSQL, and with servers of one's own -------------------------------------------------------
@pytest.fixture
def debian(tmp_path: Path) -> Generator[Servers]:
    if not (DEBIAN / "initdb").exists():
        pytest.skip("PostgreSQL 15 is not installed: apt-get install postgresql-15")
    embedded = Embedded(tmp_path / "debian", durable=False, postgres=DEBIAN)
    yield embedded.start()
    embedded.stop()


@pytest.mark.slow
def test_a_backup_of_an_older_server_goes_onto_a_newer_one_and_the_other_way(
    filled: Line, clean: Path, debian: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older = clean / "newer.backup", clean / "older.backup"
    filled.run("backup", newer)
    url = debian.database_url
    monkeypatch.setenv("HUB_DATABASE__URL", url)
    filled.run("restore", newer)
    assert ask(url, "select name from agent where email = 'dana@hub.example'") == "Dana 你好"
    filled.run("backup", older)
    assert Archive.read(older).manifest.server.startswith("15.")
    with other_database(filled.places.database_url) as back:
        monkeypatch.setenv("HUB_DATABASE__URL", back)
        filled.run("restore", older)
        assert ask(back, "select name from agent where email = 'dana@hub.example'") == "Dana 你好"


@pytest.mark.slow
def test_an_empty_data_folder_gets_database_and_key_of_the_backup(filled: Line, clean: Path) -> None:
    file = clean / "hub.backup"
    filled.run("backup", file, "--no-verify")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    environment |= {"PYTHONPATH": str(CENTER.parent.parent), "HUB_DATA": str(clean / "data")}
    program = [sys.executable, "-m", "hub.cli"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*program, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    said = run("restore", str(file))
    assert "The secret key is the backup's now. The one before is " in said
    assert (clean / "data" / "secret.key").read_bytes() == KEY.encode()
    assert stat.S_IMODE((clean / "data" / "secret.key").stat().st_mode) == 0o600
    assert "Sending is frozen since" in run("outbox", "status")
    said = run("doctor")
    assert "FAIL Sending: is frozen since " in said
    assert "hub outbox status" in said
