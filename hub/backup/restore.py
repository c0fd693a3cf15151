"""`hub restore`: a backup in place of everything that is there, in one transaction, with sending frozen."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql as pgsql

from hub.backup.archive import Archive
from hub.backup.clients import find_clients, load
from hub.core import log
from hub.core.clock import now
from hub.core.errors import ConfigError
from hub.core.file_places import MARK
from hub.core.folder import write_whole
from hub.core.migrate import migrate, newest_known
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "backup.sql")
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}-[0-9]{1,19}")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    archive: Archive
    rows: int
    ended: int  # connections of others


def restore(url: str, archive: Archive, *, force: bool = False) -> Restored:
    """Replace the database's content; a `ConfigError` when it is in use or not empty, unless `force`.

    All of it or nothing. Whatever waited to leave in the backup waits until somebody thaws it.
    """
    _refuse_newer(archive)
    archive.check_sum()
    archive.check_files()
    with psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="hub restore") as conn:
        clients = find_clients(max(conn.info.server_version // 10000, archive.manifest.clients))
        ended = _alone(conn, force=force)
        if not force and conn.execute(sql["occupied"]).fetchone() == (True,):
            raise ConfigError(
                "The database is not empty.", remedy="`--force` replaces all of it by the backup; back it up first."
            )
        reason = pgsql.Literal(f"Restored from the backup of {archive.manifest.made_at}.")
        before = f"{sql['wait_briefly']};\n{sql['clear']};"
        frozen = pgsql.SQL(sql["freeze"]).format(reason).as_string(conn)
        after = f"{sql['at_home']};\n{sql['settle']};\n{frozen};"
        with archive.dump() as dump:
            load(clients, dump, url, before=before, after=after)
        conn.execute("analyze")
    migrate(url)
    return Restored(archive, sum(archive.manifest.tables.values()), ended)


def _refuse_newer(archive: Archive) -> None:
    if archive.manifest.oldest > newest_known():
        raise ConfigError(
            f"{archive.file} was made by a newer hub ({archive.manifest.hub}, {archive.manifest.newest}).",
            remedy="Restore it with that version or a newer one.",
        )


def _alone(conn: Connection, *, force: bool) -> int:
    """End the connections of others, if that is wanted; how many."""
    others = conn.execute(sql["others"]).fetchall()
    if not others:
        return 0
    if not force:
        named = ", ".join(f"process {pid} ({name or 'unnamed'}, {where})" for pid, name, where in others[:5])
        raise ConfigError(
            f"Others are connected to the database: {named}.",
            remedy="Stop every `hub up`, `serve`, `services` and `work` first; `--force` ends their connections.",
        )
    for _ in range(10):
        conn.execute(sql["end_others"])
        time.sleep(0.2)
        if not conn.execute(sql["others"]).fetchall():
            break
    return len(others)


def put_files(archive: Archive, folder: Path) -> int:
    """The backup's files into the folder; those that are there already stay. How many came back."""
    came = 0
    for key, content in archive.files():
        file = folder / key
        if not _KEY.fullmatch(key) or file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(file, content.read())
        came += 1
    if archive.manifest.inside:
        write_whole(folder / MARK, b"", replace=False)
    return came


def put_key(key: bytes, file: Path) -> Path | None:
    """The backup's key in place of the one in `file`; where that one is now, if it was another."""
    aside = None
    if file.exists() and file.read_bytes().strip() != key:
        aside = file.with_name(f"{file.name}.before-{now():%Y%m%dT%H%M%S}")
        write_whole(aside, file.read_bytes())
    write_whole(file, key)
    return aside
