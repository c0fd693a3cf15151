"""Keeps what is searched up to date, from the log: a message and who it is from, seconds after they were stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from hub.core.db import Connection, Database, execute, fetch_all, fetch_value
from hub.core.events import LoggedEvent, Reader
from hub.core.retry import Bad, ignore
from hub.core.sql import Queries
from hub.search.tokens import tokens, vector

sql = Queries.beside(__file__)
READER = "search"
VERSION = 1  # of how words are made of texts: another one reads all again


@dataclass(frozen=True, slots=True)
class _Said:
    id: int
    conversation_id: int
    contact_id: int
    subject: str
    text: str
    files: str


@dataclass(frozen=True, slots=True)
class _Person:
    id: int
    text: str | None
    fields: str | None


def shelf(contact_id: int) -> int:
    """Which of the shelves, each of as many ids, a person's record stands on: rises with time, as months do."""
    return contact_id >> 15


def month(at: datetime) -> int:
    """The month of a moment, in months since the year 0."""
    return at.year * 12 + at.month - 1


async def begin_anew(db: Database) -> bool:
    """Read all again, where the words that are there were made otherwise; they are found as they were until then."""
    async with db.transaction() as conn:
        anew = await fetch_value(conn, sql["other_version"], {"version": VERSION})
        if anew:
            await execute(conn, sql["from_the_beginning"], {"reader": READER})
            await execute(conn, sql["people_from_the_beginning"])
    return bool(anew)


async def index_next(db: Database, limit: int = 300, *, bad: Bad = ignore) -> int:
    """Index what the next events say; how many there were. Commits together with the reader's cursor.

    A message that cannot be indexed is told to `bad` and passed over.
    """
    async with Reader(db, READER, query=sql["news"]).batch(limit) as batch:
        await _index_all(batch.conn, batch.events, bad)
    return batch.read


async def _index_all(conn: Connection, events: Sequence[LoggedEvent], bad: Bad) -> None:
    """All together; when that fails, by halves, so that only the one that fails is lost."""
    try:
        async with conn.transaction():
            await _index(conn, events)
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
        if len(events) <= 1:
            bad(error, f"event {[event.id for event in events]}")
            return
        for half in (events[: len(events) // 2], events[len(events) // 2 :]):
            await _index_all(conn, half, bad)


async def index_people(db: Database, limit: int = 500) -> int:
    """Index the next people whom no event has named: records that were here before; how many there were."""
    async with db.transaction() as conn:
        ids = [row.id for row in await fetch_all(conn, _Id, sql["unindexed"], {"limit": limit})]
        if ids:
            await _put_people(conn, ids)
            await execute(conn, sql["reached"], {"id": ids[-1]})
    return len(ids)


@dataclass(frozen=True, slots=True)
class _Id:
    id: int


async def _index(conn: Connection, events: Sequence[LoggedEvent]) -> None:
    logged = {int(e.data["interaction_id"]): month(e.at) for e in events if "interaction_id" in e.data}
    said = await fetch_all(conn, _Said, sql["texts"], {"ids": list(logged)}) if logged else []
    if said:
        words = [_words(one, logged[one.id]) for one in said]
        values = {"ids": [s.id for s in said], "conversations": [s.conversation_id for s in said], "words": words}
        await execute(conn, sql["put_docs"], values)
    # Whoever begins a conversation may be new, and whoever is written to for the first time has no event of their own.
    people = {e.contact_id for e in events if e.kind.startswith("contact.") and e.contact_id is not None}
    people |= {one.contact_id for one in said}
    links = [int(e.data["link_id"]) for e in events if "link_id" in e.data]
    if links:
        people |= {row.id for row in await fetch_all(conn, _Id, sql["link_ends"], {"ids": links})}
    if people:
        await _put_people(conn, people)


def _words(one: _Said, logged: int) -> str:
    return vector((tokens(one.subject), "A"), (tokens(one.files), "B"), (tokens(one.text), "D"), ([f"@m{logged}"], "D"))


def _names(person: _Person) -> str:
    placed = [f"@c{shelf(person.id)}"]
    return vector((tokens(person.text or ""), "A"), (tokens(person.fields or ""), "C"), (placed, "D"))


async def _put_people(conn: Connection, ids: Collection[int]) -> None:
    people = await fetch_all(conn, _Person, sql["people"], {"ids": list(ids)})
    words = [_names(person) for person in people]
    await execute(conn, sql["put_people"], {"ids": [person.id for person in people], "words": words})
    await execute(conn, sql["drop_people"], {"ids": list(ids)})
