"""Connections that may not stay for ever: half a request, a body that trickles, an answer that nobody reads.

aiohttp waits an hour for the head of a request and for ever for its body. Here a head has to be whole within fifteen
seconds, a body has to come at a pace, and one address has so many connections and no more. What is too slow is looked
for once a second over all connections, so that a request costs no timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from hub.core import log
from hub.core.metrics import REJECTED
from hub.core.networks import Places, is_near, network_of
from hub.core.tasks import end

logger = log.get(__name__)
HEAD_SECONDS = 15.0  # for the head of a request, from its first byte or from the connection on
BODY_SECONDS, BODY_RATE = 20.0, 8 * 1024  # for a body: so long, and longer by a second for each so many bytes
ANSWER_SECONDS = 30.0  # without a byte of an answer being read
REQUEST_SECONDS = 15 * 60.0  # for a whole request, the download of a large file too
KEEP_ALIVE = 75.0  # seconds between two requests; proxies of the usual kind give up after sixty
PER_ADDRESS = 500  # connections, where nobody stands between us and the callers
_SPARE_FILES = 200  # of the process's limit, for everything else it opens
_LINGERING = 2.0  # seconds in which the rest of a refused body is thrown away
_LOOK_EVERY = 1.0


class Guarded(RequestHandler):
    """A connection that knows since when something has been missing."""

    __slots__ = ("_begun", "_body_since", "_key", "_runner", "_since", "_stuck")

    def __init__(self, runner: GuardedRunner, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._runner = runner
        self._key: str | None = None
        self._since: float | None = None  # the head of a request has been incomplete since then
        self._begun: tuple[int, float] = (0, 0.0)  # the request in work, by its number, and since when
        self._stuck: tuple[int, float] = (0, 0.0)  # bytes of an answer that wait to be read, and since when

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; where there are too many, say so and hang up."""
        peer = transport.get_extra_info("peername")
        key = network_of(str(peer[0])) if peer else "unknown"
        if not self._runner.enter(key):
            REJECTED.labels("web", "connections").inc()
            assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - a socket's
            transport.write(_TOO_MANY)
            transport.close()
            self._force_close = True
            return
        self._key = key
        self._since = asyncio.get_running_loop().time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        if self._key is not None:
            self._runner.leave(self._key)
            self._key = None
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note whether what came is the whole head of a request."""
        if self._key is None:
            return
        super().data_received(data)
        waits = self._waiter is not None and not self._waiter.done() and not self._messages
        if not waits or self._upgraded:
            self._since = None
        elif self._since is None:
            self._since = asyncio.get_running_loop().time()

    def look(self, moment: float) -> None:
        """End it if something has been missing for too long."""
        if self._upgraded or self.transport is None:
            return  # who talks on a socket looks after that himself
        if self._is_stuck(moment):
            self._refuse("answer")
        elif self._since is not None:
            if moment - self._since > HEAD_SECONDS:
                self._refuse("head")
        elif (request := self._current_request) is not None:
            self._check_request(request, moment)

    def _check_request(self, request: BaseRequest, moment: float) -> None:
        """A request in work: its body comes, and it has an end."""
        if self._begun[0] != self._request_count:
            self._begun = (self._request_count, moment)
        began = self._begun[1]
        content = request.content
        if not content.is_eof() and moment - began > BODY_SECONDS + content.total_bytes / BODY_RATE:
            if content.exception() is None:  # whoever reads it learns of it, and can still say so
                REJECTED.labels("web", "body").inc()
                content.set_exception(web.HTTPRequestTimeout())
            elif moment - began > BODY_SECONDS + content.total_bytes / BODY_RATE + ANSWER_SECONDS:
                self._refuse("body")
        elif moment - began > REQUEST_SECONDS:
            self._refuse("answer")

    def _is_stuck(self, moment: float) -> bool:
        """Whether there is an answer and nobody reads any of it."""
        waiting = self.transport.get_write_buffer_size() if self.transport is not None else 0
        if waiting == 0 or waiting != self._stuck[0]:
            self._stuck = (waiting, moment)
        return moment - self._stuck[1] > ANSWER_SECONDS

    def _refuse(self, reason: str) -> None:
        REJECTED.labels("web", reason).inc()
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()


class _Server(web.Server):
    """Makes guarded connections."""

    def __init__(self, runner: GuardedRunner, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.runner = runner

    def __call__(self) -> RequestHandler:
        return Guarded(self.runner, self, loop=self._loop, **self._kwargs)


class GuardedRunner(web.AppRunner):
    """`web.AppRunner` whose connections are guarded; bodies come to the handlers as they are, never unpacked.

    `per_address` is how many connections one address may have; 0: any number, since a proxy of ours stands between us
    and the callers. Unless `near` ones count too, that does not hold for addresses that may be such a proxy's anyway.
    """

    def __init__(self, app: web.Application, *, per_address: int = PER_ADDRESS, near: bool = False, **kwargs: Any):
        super().__init__(
            app,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=_LINGERING,
            **kwargs,
        )
        together = max(100, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES)
        self._places = Places(per_address or together, together)
        self._near = near
        self._looking: asyncio.Task[None] | None = None

    def enter(self, key: str) -> bool:
        """Whether there is a place for one more connection."""
        return self._places.enter(key, bounded=self._near or not is_near(key))

    def leave(self, key: str) -> None:
        """A connection has ended."""
        self._places.leave(key)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(
            self,
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **self._kwargs,
        )
        self._looking = asyncio.create_task(self._check_all(server), name="connections")
        return server

    async def cleanup(self) -> None:
        """Stop listening."""
        if self._looking is not None:
            await end([self._looking])
        await super().cleanup()

    async def _check_all(self, server: web.Server) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            moment = asyncio.get_running_loop().time()
            for connection in server.connections:
                if isinstance(connection, Guarded):
                    with contextlib.suppress(Exception):
                        connection.look(moment)


_TOO_MANY_BODY = orjson.dumps(
    {
        "type": "about:blank",
        "title": "Too many requests",
        "status": 429,
        "detail": "Too many connections from this address.",
        "errors": list[str](),
        "remedy": "Close some, or try again in a few seconds.",
    }
)
_TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_TOO_MANY_BODY), _TOO_MANY_BODY)
)
