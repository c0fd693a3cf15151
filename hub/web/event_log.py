"""The event log, for other programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.access.model import Action
from hub.core import events
from hub.core.db import Connection, fetch_dicts
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import InOrderOfIds

event_log = Endpoints("operations")
Limit = Annotated[int, Field(ge=1, le=100)]


class FeedEvent(BaseModel):
    id: int
    at: datetime
    kind: str
    conversation_id: int | None
    agent_id: int | None
    contact_id: int | None
    queue_id: int | None
    data: dict[str, Any]


class FeedQuery(InOrderOfIds):
    limit: Limit = 100


class EventPage(BaseModel):
    items: list[FeedEvent]
    next_cursor: str | None


@event_log.add("GET", "/events", returns=EventPage, action=Action.SUPERVISE)
async def list_events(call: Call, query: FeedQuery) -> dict[str, Any]:
    """The event log after a cursor, oldest first, never skipping a late commit. Poll with `next_cursor`."""
    async with call.core.db.connection() as conn:
        rows = await _feed(conn, query, call.me.viewer)
    items = rows[: query.limit]
    return {"items": items, "next_cursor": str(items[-1]["id"]) if items else None}


async def _feed(conn: Connection, query: FeedQuery, viewer: dict[str, int | bool]) -> list[dict[str, Any]]:
    return await fetch_dicts(conn, events.sql["feed"], {"cursor": query.after or 0, "limit": query.limit, **viewer})
