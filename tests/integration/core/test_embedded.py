"""The embedded servers: wherever the data folder lies, whatever it is called, whatever kills them."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from hub.core.embedded import Embedded, Servers
from hub.core.errors import ConfigError
from hub.core.programs import find_postgres
from hub.core.secrets import Vault

ROOT = Path(__file__).parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")


@pytest.fixture
def closed() -> Generator[Path]:
    """A folder that nobody but us may enter."""
    with tempfile.TemporaryDirectory() as folder:
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        yield Path(folder)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """The folder for temporary files, which anybody may enter: the one place beside the data folder that is used."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def within(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir())


def answers(servers: Servers) -> bool:
    try:
        with (
            psycopg.connect(servers.database_url, connect_timeout=2) as conn,
            Redis.from_url(servers.redis_url) as redis,
        ):
            conn.execute("select 1")
            return bool(redis.ping())
    except (psycopg.Error, OSError):
        return False


def eventually(true: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, f"not within {seconds} s"
        time.sleep(0.05)


# -- where the folder lies ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "with space",
        "Ünïcode 你好",
        'a, "quoted" one',
        "per%cent?and#hash",
        "x" * 200 + "/" + "y" * 200,
        b"\xff\xfe",
    ],
    ids=["plain", "space", "unicode", "quotes", "url", "long", "bytes"],
)
def test_servers_answer_when_the_folder_has_an_odd_name(closed: Path, name: str | bytes, outside: Path) -> None:
    embedded = Embedded(closed / os.fsdecode(name) / "data", durable=False)
    try:
        assert answers(embedded.start())
        assert within(outside) == []
    finally:
        embedded.stop()


@pytest.fixture
def programs(closed: Path) -> Path:
    """The wheel as pip puts it below a folder of root's, with root's umask of 077."""
    ours = find_postgres().parent.parent
    site = closed / "site-packages"
    shutil.copytree(ours, site / ours.name, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = ours.with_name(f"{ours.name}.libs")
    assert libraries.is_dir()
    shutil.copytree(libraries, site / libraries.name)
    for path in site.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return site / ours.name / "pginstall" / "bin"


@as_root
def test_servers_start_when_their_user_can_reach_neither_folder_nor_programs(
    closed: Path, programs: Path, outside: Path
) -> None:
    embedded = Embedded(closed / "data", durable=False, postgres=programs)
    try:
        assert answers(embedded.start())
        (copy,) = outside.iterdir()
        assert embedded.about()["programs"].startswith(str(copy))
        cluster = Path(embedded.about()["cluster"])
        assert cluster.parent == closed / "data"
        assert pwd.getpwuid(cluster.stat().st_uid).pw_name in {"postgres", "nobody", "daemon"}
        os.kill(embedded.states()[0].pid or 0, signal.SIGKILL)
        eventually(lambda: embedded.states()[0].restarts == 1 and answers_now(embedded))
    finally:
        embedded.stop()
    assert within(outside) == []


def answers_now(embedded: Embedded) -> bool:
    return embedded.states()[0].running


_OWNER = """
import sys, time
from pathlib import Path
from hub.core.embedded import Embedded
own = Embedded(Path(sys.argv[1]), durable=False, postgres=Path(sys.argv[2]))
own.start(); own.announce(); time.sleep(600)
"""


@as_root
def test_nothing_stays_outside_when_the_owner_is_killed(closed: Path, programs: Path, outside: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(closed / "data"), str(programs)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        eventually((closed / "data" / "servers.json").exists, 60)
        assert len(within(outside)) == 1
    finally:
        owner.kill()
        owner.wait(10)
    eventually(lambda: within(outside) == [], 60)


@as_root
def test_a_copy_that_a_power_cut_left_goes_at_the_next_start(closed: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix="omnihub-"))
    (left / "program").write_text("")
    mine = Path(tempfile.mkdtemp(prefix="somebody-"))
    for place, stays in ((left, False), (mine, True)):
        (closed / "data").mkdir(exist_ok=True)
        (closed / "data" / "programs.path").write_text(str(place))
        embedded = Embedded(closed / "data", durable=False)
        embedded.start()
        embedded.stop()
        assert place.exists() == stays
    mine.rmdir()


@as_root
def test_programs_no_copy_of_which_runs_are_said_with_what_to_do(closed: Path, outside: Path) -> None:
    (closed / "x" / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb"):
        (closed / "x" / "bin" / program).write_text("#!/bin/sh\necho broken >&2; exit 3\n")
        (closed / "x" / "bin" / program).chmod(0o755)
    with pytest.raises(ConfigError, match=r"neither run PostgreSQL in .* nor a copy of it: broken.*TMPDIR"):
        Embedded(closed / "data", postgres=closed / "x" / "bin").start()
    assert within(outside) == []


@as_root
def test_a_cluster_of_an_ordinary_users_runs_as_that_user_when_root_starts_it(closed: Path) -> None:
    cluster = closed / "data" / "postgres"
    cluster.mkdir(parents=True)
    user = pwd.getpwnam("daemon")
    os.chown(cluster, user.pw_uid, user.pw_gid)
    embedded = Embedded(closed / "data", durable=False)
    try:
        assert answers(embedded.start())
        assert cluster.stat().st_uid == user.pw_uid
        assert Path(f"/proc/{embedded.states()[0].pid}").stat().st_uid == user.pw_uid
    finally:
        embedded.stop()


# -- what dies ---------------------------------------------------------------------------------------------------------
def test_each_server_is_back_within_seconds_when_it_is_killed_and_it_is_said(closed: Path) -> None:
    embedded = Embedded(closed / "data", durable=False)
    try:
        servers = embedded.start()
        embedded.announce(public_url="http://hub")
        for number, rounds in ((0, 1), (1, 1), (0, 2), (1, 2)):
            state = embedded.states()[number]
            assert state.pid
            os.kill(state.pid, signal.SIGKILL)
            eventually(lambda n=number, r=rounds: embedded.states()[n].restarts == r)
            assert answers(servers)
        told = json.loads((closed / "data" / "servers.json").read_text())
        assert [s["restarts"] for s in told["servers"]] == [2, 2]
        assert {s["last_problem"] for s in told["servers"]} == {"killed by SIGKILL"}
        assert told["public_url"] == "http://hub"
    finally:
        embedded.stop()
    assert not (closed / "data" / "servers.json").exists()


def test_a_server_that_cannot_start_is_tried_again_until_it_can(closed: Path) -> None:
    embedded = Embedded(closed / "data", durable=False)
    try:
        servers = embedded.start()
        version = closed / "data" / "postgres" / "PG_VERSION"
        version.rename(closed / "aside")
        os.kill(embedded.states()[0].pid or 0, signal.SIGKILL)
        eventually(lambda: not embedded.states()[0].running)
        time.sleep(1)
        assert not embedded.states()[0].running
        (closed / "aside").rename(version)
        eventually(lambda: embedded.states()[0].running)
        assert answers(servers)
    finally:
        embedded.stop()
    assert [f.name for f in (closed / "data").glob("postgres*") if f.is_dir()] == ["postgres"]
    version.unlink()
    with pytest.raises(ConfigError, match=r"is damaged: it has no PG_VERSION.*restore a backup"):
        Embedded(closed / "data", durable=False).start()


# -- a first start that is killed --------------------------------------------------------------------------------------
_POINTS = """
import importlib, os, sys
from pathlib import Path
module, name, when, count, folder = sys.argv[1:]
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
real = getattr(owner, last)
left = [int(count)]

def deadly(*args, **more):
    left[0] -= 1
    if when == "before" and not left[0]:
        os.kill(os.getpid(), 9)
    result = real(*args, **more)
    if when == "after" and not left[0]:
        os.kill(os.getpid(), 9)
    return result

setattr(owner, last, deadly)
from hub.core.embedded import Embedded
from hub.core.secrets import Vault
folder = Path(folder)
own = Embedded(folder, durable=False)
own.start()
Vault.from_file(folder / "secret.key")
own.announce(public_url="x")
own.stop()
os._exit(7)
"""


@pytest.mark.parametrize(
    ("module", "name", "when", "count"),
    [
        ("hub.core.embedded_postgres", "Postgres._initdb", "after", 1),
        ("os", "fsync", "before", 3),
        *(
            pytest.param(*point, marks=pytest.mark.slow)
            for point in [
                ("hub.core.folder", "make_folder", "after", 1),
                ("hub.core.embedded_postgres", "owned", "after", 1),
                ("hub.core.embedded_postgres", "spawn", "before", 1),
                ("hub.core.embedded_postgres", "spawn", "after", 1),
                ("hub.core.embedded_postgres", "Postgres._initdb", "before", 1),
                ("hub.core.embedded_postgres", "Postgres._await_answer", "after", 1),
                ("os", "fsync", "before", 1),
                ("os", "fsync", "after", 4),
                ("pathlib", "Path.rename", "after", 1),
                ("pathlib", "Path.replace", "before", 1),
                ("pathlib", "Path.hardlink_to", "after", 1),
                ("hub.core.embedded_valkey", "spawn", "after", 1),
            ]
        ),
    ],
)
def test_the_next_start_works_when_the_first_was_killed_at(
    closed: Path, module: str, name: str, when: str, count: int
) -> None:
    data = closed / "data"
    command = [sys.executable, "-c", _POINTS, module, name, when, str(count), str(data)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False)
    assert done.returncode in {-9, 7}
    embedded = Embedded(data, durable=False)
    try:
        assert answers(embedded.start())
        Vault.from_file(data / "secret.key")
        assert len((data / "secret.key").read_bytes()) == 64
    finally:
        embedded.stop()
    assert not [f.name for f in data.iterdir() if "unfinished" in f.name or "new-" in f.name]


def test_what_an_older_versions_killed_first_start_left_is_put_aside(closed: Path) -> None:
    data = closed / "data"
    (data / "postgres" / "base" / "1").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text("18\n")
    (data / "secret.key").touch()
    (data / "postgres.password").touch()
    embedded = Embedded(data, durable=False)
    try:
        assert answers(embedded.start())
        Vault.from_file(data / "secret.key")
    finally:
        embedded.stop()
    assert len(list(data.glob("postgres.unfinished-*"))) == 1
