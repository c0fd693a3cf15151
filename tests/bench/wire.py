"""A sender that costs little, so that the benchmark measures the server and not the client.

HTTP/1.1 with kept connections and nothing else: a request is one write, an answer is read up to its length. It shares
the machine with what it measures, and aiohttp's own client would take as much of it as the server does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from tests.bench.stage import SMALL

MOST = 8_000  # requests made ready for each second; a machine that answers more is measured until they are used up


class _Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._heard = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, separator, body = self._heard.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head) and self._answer is not None:
            self._heard = b""
            self._answer.set_result(head[:12])
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None:
            self._answer.set_exception(ConnectionError("closed before the answer"))
            self._answer = None

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; a future of the status line's beginning, `HTTP/1.1 200`."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0] or 0)


class Wire:
    """Posts to one server over as many kept connections as there are requests at once."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._idle: list[_Connection] = []

    def form(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """A form as a request, ready to be sent."""
        body = urlencode(form)
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{more}"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        return request.encode()

    async def post(self, request: bytes) -> None:
        """One request; returns when it is answered with 200, raises `ConnectionError` otherwise."""
        connection = self._idle.pop() if self._idle else await self._connect()
        answer = await connection.ask(request)
        if answer != b"HTTP/1.1 200":
            raise ConnectionError(answer.decode())
        self._idle.append(connection)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()


async def rate(wire: Wire, request: Callable[[int], bytes], senders: int, seconds: float) -> float:
    """Accepted per second of so many senders, whose requests are made and signed before the clock runs.

    On a machine that uses them up the clock stops then: the rate is of the time that they took.
    """
    seconds = min(seconds, 0.5) if SMALL else seconds
    warming, ready = [request(n) for n in range(MOST)], [request(MOST + n) for n in range(int(MOST * seconds))]
    await _send(wire, warming, senders, 1.0)
    started = time.perf_counter()
    done = await _send(wire, ready, senders, seconds)
    return done / (time.perf_counter() - started)


async def _send(wire: Wire, requests: Sequence[bytes], senders: int, seconds: float) -> int:
    """Send what there is, for so many seconds at most; how many were accepted."""
    waiting, until, done = iter(requests), time.perf_counter() + seconds, 0

    async def send() -> None:
        nonlocal done
        for one in waiting:
            await wire.post(one)
            done += 1
            if time.perf_counter() >= until:
                return

    await asyncio.gather(*[send() for _ in range(senders)])
    return done


async def paced(post: Callable[[int], Awaitable[None]], per_second: float, seconds: float) -> None:
    """Open loop: so many a second, whatever the answers take."""
    seconds = min(seconds, 0.5) if SMALL else seconds
    started, tasks = time.perf_counter(), set[asyncio.Task[None]]()
    for n in range(int(per_second * seconds)):
        delay = started + n / per_second - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.ensure_future(post(n))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=20)


def spread(times: list[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    found = sorted(times)
    return statistics.median(found) * 1000, found[min(len(found) - 1, int(len(found) * 0.99))] * 1000
