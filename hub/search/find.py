"""Finds people and conversations by their words: the best first, and only what the searcher may see.

Months stand in the index beside the words. A search looks at the latest two months, then at older and older ones,
until it has a block of the newest matches: a frequent word costs what a few months hold, however many there are. Within
a block the best come first: whose own name or address it is, subjects before texts, words that stand together, the new
before the old. Nearly every search has one block.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from hub.core.clock import now
from hub.core.db import Connection, Database, fetch_all, fetch_value
from hub.core.errors import Invalid
from hub.core.sql import Queries
from hub.search.index import month, shelf
from hub.search.tokens import exactly, query, quote

sql = Queries.beside(__file__)
_IDS = 1 << 63  # one more than the greatest that a database gives out
_WINDOWS = (2, 6, 12)  # months, the latest first; then all there are
_SHELVES = (2, 6, 24)  # of people, the newest first; then all
BLOCK = 200  # of the newest matches, put in order together


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next page begins: behind so many of the block of matches older than `before`."""

    before: int | None = None
    offset: int = 0

    def encode(self) -> str:
        """As the API's cursor."""
        return base64.urlsafe_b64encode(orjson.dumps([self.before, self.offset])).decode()

    @classmethod
    def decode(cls, cursor: str | None) -> Place:
        """From the API's cursor; `Invalid` when it is none of ours."""
        if cursor is None:
            return cls()
        try:
            before, offset = orjson.loads(base64.urlsafe_b64decode(cursor))
            found = cls(None if before is None else int(before), int(offset))
            if not (0 <= (found.before or 0) < _IDS and 0 <= found.offset < _IDS):
                raise ValueError(cursor)
            return found  # noqa: TRY300 - what comes before may raise
        except (ValueError, TypeError, OverflowError, binascii.Error, orjson.JSONDecodeError):
            raise Invalid("The cursor is not one of ours.", fields={"cursor": "use next_cursor as it came"}) from None


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation or person, the greater its `rank` the better.

    `hit` is the latest message for which it was found, by which pages go on; `best` the one that says it best, which is
    shown: where it says the words whole, not only begun.
    """

    id: int
    hit: int
    rank: float
    theirs: bool = False  # found by who they are
    best: int | None = None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """To which conversations a search is narrowed beside view, queue and channel; moments are those of messages."""

    agent_id: int | None = None
    status: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def people(db: Database, q: str, place: Place, *, limit: int) -> tuple[list[int], Place | None]:
    """Contacts whose names, addresses and fields have all words of `q`: those that have them whole first."""
    wanted = query(q)
    if wanted is None:
        return [], None
    async with db.searches.connection() as conn:
        found = await _whose(conn, wanted, exactly(q), before=place.before)
    hits, following = _page(found, found, place, limit=limit)
    return [one.id for one in hits], following


async def conversations(
    db: Database, q: str, values: Mapping[str, Any], narrowed: Narrowed, place: Place
) -> tuple[list[Hit], Place | None]:
    """Conversations in which a message, a note, a file's name, or the customer's names and addresses have all words.

    `values`: who looks and how the list is narrowed (`Actor.viewer`, `view`, `queue_id`, `channel`, `limit`).
    """
    given = {
        **values,
        "agent_id": narrowed.agent_id,
        "status": narrowed.status,
        "language": narrowed.language.lower() if narrowed.language else None,
        "since": narrowed.since,
        "until": narrowed.until,
        "before": place.before,
        "block": BLOCK,
    }
    wanted = query(q)
    async with db.searches.connection() as conn:
        named = await _named(conn, q, given) if place == Place() else []
        theirs: list[Hit] = []
        said: dict[int, Hit] = {}
        if wanted is not None:
            given |= {"all": wanted, "q": wanted, "exactly": exactly(q)}
            known = await _whose(conn, wanted, exactly(q), before=None)
            given["whose"] = [one.id for one in known]
            theirs = await fetch_all(conn, Hit, sql["find_theirs"], given) if known else []
            said = await _said(conn, wanted, given, narrowed)
    block = _together(theirs, said.values(), but={one.id for one in named})
    hits, following = _page(block[:BLOCK], block, place, limit=values["limit"] - len(named))
    return [*named, *hits], following


async def _named(conn: Connection, q: str, values: Mapping[str, Any]) -> list[Hit]:
    """The one whose number it is."""
    number = q.strip().removeprefix("#")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return []
    return await fetch_all(conn, Hit, sql["find_number"], {**values, "id": int(number)})


async def _whose(conn: Connection, wanted: str, whole: str | None, *, before: int | None) -> list[Hit]:
    """A block of the newest people who have the words, out of ever more shelves."""
    newest = before or await fetch_value(conn, sql["newest_person"])
    found: dict[int, Hit] = {}
    last = shelf(newest or 0)
    for size in (*_SHELVES, None):
        inside = wanted
        if size is not None:
            shelves = " | ".join(quote(f"@c{number}") for number in range(max(0, last - size + 1), last + 1))
            inside, last = f"({wanted}) & ({shelves})", last - size
        values = {"q": inside, "exactly": whole, "before": before, "block": BLOCK}
        for one in await fetch_all(conn, Hit, sql["find_people"], values):
            found.setdefault(one.id, one)
        if len(found) >= BLOCK or last < 0:
            break
    return sorted(found.values(), key=lambda one: one.id, reverse=True)[:BLOCK]


async def _said(conn: Connection, wanted: str, values: dict[str, Any], narrowed: Narrowed) -> dict[int, Hit]:
    """By conversation, out of ever older months until there is a block of them."""
    found: dict[int, Hit] = {}
    latest = month(narrowed.until) + 1 if narrowed.until else month(now())
    oldest = month(narrowed.since) if narrowed.since else 0
    for size in (*_WINDOWS, None):
        inside = wanted
        if size is not None:
            months = " | ".join(quote(f"@m{number}") for number in range(latest - size + 1, latest + 1))
            inside, latest = f"({wanted}) & ({months})", latest - size
        for one in await fetch_all(conn, Hit, sql["find_said"], {**values, "q": inside}):
            found.setdefault(one.id, one)  # windows come the latest first
        if len(found) >= BLOCK or latest < oldest:
            break
    return found


def _together(theirs: Iterable[Hit], said: Iterable[Hit], *, but: set[int]) -> list[Hit]:
    """Both, each conversation once, by its latest message that counts."""
    found = {one.id: one for one in theirs}
    for one in said:
        other = found.get(one.id)
        found[one.id] = (
            one if other is None else Hit(one.id, max(one.hit, other.hit), one.rank + other.rank, best=one.best)
        )
    return sorted((one for one in found.values() if one.id not in but), key=lambda one: one.hit, reverse=True)


def _page(block: list[Hit], found: list[Hit], place: Place, *, limit: int) -> tuple[list[Hit], Place | None]:
    """A page of a block, the best first, and where the next one begins; `found`: all there is, for another block."""
    if not block:
        return [], None
    ranked = sorted(block, key=lambda one: (one.rank, one.hit), reverse=True)
    end = place.offset + max(limit, 0)
    if end < len(block):
        following = Place(place.before or max(one.hit for one in block) + 1, end)
    else:
        following = Place(min(one.hit for one in block)) if len(found) >= BLOCK else None
    return ranked[place.offset : end], following
