"""The command line: what it says, what it answers, and that nobody ever sees a stack trace."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.access import signin
from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.cli.main import main
from hub.core import log
from hub.core.clock import now
from hub.core.embedded import Servers
from hub.core.service import Addresses, Core, open_core
from hub.demo import TwilioStandin
from hub.messages.intake import Intake
from tests.integration.connectors.harness import free_port
from tests.support.app import CENTER, VARIABLES

KEY = "test-key-" * 8


class Line:
    """Somebody at the command line, and what they were told."""

    def __init__(self, capsys: pytest.CaptureFixture[str], places: Addresses):
        self._capsys = capsys
        self.places = places

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command; what it printed, both ways. The exit code must be `code`."""
        got = main([str(a) for a in arguments])
        said = self._capsys.readouterr()
        assert got == code, said.out + said.err
        assert "Traceback" not in said.out + said.err
        assert (said.err != "") == (code == 2)  # errors, and only errors, go to stderr
        return said.out + said.err

    def inside(self, work: Callable[[Core], Awaitable[Any]]) -> Any:
        """Do something in the hub itself."""

        async def run() -> Any:
            async with open_core(self.places, pool=2) as core:
                return await work(core)

        return asyncio.run(run())


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "configure", lambda **_: None)  # the tests' own way of logging stays
    return tmp_path


@pytest.fixture
def line(
    clean: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    servers: Servers,
    capsys: pytest.CaptureFixture[str],
) -> Line:
    for name, value in {
        "HUB_DATABASE__URL": database_url,
        "HUB_REDIS__URL": servers.redis_url,
        "HUB_SECRET_KEY": KEY,
        **VARIABLES,
    }.items():
        monkeypatch.setenv(name, value)
    return Line(capsys, Addresses(database_url, servers.redis_url, KEY.encode(), "http://127.0.0.1:8080"))


# -- the center -------------------------------------------------------------------------------------------------------
def test_apply_shows_the_difference_changes_it_and_then_has_nothing_to_do(line: Line) -> None:
    dry = line.run("apply", CENTER, "--dry-run")
    assert "+ queue 'care'" in dry
    assert "(dry run: nothing was changed)" in dry
    assert line.run("apply", CENTER) == dry.replace("(dry run: nothing was changed)\n", "")
    assert line.run("apply", CENTER).startswith("Nothing to change.")


def test_apply_names_the_file_of_whatever_is_wrong(line: Line, clean: Path) -> None:
    file = clean / "mine.toml"
    assert "nowhere.toml cannot be read" in line.run("apply", "nowhere.toml", code=2)
    file.write_text('[[account]]\nkey = "a"\nname = "A"\nconnector = "fax"\nchannel = "fax"\n')
    assert line.run("apply", file, code=2).startswith(f"hub: {file}: account 'a': there is no connector 'fax'.\n     ")


# -- people ----------------------------------------------------------------------------------------------------------
def test_a_new_user_gets_a_link_that_sets_the_password_once(line: Line) -> None:
    said = line.run("user", "add", "Dana@Hub.example", "--name", "Dana", "--role", "admin")
    found = re.match(r"http://127\.0\.0\.1:8080/app/welcome#(\S+)  \(once, within 24 hours\)\n$", said)
    assert found

    async def use(core: Core) -> int:
        agent = await signin.use_invitation(core.db, found[1], "correct horse battery", ip="127.0.0.1")
        with pytest.raises(signin.Unauthorized):
            await signin.use_invitation(core.db, found[1], "another horse battery", ip="127.0.0.1")
        await signin.sign_in(core.db, "dana@hub.example", "correct horse battery", ip="::1", user_agent="")
        return agent

    assert line.inside(use) > 0


def test_a_fresh_invitation_ends_the_older_one(line: Line) -> None:
    first = line.run("user", "add", "dana@hub.example", "--name", "Dana").split("#")[1].split()[0]
    second = line.run("user", "invite", "DANA@hub.example").split("#")[1].split()[0]

    async def use(core: Core) -> None:
        with pytest.raises(signin.Unauthorized):
            await signin.use_invitation(core.db, first, "correct horse battery", ip="127.0.0.1")
        await signin.use_invitation(core.db, second, "correct horse battery", ip="127.0.0.1")

    line.inside(use)


def test_users_that_are_there_already_or_not_at_all_are_said(line: Line) -> None:
    line.run("user", "add", "dana@hub.example", "--name", "Dana")
    assert "already a user dana@hub.example" in line.run("user", "add", "dana@hub.example", "--name", "D", code=2)
    assert "no user erin@hub.example" in line.run("user", "invite", "erin@hub.example", code=2)
    assert "not an e-mail address" in line.run("user", "add", "erin", "--name", "Erin", code=2)


# -- quarantine ------------------------------------------------------------------------------------------------------
def _webhook(**fields: str) -> bytes:
    return urlencode({"MessageSid": "SM" + "1" * 32, "From": "+14155550100", "Body": "Hello", **fields}).encode()


def _hold(line: Line, raw: bytes, reason: str = "because") -> int:
    async def hold(core: Core) -> int:
        connectors = load_connectors(core)
        accounts = Accounts(core.db, core.vault, connectors)
        account = next(iter(await accounts.of("twilio")))
        kind = "application/x-www-form-urlencoded"
        await Intake(core, accounts, connectors).quarantine(
            connector="twilio", account_id=account.id, dedup_key=str(hash(raw)), raw=raw, raw_type=kind, reason=reason
        )
        return await core.db.value("select max(id) from raw")

    return line.inside(hold)


def test_quarantine_lists_shows_replays_once_and_discards(line: Line) -> None:
    line.run("apply", CENTER)
    assert line.run("quarantine", "list") == "Nothing is in quarantine.\n"
    good, bad = _hold(line, _webhook()), _hold(line, b"Body=nobody", "The webhook names no MessageSid.")
    assert [row.split("\t")[0] for row in line.run("quarantine", "list").splitlines()] == [str(good), str(bad)]
    shown = line.run("quarantine", "show", str(bad))
    assert "Reason: The webhook names no MessageSid." in shown
    assert "Body=nobody" in shown
    assert re.match(r"Taken in: conversation \d+\.\n$", line.run("quarantine", "replay", str(good)))
    assert "nothing in quarantine under" in line.run("quarantine", "replay", str(good), code=2)
    assert "names no MessageSid" in line.run("quarantine", "replay", str(bad), code=2)
    assert "bytes stay" in line.run("quarantine", "discard", str(bad))
    assert line.run("quarantine", "list") == "Nothing is in quarantine.\n"

    async def count(core: Core) -> list[Any]:
        return await core.db.dicts(
            "select i.text, r.state from raw r left join interaction i on i.raw_id = r.id order by r.id"
        )

    assert line.inside(count) == [
        {"text": None, "state": "discarded"},
        {"text": None, "state": "discarded"},
        {"text": "Hello", "state": "accepted"},
    ]


@pytest.mark.parametrize("action", ["show", "replay", "discard"])
def test_what_is_not_in_quarantine_is_said(line: Line, action: str) -> None:
    assert "nothing in quarantine under 77" in line.run("quarantine", action, "77", code=2)


def test_bytes_that_are_no_text_are_shown_escaped(line: Line) -> None:
    line.run("apply", CENTER)
    held = _hold(line, b"caf\xe9 \x00")
    assert "caf\\xe9" in line.run("quarantine", "show", str(held))


# -- doctor ----------------------------------------------------------------------------------------------------------
def test_the_doctor_says_what_a_new_installation_lacks_and_how_to_get_it(line: Line) -> None:
    said = line.run("doctor", code=1)
    for what in ("Administrator", "Accounts", "Queues"):
        assert re.search(rf"^FAIL {what}: 0\n     \S.+", said, re.MULTILINE), said
    for what in ("Python", "PostgreSQL", "Redis/Valkey", "Disk space", "In quarantine"):
        assert re.search(rf"^ok   {what}: ", said, re.MULTILINE), said


def test_the_doctor_finds_nothing_wrong_with_a_good_one_and_remarks_on_what_waits(line: Line) -> None:
    line.run("apply", CENTER)
    link = line.run("user", "add", "dana@hub.example", "--name", "Dana", "--role", "admin").split("#")[1].split()[0]
    line.inside(lambda core: signin.use_invitation(core.db, link, "correct horse battery", ip="127.0.0.1"))
    assert "FAIL" not in line.run("doctor").replace("FAIL Browser faces", "")
    _hold(line, b"Body=nobody")
    assert re.search(r"^note In quarantine: 1\n     .*hub quarantine list", line.run("doctor"), re.MULTILINE)


def test_the_doctor_tells_of_a_sick_account_and_a_service_nobody_runs(line: Line) -> None:
    line.run("apply", CENTER)

    async def break_it(core: Core) -> None:
        await core.db.execute("""update account set health = '{"error": "login refused"}' where key = 'support'""")
        await core.db.execute("insert into lease values ('router', 'gone:1:x', 7, now() - interval '1 minute')")

    line.inside(break_it)
    said = line.run("doctor", code=1)
    assert "FAIL Account support: login refused\n" in said
    assert "FAIL Service router: nobody runs it\n     Start `hub serve`." in said


# -- numbers ---------------------------------------------------------------------------------------------------------
@contextmanager
def standin_of(line: Line, monkeypatch: pytest.MonkeyPatch) -> Generator[TwilioStandin]:
    """The stand-in on a thread of its own, and the center's number on it."""
    twilio = TwilioStandin(VARIABLES["DEMO_TWILIO_SID"], VARIABLES["DEMO_TWILIO_TOKEN"], number="+15550100100")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(twilio.start(), loop).result(10)
        monkeypatch.setenv("DEMO_TWILIO_URL", twilio.url)
        line.run("apply", CENTER)
        for text in ("one", "two 你好"):
            asyncio.run_coroutine_threadsafe(twilio.inbound("+14155550101", text), loop).result(10)
        for message in twilio.messages.values():
            message.created -= timedelta(minutes=30)
            message.sent = message.created
        yield twilio
        asyncio.run_coroutine_threadsafe(twilio.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_reconcile_names_what_is_missing_and_takes_it_in(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    with standin_of(line, monkeypatch) as twilio:
        day = (now() - timedelta(minutes=30)).date().isoformat()
        command = ("twilio", "reconcile", twilio.number, "--day", day)
        said = line.run(*command, "--dry-run", code=1)
        assert "2 at the provider, 0 stored, 2 missing (0 fetched)" in said
        assert "\t+14155550101\ttwo 你好\n" in said
        assert "2 missing (2 fetched)" in line.run(*command)
        assert "2 stored, 0 missing" in line.run(*command)
        assert "There are: " in line.run("twilio", "reconcile", "nobody", code=2)
    assert "Twilio does not list the messages" in line.run(*command, code=2)


# -- servers that are away -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "command",
    [
        ["migrate"], ["apply", str(CENTER)], ["serve"], ["up"], ["quarantine", "list"], ["user", "invite", "a@b.example"],
    ],
)  # fmt: skip
def test_a_database_that_is_away_is_said_in_a_line(
    line: Line, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", f"postgresql://hub:s3cret@127.0.0.1:{free_port()}/hub")
    said = line.run(*command, code=2)
    assert said.startswith("hub: PostgreSQL cannot be reached: ")
    assert "HUB_DATABASE__URL" in said
    assert "s3cret" not in said


def test_the_doctor_names_servers_that_are_away(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_REDIS__URL", f"redis://127.0.0.1:{free_port()}/0")
    assert re.search(r"^FAIL Redis/Valkey: does not answer\n     .*HUB_REDIS__URL", line.run("doctor", code=1), re.M)
    monkeypatch.setenv("HUB_DATABASE__URL", f"postgresql://127.0.0.1:{free_port()}/hub")
    assert re.search(r"^FAIL Servers: PostgreSQL cannot be reached", line.run("doctor", code=1), re.M)


def test_a_wrong_password_and_a_missing_database_are_said(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    url = line.places.database_url
    monkeypatch.setenv("HUB_DATABASE__URL", re.sub(r"//hub:[^@]+@", "//hub:wrong@", url))
    assert "password authentication failed" in line.run("migrate", code=2)
    monkeypatch.setenv("HUB_DATABASE__URL", url.replace("/test_", "/no_such_"))
    assert "does not exist" in line.run("migrate", code=2)


def test_a_worker_without_servers_says_which_are_missing(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["work"]) == 2
    assert "HUB_DATABASE__URL is not set" in capsys.readouterr().err


def test_migrate_says_what_it_did(line: Line) -> None:
    assert line.run("migrate") == "The database is up to date.\n"


def test_a_serve_on_a_taken_port_ends_with_a_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("HUB_WEB__PORT", str(taken.getsockname()[1]))
        said = line.run("serve", code=2)
    assert re.match(r"hub: Port \d+ on 127\.0\.0\.1 cannot be used: .*\n     Choose another", said)


# -- the program itself ----------------------------------------------------------------------------------------------
def test_the_installed_program_answers_with_codes_a_script_can_read(clean: Path) -> None:
    program = [sys.executable, "-m", "hub.cli"]
    environment = {**os.environ, "PYTHONPATH": str(CENTER.parent.parent), "HUB_WEB__PRT": "1"}
    wrong = subprocess.run(
        [*program, "doctor"], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("hub: Environment variable HUB_WEB__PRT: there is no such setting.\n")
    usage = subprocess.run(
        [*program, "dctor"], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert usage.returncode == 2
    assert "doctor" in usage.stderr
