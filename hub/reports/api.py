"""Queues and agents now (by REST and on the topics `wall` and `q:{queue}`), and as they were.

What the numbers mean is in `hub.reports.definitions`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import psycopg
from aiohttp import web
from pydantic import BaseModel, Field

from hub.access.permissions import Access, Permission
from hub.agents.api import Load, Presence_
from hub.core import log
from hub.core.errors import HubError, Invalid
from hub.reports import history, live
from hub.reports.history import After, Asked
from hub.reports.live import Live
from hub.reports.ratings import Ratings, ratings
from hub.web.endpoints import Call, Endpoints, utc
from hub.web.realtime.topics import Realtime
from hub.web.shapes import In, Ref

logger = log.get(__name__)
reports = Endpoints("reports")
LIVE = web.AppKey("live", Live)
EVERY = 1.0  # seconds between snapshots


class ServiceLevel(BaseModel):
    target_seconds: int | None
    percent: float | None
    answered_in_target: int
    offered: int
    variant: str


class QueueLive(BaseModel):
    id: int
    key: str
    name: str
    waiting: int
    longest_wait_seconds: float | None
    oldest_entered_at: datetime | None
    offered: int
    assigned: int
    service_level: ServiceLevel
    abandoned: int
    answered: int
    average_speed_of_answer: float | None
    agents_available: int
    agents_total: int
    changes: int = Field(description="Another number whenever something has happened in one of its conversations")


class AgentLive(BaseModel):
    id: int
    name: str
    state: Presence_
    reason: str | None
    since: datetime
    load: Load
    conversations: int
    wrapping: int


class AgentStates(BaseModel):
    available: int
    busy: int
    away: int
    offline: int
    wrap_up: int


class SeriesPoint(BaseModel):
    at: datetime
    arrived: int
    answered: int


class Board(BaseModel):
    at: datetime
    waiting: int
    longest_wait_seconds: float | None
    service_level: ServiceLevel
    answered: int
    abandoned: int
    agents: AgentStates
    queues: list[QueueLive]
    agent_list: list[AgentLive]
    series: list[SeriesPoint]


class RatingSummary(BaseModel):
    """`satisfied` is CSAT: percent of the ratings that are 4 or 5."""

    of: Ref | None
    count: int
    average: float | None
    satisfied: float | None


class RatingReport(BaseModel):
    all: RatingSummary
    queues: list[RatingSummary]
    agents: list[RatingSummary]


class QueueList(BaseModel):
    items: list[QueueLive]


class HistoryQuery(In):
    since: datetime
    until: datetime
    seconds: Annotated[int, Field(ge=900, le=31_536_000)] = 900
    timezone: Annotated[str | None, Field(max_length=64)] = None
    cursor: Annotated[str | None, Field(max_length=300)] = None
    limit: Annotated[int, Field(ge=1, le=2000)] = 1000


class PeriodQuery(In):
    since: datetime
    until: datetime


class QueueHistory(BaseModel):
    items: list[history.QueueInterval]
    next_cursor: str | None


@reports.add("GET", "/queues", needs=Access.SIGNED_IN, returns=QueueList)
async def list_queues(call: Call) -> dict[str, Any]:
    """The queues one may see, with their numbers now."""
    board = await call.request.app[LIVE].board()
    mine = await _own_queues(call)
    return {"items": [q for q in board["queues"] if mine is None or q["id"] in mine]}


@reports.add("GET", "/reports/queues", needs=Permission.REPORT_READ, returns=QueueHistory)
async def read_queue_history(call: Call, query: HistoryQuery) -> dict[str, Any]:
    """Queues as they were: counts by interval of entering, for the queues one may see, at most a year at once.

    Intervals of whole days are days of the calendar of `timezone`, else of each queue's business hours. They come page
    by page, the earliest first; `next_cursor` is null on the last page.
    """
    since, until = _period(query.since, query.until)
    asked = Asked(since, until, query.seconds, query.timezone, await _own_queues(call))
    items, last = await history.page(call.core.db, asked, after=_after(query.cursor), limit=query.limit)
    return {"items": items, "next_cursor": None if last is None else _cursor(last)}


@reports.add("GET", "/reports/ratings", needs=Permission.REPORT_READ, returns=RatingReport)
async def read_rating_report(call: Call, query: PeriodQuery) -> Ratings:
    """What customers said in a time, for the queues one may see: by queue, and by the agent who answered last."""
    since, until = _period(query.since, query.until)
    return await ratings(call.core.db, since, until, queue_ids=await _own_queues(call))


def _cursor(last: After) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([last.at, last.queue_id, last.channel])).decode()


def _after(cursor: str | None) -> After | None:
    if cursor is None:
        return None
    try:
        at, queue_id, channel = orjson.loads(base64.urlsafe_b64decode(cursor))
        return After(utc(datetime.fromisoformat(at)), int(queue_id), str(channel))
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("The cursor is not one of ours.", fields={"cursor": "use next_cursor as it came"}) from None


def _period(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """A time of a year at most, in UTC."""
    since, until = utc(since), utc(until)
    if not timedelta(0) < until - since <= timedelta(days=366):
        raise Invalid("The time does not fit.", fields={"until": "must lie after since, by a year at most"})
    return since, until


async def _own_queues(call: Call) -> set[int] | None:
    """The queues the caller may see the numbers of; None: all."""
    return None if call.viewer["sees_all"] else set(call.viewer["queues"])


@reports.add("GET", "/board", needs=Permission.BOARD_READ, returns=Board)
async def read_board(call: Call) -> live.Board:
    """Everything the wall shows."""
    return await call.request.app[LIVE].board()


class Wall:
    """Sends snapshots to whoever looks at the board: computed once a second per process, however many look."""

    def __init__(self, live: Live, realtime: Realtime):
        self._live = live
        self._realtime = realtime

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._once()
            except (HubError, psycopg.Error) as error:
                logger.warning("board_failed", error=str(error))
            await asyncio.sleep(EVERY)

    async def _once(self) -> None:
        topics = [t for t in ("wall", *self._realtime.queue_topics()) if self._realtime.watched(t)]
        if not topics:
            return
        board, audience = await asyncio.gather(self._live.board(), self._realtime.audience(topics))
        queues = {f"q:{q['id']}": {"queue": q} for q in board["queues"]}
        for topic in topics:
            data = board if topic == "wall" else queues.get(topic)
            if data is None:
                continue
            for connection, numbers in audience.get(topic, {}).items():
                seen = data if numbers or topic == "wall" else _that_it_moved(queues[topic]["queue"])
                await connection.send({"t": "snap", "topic": topic, "data": seen})


def _that_it_moved(queue: live.QueueLive) -> dict[str, Any]:
    """What lists need of a queue: that something has happened in one of its conversations."""
    return {"queue": {"id": queue["id"], "changes": queue["changes"]}}
