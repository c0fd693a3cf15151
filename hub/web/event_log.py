"""The event log, for other programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.access.permissions import Permission
from hub.core import events
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


@event_log.add("GET", "/events", needs=Permission.EVENT_READ, returns=EventPage)
async def list_events(call: Call, query: FeedQuery) -> dict[str, Any]:
    """The event log after a cursor, oldest first, never skipping a late commit. Poll with `next_cursor`.

    A page without items that has a cursor has passed over what one may not see: go on from there. Without a cursor
    there is nothing new yet.
    """
    async with call.core.db.lists.connection() as conn:
        page = await events.feed(conn, query.after or 0, query.limit, call.viewer)
    return {"items": page.items, "next_cursor": None if page.after is None else str(page.after)}
