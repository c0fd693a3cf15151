"""Migrations: numbered, forward-only, plain SQL; and functions that are simply laid anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg

from hub.core import log
from hub.core.errors import ConfigError, Unavailable

logger = log.get(__name__)
FOLDER = Path(__file__).parent.parent / "migrations"
_LOCK = 0x6875622  # one migrator at a time, whatever starts first


def migrate(url: str) -> list[str]:
    """Bring the database up to date; the names of what was applied.

    `NNNN_*.sql` run once each, in one transaction each, in order; `functions/*.sql` (create or replace) run
    whenever anything else did or their text changed.
    """
    applied: list[str] = []
    with _connected(url) as conn:
        version = conn.info.server_version
        if version < 150000:
            raise ConfigError(f"PostgreSQL {version // 10000} is too old.", remedy="Use PostgreSQL 15 or newer.")
        conn.execute("select pg_advisory_lock(%s)", [_LOCK])
        conn.execute("set lock_timeout = '10s'")
        conn.execute(
            "create table if not exists migration (name text primary key, text text, at timestamptz default now())"
        )
        known = dict(conn.execute("select name, text from migration").fetchall())
        for file in sorted(FOLDER.glob("[0-9]*.sql")):
            if file.stem not in known:
                _apply(conn, file.stem, file)
                applied.append(file.stem)
        for file in sorted((FOLDER / "functions").glob("*.sql")):
            name = f"functions/{file.stem}"
            if applied or known.get(name) != file.read_text(encoding="utf-8"):
                _apply(conn, name, file)
                applied.append(name)
        _heal_after_restore(conn)
    return applied


def _connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0].rstrip('.')}.",
            remedy="Check that it runs, and HUB_DATABASE__URL.",
        ) from None


def _apply(conn: psycopg.Connection[tuple[object, ...]], name: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    with conn.transaction():
        conn.execute(cast("LiteralString", text))
        conn.execute(
            "insert into migration (name, text) values (%s, %s) "
            "on conflict (name) do update set text = excluded.text, at = now()",
            [name, text],
        )
    logger.info("migrated", name=name)


def _heal_after_restore(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    """A dump restored into another cluster carries the old cluster's transaction ids: flatten them.

    Otherwise old events would seem to lie in the future and readers would never see a new one.
    """
    with conn.transaction():
        row = conn.execute(
            "select exists (select from event where xid > pg_current_xact_id()) or "
            "exists (select from event_cursor where xid > pg_current_xact_id())"
        ).fetchone()
        if row and row[0]:
            logger.warning("log_restored", effect="transaction ids of the event log laid anew")
            conn.execute("update event set xid = '3'")
            conn.execute("update event_cursor set xid = '3'")
