"""The processes that read mail: a nursery that has everything loaded, and the readers it forks, each easily lost.

Started by `connectors.email.readers` with a control socket. Over it come sockets, one for each reader wanted; a
reader answers jobs over its socket until the other end closes. Before each job it sets itself an alarm that the kernel
keeps, and its address space is limited: whatever a mail does to the parser, the worst is a reader less, and forking
the next one takes milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from connectors.email.parse import Envelope, Mail, parse
from connectors.email.remains import remains
from hub.core.errors import HubError

SECONDS = 2.0  # of processor time for one mail; on an idle machine that is wall time
PATIENCE = 2.0  # as much more wall time when others keep the processor busy
MEMORY = 256 * 1024 * 1024  # bytes that reading one mail may add to an idle reader
LENGTHS = struct.Struct(">QQ")
_MAILS = 1000  # a reader is replaced after so many, or after a large one: freed memory is not always given back
_LARGE = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, beside the bytes themselves; `part` "remains" asks for no more than a glance."""

    account_id: int
    envelope: Envelope
    own: str | None
    trusted: str | None
    forms: tuple[str, ...] = ()
    part: Literal["whole", "remains"] = "whole"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The mail without its raw bytes and files, whose `sizes` follow; or why there is none. `last`: the reader ends."""

    mail: Mail | None
    sizes: tuple[int, ...] = ()
    error: str | None = None
    invalid: bool = False
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
    """Fork a reader for each socket that comes, until the control socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub; we end with our socket
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended readers leave nothing to wait for
    gc.collect()
    gc.freeze()  # pages shared with the readers stay shared
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
    gc.disable()
    limit_memory(MEMORY)
    for count in range(1, _MAILS + 1):
        job_size, raw_size = LENGTHS.unpack(receive(sock, LENGTHS.size))
        job: Job = pickle.loads(receive(sock, job_size))  # noqa: S301 - from the hub that started us
        _alarm(SECONDS)
        last = count == _MAILS or raw_size > _LARGE
        answer, bodies = work(job, bytes(receive(sock, raw_size)))
        head = pickle.dumps(replace(answer, last=last), protocol=5)
        _alarm(SECONDS)  # as much again to hand it over
        sock.sendall(LENGTHS.pack(len(head), sum(answer.sizes)) + head)
        for body in bodies:
            sock.sendall(body)
        _alarm(0)
        if last:
            return
        del answer, bodies, job
        if count % 20 == 0:
            gc.collect()


def _alarm(seconds: float) -> None:
    """End this process after so much processor time, or a little later by the clock; 0: not at all."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds + PATIENCE if seconds else 0)


def work(job: Job, raw: bytes) -> tuple[Answer, list[bytes]]:
    """Read one mail; every failure is an answer too."""
    try:
        if job.part == "remains":
            mail = remains(raw, account_id=job.account_id, envelope=job.envelope, reason=job.reason)
        else:
            mail = parse(
                raw,
                account_id=job.account_id,
                envelope=job.envelope,
                own=job.own,
                trusted=job.trusted,
                forms=job.forms,
            )
    except HubError as error:
        return Answer(None, error=error.detail, invalid=True), []
    except MemoryError:
        return Answer(None, error=f"It took more than {MEMORY // 1024 // 1024} MB of memory."), []
    except Exception as error:  # noqa: BLE001 - the hub says so on the message and goes on
        return Answer(None, error=f"It could not be read: {type(error).__name__}."), []
    files = mail.inbound.attachments
    bare = replace(mail.inbound, raw=b"", attachments=tuple(replace(f, body=b"") for f in files))
    return Answer(replace(mail, inbound=bare), tuple(len(f.body) for f in files)), [f.body for f in files]


def main() -> None:
    """Be the nursery; the control socket's number is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        nursery(inherited)
