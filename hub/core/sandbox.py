"""Confined work: whatever reads what strangers wrote runs in a process that may be lost.

No job takes more than its seconds or 256 MB, and the next one flows. One nursery process for each hub process, started
with the first job (or by `warm`); it forks the others. Each thread of the pool has a process of its own, so the number
of threads is the number of jobs done at once. Nothing whose cost a stranger sets runs in a web process's loop.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from hub.core import log
from hub.core.errors import HubError, Unavailable
from hub.core.sandbox_process import LENGTHS, PATIENCE, Answer, Work, receive

logger = log.get(__name__)
P = ParamSpec("P")
R = TypeVar("R")
_ON_THE_WAY = 5.0  # seconds on top of a job's own limit, for the way there and back
_START = 30.0  # seconds for the first answer of a nursery on a busy machine
_END = 5.0
_PROGRAM = "from hub.core.sandbox_process import main; main()"
_loaded: set[str] = set()


class Lost(Exception):
    """The process ended over this job."""


class Defeated(HubError):
    """It takes more time or memory than is allowed, or cannot be read."""

    status = 422


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one job, with its large bytes; or why nothing did, and whether the job itself said so."""

    value: Any = None
    bodies: tuple[bytes, ...] = ()
    error: str | None = None
    refused: bool = False


def preload(module: str) -> None:
    """Have a module loaded where its work is done: loading it there anew would count against the work's time."""
    _loaded.add(module)


class Confined:
    """A pool of processes that may be lost; usable from any thread and any event loop."""

    def __init__(self, size: int | None = None):
        self._size = size or min(4, max(2, os.cpu_count() or 2))
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._mine = threading.local()
        self._sockets: set[socket.socket] = set()

    async def run(self, work: Work, raw: bytes = b"") -> Any:
        """What the work makes of `raw`; `Defeated` says why it made nothing.

        `Unavailable`: no process could be started.
        """
        done = await asyncio.wrap_future(self.submit(self.attempt, work, raw))
        if done.error is not None:
            raise Defeated(done.error)
        return done.value

    def submit(self, do: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run something in a thread of the pool, where `attempt` may be called any number of times."""
        return self._pool().submit(do, *args, **kwargs)

    def warm(self) -> None:
        """Start the nursery, so that the first job does not wait for it."""
        self.submit(self._warm)

    def close(self) -> None:
        """End every process and thread; the next job starts them again."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._end()

    # -- in the pool's threads -----------------------------------------------------------------------------------
    def attempt(self, work: Work, raw: bytes) -> Done:
        """One try, or two: a process that ended before its time was somebody else's victim, not this job's."""
        try:
            for _ in range(2):
                began = time.monotonic()
                with contextlib.suppress(Lost):
                    return self._request(work, raw)
                if time.monotonic() - began > 0.9 * work.seconds:
                    break
        except OSError as error:
            raise Unavailable(f"No process to read with could be started: {error}") from error
        return Done(error=f"Reading it takes longer than {work.seconds:g} s.")

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="confined")
            return self._threads

    def _warm(self) -> None:
        try:
            self._mine.socket = self._own()
        except OSError:
            logger.exception("confined_not_started")

    def _request(self, work: Work, raw: bytes) -> Done:
        sock, self._mine.socket = self._own(), None
        packed = pickle.dumps(work, protocol=5)
        try:
            sock.sendall(LENGTHS.pack(len(packed), len(raw)) + packed)
            sock.sendall(raw)
            sizes = LENGTHS.unpack(receive(sock, LENGTHS.size))
            sock.settimeout(work.seconds + PATIENCE + _ON_THE_WAY)
            answer: Answer = pickle.loads(receive(sock, sizes[0]))  # noqa: S301 - from the process that we started
            bodies = _cut(answer, receive(sock, sizes[1]))
        except (OSError, EOFError) as error:
            self._drop(sock)
            raise Lost from error
        if answer.last:
            self._drop(sock)
        else:
            self._mine.socket = sock
        return Done(answer.value, bodies, answer.error, answer.refused)

    def _own(self) -> socket.socket:
        """The process of this thread; `OSError` when none can be had."""
        mine: socket.socket | None = getattr(self._mine, "socket", None)
        if mine is not None and mine in self._sockets:
            return mine
        with self._lock:
            try:
                return self._fork()
            except OSError:
                self._end_nursery()  # it is gone; one fresh start, then it is the machine's fault
                return self._fork()

    def _fork(self) -> socket.socket:
        if self._process is None:
            self._start()
        assert self._control is not None  # noqa: S101 - made by _start
        ours, theirs = socket.socketpair()
        with theirs:
            ours.settimeout(_START)
            for kind in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                ours.setsockopt(socket.SOL_SOCKET, kind, 1024 * 1024)
            try:
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        self._sockets.add(ours)
        return ours

    def _start(self) -> None:
        control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *sorted(_loaded)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._control = control

    def _drop(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)
        sock.close()

    def _end(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        self._end_nursery()

    def _end_nursery(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END)
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()
            self._process = None


def _cut(answer: Answer, bodies: bytearray) -> tuple[bytes, ...]:
    view, at = memoryview(bodies), 0
    cut: list[bytes] = []
    for size in answer.sizes:
        cut.append(bytes(view[at : at + size]))
        at += size
    return tuple(cut)


CONFINED = Confined()  # one for each process: what it costs is a process, not an object
atexit.register(CONFINED.close)
