"""Reading conversations, always through the viewer's eyes: nobody reads one outside their queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from hub.access.rights import Viewer, require_conversation
from hub.channels.capabilities import capabilities_of
from hub.core.clock import now
from hub.core.db import Database, fetch_dicts
from hub.core.sql import Queries
from hub.messages import pages, replies, views
from hub.search import find
from hub.search.excerpts import excerpts
from hub.search.find import Narrowed, Place

sql = Queries.beside(__file__)
inbox = Queries.beside(__file__, "inbox.sql")
PAGE = 50  # interactions shown at first


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations a list shows; `before` and `before_id` continue a page."""

    view: str = "all"
    queue_id: int | None = None
    channel: str | None = None
    before: datetime | None = None
    before_id: int | None = None
    limit: int = 50


# Of each view: several lists, each in the order shown, are merged.
_STATEMENTS: dict[str, tuple[LiteralString, ...]] = {
    "mine": (inbox["mine"],),
    "waiting": (inbox["waiting"],),
    "snoozed": (inbox["snoozed"],),
    "resolved": (inbox["resolved"],),
    "all": (inbox["live"], inbox["resolved"]),
}


async def listed(db: Database, wanted: Filter, viewer: Viewer) -> list[dict[str, Any]]:
    """Summaries, the latest change first."""
    parameters = {**_narrowed(wanted, viewer), "before": wanted.before, "before_id": wanted.before_id}
    async with db.lists.connection() as conn:
        found = [
            (row["updated_at"], row["id"])
            for statement in _STATEMENTS[wanted.view]
            for row in await fetch_dicts(conn, statement, parameters)
        ]
        shown = sorted(found, reverse=True)[: wanted.limit]
        rows = await fetch_dicts(conn, views.sql["summaries"], {"ids": [number for _, number in shown]})
    by_id = {row["id"]: views.public_summary(row) for row in rows}
    # What changes at this moment stands where it was found: the next page goes on from there.
    return [{**by_id[number], "updated_at": moment} for moment, number in shown if number in by_id]


async def searched(
    db: Database, q: str, wanted: Filter, narrowed: Narrowed, place: Place, viewer: Viewer
) -> tuple[list[dict[str, Any]], Place | None]:
    """Summaries of what has the words, the best first, each with the line that has them; where the next page begins."""
    values = {**_narrowed(wanted, viewer), "view": wanted.view}
    hits, following = await find.conversations(db, q, values, narrowed, place)
    by_id = await views.summaries(db.lists, [one.id for one in hits])
    lines = await excerpts(db, q, hits)
    return [{**by_id[one.id], "found": lines.get(one.id)} for one in hits if one.id in by_id], following


def _narrowed(wanted: Filter, viewer: Viewer) -> dict[str, Any]:
    return {"queue_id": wanted.queue_id, "channel": wanted.channel, "limit": wanted.limit, **viewer}


async def counts(db: Database, viewer: Viewer) -> dict[str, Any]:
    """How many conversations lie in each view and queue."""
    [row] = await db.lists.dicts(inbox["counts"], dict(viewer))
    return row


async def conversation(db: Database, conversation_id: int, viewer: Viewer) -> dict[str, Any]:
    """The API's Conversation: summary, last messages, ways to answer."""
    await require_conversation(db, conversation_id, viewer)
    [row] = await db.dicts(sql["summary"], {"id": conversation_id})
    shown, has_earlier = await page(db, conversation_id, before_seq=None, limit=PAGE)
    async with db.connection() as conn:
        ways = await replies.reply_channels(conn, conversation_id, sender=int(viewer["viewer"]))
    return {
        **views.public_summary(row),
        "interactions": shown,
        "has_earlier": has_earlier,
        "topic": f"c:{conversation_id}",
        "disposition": row["disposition"],
        "wrap_up_until": row["wrap_up_until"],
        "reply_channels": [_reply_channel(w) for w in ways if w.usable and not w.opted_out],
        "opted_out": _refused(ways),
        "server_now": now(),
    }


def _reply_channel(way: replies.ReplyChannel) -> dict[str, Any]:
    price, currency = way.price
    return {
        "channel": way.channel,
        "address_id": way.address_id,
        "address": way.number or way.address,
        "account_id": way.account_id,
        "account": way.account,
        "connector": way.connector,
        "window_ends": way.window_ends,
        "price": price,
        "currency": currency,
        "max_length": way.max_length,
        "templates": capabilities_of(way.channel).templates,
    }


def _refused(ways: list[replies.ReplyChannel]) -> list[dict[str, Any]]:
    """Where the customer wants no messages, each place once."""
    found = {
        (w.channel, w.address_id): {"channel": w.channel, "address": w.number or w.address, "address_id": w.address_id}
        for w in ways
        if w.opted_out
    }
    return list(found.values())


async def page(
    db: Database, conversation_id: int, *, before_seq: int | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Interactions before a sequence in reading order, and whether there are earlier ones."""
    rows = await db.dicts(sql["page"], {"id": conversation_id, "before_seq": before_seq, "limit": limit + 1})
    shown = rows[:limit][::-1]
    await pages.complete(db, shown)
    return [views.public_interaction(row) for row in shown], len(rows) > limit
