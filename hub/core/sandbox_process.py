"""The processes that confined work runs in: a nursery that has everything loaded, and those it forks, easily lost.

Started by `hub.core.sandbox` with a control socket. Over it come sockets, one for each process wanted; that answers
jobs over its socket until the other end closes. Before each job it sets itself an alarm that the kernel keeps, and its
address space is limited: whatever foreign bytes do to the code that reads them, the worst is a process less, and
forking the next one takes milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from hub.core.errors import HubError

PATIENCE = 2.0  # as much more wall time when others keep the processor busy
MEMORY = 256 * 1024 * 1024  # bytes that one job may add to an idle process
LENGTHS = struct.Struct(">QQ")
_JOBS = 1000  # a process is replaced after so many, or after a large one: freed memory is not always given back
_LARGE = 2 * 1024 * 1024
_HAND_OVER = 2.0  # seconds of processor time to give the answer back


class Work(Protocol):
    """Something to do with foreign bytes: a module-level class, picklable, its `seconds` of processor time bounded."""

    @property
    def seconds(self) -> float:
        """Seconds of processor time it may take; on an idle machine that is wall time."""
        ...

    def __call__(self, raw: bytes) -> tuple[Any, list[bytes]]:
        """Do it. What comes of it, and large bytes that belong to it; `HubError` when `raw` is not fit for it."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it, its large bytes following with these `sizes`; or why nothing did.

    `refused`: the work itself said so; else it failed. `last`: this process ends.
    """

    value: Any
    sizes: tuple[int, ...] = ()
    error: str | None = None
    refused: bool = False
    last: bool = False


def receive(sock: socket.socket, size: int) -> bytearray:
    """Exactly so many bytes; `EOFError` when the other end closes before."""
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        count = sock.recv_into(view[at:])
        if not count:
            raise EOFError
        at += count
    return data


def nursery(control: socket.socket) -> None:
    """Fork a process for each socket that comes, until the control socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub; we end with our socket
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended processes leave nothing to wait for
    gc.collect()
    gc.freeze()  # pages shared with the children stay shared
    children: set[int] = set()
    while True:
        with contextlib.suppress(InterruptedError):
            data, fds, _, _ = socket.recv_fds(control, 1, 1)
            if not data:
                break
            pid = os.fork()
            if pid == 0:
                control.close()
                with contextlib.suppress(EOFError, OSError):
                    serve(socket.socket(fileno=fds[0]))
                os._exit(0)
            children.add(pid)
            os.close(fds[0])
            children = {one for one in children if _alive(one)}
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return f"\nPPid:\t{os.getpid()}\n" in Path(f"/proc/{pid}/status").read_text(errors="replace")
    return False


def limit_memory(size: int) -> None:
    """Let this process grow by no more than `size` bytes of address space; where /proc is missing, by any."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        allowed = pages * resource.getpagesize() + size
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def serve(sock: socket.socket) -> None:
    """Answer jobs until the other end closes, or until it is time for a fresh process."""
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)  # the kernel ends us, also in the midst of foreign C code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # customers' words lie in no file that nobody knows of
    gc.disable()
    limit_memory(MEMORY)
    for count in range(1, _JOBS + 1):
        work_size, raw_size = LENGTHS.unpack(receive(sock, LENGTHS.size))
        work: Work = pickle.loads(receive(sock, work_size))  # noqa: S301 - from the hub that started us
        _alarm(work.seconds)
        last = count == _JOBS or raw_size > _LARGE
        answer, bodies = done(work, bytes(receive(sock, raw_size)))
        head = pickle.dumps(replace(answer, last=last), protocol=5)
        _alarm(_HAND_OVER)
        sock.sendall(LENGTHS.pack(len(head), sum(answer.sizes)) + head)
        for body in bodies:
            sock.sendall(body)
        _alarm(0)
        if last:
            return
        del answer, bodies, work
        if count % 20 == 0:
            gc.collect()


def _alarm(seconds: float) -> None:
    """End this process after so much processor time, or a little later by the clock; 0: not at all."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds + PATIENCE if seconds else 0)


def done(work: Work, raw: bytes) -> tuple[Answer, list[bytes]]:
    """Do one job; every failure is an answer too."""
    try:
        value, bodies = work(raw)
    except HubError as error:
        return Answer(None, error=error.detail, refused=True), []
    except MemoryError:
        return Answer(None, error=f"It took more than {MEMORY // 1024 // 1024} MB of memory."), []
    except Exception as error:  # noqa: BLE001 - the hub says so and goes on
        return Answer(None, error=f"It could not be read: {type(error).__name__}."), []
    return Answer(value, tuple(len(body) for body in bodies)), bodies


def main() -> None:
    """Be the nursery; arguments are the control socket's number and the modules to have loaded."""
    for name in sys.argv[2:]:
        importlib.import_module(name)
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        nursery(inherited)
