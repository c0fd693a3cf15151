"""The numbers, live: queues and board by REST and on the topics `wall` and `q:{queue}`."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

import psycopg
from pydantic import BaseModel, Field

from hub.access.model import Action
from hub.agents.store import queues_of
from hub.core import log
from hub.core.errors import HubError, Invalid
from hub.reports.history import history
from hub.reports.live import Board, Live
from hub.reports.ratings import Ratings, ratings
from hub.web import board_shapes
from hub.web.endpoints import Call, Endpoints, utc
from hub.web.realtime import Realtime
from hub.web.shapes import In

logger = log.get(__name__)
numbers = Endpoints("reports")
EVERY = 1.0  # seconds between snapshots


class QueueList(BaseModel):
    items: list[board_shapes.QueueLive]


class HistoryQuery(In):
    since: datetime
    until: datetime
    seconds: Annotated[int, Field(ge=900, le=31_536_000)] = 900
    timezone: Annotated[str | None, Field(max_length=64)] = None


class PeriodQuery(In):
    since: datetime
    until: datetime


class QueueHistory(BaseModel):
    items: list[board_shapes.QueueInterval]


@numbers.add("GET", "/queues", returns=QueueList)
async def list_queues(call: Call) -> dict[str, Any]:
    """The queues one may see, with their numbers now."""
    board = await call.context.live.board()
    mine = await _own_queues(call)
    return {"items": [q for q in board["queues"] if mine is None or q["id"] in mine]}


@numbers.add("GET", "/reports/queues", returns=QueueHistory, action=Action.SUPERVISE)
async def read_queue_history(call: Call, query: HistoryQuery) -> dict[str, Any]:
    """Queues as they were: counts by interval of entering, for the queues one may see, at most a year at once.

    Intervals of whole days are days of the calendar of `timezone`, else of each queue's business hours.
    """
    since, until = _period(query.since, query.until)
    mine = await _own_queues(call)
    items = await history(call.core.db, since, until, seconds=query.seconds, timezone=query.timezone, queue_ids=mine)
    return {"items": items}


@numbers.add("GET", "/reports/ratings", returns=board_shapes.RatingReport, action=Action.SUPERVISE)
async def read_rating_report(call: Call, query: PeriodQuery) -> Ratings:
    """What customers said in a time, for the queues one may see: by queue, and by the agent who answered last."""
    since, until = _period(query.since, query.until)
    return await ratings(call.core.db, since, until, queue_ids=await _own_queues(call))


def _period(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """A time of a year at most, in UTC."""
    since, until = utc(since), utc(until)
    if not timedelta(0) < until - since <= timedelta(days=366):
        raise Invalid("The time does not fit.", fields={"until": "must lie after since, by a year at most"})
    return since, until


async def _own_queues(call: Call) -> set[int] | None:
    """The queues the caller may see the numbers of; None: all."""
    return None if call.me.sees_all else {queue["id"] for queue in await queues_of(call.core.db, call.me.id)}


@numbers.add("GET", "/board", returns=board_shapes.Board)
async def read_board(call: Call) -> Board:
    """Everything the wall shows."""
    return await call.context.live.board()


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
            if data is not None:
                for connection in audience.get(topic, ()):
                    await connection.send({"t": "snap", "topic": topic, "data": data})
