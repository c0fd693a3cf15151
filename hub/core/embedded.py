"""A real PostgreSQL and a real Valkey out of their wheels, in the data folder.

Used when no URL is configured, by `hub up` and by the tests alike. Whoever starts them keeps them running: a server
that dies is started again within seconds, see `Kept`. How they fare is in `servers.json` while they run.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from hub.core import log
from hub.core.embedded_postgres import Postgres, owned
from hub.core.embedded_valkey import Valkey
from hub.core.errors import ConfigError
from hub.core.folder import OpenFolder, make_folder, remove_unfinished, write_whole
from hub.core.processes import Kept, ServerState
from hub.core.programs import Copy, find_postgres, find_valkey, remove_copy, server_user

logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers listen."""

    database_url: str
    redis_url: str


class Embedded:
    """Starts, watches and stops the two servers of one data folder."""

    def __init__(self, folder: Path, *, durable: bool = True, postgres: Path | None = None, valkey: Path | None = None):
        """`durable`: whether a commit survives a power cut. `postgres`, `valkey`: other programs than the wheels'."""
        self.folder = folder.resolve()
        self._durable = durable
        self._programs = (postgres, valkey)
        self.kept: list[Kept] = []
        self._programs_in: Path | None = None
        self._announced: dict[str, Any] | None = None
        self._writing = threading.Lock()
        self._ending = contextlib.ExitStack()  # undone at the end, the last first

    def start(self) -> Servers:
        """Start both; a second start on the same folder while the first runs is a `ConfigError`."""
        make_folder(self.folder)
        self._take_folder()
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> Servers:
        self._sweep()
        user = server_user(self.folder / "postgres")
        run = self.folder / "run"
        owned(run, user)
        sockets = OpenFolder(run)
        self._ending.callback(sockets.close)
        copy = Copy(self._programs[0] or find_postgres(), user, until_gone=self.folder / "postgres" / "postmaster.pid")
        self._ending.callback(copy.remove)
        self._programs_in = copy.binaries
        if copy.place is not None:
            write_whole(self._elsewhere, str(copy.place).encode())
            self._ending.callback(self._elsewhere.unlink, missing_ok=True)
        postgres = Postgres(self.folder, sockets, copy, user, durable=self._durable)
        postgres.password = self._password()
        self._ending.callback(postgres.close)
        valkey = Valkey(self.folder, sockets, self._programs[1] or find_valkey())
        self.kept = [Kept(postgres, self._write), Kept(valkey, self._write)]
        self._ending.callback(self._stop_servers)
        for kept in self.kept:
            kept.begin()
        for kept in self.kept:
            kept.wait()
        return Servers(postgres.url, valkey.url)

    def stop(self) -> None:
        """Stop both within some seconds, PostgreSQL with a fast shutdown; safe to call twice."""
        self._ending.close()

    def _stop_servers(self) -> None:
        for kept in self.kept:
            kept.stop()
        for kept in self.kept:
            kept.join()
        with self._writing:
            self._announced = None
            (self.folder / "servers.json").unlink(missing_ok=True)

    def states(self) -> Sequence[ServerState]:
        """How the servers fare now."""
        return [kept.state for kept in self.kept]

    def about(self) -> dict[str, Any]:
        """Where everything lies and how the servers fare, for `hub doctor`."""
        return {
            "cluster": str(self.folder / "postgres"),
            "programs": str(self._programs_in),
            "servers": [asdict(state) for state in self.states()],
        }

    def announce(self, **more: Any) -> None:
        """Write `servers.json`: where the servers are, for other commands on this data folder, and how they fare."""
        with self._writing:
            self._announced = more
        self._write()

    def _write(self) -> None:
        with self._writing:
            if self._announced is None:
                return
            found = {**self._announced, **self.about()}
            try:
                write_whole(self.folder / "servers.json", orjson.dumps(found, option=orjson.OPT_INDENT_2))
            except OSError as error:  # the disk may be full, which is when servers die
                logger.warning("servers_json_not_written", error=str(error))

    # -- the folder ------------------------------------------------------------------------------------------
    @property
    def _elsewhere(self) -> Path:
        return self.folder / "programs.path"

    def _take_folder(self) -> None:
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise ConfigError(
                f"Another hub is already running on the data folder {self.folder}.",
                remedy="Stop it first, or choose another folder with HUB_DATA=….",
            ) from None
        self._ending.callback(os.close, handle)

    def _sweep(self) -> None:
        """Remove what a killed hub left behind: nobody else is at work here now."""
        (self.folder / "servers.json").unlink(missing_ok=True)
        remove_unfinished(self.folder)
        with contextlib.suppress(FileNotFoundError):
            remove_copy(self._elsewhere.read_text())
            self._elsewhere.unlink()

    def _password(self) -> str:
        """The cluster's password: written whole before there is a cluster, so that each cluster's is known."""
        file = self.folder / "postgres.password"
        with contextlib.suppress(FileNotFoundError):
            if password := file.read_text().strip():
                return password
        password = secrets.token_urlsafe(24)
        write_whole(file, password.encode())
        return password
