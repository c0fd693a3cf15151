"""Every command that docs/operate/operations.md shows is run as it stands there, on real servers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from hub.backup.clients import Target, find_clients
from hub.cli.main import commands_parser
from hub.core.embedded import Servers
from tests.chaos.harness import CLEAN, KEY, ROOT
from tests.integration.connectors.harness import free_port
from tests.support.app import VARIABLES
from tests.support.postgres import other_database

PAGE = ROOT / "docs" / "operate" / "operations.md"
INLINE = re.compile(r"`((?:hub|make) [a-z][^`]*)`")


def shown() -> Iterator[tuple[str, ...]]:
    """The page's indented blocks, each as its lines without their comments."""
    block: list[str] = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("    "):
            block.append(re.split(r"\s+# ", line[4:])[0].rstrip())
        elif block:
            yield tuple(block)
            block = []


def inline() -> list[str]:
    return sorted(set(INLINE.findall(PAGE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("command", [c for c in inline() if c.startswith("hub ")])
def test_a_command_that_the_text_names_exists(command: str) -> None:
    word = command.split()[1]
    (choices,) = [a.choices for a in commands_parser()._actions if a.choices and "serve" in a.choices]
    assert word in choices


@dataclass
class Shell:
    """Somebody who types what the page says, in a folder with `config/center.toml`."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, code: int = 0, **more: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=self.folder, env={**self.environment, **more}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        self.ran.append(command)
        return done.stdout + done.stderr

    def start(self, command: str) -> None:
        """A process that runs until it is told to stop."""
        log = (self.folder / f"{len(self.started)}-{Path(command.split()[0]).name}.log").open("wb")
        with log:
            self.started.append(
                subprocess.Popen(
                    ["/bin/sh", "-ec", f"exec {command}"], cwd=self.folder, env=self.environment, stdout=log, stderr=log
                )
            )
        self.ran.append(command)

    def stop(self) -> None:
        for process in self.started:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(20) for process in self.started]
        assert codes == [0] * len(codes)
        self.started.clear()


@pytest.fixture
def shell(tmp_path: Path, servers: Servers) -> Generator[Shell]:
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "center.toml", tmp_path / "config")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "hub").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hub.cli "$@"\n')
    (programs / "hub").chmod(0o755)
    with other_database(servers.database_url) as url:
        path = f"{programs}{os.pathsep}{find_clients(18).folder}{os.pathsep}{os.environ['PATH']}"
        environment = {**CLEAN, **VARIABLES, "PATH": path, "PYTHONPATH": str(ROOT), "HUB_WEB__PORT": str(free_port())}
        environment |= {"DEMO_SMTP_PORT": str(free_port()), "DEMO_LMTP_PORT": str(free_port())}
        shell = Shell(tmp_path, environment)
        environment["SERVER_URL"], environment["REDIS_URL"] = url, servers.redis_url
        yield shell
        for process in shell.started:
            process.kill()
            process.wait(10)


def answers(url: str, seconds: float = 60) -> bytes:
    ends = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()
        except OSError:
            assert time.monotonic() < ends, url
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(600)  # two dozen commands, each a process of its own
def test_what_the_page_shows_does_what_it_says(shell: Shell, servers: Servers) -> None:
    blocks = list(shown())
    steps: dict[str, Callable[[Shell, tuple[str, ...]], None]] = {
        "export HUB_DATABASE__URL": _processes,
        "[files]": _settings,
        "hub files status": _files,
        "[retention]": _settings,
        "location /hub/": _proxy,
        "hub apply config/center.toml --dry-run": _center,
        "hub user add": _people,
        "hub backup": lambda shell, block: _backup(shell, block, servers),
        "make soak": _soak,
    }
    for block in blocks:
        (step,) = [work for begin, work in steps.items() if block[0].startswith(begin)] or [None]
        assert step is not None, f"docs/operate/operations.md shows {block[0]!r}, and this test does not run it"
        step(shell, block)
    shell.stop()


def _processes(shell: Shell, block: tuple[str, ...]) -> None:
    export, *commands = block
    values = dict(pair.split("=", 1) for pair in export.removeprefix("export ").split())
    assert set(values) == {"HUB_DATABASE__URL", "HUB_REDIS__URL", "HUB_SECRET_KEY"}
    shell.environment |= {
        "HUB_DATABASE__URL": shell.environment.pop("SERVER_URL"),
        "HUB_REDIS__URL": shell.environment.pop("REDIS_URL"),
        "HUB_SECRET_KEY": KEY,
        "HUB_WEB__SERVICES": "router",
    }
    assert commands == ["hub serve", "hub work", "hub services"]
    shell.run("hub migrate")
    for command in commands:
        shell.start(command)
    port = shell.environment["HUB_WEB__PORT"]
    assert b'"status"' in answers(f"http://127.0.0.1:{port}/health/ready")
    assert b"hub_lease_held" in answers(f"http://127.0.0.1:{port}/metrics")
    shell.stop()  # SIGTERM, as the page says


def _settings(shell: Shell, block: tuple[str, ...]) -> None:
    """A part of `config/hub.toml`: every process reads it."""
    _configured(shell, block)
    secret = {"HUB_FILES__SECRET_ACCESS_KEY": "a-secret-of-some-length"} if 'store = "s3"' in block else {}
    shell.run("hub migrate", 0, **secret)


def _configured(shell: Shell, block: tuple[str, ...]) -> None:
    text = "\n".join(block).replace("/srv/hub-files", str(shell.folder / "hub-files"))
    (shell.folder / "config" / "hub.toml").write_text(text, encoding="utf-8")


def _files(shell: Shell, block: tuple[str, ...]) -> None:
    status, move, check = block
    _configured(shell, next(one for one in shown() if one[:2] == ("[files]", 'store = "folder"')))
    with psycopg.connect(shell.environment["HUB_DATABASE__URL"], autocommit=True) as conn:
        conn.execute(
            "insert into attachment (name, content_type, size, body) values ('a.bin', 'application/octet-stream', 50000, %s)",
            [b"x" * 50_000],
        )
        shell.run(status)
        shell.run(move)
        assert any((shell.folder / "hub-files").rglob("*-*")), "no file has moved"
        shell.run(check)
        shell.run("hub files move", HUB_FILES__STORE="database")
        assert conn.execute("select length(body) from attachment where name = 'a.bin'").fetchone() == (50_000,)
    (shell.folder / "config" / "hub.toml").unlink()


def _proxy(shell: Shell, block: tuple[str, ...]) -> None:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        assert os.environ.get("CI") != "true", "nginx is not installed: apt-get install nginx-light"
        return
    port, folder = free_port(), shell.folder
    location = "\n".join(block).replace("127.0.0.1:8080", f"127.0.0.1:{shell.environment['HUB_WEB__PORT']}")
    assert location != "\n".join(block)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n"
    )
    shell.environment["HUB_WEB__PUBLIC_URL"] = f"http://127.0.0.1:{port}/hub"
    shell.start("hub serve")
    shell.start(f"{nginx} -c {folder}/nginx.conf -p {folder}")
    answers(f"http://127.0.0.1:{port}/hub/health/ready")
    assert b'content="/hub"' in answers(f"http://127.0.0.1:{port}/hub/app/")
    shell.stop()


def _center(shell: Shell, block: tuple[str, ...]) -> None:
    dry, real = block
    assert "(dry run: nothing was changed)" in shell.run(dry)
    assert "+ queue" in shell.run(real)


def _people(shell: Shell, block: tuple[str, ...]) -> None:
    add, doctor, quarantine = block
    assert "/app/welcome#" in shell.run(add)
    assert "Administrator" in shell.run(doctor, code=1)  # nobody has set a password yet
    with psycopg.connect(shell.environment["HUB_DATABASE__URL"], autocommit=True) as conn:
        for n in range(2):
            conn.execute(
                "insert into raw (connector, dedup_key, body, state, reason) values ('email', %s, 'x', 'quarantined', 'odd')",
                [f"odd-{n}"],
            )
        ids = [row[0] for row in conn.execute("select id from raw order by id").fetchall()]
    actions = quarantine.removeprefix("hub quarantine ").split(" | ")
    assert actions == ["list", "show ID", "replay ID", "discard ID"]
    for action in actions:
        code = 2 if action.startswith("replay") else 0  # what it holds is no message at all
        shell.run(f"hub quarantine {action.replace('ID', str(ids[0]))}", code=code)


def _backup(shell: Shell, block: tuple[str, ...], servers: Servers) -> None:
    backup, restore, *outbox = block
    assert "checked by restoring it" in shell.run(backup)
    assert "not empty" in shell.run(restore, code=2)
    with other_database(servers.database_url) as url:
        assert "Nothing leaves until you have looked" in shell.run(restore, HUB_DATABASE__URL=url)
        assert outbox == ["hub outbox status", "hub outbox thaw --dry-run", "hub outbox thaw"]
        assert "is frozen" in shell.run(outbox[0], HUB_DATABASE__URL=url)
        assert "still frozen" in shell.run(outbox[1], HUB_DATABASE__URL=url)
        assert "no longer frozen" in shell.run(outbox[2], HUB_DATABASE__URL=url)
        assert "Nothing leaves now" in shell.run("hub outbox freeze", HUB_DATABASE__URL=url)
    with other_database(servers.database_url) as url:  # and without a hub
        target = Target.of(url)
        command = "tar -xOf hub.backup database.dump | pg_restore"
        assert f"`{command}`" in PAGE.read_text(encoding="utf-8")
        done = subprocess.run(
            ["/bin/sh", "-c", f'{command} --no-owner --dbname="$TARGET"'],
            cwd=shell.folder, env={**shell.environment, **target.environment, "PATH": shell.environment["PATH"],
                                   "TARGET": target.conninfo},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        with psycopg.connect(url) as conn:
            row = conn.execute("select count(*) from agent").fetchone()
        assert row is not None, done.stderr
        assert row[0] > 0


def _soak(shell: Shell, block: tuple[str, ...]) -> None:
    (command,) = block
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tests.soak" in done.stdout
