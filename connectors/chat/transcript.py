"""A visitor's thread as they may see it: numbered messages and status lines, never a note or anything internal.

The visitor's sequence lives in `chat_log`: one row per shown message or change of status, numbered under the
visitor's row lock when it is first noticed. It is not the conversation's own sequence, because that counts notes,
transfers and the like, and starts anew with each conversation, while a visitor's thread is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.chat.files import FileLinks
from connectors.chat.token import Visitor, fresh
from hub.automation import ratings
from hub.conversations.events import ChatLeft
from hub.core import events
from hub.core.clock import iso, now
from hub.core.db import Database, execute, fetch_all, fetch_one
from hub.core.errors import Unavailable
from hub.core.feed import Feed
from hub.core.sql import Queries
from hub.queues.hours import Hours, is_open

sql = Queries.beside(__file__)
Frame = dict[str, Any]
PAGE = 200


@dataclass(frozen=True, slots=True)
class Followed:
    """How far the sequence goes, and the status: {} or conversation, state, agent, position, answered, rated."""

    last_seq: int
    status: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    seq: int
    kind: str
    id: int | None
    direction: str | None
    agent_id: int | None
    agent_name: str | None
    text: str | None
    at: datetime | None
    external_id: str | None
    status: str | None
    files: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Place:
    conversation_id: int
    queue_id: int | None
    contact_id: int


class Record:
    """Reads and writes what belongs to chat visitors."""

    def __init__(self, db: Database, feed: Feed):
        self._db = db
        self._feed = feed

    async def address(self, visitor: str) -> int | None:
        """The visitor's address, or None before their first message."""
        return await self._db.value(sql["address"], {"visitor": visitor})

    async def is_open(self, queue_id: int | None) -> bool:
        """Whether the queue that a site's chats wait in works now; one without hours always does."""
        hours = await self._db.one(Hours, sql["hours"], {"queue_id": queue_id})
        return hours is None or is_open(hours, now())

    async def follow(self, address_id: int) -> Followed:
        """Number what is new; how far the sequence goes now."""
        found = await self._db.one(Followed, sql["follow"], {"address_id": address_id})
        assert found is not None  # noqa: S101 - a function without a table always returns its row
        return found

    async def after(self, address_id: int, seq: int, status: dict[str, Any], links: FileLinks) -> list[Frame]:
        """The next events after `seq`, at most `PAGE`, with links to their files."""
        rows = await self._db.all(_Row, sql["after"], {"address_id": address_id, "seq": seq, "limit": PAGE})
        return [_frame(row, status, links) for row in rows]

    async def message(self, address_id: int, client_id: str, links: FileLinks) -> Frame | None:
        """The visitor's own message by the widget's id for it."""
        row = await self._db.one(_Row, sql["by_client_id"], {"address_id": address_id, "client_id": client_id})
        return None if row is None else _frame(row, {}, links)

    async def visitor_of(self, account_id: int, subject: str, candidate: str) -> str:
        """The visitor who stands for somebody proved: the one they have, else `candidate`, else one of their own."""
        values = {"account_id": account_id, "subject": subject}
        for visitor in (candidate, fresh().id):  # the candidate may stand for another already
            await self._db.execute(sql["bind"], {**values, "visitor": visitor})
            if (bound := await self._db.value(sql["bound"], values)) is not None:
                return str(bound)
        raise Unavailable("The identity could not be kept.")

    async def sign_out(self, visitor: Visitor, days: int) -> None:
        """End the tokens of a visitor's browser, and tell its other tabs."""
        await self._db.execute(sql["sign_out"], {"browser": visitor.browser, "days": days})
        address_id = await self.address(visitor.id)
        if address_id is not None:
            conversation = (await self.follow(address_id)).status.get("conversation")
            await self._feed.publish([(f"c:{conversation}", {"type": "chat.signed_out"})])

    async def signed_out(self, browsers: list[str]) -> set[str]:
        """Which of these browsers have signed out."""
        return {row["browser"] for row in await self._db.dicts(sql["signed_out"], {"browsers": browsers})}

    async def expire(self) -> None:
        """Forget browsers that signed out so long ago that no token of theirs is left."""
        await self._db.execute(sql["expire_sign_outs"])

    async def arrive(self, address_id: int, socket: str) -> None:
        """Note that a connection opened."""
        await self._db.execute(sql["arrive"], {"address_id": address_id, "socket": socket})

    async def leave(self, address_id: int, socket: str) -> None:
        """Note that a connection closed."""
        await self._db.execute(sql["leave"], {"address_id": address_id, "socket": socket})

    async def seen(self, address_ids: list[int]) -> None:
        """Note who is still connected to this process."""
        await self._db.execute(sql["seen"], {"address_ids": address_ids})

    async def departures(self, grace: float, silence: float) -> int:
        """Log `chat.left` on the conversation of everyone who left while waiting; how many departures were noticed."""
        when = {"grace": grace, "silence": silence}
        async with self._db.connection() as conn:
            found = await fetch_all(conn, _Departed, sql["departed"], when)
        for departed in found:
            async with events.unit(self._db, self._feed) as unit:
                if await execute(unit.conn, sql["mark_gone"], {"address_id": departed.address_id, **when}):
                    await self._log_left(unit, departed.address_id, ChatLeft())
        return len(found)

    async def end(self, address_id: int) -> None:
        """The visitor said goodbye: it counts as leaving when nobody has answered yet."""
        async with events.unit(self._db, self._feed) as unit:
            await self._log_left(unit, address_id, ChatLeft(ended=True))

    async def _log_left(self, unit: events.Unit, address_id: int, said: ChatLeft) -> None:
        place = await fetch_one(unit.conn, _Place, sql["waiting"], {"address_id": address_id})
        if place is not None:
            await unit.log(said, **_ends(place))

    async def rate(self, conversation_id: int, score: int, comment: str) -> None:
        """Keep the visitor's rating; a low one brings the conversation back to a person, as by any other channel."""
        async with events.unit(self._db, self._feed) as unit:
            await ratings.take_page(unit, conversation_id, score, comment)


def _ends(place: _Place) -> dict[str, Any]:
    return {"conversation_id": place.conversation_id, "contact_id": place.contact_id, "queue_id": place.queue_id}


@dataclass(frozen=True, slots=True)
class _Departed:
    address_id: int


def _frame(row: _Row, status: dict[str, Any], links: FileLinks) -> Frame:
    return {"t": "ev", "topic": "chat", "seq": row.seq, "type": row.kind, "data": _data(row, status, links)}


def _data(row: _Row, status: dict[str, Any], links: FileLinks) -> Frame:
    if row.kind == "status":
        return public_status(status)
    if row.kind == "rating.ask":
        return {}
    return {
        "id": row.id,
        "from": _author(row),
        "name": row.agent_name or "",
        "text": row.text or "",
        "files": [{**file, **links.link(file["id"])} for file in row.files],
        "at": iso(row.at) if row.at else None,
        "client_id": row.external_id if row.direction == "in" else None,
        "status": row.status,
    }


def _author(row: _Row) -> str:
    if row.direction == "in":
        return "customer"
    return "agent" if row.agent_id is not None else "system"


def public_status(status: dict[str, Any]) -> Frame:
    """A status as the widget knows it: {status, position, agent}."""
    agent = status.get("agent")
    return {
        "status": status.get("state", "open"),
        "position": status.get("position"),
        "agent": {"name": agent} if agent else None,
    }
