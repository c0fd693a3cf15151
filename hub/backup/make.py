"""`hub backup`: the whole record and the secret key in one file, checked by restoring it.

The file gets its name only when it is whole and a server of its own was restored from it: an older backup of that
name stays until then.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as pgsql

from hub.backup.archive import DUMP, FILES, KEY, Archive, Manifest, Writer
from hub.backup.clients import Clients, Target, find_clients, load
from hub.core import log
from hub.core.clock import iso, now
from hub.core.embedded_postgres import Postgres, owned
from hub.core.errors import ConfigError
from hub.core.files import key_of
from hub.core.folder import OpenFolder
from hub.core.programs import Copy, find_postgres, server_user
from hub.core.service import Addresses
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "backup.sql")
_NAMED = 1000  # missing files that are named
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a backup is to have in it beside the database, and whether it is to be tried."""

    key: bool = True
    files: bool = True
    verify: bool = True


_ALL = Wanted()


def back_up(places: Addresses, file: Path, *, version: str, wanted: Wanted = _ALL) -> Manifest:
    """Write a backup; what it holds. Nothing is left behind, and an older one stays, when that fails."""
    if file.is_dir() or not file.parent.is_dir():
        raise ConfigError(f"{file} cannot be a file.", remedy="Name a file in a folder that exists.")
    writer = Writer(file)
    try:
        with _snapshot(places.database_url) as (conn, snapshot):
            clients = find_clients(conn.info.server_version // 10000)
            digest = _dump(clients, places.database_url, snapshot, writer)
            folder = places.files.folder if wanted.files else None
            manifest = _manifest(conn, version, clients, digest, _found(conn, folder))
            if wanted.key:
                writer.add(KEY, places.key)
            writer.describe(manifest)
            for key in _there(conn, folder):
                _add(writer, folder / key if folder else Path(key), key)
        writer.finish()
        if wanted.verify:
            check(writer.place, clients)
        writer.publish()
    finally:
        writer.discard()
    return manifest


@contextmanager
def _snapshot(url: str) -> Generator[tuple[Connection, str]]:
    """One view of the database, for the dump and for the numbers that it is checked against."""
    with psycopg.connect(url, connect_timeout=10, application_name="hub backup") as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        row = conn.execute(sql["snapshot"]).fetchone()
        assert row is not None  # noqa: S101 - a function's value
        yield conn, str(row[0])


def _dump(clients: Clients, url: str, snapshot: str, writer: Writer) -> str:
    target = Target.of(url)
    command = clients.command(
        "pg_dump", "--format=custom", "--schema=public", "--schema=hub_v*", "--no-owner", "--no-privileges",
        "--lock-wait-timeout=60s", f"--snapshot={snapshot}", f"--dbname={target.conninfo}",
    )  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=target.environment
    ) as dumping:
        assert dumping.stdout is not None  # noqa: S101 - we asked for pipes
        said: list[bytes] = []
        listening = threading.Thread(target=lambda: said.append(dumping.stderr.read() if dumping.stderr else b""))
        listening.start()
        try:
            digest = writer.stream(DUMP, dumping.stdout)
        except BaseException:
            dumping.kill()
            raise
        finally:
            listening.join()
        if dumping.wait(60):
            words = b" ".join(b"".join(said).split()).decode(errors="replace")
            raise ConfigError(f"pg_dump {clients.version} failed: {words[:800]}", remedy="No backup was made.")
    return digest


@dataclass(slots=True)
class _Found:
    """How many of the files are where they should be, and how many are elsewhere."""

    inside: int = 0
    outside: int = 0
    missing: list[str] = field(default_factory=list[str])


def _files(conn: Connection) -> Generator[tuple[str, int, str]]:
    """Name, size and place of each file that the database may name, in the view of the dump."""
    with conn.cursor(name="files") as rows:
        rows.itersize = 5000
        for sha256, number, size, place in rows.execute(sql["files"]):
            yield key_of(sha256, number), size, place


def _is_there(folder: Path, key: str, size: int) -> bool:
    try:
        return (folder / key).stat().st_size == size
    except FileNotFoundError:
        return False


def _found(conn: Connection, folder: Path | None) -> _Found:
    found = _Found()
    for key, size, place in _files(conn):
        if place != "folder" or folder is None:
            found.outside += 1
        elif _is_there(folder, key, size):
            found.inside += 1
        elif len(found.missing) < _NAMED:
            found.missing.append(key)
    return found


def _there(conn: Connection, folder: Path | None) -> Generator[str]:
    if folder is not None:
        yield from (key for key, size, place in _files(conn) if place == "folder" and _is_there(folder, key, size))


def _add(writer: Writer, file: Path, key: str) -> None:
    with file.open("rb") as source:
        digest = writer.stream(f"{FILES}{key}", source)
    if digest != file.name.partition("-")[0]:
        raise ConfigError(
            f"{file} is damaged: its bytes are not those of its name.",
            remedy="Put it back from an older backup, or remove it: then it is named as missing. No backup was made.",
        )


def _manifest(conn: Connection, version: str, clients: Clients, digest: str, found: _Found) -> Manifest:
    newest, oldest = conn.execute(sql["newest"]).fetchone() or ("", 0)
    server = conn.info.parameter_status("server_version") or ""
    return Manifest(
        iso(now()), version, server, clients.major, newest, oldest, digest, counts(conn),
        found.inside, found.outside, tuple(found.missing),
    )  # fmt: skip


def counts(conn: Connection) -> dict[str, int]:
    """Rows of each of the hub's tables."""
    found: dict[str, int] = {}
    for (table,) in conn.execute(sql["tables"]).fetchall():
        query = pgsql.SQL(sql["count"]).format(pgsql.Identifier(table))
        row = conn.execute(query).fetchone()
        found[table] = int(row[0]) if row else 0
    return found


def check(file: Path, clients: Clients) -> None:
    """Restore a backup into a server of its own and count what came; a `ConfigError` when anything is missing."""
    archive = Archive.read(file)
    archive.check_sum()
    archive.check_files()
    with _scratch(file.parent, clients) as url:
        with archive.dump() as dump:
            load(clients, dump, url)
        with psycopg.connect(url) as conn:
            have = counts(conn)
    wrong = [f"{t}: {n} instead of {have.get(t, 0)}" for t, n in archive.manifest.tables.items() if have.get(t) != n]
    if wrong:
        raise ConfigError(f"The backup is not whole: {'; '.join(wrong[:5])}.", remedy="Try again; report this.")


@contextmanager
def _scratch(beside: Path, clients: Clients) -> Generator[str]:
    """An empty server that is gone afterwards, on the disk the backup is on."""
    own = (clients.folder / "postgres").exists() and (clients.folder / "initdb").exists()
    binaries = clients.folder if own else find_postgres()
    with tempfile.TemporaryDirectory(dir=beside, prefix=".hub-backup-") as name:
        folder = Path(name)
        user = server_user(folder / "postgres")
        owned(folder / "run", user)
        sockets = OpenFolder(folder / "run")
        copy = Copy(binaries, user, until_gone=folder / "postgres" / "postmaster.pid")
        postgres = Postgres(folder, sockets, copy, user, durable=False)
        postgres.password = "scratch"  # noqa: S105 - behind a socket of ours, for some seconds
        try:
            process = postgres.start(threading.Event())
            try:
                yield postgres.url
            finally:
                postgres.stop(process)
        finally:
            postgres.close()
            copy.remove()
            sockets.close()
