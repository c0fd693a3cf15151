"""Notifications: Redis/Valkey pub/sub after the commit.

Whoever listens in the same process hears at once, without the way through Redis (`subscribed`, `handled`).

Nothing here may be needed for correctness. A publish that is lost heals by sequence gaps on the screens and by the
sweepers' own clock; while Redis is away, publishing costs one log line a minute and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, RedisError, ResponseError

from hub.core import log

logger = log.get(__name__)
_MOST = 50_000  # messages kept while Redis is slow; beyond that screens heal by their sequence


class _Publisher:
    """A connection that publishes and is never answered (CLIENT REPLY OFF).

    Nobody would do anything with an answer, and hearing it would wake the process once more for every message.
    """

    def __init__(self, redis: Any, timeout: float):
        self._pool = redis.connection_pool
        self._timeout = timeout
        self._connection: Any = None

    async def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish (channel, message) pairs. `RedisError`, `OSError` or `TimeoutError` when they cannot leave."""
        commands = [("PUBLISH", channel, message) for channel, message in messages]
        try:
            async with asyncio.timeout(self._timeout):
                if not self._is_open():
                    await self._open()
                packed = self._connection.pack_commands(commands)
                await self._connection.send_packed_command(packed, check_health=False)
        except BaseException:
            await self.close()
            raise

    def _is_open(self) -> bool:
        """Whether the other end is still there as far as we have heard: nobody reads here, so we look."""
        connection = self._connection
        if connection is None or not connection.is_connected:
            return False
        reader = getattr(connection, "_reader", None)
        return reader is None or not reader.at_eof()

    async def _open(self) -> None:
        await self.close()
        # A time limit of its own would cost a task for each message; ours is around it all.
        kept = {**self._pool.connection_kwargs, "socket_timeout": None}
        self._connection = self._pool.connection_class(**kept)  # ours to close from here on, however far it comes
        await self._connection.connect()
        await self._connection.send_command("CLIENT", "REPLY", "OFF", check_health=False)

    async def close(self) -> None:
        """Let the connection go; the next word opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


class Feed:
    """Publishes to topics and notifies services; never raises because Redis is away."""

    def __init__(self, url: str, *, timeout: float = 1.0):
        self.url = url
        self.redis: Any = Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(ExponentialBackoff(), 0)
        )
        self._publisher = _Publisher(self.redis, timeout)
        self._complained = 0.0
        self._outgoing: list[tuple[str, bytes]] = []
        self._sender: asyncio.Task[None] | None = None
        self._soon: set[str] = set()
        self._closed = False
        self._mark = b'{"o":"%s",' % secrets.token_hex(4).encode()  # how our own events are known when they come back
        self._subscribers: list[Callable[[list[tuple[str, Any]]], None]] = []
        self._handlers: dict[str, Callable[[str], None]] = {}

    @contextlib.contextmanager
    def subscribed(self, subscriber: Callable[[list[tuple[str, Any]]], None]) -> Generator[None]:
        """Hand every event published in this process to `subscriber`, at once, in order and once (see `is_own`)."""
        self._subscribers.append(subscriber)
        try:
            yield
        finally:
            self._subscribers.remove(subscriber)

    def is_own(self, message: bytes) -> bool:
        """Whether a message from Redis is an event of this process, which its subscribers have heard before."""
        return message.startswith(self._mark)

    @contextlib.contextmanager
    def handled(self, who: str, handler: Callable[[str], None]) -> Generator[None]:
        """Be the only one who answers to `who`, and here: notified in this process, without Redis."""
        self._handlers[who] = handler
        try:
            yield
        finally:
            if self._handlers.get(who) is handler:
                del self._handlers[who]

    async def publish(self, messages: Iterable[tuple[str, Any]]) -> None:
        """Send (topic, JSON-able message) pairs, in order; returns at once (see `_send`)."""
        said = list(messages)
        if not said:
            return
        events = [(topic, message) for topic, message in said if "seq" in message]
        for subscriber in self._subscribers:
            subscriber(events)
        self._send([(f"t:{topic}", self._packed(message)) for topic, message in said])

    def _packed(self, message: dict[str, Any]) -> bytes:
        packed = orjson.dumps(message)
        return self._mark + packed[1:] if "seq" in message else packed

    async def notify(self, who: str, message: str = "") -> None:
        """Notify a service, which then looks at PostgreSQL sooner than its own clock would make it."""
        if (handler := self._handlers.get(who)) is not None:
            handler(message)
        else:
            self._send([(f"w:{who}", message.encode())])

    def notify_soon(self, who: str, seconds: float = 0.2) -> None:
        """Notify within so many seconds, once however often this is asked: for those who are in no hurry."""
        if who not in self._soon:
            self._soon.add(who)
            asyncio.get_running_loop().call_later(seconds, self._notify_now, who)

    def _notify_now(self, who: str) -> None:
        self._soon.discard(who)
        self._send([(f"w:{who}", b"")])

    def _send(self, messages: list[tuple[str, bytes]]) -> None:
        """Queue for Redis. One task drains the queue, so that whatever piled up goes out in one write.

        Nobody waits for it: what is published is committed already, and a publish may be lost anyway.
        """
        if len(self._outgoing) < _MOST:
            self._outgoing += messages
        if self._outgoing and not self._closed and (self._sender is None or self._sender.done()):
            self._sender = asyncio.create_task(self._drain(), name="feed")

    async def _drain(self) -> None:
        while self._outgoing:
            await asyncio.sleep(0)  # who is here comes first: callers to be answered, screens of this process
            batch, self._outgoing = self._outgoing, []
            try:
                await self._publisher.publish(dict.fromkeys(batch))  # notified twice is notified
            except (RedisError, OSError, TimeoutError) as error:
                self._complain(error)

    async def notifications(self, *who: str, every: float, each: bool = False) -> AsyncGenerator[str]:
        """Yields at once, then at each notification, and at least each `every` seconds, for ever.

        It listens before it yields for the first time, so that no notification meanwhile is missed. However often the
        services were notified while the listener worked, it is one notification, unless `each` message matters.
        """
        while True:
            pubsub: Any = self.redis.pubsub()
            try:
                await pubsub.subscribe(*[f"w:{name}" for name in who])
                await pubsub.get_message(timeout=1)
                yield ""
                while True:
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=every)
                    while message and not each and (more := await _waiting(pubsub)):
                        message = more
                    yield message["data"].decode() if message else ""
            except (RedisError, OSError) as error:
                self._complain(error)
                await asyncio.sleep(min(every, 1.0))
                yield ""
            finally:
                await _quietly_close(pubsub)

    async def healthy(self) -> bool:
        """Whether Redis answers within a second and takes writes."""
        return await self.refusal() is None

    async def refusal(self) -> str | None:
        """Why Redis takes no writes (no memory, a replica, still loading…), "" if it does not answer, else None."""
        try:
            async with asyncio.timeout(1):
                await self.redis.set("hub:probe", b"1", px=10_000)
        except ResponseError as error:
            return " ".join(str(error).split())[:200] or type(error).__name__
        except (RedisError, OSError, TimeoutError) as error:
            return str(error)[:200] if isinstance(error, BusyLoadingError) else ""
        return None

    async def close(self) -> None:
        """Send what is queued and close the connections."""
        self._closed = True
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=2)
        await self._publisher.close()
        await self.redis.aclose()

    def _complain(self, error: Exception) -> None:
        if time.monotonic() - self._complained > 60:
            self._complained = time.monotonic()
            logger.warning("redis_away", error=str(error), effect="screens and workers react a few seconds later")


async def _waiting(pubsub: Any) -> Any:
    """The next message that is here already, or None."""
    return await pubsub.get_message(ignore_subscribe_messages=True, timeout=0)


async def _quietly_close(pubsub: Any) -> None:
    try:
        await pubsub.aclose()
    except (RedisError, OSError):
        logger.debug("pubsub_close_failed")
