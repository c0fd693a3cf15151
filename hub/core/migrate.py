"""Migrations: numbered, forward-only, plain SQL; and each release's own set of functions (`hub.core.functions`).

Only `hub up`, `serve`, `services` and `migrate` change the database; every other process and command calls `check`.
A hub of the release before goes on beside one that has migrated, and may be started again: its set is its own, and the
triggers stay those of the newest. A hub that is older yet does not start, and says so.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql as pgsql

from hub.core import functions, log
from hub.core.errors import ConfigError, Unavailable
from hub.core.functions import FOLDER, FunctionSet
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "migrate.sql")
_LOCK = 0x6875622  # one migrator at a time, whatever starts first
# A statement that waits for its lock holds up everybody who comes after it: so it waits briefly, and more than once.
_LOCK_WAIT = "1s"
_LONG = 2.0  # seconds of one step that are told
_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds in which the others go on; the last for all further tries
PATIENCE = 900.0  # seconds until a migration that gets no lock is given up
_CONCURRENTLY = "-- concurrently"  # a file that begins so runs outside a transaction, statement by statement
_CONCURRENT = re.compile(r"(?:create\s+(?:unique\s+)?|drop\s+)index\s+concurrently\s", re.IGNORECASE)
_INDEX = re.compile(r"create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(\w+)", re.IGNORECASE)

Connection = psycopg.Connection[tuple[Any, ...]]


def migrate(url: str, *, patience: float = PATIENCE) -> list[str]:
    """Bring the database up to date; the names of what was applied.

    `NNNN_*.sql` run once each, in one transaction each, in order. This hub's set of functions is laid unless it is
    there; the newest hub's triggers are attached, and sets that no release which may run needs are dropped. A lock
    that somebody else has is tried for again and again, for at most `patience` seconds: then `Unavailable`.
    """
    with _connected(url) as conn, _alone(conn, patience):
        return _Migrator(conn, patience).run()


def check(url: str) -> None:
    """A `ConfigError` unless this hub can work with the database as it is; changes nothing."""
    with _connected(url) as conn:
        conn.execute(sql["search_path"], ["public"])
        known = _known(conn)
        own = functions.current(FOLDER)
        _refuse_if_too_old(conn, known, own)
        if not known:
            raise ConfigError(
                "The database is empty: no hub has been started on it yet.",
                remedy="Start `hub up` or `hub serve`, or run `hub migrate`.",
            )
        missing = [file.stem for file in _files() if file.stem not in known]
        if not missing and ((there := _sets(conn).get(own.number)) is None or there.digest != own.digest):
            missing = [f"the functions of this version ({own.schema})"]
        if missing:
            raise ConfigError(
                f"The database is older than this hub: it lacks {', '.join(missing)}.",
                remedy="Run `hub migrate`, or start this version's `hub up` or `hub serve`.",
            )


class _Migrator:
    def __init__(self, conn: Connection, patience: float):
        self._conn = conn
        self._patience = patience

    def run(self) -> list[str]:
        version = self._conn.info.server_version
        if version < 150000:
            raise ConfigError(f"PostgreSQL {version // 10000} is too old.", remedy="Use PostgreSQL 15 or newer.")
        self._conn.execute(sql["search_path"], ["public"])
        self._conn.execute(sql["lock_timeout"], [_LOCK_WAIT])
        self._patiently("migration", lambda: self._conn.execute(sql["table"]))
        known = _known(self._conn)
        own = functions.current(FOLDER)
        _refuse_if_too_old(self._conn, known, own)
        _refuse_if_changed(known)
        applied: list[str] = []
        for file in _files():
            if file.stem not in known:
                self._apply(file.stem, file)
                applied.append(file.stem)
        if newer := sorted(name for name in known if name[0].isdigit() and name not in {f.stem for f in _files()}):
            logger.warning("database_is_newer", newest=newer[-1], effect="its triggers stay as they are")
        applied += self._lay_functions(own)
        self._patiently("log", lambda: _heal_after_restore(self._conn))
        if applied:
            logger.info("database_is_up_to_date", steps=len(applied), first=applied[0], last=applied[-1])
        return applied

    def _lay_functions(self, own: FunctionSet) -> list[str]:
        """The hub's own set; and what hangs on the tables, unless a newer hub's does."""
        done: list[str] = []
        newly_released = False
        there = _sets(self._conn).get(own.number)
        if there is not None and there.digest != own.digest and there.release:
            raise ConfigError(
                f"This hub's functions are written otherwise than those that {there.release} was released with.",
                remedy="Use a version as it was released; what changes comes with the next one.",
            )
        if there is None or there.digest != own.digest:
            self._patiently(own.schema, lambda: self._lay(own, in_place_of=there))
            done.append(own.schema)
        elif newly_released := bool(own.release and not there.release):
            self._conn.execute(sql["laid"], _row(own))
        number, digest, _ = self._conn.execute(sql["attached"]).fetchone() or (0, "", 0)
        if own.number > number or (own.number == number and (own.digest != digest or newly_released)):
            self._patiently("triggers", lambda: self._attach(own))
            done.append("triggers")
        return done

    def _lay(self, own: FunctionSet, *, in_place_of: FunctionSet | None) -> None:
        """All of a set or nothing; one of the same number was not released, and goes with its triggers."""
        with self._conn.transaction():
            attached, *_ = self._conn.execute(sql["attached"]).fetchone() or (0,)
            if in_place_of is not None:
                self._conn.execute(pgsql.SQL(sql["drop_schema"]).format(pgsql.Identifier(own.schema)))
            self._conn.execute(pgsql.SQL(sql["schema"]).format(pgsql.Identifier(own.schema)))
            self._run_files(own, "functions")
            self._conn.execute(sql["laid"], _row(own))
            if in_place_of is not None and attached == own.number:
                self._run_files(own, "attached")

    def _attach(self, own: FunctionSet) -> None:
        """Triggers of this set; and if it is a release's, the end of those sets that only too old hubs would need."""
        with self._conn.transaction():
            self._run_files(own, "attached")
            self._conn.execute(sql["attach"], _row(own))
            for number in range(own.number - 1 if own.release else 0):
                self._retire(number)

    def _retire(self, number: int) -> None:
        schema = FunctionSet(number, "", "").schema
        self._conn.execute(pgsql.SQL(sql["drop_schema"]).format(pgsql.Identifier(schema)))
        self._conn.execute(sql["retired"], {"number": number})
        if (FOLDER / "retired" / f"{number}.sql").exists():
            self._conn.execute(cast("LiteralString", _text(FOLDER / "retired" / f"{number}.sql")))

    def _run_files(self, own: FunctionSet, part: str) -> None:
        self._conn.execute(sql["local_search_path"], [own.search_path])
        for file in functions.texts(FOLDER, part):
            self._conn.execute(cast("LiteralString", _text(file)))
        self._conn.execute(sql["local_search_path"], ["public"])

    def _apply(self, name: str, file: Path) -> None:
        text = _text(file)
        run = self._outside_transaction if text.startswith(_CONCURRENTLY) else self._in_transaction
        started = time.monotonic()
        self._patiently(name, lambda: run(name, text))
        if (seconds := time.monotonic() - started) > _LONG:  # who waits for a large table wants to know for which
            logger.info("migrated", name=name, seconds=round(seconds, 1))

    def _in_transaction(self, name: str, text: str) -> None:
        with self._conn.transaction():
            self._conn.execute(cast("LiteralString", text))
            self._conn.execute(sql["applied"], {"name": name, "text": text})

    def _outside_transaction(self, name: str, text: str) -> None:
        """Each statement by itself, and again from the first after a failure, which must do no harm.

        `if not exists` sees to that, and a procedure of batches by passing what is done already.
        """
        try:
            for statement in statements(text):
                # What works concurrently waits for others to end, and holds up nobody meanwhile.
                wait = "60s" if _CONCURRENT.match(statement) else _LOCK_WAIT
                self._conn.execute(sql["lock_timeout"], [wait])
                if found := _INDEX.match(statement):
                    self._drop_invalid(found[1])
                self._conn.execute(cast("LiteralString", statement))
        finally:
            self._conn.execute(sql["lock_timeout"], [_LOCK_WAIT])
        self._conn.execute(sql["applied"], {"name": name, "text": text})

    def _drop_invalid(self, index: str) -> None:
        """A build that was interrupted leaves an index behind that nobody uses and everybody maintains."""
        if self._conn.execute(sql["invalid"], {"name": index}).fetchone():
            self._conn.execute(pgsql.SQL(sql["drop_index"]).format(pgsql.Identifier(index)))

    def _patiently(self, name: str, step: Callable[[], object]) -> None:
        """Do a step that either happens or does not, until it gets its locks."""
        gives_up = time.monotonic() + self._patience
        tries = 0
        while True:
            try:
                step()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                others = _others(self._conn)
                if time.monotonic() > gives_up:
                    raise Unavailable(
                        f"The migration {name} got no lock for {self._patience:.0f} s. Open: {others}.",
                        remedy="End these, then start again: nothing of this migration was changed.",
                    ) from None
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                tries += 1
                logger.warning("migration_waits", name=name, tries=tries, next_try_in=pause, open=others)
                time.sleep(pause)
            else:
                return


def newest_known() -> int:
    """The number of this hub's newest migration: its age."""
    return max(int(file.stem[:4]) for file in _files())


def _files() -> list[Path]:
    return sorted(FOLDER.glob("[0-9]*.sql"))


def statements(text: str) -> Iterator[str]:
    """The statements of a file that runs outside a transaction: each ends a line, but those within a `$$` body."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    begun = ""
    for part in re.split(r";[ \t]*(?:\n|$)", lines):
        begun += part
        if begun.count("$$") % 2:
            begun += ";\n"
            continue
        if begun.strip():
            yield begun.strip()
        begun = ""


def _known(conn: Connection) -> dict[str, str]:
    """What was applied, with its text; empty when no hub ever was here."""
    if conn.execute(sql["there"]).fetchone() == (None,):
        return {}
    return dict(conn.execute(sql["known"]).fetchall())


def _sets(conn: Connection) -> dict[int, FunctionSet]:
    """The sets of functions that are there."""
    return {row[0]: FunctionSet(*row) for row in conn.execute(sql["sets"]).fetchall()}


def _row(own: FunctionSet) -> dict[str, object]:
    return {"number": own.number, "release": own.release, "digest": own.digest}


def _refuse_if_too_old(conn: Connection, known: dict[str, str], own: FunctionSet) -> None:
    if "0015_compatibility" not in known:
        return
    row = conn.execute(sql["oldest"]).fetchone()
    if row is not None and row[0] > newest_known():
        raise ConfigError(
            f"This hub is too old for the database: it knows migrations up to {newest_known()}, "
            f"and {row[0]} is needed.",
            remedy="Start the version that migrated the database, or a newer one.",
        )
    if "0051_oldest_set" not in known:
        return
    newest, _, oldest = conn.execute(sql["attached"]).fetchone() or (0, "", 0)
    if own.number < oldest:
        sets = _sets(conn)
        names = [(sets[n].release if n in sets else "") or f"hub_v{n}" for n in (newest, oldest)]
        hub = f"This hub ({own.release})" if own.release else "This hub"
        raise ConfigError(
            f"{hub} is too old for the database: {names[0]} has migrated it, and needs {names[1]} or newer.",
            remedy="Start such a version.",
        )


def _refuse_if_changed(known: dict[str, str]) -> None:
    """A migration that was applied is history: written otherwise, it would be applied to new databases alone.

    But for those that say the same in a better way since before anybody was given them (`rewritten.txt`).
    """
    changed = [file.stem for file in _files() if (known.get(file.stem) or _text(file)) != _text(file)]
    before = _rewritten() if changed else set[tuple[str, str]]()
    changed = [name for name in changed if (name, hashlib.sha256(known[name].encode()).hexdigest()) not in before]
    if changed:
        raise ConfigError(
            f"This hub's {', '.join(changed)} is written otherwise than what was applied to the database.",
            remedy="Use the version that was released, and put what is to change into a migration of its own.",
        )


def _rewritten() -> set[tuple[str, str]]:
    """Migrations by name and sha256 of an earlier text that left a database the same."""
    lines = _text(FOLDER / "rewritten.txt").splitlines()
    return {(name, digest) for name, digest in (line.split() for line in lines if not line.startswith("#"))}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@contextmanager
def _alone(conn: Connection, patience: float) -> Generator[None]:
    """One migrator at a time.

    Others look again and again: the snapshot of a waiting statement would hold up `create index concurrently`.
    """
    gives_up = time.monotonic() + 2 * patience
    while conn.execute(sql["alone"], [_LOCK]).fetchone() != (True,):
        if time.monotonic() > gives_up:
            raise Unavailable("Another process has been migrating the database for too long.", remedy="See its log.")
        time.sleep(0.2)
    yield  # the lock goes with the connection


def _others(conn: Connection) -> str:
    """Transactions that are open in this database, the oldest first, for a person."""
    rows = conn.execute(sql["others"]).fetchall()
    found = [f"process {pid} ({name or 'unnamed'}, {state}, {seconds:.0f} s)" for pid, name, state, seconds in rows]
    return "; ".join(found) or "none"


def _connected(url: str) -> Connection:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"PostgreSQL cannot be reached: {str(error).strip().splitlines()[0].rstrip('.')}.",
            remedy="Check that it runs, and HUB_DATABASE__URL.",
        ) from None


def _heal_after_restore(conn: Connection) -> None:
    """A dump restored into another cluster carries the old cluster's transaction ids: flatten them.

    Otherwise old events would seem to lie in the future and readers would never see a new one.
    """
    with conn.transaction():
        if conn.execute(sql["from_elsewhere"]).fetchone() == (True,):
            logger.warning("log_restored", effect="transaction ids of the event log laid anew")
            conn.execute(sql["flatten_events"])
            conn.execute(sql["flatten_cursors"])
