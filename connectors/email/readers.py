"""Reading mail in processes that may be lost: no mail takes more than 2 s or 256 MB, and the next one flows.

One nursery process for each hub process, started with the first mail (or by `warm`); it forks the readers. Each
thread of the pool has a reader of its own, so the number of threads is the number of mails read at once.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from connectors.email.parse import Mail
from connectors.email.reader_process import LENGTHS, PATIENCE, SECONDS, Answer, Job, receive
from hub.core import log
from hub.core.errors import Invalid, Unavailable

logger = log.get(__name__)
_HAND_OVER = 5.0  # seconds on top of the reader's own limit, for the way there and back
_START = 30.0  # seconds for the first answer of a nursery on a busy machine
_END = 5.0
_PROGRAM = "from connectors.email.reader_process import main; main()"


class Lost(Exception):
    """The reader ended over this mail."""


class Readers:
    """A pool of readers for one process; usable from any thread and any event loop."""

    def __init__(self, size: int | None = None):
        self._size = size or min(4, max(2, os.cpu_count() or 2))
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._mine = threading.local()
        self._sockets: set[socket.socket] = set()

    async def read(self, job: Job, raw: bytes) -> Mail:
        """The mail; if it defeats the reader, what its headers say at a glance.

        `Invalid`: it is no mail, or not even its headers can be looked at. `Unavailable`: no reader could be started.
        """
        return await asyncio.wrap_future(self._pool().submit(self._read, job, raw))

    def read_now(self, job: Job, raw: bytes) -> Mail:
        """As `read`, for callers with a thread of their own."""
        return self._pool().submit(self._read, job, raw).result()

    def warm(self) -> None:
        """Start the nursery, so that the first mail does not wait for it."""
        self._pool().submit(self._warm)

    def close(self) -> None:
        """End every process and thread; the next mail starts them again."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._end()

    # -- in the pool's threads -----------------------------------------------------------------------------------
    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="mail-reader")
            return self._threads

    def _warm(self) -> None:
        try:
            self._mine.socket = self._own()
        except OSError:
            logger.exception("mail_reader_not_started")

    def _read(self, job: Job, raw: bytes) -> Mail:
        answer = self._attempt(job, raw)
        if answer.mail is None and not answer.invalid:
            logger.warning("mail_unreadable", account=job.account_id, size=len(raw), reason=answer.error)
            answer = self._attempt(replace(job, part="remains", reason=answer.error or ""), raw)
        if answer.mail is None:
            raise Invalid(answer.error or "It could not be read.")
        return answer.mail

    def _attempt(self, job: Job, raw: bytes) -> Answer:
        """One try, or two: a reader that ended before its time was somebody else's victim, not this mail's."""
        try:
            for _ in range(2):
                began = time.monotonic()
                with contextlib.suppress(Lost):
                    return self._ask(job, raw)
                if time.monotonic() - began > 0.9 * SECONDS:
                    break
        except OSError as error:
            raise Unavailable(f"No process to read mail could be started: {error}") from error
        return Answer(None, error=f"Reading it takes longer than {SECONDS:.0f} s.")

    def _ask(self, job: Job, raw: bytes) -> Answer:
        sock, self._mine.socket = self._own(), None
        packed = pickle.dumps(job, protocol=5)
        try:
            sock.sendall(LENGTHS.pack(len(packed), len(raw)) + packed)
            sock.sendall(raw)
            sizes = LENGTHS.unpack(receive(sock, LENGTHS.size))
            sock.settimeout(SECONDS + PATIENCE + _HAND_OVER)
            answer: Answer = pickle.loads(receive(sock, sizes[0]))  # noqa: S301 - from the reader that we started
            if answer.mail is not None:
                answer = replace(answer, mail=_whole(answer, raw, receive(sock, sizes[1])))
        except (OSError, EOFError) as error:
            self._drop(sock)
            raise Lost from error
        if answer.last:
            self._drop(sock)
        else:
            self._mine.socket = sock
        return answer

    def _own(self) -> socket.socket:
        """The reader of this thread; `OSError` when none can be had."""
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
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
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


def _whole(answer: Answer, raw: bytes, bodies: bytearray) -> Mail:
    """The mail with its bytes and files again."""
    assert answer.mail is not None  # noqa: S101 - asked before
    inbound = answer.mail.inbound
    view, at = memoryview(bodies), 0
    files = list(inbound.attachments)
    for number, size in enumerate(answer.sizes):
        files[number] = replace(files[number], body=bytes(view[at : at + size]))
        at += size
    return replace(answer.mail, inbound=replace(inbound, raw=raw, attachments=tuple(files)))


READERS = Readers()  # one for each process: what they cost is a process, not an object
atexit.register(READERS.close)
