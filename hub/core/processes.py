"""Servers that we start: ended with us, watched, and started again when they die."""

from __future__ import annotations

import contextlib
import ctypes
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypedDict

from hub.core import log
from hub.core.clock import now
from hub.core.errors import HubError

logger = log.get(__name__)
_PR_SET_PDEATHSIG = 1
_LOOK = 0.2  # seconds between looks at a running server
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds before each further start; the last for all that follow
_STEADY = 60.0  # seconds after which a server counts as well again


@dataclass(frozen=True, slots=True)
class ServerState:
    """How one of our servers fares, for people: in `hub doctor` and `/health/ready`."""

    name: str
    running: bool = False
    pid: int | None = None
    restarts: int = 0  # since we started
    restarted_at: datetime | None = None
    last_problem: str | None = None  # why it ended last, or why it does not start


class Server(Protocol):
    """What `Kept` keeps running. All methods are called from one thread."""

    name: str

    def start(self, stopping: threading.Event) -> subprocess.Popen[bytes]:
        """Start it and return when it answers; an error when it does not, with nothing left running."""
        ...

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End it within some seconds."""
        ...


@dataclass(slots=True)
class Kept:
    """One server in a thread of its own, which starts it, watches it and starts it again when it dies.

    The thread lives as long as the server: the kernel ends a child when the thread that started it is gone.
    """

    server: Server
    changed: Callable[[], None]
    state: ServerState = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)
    _first: Future[None] = field(default_factory=Future[None])

    def __post_init__(self) -> None:
        self.state = ServerState(self.server.name)
        self._thread = threading.Thread(target=self._run, name=f"keeps-{self.server.name}", daemon=True)

    def begin(self) -> None:
        """Start the server without waiting for it."""
        self._thread.start()

    def wait(self) -> None:
        """Return when it answers for the first time; the error that kept it from doing so."""
        self._first.result()

    def stop(self) -> None:
        """End the server for good; `join` waits for that."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until server and thread are gone."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            process = self.server.start(self._stopping)
        except BaseException as error:  # noqa: BLE001 - belongs to whoever waits for the first start
            self._first.set_exception(error)
            return
        self._set(running=True, pid=process.pid)
        self._first.set_result(None)
        while not self._stopping.is_set():
            if process.poll() is None:
                self._stopping.wait(_LOOK)
                continue
            self._set(running=False, pid=None, last_problem=how_it_ended(process.returncode))
            logger.error("server_died", server=self.server.name, how=self.state.last_problem, effect="started again")
            if (again := self._start_again()) is None:
                return
            process = again
        self.server.stop(process)

    def _start_again(self) -> subprocess.Popen[bytes] | None:
        """Try until it runs; None when we are to stop."""
        tries = 0
        if self.state.restarted_at is not None and (now() - self.state.restarted_at).total_seconds() < _STEADY:
            tries = 1  # it died again soon: not at once
        while not self._stopping.wait(_PAUSES[min(tries, len(_PAUSES) - 1)]):
            try:
                process = self.server.start(self._stopping)
            except (HubError, OSError) as error:
                tries += 1
                self._set(last_problem=" ".join(str(error).split()))
                logger.error("server_not_started", server=self.server.name, tries=tries, error=self.state.last_problem)  # noqa: TRY400 - the message says it
                continue
            self._set(running=True, pid=process.pid, restarts=self.state.restarts + 1, restarted_at=now())
            logger.warning("server_started_again", server=self.server.name, pid=process.pid)
            return process
        return None

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # pyright: ignore[reportArgumentType] - fields of ServerState
        self.changed()


def how_it_ended(code: int) -> str:
    """`killed by SIGKILL`, `ended with code 1`."""
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


@dataclass(frozen=True, slots=True)
class User:
    """Whom a child runs as, when not as ourselves."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> User:
        """From the system's list of users."""
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)


class RunAs(TypedDict):
    """What `subprocess` needs to be told for a child to run as somebody else."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def run_as(user: User | None) -> RunAs:
    """Run as `user`, or as ourselves."""
    if user is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def spawn(
    command: Sequence[str],
    output: Path,
    at_parents_death: signal.Signals,
    *,
    user: User | None = None,
    folder: Path = Path("/"),
    handles: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a server of ours in a session of its own: Ctrl-C goes to the supervisor, which stops the servers last."""
    with output.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=folder,
            start_new_session=True,
            preexec_fn=die_with_parent(at_parents_death),
            pass_fds=handles,
            **run_as(user),
        )


def die_with_parent(how: signal.Signals) -> Callable[[], None]:
    """If the supervisor is killed, the kernel stops its servers (Linux; elsewhere they outlive it)."""
    libc = ctypes.CDLL(None)

    def set_signal() -> None:
        if hasattr(libc, "prctl"):
            libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return set_signal


def end(process: subprocess.Popen[bytes], how: signal.Signals, seconds: float) -> None:
    """Ask a process to end; SIGQUIT after `seconds`, SIGKILL two later."""
    for signal_, patience in ((how, seconds), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 10.0)):
        if process.poll() is not None:
            return
        process.send_signal(signal_)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def wait_until(true: Callable[[], bool], seconds: float, stopping: threading.Event) -> bool:
    """Whether it became true in time; gives up early when we are to stop."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends or stopping.wait(0.03):
            return False
    return True


def tail(file: Path, lines: int = 5) -> str:
    """The last lines of a log."""
    try:
        with file.open("rb") as log_file:
            log_file.seek(0, 2)
            log_file.seek(max(0, log_file.tell() - 4096))
            text = log_file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
