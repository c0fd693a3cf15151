"""`hub up`: one command starts everything, Ctrl-C or any death ends everything, and the data stay."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.harness import CLEAN, ROOT, Program, Screen, measured, settled, start, status
from tests.integration.connectors.harness import eventually, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def place() -> Generator[Path]:
    """A folder that any user may reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def up(place: Path, *arguments: str, port: int | None = None, **how: Any) -> Program:
    port = port or free_port()
    program = start(place / "logs", "up", "--port", str(port), "--data", str(place / "data"), *arguments, **how)
    program.url = f"http://127.0.0.1:{port}"
    return program


def children(pid: int) -> set[int]:
    """Every process below `pid`."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run (a zombie does not)."""
    running: set[int] = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            running.add(pid)
    return running


def naming(folder: Path) -> set[int]:
    """Processes whose command line names the folder."""
    found: set[int] = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder / "data").encode() in file.read_bytes():
                found.add(int(file.parent.name))
        except OSError:
            continue
    return found


def child_of(supervisor: Program, command: bytes) -> int | None:
    for pid in children(supervisor.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"hub.cli" in words and command in words:
            return pid
    return None


async def test_the_demo_starts_stops_on_ctrl_c_and_keeps_its_data(place: Path) -> None:
    port = free_port()
    hub = up(place, "--demo", "--quiet-customers", port=port)
    try:
        measured("cold start to ready", await hub.ready())
        file = place / "data" / "demo.json"
        first = json.loads(file.read_text())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert {"base_url", "api_token", "users", "smtp", "lmtp", "mail_catcher", "twilio"} <= set(first)
        assert first["base_url"] == hub.url
        assert all({"email", "password", "role"} <= set(user) for user in first["users"])
        assert {user["role"] for user in first["users"]} == {"agent", "supervisor", "admin"}
        await _write_an_sms(first, "Is anybody there?")
        async with aiohttp.ClientSession() as http:
            await Screen.open(http, hub.url, first["api_token"])  # an open socket holds nothing up
            below = children(hub.pid)
            assert len(below) > 4  # PostgreSQL with its own, Valkey, the services, the worker
            hub.process.send_signal(signal.SIGINT)
            started = time.monotonic()
            assert await hub.ended(20) == 0, hub.said
            took = time.monotonic() - started
        measured("Ctrl-C to the end", took)
        assert took <= 10
        assert alive(below) == set()
        assert naming(place) == set()
        assert "Traceback" not in hub.said

        hub = up(place, "--demo", "--quiet-customers", port=port)
        measured("second start to ready", await hub.ready())
        assert json.loads(file.read_text()) == first
        texts = [item["preview"] for item in (await _get(first, "/conversations?view=all"))["items"]]
        assert texts == ["Is anybody there?"]
        await _sign_in(first)
        below = children(hub.pid)
        assert await hub.stop() <= 10
        assert alive(below) == set()
    finally:
        await hub.stop()


async def _write_an_sms(demo: dict[str, Any], text: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(demo["twilio"]["inbound"], json={"from": "+14155550142", "body": text}) as answer,
    ):
        assert (await answer.json())["webhook_status"] == 200


async def _get(demo: dict[str, Any], path: str) -> Any:
    headers = {"Authorization": f"Bearer {demo['api_token']}"}
    async with aiohttp.ClientSession() as http, http.get(f"{demo['base_url']}/api/v1{path}", headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def _sign_in(demo: dict[str, Any]) -> None:
    user = {name: demo["users"][0][name] for name in ("email", "password")}
    headers = {"X-Hub-Request": "1", "Origin": demo["base_url"]}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{demo['base_url']}/api/v1/session", json=user, headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_a_fresh_hub_survives_its_childrens_death_and_leaves_nothing_at_its_own(place: Path) -> None:
    hub = up(place)
    try:
        await hub.ready()
        await _first_administrator_by_a_link_that_works_once(hub)
        await _a_second_hub_on_the_folder_is_refused(hub, place)

        for command in (b"work", b"services"):
            await _a_killed_child_is_followed_by_another(hub, command)
        below = children(hub.pid)
        hub.kill()

        async def all_gone() -> bool:
            return not alive(below)

        measured("killed supervisor to the last process's end", await settled(all_gone, 15))
        assert naming(place) == set()
        # The file with the dead servers' addresses is still there and misleads nobody.
        assert (place / "data" / "servers.json").exists()
        done = await asyncio.to_thread(_run, place, "user", "add", "dana@hub.example", "--name", "Dana")
        assert (done.returncode, "/app/welcome#" in done.stdout) == (0, True), done
        hub = up(place)
        await hub.ready()
        await eventually(lambda: _said(hub, "Ctrl-C"), 30)
        assert "First administrator" not in hub.said
        assert await hub.stop() <= 10
    finally:
        await hub.stop()


async def _a_killed_child_is_followed_by_another(hub: Program, command: bytes) -> None:
    async def child() -> int | None:
        return child_of(hub, command)

    first = await eventually(child, 15)
    os.kill(first, signal.SIGKILL)

    async def another() -> bool:
        return child_of(hub, command) not in {None, first}

    measured(f"killed child ({command.decode()}) to the next one", await settled(another, 15))


async def _first_administrator_by_a_link_that_works_once(hub: Program) -> None:
    async def link() -> re.Match[str] | None:
        return re.search(r"First administrator: (http://\S+)/app/welcome#(\S+)", hub.said)

    base, token = (await eventually(link, 30)).groups()
    assert base == hub.url
    async with aiohttp.ClientSession(headers={"X-Hub-Request": "1", "Origin": base}) as http:
        body = {"token": token, "password": "correct horse battery"}
        async with http.post(f"{base}/api/v1/session/link", json=body) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["agent"]["role"] == "admin"
        async with http.post(f"{base}/api/v1/session/link", json=body) as answer:
            assert answer.status == 401


async def _a_second_hub_on_the_folder_is_refused(hub: Program, place: Path) -> None:
    second = up(place)
    assert await second.ended(20) == 2
    assert second.said.startswith("hub: Another hub is already running on the data folder")
    assert await status(f"{hub.url}/health/ready") == 200
    done = await asyncio.to_thread(_run, place, "doctor")  # which uses the first one's servers
    # The router is beside the screens, the others in a process that keeps no screen waiting.
    for lease, pid in (("router", hub.pid), ("scheduler", child_of(hub, b"services"))):
        holder = f"held by {socket.gethostname()}:{pid}:"
        assert any(lease in line and holder in line for line in done.stdout.splitlines()), (lease, done.stdout)


def _run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub.cli", *arguments, "--data", str(place / "data")]
    environment = {**CLEAN, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=place, check=False)


async def test_a_taken_port_is_said_in_a_line_and_nothing_is_started(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        hub = up(place, "--demo", port=port)
        assert await hub.ended(20) == 2
    assert hub.said.startswith(f"hub: Port {port} on 127.0.0.1 cannot be used: Address already in use.\n")
    assert len(hub.said.splitlines()) == 2  # and what to do
    assert not (place / "data").exists()


async def _said(program: Program, words: str) -> bool:
    return words in program.said


@pytest.fixture
def temporary(place: Path) -> Path:
    """A folder for temporary files of the test's own, where everything that is left outside the data folder shows."""
    folder = place / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def within(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_it_starts_in_a_home_that_only_its_owner_may_enter_and_leaves_nothing(
    place: Path, temporary: Path
) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    port = free_port()
    packages = os.pathsep.join([str(ROOT), *(p for p in sys.path if p.endswith("-packages"))])
    hub = start(
        home, "up", "--demo", "--quiet-customers", "--port", str(port),
        TMPDIR=str(temporary), HOME=str(home), PYTHONPATH=packages,
    )  # fmt: skip
    hub.url = f"http://127.0.0.1:{port}"
    try:
        await hub.ready()
        await _sign_in(json.loads((home / ".hub" / "demo.json").read_text()))
        below = children(hub.pid)
        hub.kill()  # which cannot clean up

        async def all_gone() -> bool:
            return not alive(below) and not within(temporary)

        await settled(all_gone, 30)
    finally:
        await hub.stop()
    assert _left_by(home / ".hub", place) == set()


def _left_by(data: Path, place: Path) -> set[str]:
    """What is still there when the data folder is removed, logs of the test apart."""
    shutil.rmtree(data)
    return {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file() and file.suffix != ".log"}


@pytest.mark.skipif(os.geteuid() != 0, reason="all the other tests of this file run as an ordinary user already")
async def test_an_ordinary_user_can_run_it_too(place: Path, temporary: Path) -> None:
    user = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    python, more = _python_for(user, place)
    command = [python, "-m", "hub.cli", "up", "--demo", "--quiet-customers", "--port", str(port := free_port())]
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - started once, waited for below
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary), **more},
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
        )
    hub = Program(process, log, f"http://127.0.0.1:{port}")
    try:
        await hub.ready()
        below = children(hub.pid)
        assert _owners(alive(below)) == {user.pw_uid}
        assert (home / ".hub" / "demo.json").stat().st_uid == user.pw_uid
        assert await hub.stop(signal.SIGINT) <= 10
        assert process.returncode == 0
        assert alive(below) == set()
        assert within(temporary) == []
        shutil.rmtree(home / ".hub")
        assert within(home) == []
    finally:
        await hub.stop()


def _owners(pids: set[int]) -> set[int]:
    return {Path(f"/proc/{pid}").stat().st_uid for pid in pids}


def _python_for(user: pwd.struct_passwd, place: Path) -> tuple[str, dict[str, str]]:
    """A Python with our packages that `user` may run: ours, or a copy of it where ours lies in somebody's home."""
    packages = {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p.endswith("-packages"))])}
    ours = Path(os.path.realpath(sys.executable))
    if _may_reach(user, ours):
        return sys.executable, packages
    library = Path(os.__file__).parent
    copy = place / "python" / "lib" / library.name
    shutil.copytree(library, copy, ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__", "config-*"))
    (place / "python" / "bin").mkdir()
    shutil.copy(ours, place / "python" / "bin" / "python3")
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython3*.so*"):
        shutil.copy(shared, place / "python" / "lib")
    where = {"PYTHONHOME": str(place / "python"), "LD_LIBRARY_PATH": str(place / "python" / "lib")}
    return str(place / "python" / "bin" / "python3"), {**packages, **where}


def _may_reach(user: pwd.struct_passwd, file: Path) -> bool:
    test = ["test", "-x", str(file)]
    done = subprocess.run(test, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", check=False)
    return done.returncode == 0
