"""The numbers, live: queues and board by REST and on the topics `wall` and `q:{queue}`."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from pydantic import BaseModel

from hub.core import log
from hub.core.errors import HubError
from hub.reports.live import Board, Live
from hub.web import shapes
from hub.web.endpoints import Call, Endpoints
from hub.web.realtime import Realtime

logger = log.get(__name__)
numbers = Endpoints("numbers")
EVERY = 1.0  # seconds between snapshots


class Queues(BaseModel):
    items: list[shapes.QueueLive]


@numbers.add("GET", "/queues", returns=Queues)
async def list_queues(call: Call) -> dict[str, Any]:
    """The queues one may see, with their numbers now."""
    board = await call.context.live.board()
    mine = (
        None
        if call.me.sees_all
        else {
            row["id"]
            for row in await call.core.db.dicts(
                "select queue_id as id from agent_queue where agent_id = %s", [call.me.id]
            )
        }
    )
    return {"items": [q for q in board["queues"] if mine is None or q["id"] in mine]}


@numbers.add("GET", "/board", returns=shapes.Board)
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
        board = await self._live.board()
        queues = {f"q:{q['id']}": {"queue": q} for q in board["queues"]}
        for topic in topics:
            data = board if topic == "wall" else queues.get(topic)
            if data is not None:
                for connection in tuple(self._realtime.watched(topic)):
                    await connection.send({"t": "snap", "topic": topic, "data": data})
