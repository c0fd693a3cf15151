"""The embedded PostgreSQL: its cluster, made whole or not at all, and its server.

The cluster lies in the data folder always. As root the server runs as another user, who reaches the cluster and the
folder of the sockets through open handles and needs no right on the way there: see `OpenFolder`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from hub.core import log
from hub.core.clock import now
from hub.core.errors import ConfigError
from hub.core.folder import OpenFolder, handle_path, sync_folder
from hub.core.processes import User, die_with_parent, end, run_as, spawn, tail, wait_until
from hub.core.programs import Copy
from hub.core.sql import Queries

sql = Queries.beside(__file__, "embedded_postgres.sql")
logger = log.get(__name__)
_ANSWERS = 60.0  # seconds a starting server may be silent
_RECOVERS = 900.0  # seconds it may say that it is still recovering
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "10s",  # a busy morning outgrows a quiet night's statistics within a minute
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
    "cluster_name": "omnihub",
}


class Postgres:
    """One cluster and its server."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, sockets: OpenFolder, copy: Copy, user: User | None, *, durable: bool):
        self.cluster = folder / "postgres"
        self.log = folder / "postgres.log"
        self.password = ""
        self._folder = folder
        self._sockets = sockets
        self._copy = copy
        self._user = user
        self._durable = durable
        self._open: OpenFolder | None = None

    @property
    def url(self) -> str:
        """Where the hub's own database is."""
        return self._url("hub")

    def _url(self, database: str) -> str:
        return f"postgresql://hub:{self.password}@/{database}?host={quote(self._sockets.for_clients, safe='')}"

    # -- the server ------------------------------------------------------------------------------------------
    def start(self, stopping: threading.Event) -> subprocess.Popen[bytes]:
        """Start the server, its cluster made if need be, and return when it has the hub's database."""
        if self._open is None and not self._whole():  # never again once it ran
            self._make_cluster()
        owned(self.cluster, self._user)
        self._check_version()
        self._await_predecessor(stopping)
        if self._open is None:
            self._open = OpenFolder(self.cluster)
        command = [str(self._copy.binaries / "postgres"), "-D", self._open.for_children]
        for option, value in self._options().items():
            command += ["-c", f"{option}={value}"]
        handles = (self._open.handle, self._sockets.handle)
        process = spawn(command, self.log, signal.SIGINT, user=self._user, handles=handles)
        try:
            self._await_answer(process, stopping)
        except BaseException:
            self.stop(process)
            raise
        return process

    def _options(self) -> dict[str, str]:
        safe = "on" if self._durable else "off"
        return {
            **_OPTIONS,
            **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), safe),
            "unix_socket_directories": '"{}"'.format(self._sockets.for_children.replace('"', '""')),
        }

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """A fast shutdown."""
        end(process, signal.SIGINT, 8)

    def close(self) -> None:
        """Let go of the cluster's folder."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _await_answer(self, process: subprocess.Popen[bytes], stopping: threading.Event) -> None:
        started = time.monotonic()
        while True:
            try:
                with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as conn:
                    if not conn.execute(sql["there"]).fetchone():
                        conn.execute(sql["create"])
                    return
            except psycopg.OperationalError as error:
                recovering = isinstance(error, psycopg.errors.CannotConnectNow) or "starting up" in str(error)
                patience = _RECOVERS if recovering else _ANSWERS
                if process.poll() is not None or time.monotonic() - started > patience or stopping.is_set():
                    raise ConfigError(
                        f"PostgreSQL did not start: {tail(self.log) or error}", remedy=f"See {self.log}."
                    ) from error
                time.sleep(0.03)

    def _await_predecessor(self, stopping: threading.Event) -> None:
        """A server whose supervisor was just killed is still shutting down: two on one cluster refuse each other."""
        if not wait_until(lambda: self._predecessor() is None, 30, stopping) and (pid := self._predecessor()):
            raise ConfigError(
                f"Another PostgreSQL (process {pid}) still runs on {self.cluster}.", remedy=f"End it: kill -INT {pid}"
            )

    def _predecessor(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
            if b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    # -- the cluster -----------------------------------------------------------------------------------------
    def _whole(self) -> bool:
        """Whether there is a cluster. One that an earlier version's killed first start left is put aside."""
        if not self.cluster.exists() or not any(self.cluster.iterdir()):
            return False
        # The last thing made is the database `postgres`, which always has this number (PostgreSQL 15 and newer).
        missing = [name for name in ("PG_VERSION", "base/5") if not (self.cluster / name).exists()]
        if missing and (self.cluster / "postmaster.opts").exists():  # written when a server first starts
            raise ConfigError(
                f"The cluster in {self.cluster} is damaged: it has no {missing[0]}.",
                remedy="Move it aside and restore a backup: see docs/operate/operations.md.",
            )
        if missing:
            aside = self.cluster.with_name(f"postgres.unfinished-{now():%Y%m%dT%H%M%S}")
            self.cluster.rename(aside)
            logger.warning("cluster_unfinished", effect=f"put aside as {aside}; it never ran")
        return not missing

    def _make_cluster(self) -> None:
        """Make it aside, and give it its name when it is whole, so that a kill at any moment does no harm."""
        for leftover in self._folder.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._folder))
        owned(new, self._user)
        there = OpenFolder(new)
        try:
            done = self._initdb(there)
        finally:
            there.close()
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            words = " ".join((done.stderr or done.stdout).split())[-600:]
            raise ConfigError(
                f"PostgreSQL could not make its cluster in {self.cluster}: {words}",
                remedy="Check the folder's free space and rights.",
            )
        with contextlib.suppress(FileNotFoundError):
            self.cluster.rmdir()  # an empty one
        new.rename(self.cluster)
        sync_folder(self._folder)

    def _initdb(self, there: OpenFolder) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryFile(dir=self._folder) as password:
            password.write(self.password.encode())
            password.flush()
            if self._user is not None:
                os.fchown(password.fileno(), self._user.uid, self._user.gid)
            command = [str(self._copy.binaries / "initdb"), "-D", there.for_children, "-U", "hub", "-E", "UTF8"]
            command += [
                "-A",
                "scram-sha-256",
                f"--pwfile={handle_path(password.fileno())}",
                "--locale=C",
                "--no-instructions",
            ]
            if not self._durable:
                command.append("--no-sync")
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
                cwd="/",
                pass_fds=(there.handle, password.fileno()),
                preexec_fn=die_with_parent(signal.SIGKILL),
                **run_as(self._user),
            )

    def _check_version(self) -> None:
        have = (self.cluster / "PG_VERSION").read_text().strip()
        command = [str(self._copy.binaries / "postgres"), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        if f" {have}." not in f"{done.stdout.strip()}.":
            raise ConfigError(
                f"The data folder was made by PostgreSQL {have}, but this is {done.stdout.strip()}.",
                remedy="Back up with the old version, restore with the new one: docs/operate/operations.md, Upgrade.",
            )


def owned(folder: Path, user: User | None) -> None:
    """Make `folder`, 0700, `user`'s own; refuse one that somebody else put there."""
    folder.mkdir(exist_ok=True, mode=0o700)
    found, we = folder.lstat().st_uid, os.geteuid()
    if folder.is_symlink() or found not in {we, user.uid if user else we}:
        raise ConfigError(
            f"The folder {folder} belongs to {_name(found)}, and we are {_name(we)}.",
            remedy="Start the hub as that user or as root, or choose another data folder with HUB_DATA=….",
        )
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def _name(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user with the id {uid}"
