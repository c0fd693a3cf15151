"""Follows a visitor's thread for one line.

The record is the truth. A line holds nothing but a cursor: whatever is heard makes us look there and send what
comes after the cursor, so that a lost publish, a slow phone or a second tab can neither lose nor repeat anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from connectors.chat.connection import SIGNED_OUT, Line
from connectors.chat.subscriber import Subscriber
from connectors.chat.transcript import PAGE, Followed, Record
from hub.core import log
from hub.core.errors import Unavailable

logger = log.get(__name__)


class Live:
    """Follows the record for one line: what it hears makes it look, and what it finds it sends in order."""

    def __init__(self, line: Line, record: Record, subscriber: Subscriber, came: Callable[[int], Awaitable[None]]):
        """`came` is told which visitor is here (again), by their address."""
        self._came = came
        self._line = line
        self._record = record
        self._subscriber = subscriber
        self._conversation: int | None = None
        self._lock = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._again = False

    def heard(self, message: dict[str, Any]) -> None:
        """Something was published about the visitor's conversation."""
        if message.get("t") == "eph":
            self._pass_on(message)
        elif message.get("type") == "chat.signed_out":
            asyncio.ensure_future(self.leave_if_signed_out()).add_done_callback(_forget)
        else:
            self.look()

    def look(self) -> None:
        """Look soon; any number of calls while one look is under way make one more."""
        self._again = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._catch_up_while_asked(), name="chat-look")

    async def _catch_up_while_asked(self) -> None:
        while self._again:
            self._again = False
            try:
                await self.catch_up()
            except Unavailable:
                logger.debug("chat_look_failed", line=self._line.id)  # the line's clock looks again

    async def catch_up(self) -> None:
        """Send everything after the cursor, in order."""
        async with self._lock:
            if self._line.address_id is None:
                await self._find()
            address_id = self._line.address_id
            if address_id is None:
                return
            followed = await self._record.follow(address_id)
            self._line.status = followed.status
            await self._listen_to(followed.status.get("conversation"))
            await self._replay(address_id, followed)

    async def _find(self) -> None:
        self._line.address_id = await self._record.address(self._line.visitor.id)
        if self._line.address_id is not None:
            await self._record.arrive(self._line.address_id, self._line.id)
            await self._came(self._line.address_id)

    async def _replay(self, address_id: int, followed: Followed) -> None:
        if self._line.cursor > followed.last_seq:
            # The record is younger than the screen: it was restored from a backup.
            self._line.cursor = 0
            await self._line.send({"t": "reset", "topic": "chat", "seq": 0})
        while self._line.cursor < followed.last_seq:
            frames = await self._record.after(address_id, self._line.cursor, followed.status, self._line.links)
            if not frames:
                return
            await self._line.send(frames[0] if len(frames) == 1 else frames)
            self._line.cursor = frames[-1]["seq"]
            if len(frames) < PAGE:
                return

    async def _listen_to(self, conversation: int | None) -> None:
        if conversation == self._conversation:
            return
        before, self._conversation = self._conversation, conversation
        if before is not None:
            await self._subscriber.remove(before, self.heard)
        if conversation is not None:
            await self._subscriber.add(conversation, self.heard)
            self.look()  # what was said between reading and listening

    async def leave_if_signed_out(self) -> None:
        """Hang up when the visitor has signed out in another tab of this browser."""
        if await self._record.signed_out([self._line.visitor.browser]):
            await self._line.close(SIGNED_OUT, b"signed out")

    def _pass_on(self, message: dict[str, Any]) -> None:
        agent = message.get("data", {}).get("agent")
        if message.get("type") == "typing" and agent:
            name = agent.get("name", "")
            data = {"from": "agent", "name": name, "agent": {"name": name}}
            notice = {"t": "eph", "topic": "chat", "type": "typing", "data": data}
            asyncio.ensure_future(self._line.send(notice)).add_done_callback(_forget)

    async def stop(self) -> None:
        """Stop following."""
        await self._listen_to(None)
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        if self._line.address_id is not None:
            await self._record.leave(self._line.address_id, self._line.id)


def _forget(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.debug("chat_notice_lost", error=str(task.exception()))
