"""PostgreSQL: one pool, plain SQL, rows in dataclasses.

Single statements run on autocommit connections (one round trip); whatever belongs together runs in
`transaction()`. Locks are taken in one order everywhere, so that two transactions never wait for each other:
address, contact, conversation, queue_entry, offer, agent_state.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeVar

import orjson
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row, dict_row, scalar_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from hub.core import functions
from hub.core.errors import ConnectionLost, Contended, Unavailable
from hub.core.sql import Queries

sql = Queries.beside(__file__, "db.sql")
T = TypeVar("T")
Params = Mapping[str, Any] | Sequence[Any] | None
Connection = psycopg.AsyncConnection[Any]

APPLICATION = "omnihub"  # what our sessions are called in pg_stat_activity, lanes with their name after it
ANSWER_SECONDS = 65.0  # a little more than `statement_timeout`
# Every wait is bounded: a statement, a lock, and a transaction whose owner was stopped while it held locks.
_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=60s -c lock_timeout=10s -c idle_in_transaction_session_timeout=15s"
    " -c jit=off"  # compiling takes longer than any statement of ours
    f" -c search_path={functions.CURRENT.search_path}"  # the functions and views of this release
)
# On a lane: one plan for all values, made while the tables may still be small, and right when they have grown: row by
# row through the indexes. Planning anew for each call takes two to three times as long as to look one row up.
_PLANNED = (
    f"{_OPTIONS} -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off"
)

# For lists: planned each time for the very values, whose filters may be absent, and row by row through an index in the
# order shown, however the statistics would have it. What one person or queue has may be a thousand times the average.
_LISTED = (
    f"{_OPTIONS} -c plan_cache_mode=force_custom_plan -c enable_seqscan=off -c enable_bitmapscan=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c max_parallel_workers_per_gather=0"
)
_LISTING = 4  # connections of a process for that

# For searches: planned for the very words, out of the index of words (which needs bitmaps), never by reading a table;
# and given up before somebody has long typed something else.
_SEARCHED = (
    f"{_OPTIONS} -c plan_cache_mode=force_custom_plan -c enable_seqscan=off"
    " -c enable_hashjoin=off -c enable_mergejoin=off -c max_parallel_workers_per_gather=0 -c statement_timeout=10s"
)

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


async def fetch_all(conn: Connection, row: type[T], query: LiteralString, params: Params = None) -> list[T]:
    """Every row of `query`, each as a `row` (a dataclass whose fields are the columns)."""
    async with _answer(), conn.cursor(row_factory=class_row(row)) as cur:
        await cur.execute(query, params)
        return await cur.fetchall()


async def fetch_one(conn: Connection, row: type[T], query: LiteralString, params: Params = None) -> T | None:
    """The first row, or None."""
    async with _answer(), conn.cursor(row_factory=class_row(row)) as cur:
        await cur.execute(query, params)
        return await cur.fetchone()


async def fetch_dicts(conn: Connection, query: LiteralString, params: Params = None) -> list[dict[str, Any]]:
    """Every row as a dict, for results that go straight out as JSON."""
    async with _answer(), conn.cursor(row_factory=dict_row) as cur:
        await cur.execute(query, params)
        return await cur.fetchall()


async def fetch_value(conn: Connection, query: LiteralString, params: Params = None) -> Any:
    """The first column of the first row, or None."""
    async with _answer(), conn.cursor(row_factory=scalar_row) as cur:
        await cur.execute(query, params)
        return await cur.fetchone()


async def execute(conn: Connection, query: LiteralString, params: Params = None) -> int:
    """Run a statement; the number of rows it touched: the check of every conditional update."""
    async with _answer():
        return (await conn.execute(query, params)).rowcount


async def lock_timeout(conn: Connection, seconds: float) -> None:
    """How long the statements of this transaction wait for a lock, each."""
    await execute(conn, sql["lock_timeout"], [f"{round(seconds * 1000)}ms"])


def _answer() -> asyncio.Timeout:
    """Bounds one statement. PostgreSQL ends what takes longer by itself, unless it has stopped altogether."""
    return asyncio.timeout(ANSWER_SECONDS)


# A server that vanished without a word is noticed within half a minute, whatever we wait for: by default it takes
# two hours. Only over TCP; the URL may say otherwise.
_ENDS = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


# SQLSTATE by class or whole (PostgreSQL appendix A): the server is away, full, ending, starting, or only to be read.
_AWAY_CLASSES = frozenset({"53", "58"})
_AWAY = frozenset({"57P03", "57P04", "25006"})
_LOST = frozenset({"57P01", "57P02", "57P05"})  # or class 08
_AGAIN = frozenset({"40001", "40P01"})  # a serialization that failed, a deadlock
_ENDLESS = "57014"  # a statement's end was waited for as long as is allowed


def unavailable(error: psycopg.Error) -> Unavailable | None:
    """What an error of the database says about the database, or None: then it belongs to what was asked.

    Only a lost connection and a server that takes nothing from anybody mean *unavailable*. Whatever else goes wrong
    (a value too long for an index, a number out of range) would go wrong at every repeat, and must not be repeated.
    A lock that was waited for in vain (`LockNotAvailable`) is left to `hub.core.contention`.
    """
    state = error.sqlstate
    if state is None:  # of the client library: the connection is gone, or never came to be
        return ConnectionLost() if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else None
    if state[:2] == "08" or state in _LOST:
        return ConnectionLost()
    if state[:2] in _AWAY_CLASSES or state in _AWAY:
        return Unavailable("The database takes nothing right now.", remedy="Try again shortly; see `hub doctor`.")
    if state in _AGAIN or state == _ENDLESS:
        return Contended(remedy="Try again shortly.", at_once=state in _AGAIN)
    return None


def _connections(
    url: str, name: str, least: int, most: int, wait: float, options: str
) -> AsyncConnectionPool[Connection]:
    async def check(conn: Connection) -> None:
        """Spare callers the idle connections on which the server hung up: where one is dead, all are made anew."""
        if not _has_spoken(conn):
            return
        try:
            await conn.execute("")
        except psycopg.Error:
            await pool.drain()
            raise

    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        url,
        min_size=least,
        max_size=most,
        timeout=wait,
        open=False,
        check=check,
        kwargs={"autocommit": True, "options": options, "fallback_application_name": name, **_ends(url)},
        # The pool doubles its pauses until it gives up; then whoever asks next makes it try at once. Given up
        # soon, it is back about two seconds after the server is, however long that was away.
        reconnect_timeout=3,
    )
    return pool


def _ends(url: str) -> dict[str, int]:
    try:
        said = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return {}  # connecting says what is wrong with it
    return {name: value for name, value in _ENDS.items() if name not in said}


def _has_spoken(conn: Connection) -> bool:
    """Whether the server has said something unasked: nearly always goodbye. Costs no round trip."""
    try:
        eyes = select.poll()
        eyes.register(conn.fileno(), select.POLLIN)
        return bool(eyes.poll(0))
    except (psycopg.Error, OSError, ValueError):
        return True


class Database:
    """The pool. Every wait is bounded: `Unavailable` after `wait` seconds without a free connection.

    Errors of the database that say something of the database leave as `Unavailable` or `Contended` (see
    `unavailable`); all others leave as they are.
    """

    def __init__(self, url: str, *, size: int = 12, wait: float = 5.0, name: str = APPLICATION):
        self.url = url
        self._wait = wait
        self._name = name
        self._pool = self._connections(size)
        self._lanes: dict[str, Lane] = {}
        self._lists: Lists | None = None
        self._searches: Searches | None = None

    def _connections(self, size: int) -> AsyncConnectionPool[Connection]:
        return _connections(self.url, self._name, 1, size, self._wait, _OPTIONS)

    async def open(self) -> None:
        """Connect, waiting up to 30 s for a server that is still starting; then `Unavailable`."""
        try:
            await self._pool.open(wait=True, timeout=30)
        except PoolTimeout:
            await self._pool.close(timeout=1)
            raise Unavailable(
                "PostgreSQL cannot be reached.", remedy="Check that it runs, and HUB_DATABASE__URL."
            ) from None

    async def close(self) -> None:
        """Give every connection back."""
        for lane in (*self._lanes.values(), self._lists, self._searches):
            if lane is not None:
                await lane.close()
        await self._pool.close(timeout=5)

    def lane(self, name: str, *, lock_seconds: float | None = None) -> Lane:
        """The same database over a connection of its own, always the same one under this name.

        `lock_seconds`: how long its statements wait for a lock, if not as long as all others.
        """
        if name not in self._lanes:
            self._lanes[name] = Lane(self.url, wait=self._wait, name=f"{self._name} {name}", lock_seconds=lock_seconds)
        return self._lanes[name]

    @property
    def lists(self) -> Lists:
        """The same database for statements that fill a page of a list: their plan does not depend on statistics."""
        if self._lists is None:
            self._lists = Lists(self.url, wait=self._wait, name=f"{self._name} lists")
        return self._lists

    @property
    def searches(self) -> Searches:
        """The same database for statements that look for words."""
        if self._searches is None:
            self._searches = Searches(self.url, wait=self._wait, name=f"{self._name} searches")
        return self._searches

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection on which each statement is its own transaction."""
        try:
            async with self._pool.connection(timeout=self._wait) as conn:
                yield conn
        except PoolTimeout:
            raise Unavailable(remedy="The database does not answer or is overloaded; try again shortly.") from None
        except psycopg.Error as error:
            if (refusal := unavailable(error)) is None:
                raise
            raise refusal from error
        except TimeoutError:
            raise Unavailable(remedy="The database does not answer; try again shortly.") from None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection inside a transaction: committed at the end, rolled back on any error."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def all(self, row: type[T], query: LiteralString, params: Params = None) -> list[T]:
        """`fetch_all` on a connection of its own."""
        async with self.connection() as conn:
            return await fetch_all(conn, row, query, params)

    async def one(self, row: type[T], query: LiteralString, params: Params = None) -> T | None:
        """`fetch_one` on a connection of its own."""
        async with self.connection() as conn:
            return await fetch_one(conn, row, query, params)

    async def dicts(self, query: LiteralString, params: Params = None) -> list[dict[str, Any]]:
        """`fetch_dicts` on a connection of its own."""
        async with self.connection() as conn:
            return await fetch_dicts(conn, query, params)

    async def value(self, query: LiteralString, params: Params = None) -> Any:
        """`fetch_value` on a connection of its own."""
        async with self.connection() as conn:
            return await fetch_value(conn, query, params)

    async def execute(self, query: LiteralString, params: Params = None) -> int:
        """`execute` on a connection of its own."""
        async with self.connection() as conn:
            return await execute(conn, query, params)

    async def healthy(self) -> bool:
        """Whether a trivial query comes back within two seconds."""
        try:
            async with asyncio.timeout(2):
                return await self.value(sql["answer"]) == 1
        except (TimeoutError, Unavailable, psycopg.Error):
            return False


class _Lazy(Database):
    """Connections that are made when they are first needed."""

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection; see `Database.connection`."""
        if self._pool.closed:
            await self._pool.open()
        async with super().connection() as conn:
            yield conn


class Lists(_Lazy):
    """A few connections for statements that show a page of a list: through indexes, in the order shown.

    Each is planned for its values (a millisecond or two): whether a filter is there decides which index it walks.
    Sums over much, and searches, belong on the others.
    """

    def __init__(self, url: str, *, wait: float, name: str):
        super().__init__(url, size=_LISTING, wait=wait, name=name)

    def _connections(self, size: int) -> AsyncConnectionPool[Connection]:
        return _connections(self.url, self._name, 0, size, self._wait, _LISTED)


class Searches(_Lazy):
    """A few connections for statements that look for words: planned for those, and ended after ten seconds."""

    def __init__(self, url: str, *, wait: float, name: str):
        super().__init__(url, size=_LISTING, wait=wait, name=name)

    def _connections(self, size: int) -> AsyncConnectionPool[Connection]:
        return _connections(self.url, self._name, 0, size, self._wait, _SEARCHED)


class Lane(_Lazy):
    """One connection for what is asked hundreds of times a second, by one caller at a time.

    Connections of a pool take turns, and each has to plan for itself what it is asked. This one is made when it is
    first needed, plans a statement once, and is for look-ups by key and for writing: not for searches, whose best plan
    depends on what is searched for. Autovacuum's `analyze` makes it plan anew.
    """

    def __init__(self, url: str, *, wait: float, name: str, lock_seconds: float | None):
        lock = "" if lock_seconds is None else f" -c lock_timeout={round(lock_seconds * 1000)}ms"
        self._options = _PLANNED + lock
        super().__init__(url, wait=wait, name=name)

    def _connections(self, size: int) -> AsyncConnectionPool[Connection]:
        return _connections(self.url, self._name, 0, 1, self._wait, self._options)
