"""Hears what is published about conversations, for the visitors connected to this process.

One pub/sub connection per process, subscribed to the conversations that are on a screen here. Nothing heard is
believed, it only says where to look; what is missed heals by the lines' own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import orjson
from redis.exceptions import RedisError

from hub.core import log
from hub.core.feed import Feed

logger = log.get(__name__)
Heard = Callable[[dict[str, Any]], None]
_KEEPALIVE = "t:chat"  # a connection without any subscription cannot be read from


class Subscriber:
    """Subscriptions by conversation; `listen` runs as long as anybody is connected."""

    def __init__(self, feed: Feed):
        self._feed = feed
        self._heard: dict[int, set[Heard]] = {}
        self._pubsub: Any = None
        self._task: asyncio.Task[None] | None = None

    async def add(self, conversation_id: int, heard: Heard) -> None:
        """Call `heard(message)` for what is published on `c:{conversation_id}`, from now on."""
        others = self._heard.setdefault(conversation_id, set())
        others.add(heard)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="chat-subscriber")
        elif len(others) == 1:
            await self._publish("subscribe", conversation_id)

    async def remove(self, conversation_id: int, heard: Heard) -> None:
        """Stop calling `heard`."""
        others = self._heard.get(conversation_id, set())
        others.discard(heard)
        if not others and self._heard.pop(conversation_id, None) is not None:
            await self._publish("unsubscribe", conversation_id)

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _publish(self, what: str, conversation_id: int) -> None:
        if self._pubsub is None:
            return  # the listener subscribes to everything when it has connected
        try:
            await getattr(self._pubsub, what)(f"t:c:{conversation_id}")
        except (RedisError, OSError) as error:
            logger.debug("chat_subscription_failed", error=str(error))

    async def _listen(self) -> None:
        while True:
            try:
                await self._connected()
            except (RedisError, OSError) as error:
                logger.debug("chat_subscription_lost", error=str(error))
            await asyncio.sleep(1)

    async def _connected(self) -> None:
        pubsub: Any = self._feed.redis.pubsub(ignore_subscribe_messages=True)  # pyright: ignore[reportUnknownMemberType] - redis types its options loosely
        try:
            await pubsub.subscribe(_KEEPALIVE, *[f"t:c:{conversation_id}" for conversation_id in self._heard])
            self._pubsub = pubsub
            self._shout({"type": "connected"})  # whatever was said while we were deaf
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=30)
                if message is not None:
                    self._dispatch(message["channel"], message["data"])
        finally:
            self._pubsub = None
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()

    def _dispatch(self, channel: bytes, data: bytes) -> None:
        number = channel.rpartition(b":")[2]
        if number.isdigit():
            message = orjson.loads(data)
            for heard in list(self._heard.get(int(number), ())):
                heard(message)

    def _shout(self, message: dict[str, Any]) -> None:
        for heard in {one for several in self._heard.values() for one in several}:
            heard(message)
