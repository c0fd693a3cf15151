"""The append-only event log and its commit-safe reader.

Every change of state writes an event in its own transaction. Two kinds of readers follow:

- screens: `Unit` publishes each event after the commit on the topics `c:{conversation}` and `u:{agent}`, whose
  sequences were taken under the row lock the change held, so that commit order is sequence order;
- everything else (statistics, automation, the router) reads the log with a `Reader`, each with its own cursor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from hub.core.clock import iso
from hub.core.db import Connection, Database, execute, fetch_all, fetch_dicts, fetch_one, fetch_value
from hub.core.event_kinds import EventData
from hub.core.feed import Feed
from hub.core.sql import Queries

sql = Queries.beside(__file__, "events.sql")


@dataclass(frozen=True, slots=True)
class Event:
    """One change of state. `conversation_seq`/`agent_seq` are None when the event is not on that topic."""

    id: int
    at: datetime
    kind: str
    contact_id: int | None
    conversation_id: int | None
    conversation_seq: int | None
    agent_id: int | None
    agent_seq: int | None
    queue_id: int | None
    actor_id: int | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedEvent(Event):
    """An event as the log's reader sees it: with the transaction that wrote it, and its number within what was read.

    The last one read always comes, to say where the reader then stands, `wanted` or not.
    """

    xid: str = "0"
    number: int = 0
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log: everything up to and including (xid, id) has been read."""

    xid: str = "0"
    id: int = 0


async def append(  # noqa: PLR0913 - an event has that many ends, all optional
    conn: Connection,
    said: EventData,
    *,
    contact_id: int | None = None,
    conversation_id: int | None = None,
    agent_id: int | None = None,
    queue_id: int | None = None,
    actor_id: int | None = None,
    on_conversation: bool = True,
    on_agent: bool = True,
) -> Event:
    """Write one event inside the caller's transaction.

    With `conversation_id` it goes on the conversation's topic, with `agent_id` on the agent's; the two flags keep
    it off a topic that need not hear of it.
    """
    event = await fetch_one(
        conn,
        Event,
        sql["append"],
        {
            "kind": said.event,
            "contact_id": contact_id,
            "conversation_id": conversation_id,
            "agent_id": agent_id,
            "queue_id": queue_id,
            "actor_id": actor_id,
            "data": Jsonb(said.facts()),
            "on_conversation": on_conversation,
            "on_agent": on_agent,
        },
    )
    assert event is not None  # noqa: S101 - an insert without a condition always returns its row
    return event


@dataclass(slots=True)
class Unit:
    """One transaction and the events it wrote; they are published when it has committed."""

    conn: Connection
    events: list[Event] = field(default_factory=list[Event])
    notifications: list[str] = field(default_factory=list[str])

    async def log(self, said: EventData, **ends: Any) -> Event:
        """`append`, remembered for publishing."""
        event = await append(self.conn, said, **ends)
        self.events.append(event)
        return event

    def notify(self, who: str) -> None:
        """Notify a service after the commit: `router`, `outbox`, `log`."""
        if who not in self.notifications:
            self.notifications.append(who)


@asynccontextmanager
async def unit(db: Database, feed: Feed) -> AsyncGenerator[Unit]:
    """A transaction whose events reach the screens as soon as it is committed, and never if it is not."""
    async with db.transaction() as conn:
        work = Unit(conn)
        yield work
    await feed.publish([pair for event in work.events for pair in frames(event)])
    for who in work.notifications:
        await feed.notify(who)


def frames(event: Event) -> list[tuple[str, dict[str, Any]]]:
    """An event as what goes over pub/sub: (topic, message) for each topic it is on."""
    message = {
        "id": event.id,
        "at": iso(event.at),
        "type": event.kind,
        "conversation_id": event.conversation_id,
        "agent_id": event.agent_id,
        "queue_id": event.queue_id,
        "data": event.data,
    }
    found: list[tuple[str, dict[str, Any]]] = []
    if event.conversation_seq is not None:
        found.append((f"c:{event.conversation_id}", {**message, "seq": event.conversation_seq}))
    if event.agent_seq is not None:
        found.append((f"u:{event.agent_id}", {**message, "seq": event.agent_seq}))
    return found


async def topic_events(db: Database, topic: str, after: int, limit: int = 500) -> list[Event]:
    """What was said on `c:{id}` or `u:{id}` after sequence `after`, oldest first."""
    kind, _, number = topic.partition(":")
    query = sql["after_agent"] if kind == "u" else sql["after_conversation"]
    return await db.all(Event, query, {"topic_id": int(number), "seq": after, "limit": limit})


@dataclass(frozen=True, slots=True)
class Page:
    """Events as outside readers see them, and the id to go on after; None where nothing new was found at all."""

    items: list[dict[str, Any]]
    after: int | None


_WALK, _WALKS = 1_000, 10  # events that are looked at in one statement, and statements for one page


async def feed(conn: Connection, cursor: int, limit: int, viewer: Mapping[str, Any]) -> Page:
    """The events after one that a viewer may see, in the order of the log.

    However few of them that are, a page looks at no more than some thousands: the next one goes on where it stopped.
    """
    items: list[dict[str, Any]] = []
    last: int | None = None
    for _ in range(_WALKS):
        values = {"cursor": cursor if last is None else last, "limit": limit - len(items), "walk": _WALK, **viewer}
        rows = await fetch_dicts(conn, sql["feed"], values)
        walked, end = rows[0]["walked"], rows[0]["last"]
        items += [{k: v for k, v in row.items() if k not in _WALKED} for row in rows if row["id"] is not None]
        if len(items) == limit:
            return Page(items, items[-1]["id"])
        last = last if end is None else end
        if walked < _WALK:
            break
    return Page(items, last)


_WALKED = frozenset({"walked", "last"})


@dataclass(frozen=True, slots=True)
class Batch:
    """What a reader got: the `events` it wants, out of `read` that the cursor moves past."""

    conn: Connection
    events: list[LoggedEvent]
    read: int


@dataclass(frozen=True, slots=True)
class Folded:
    """How far a statement read: the number of events and the last one's place."""

    read: int
    xid: str | None
    id: int | None


class Reader:
    """Reads the log in order, exactly once per committed batch, with a cursor stored under `name`.

    Its effects are rows of this database: they commit together with the cursor. `query` is a statement of its own
    in place of `read`, for a reader that wants little of the log: same values in, same columns out.
    """

    def __init__(self, db: Database, name: str, *, from_start: bool = True, query: LiteralString = sql["read"]):
        self._db = db
        self._name = name
        self._from_start = from_start
        self._query: LiteralString = query

    @asynccontextmanager
    async def batch(self, limit: int = 500) -> AsyncGenerator[Batch]:
        """The next events and the transaction in which the cursor moves past them. An error reads them again."""
        async with self._db.transaction() as conn:
            at = await self._position(conn)
            found = await fetch_all(conn, LoggedEvent, self._query, {"xid": at.xid, "id": at.id, "limit": limit})
            yield Batch(conn, [e for e in found if e.wanted], found[-1].number if found else 0)
            if found:
                await self._advance(conn, found[-1].xid, found[-1].id)

    async def fold(self, statement: LiteralString, limit: int) -> int:
        """Let one statement read the next events and do all that follows; how many it read.

        It gets `xid`, `id` and `limit`, and returns one row as `Folded`.
        """
        async with self._db.transaction() as conn:
            at = await self._position(conn)
            done = await fetch_one(conn, Folded, statement, {"xid": at.xid, "id": at.id, "limit": limit})
            if done is None or done.xid is None or done.id is None:
                return 0
            await self._advance(conn, done.xid, done.id)
            return done.read

    async def _advance(self, conn: Connection, xid: str, event_id: int) -> None:
        await execute(conn, sql["advance"], {"reader": self._name, "xid": xid, "id": event_id})

    async def _position(self, conn: Connection) -> Position:
        found = await fetch_one(conn, Position, sql["lock_cursor"], {"reader": self._name})
        if found is not None:
            return found
        start = Position() if self._from_start else await newest(conn)
        await execute(conn, sql["start_cursor"], {"reader": self._name, "xid": start.xid, "id": start.id})
        return await self._position(conn)


async def newest(conn: Connection) -> Position:
    """The last place that `read` would reach now."""
    found = await fetch_one(conn, Position, sql["newest"])
    return found or Position()


async def behind(conn: Connection, at: Position) -> bool:
    """Whether something lies after `at`, readable yet or not."""
    return bool(await fetch_value(conn, sql["behind"], {"xid": at.xid, "id": at.id}))
