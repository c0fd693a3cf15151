"""What is missing or wrong with an installation, and how to mend it: the checks behind `hub doctor`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from hub.core import problems
from hub.core.clock import iso
from hub.core.db import Database
from hub.core.errors import HubError
from hub.core.feed import Feed
from hub.core.programs import find_postgres, find_valkey
from hub.core.retry import failing
from hub.core.sql import Queries
from hub.core.texts import counted

sql = Queries.beside(__file__, "health.sql")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `ok` True, False, or None for a remark."""

    what: str
    ok: bool | None
    detail: str
    remedy: str = ""


def machine(data: Path) -> list[Finding]:
    """What can be said without a server."""
    found = [Finding("Python", sys.version_info >= (3, 11), sys.version.split()[0], "Use Python 3.11 or newer.")]
    for what, find in (("PostgreSQL binaries", find_postgres), ("Valkey binary", find_valkey)):
        try:
            found.append(Finding(what, True, str(find())))
        except HubError as error:
            found.append(Finding(what, None, error.detail, error.remedy or ""))
    place = data if data.exists() else Path.cwd()
    free = shutil.disk_usage(place).free // 2**20
    found.append(Finding("Disk space", free > 500, f"{free} MB free at {place}", "Make room: PostgreSQL needs it."))
    ui = Path(__file__).parent.parent / "_ui"
    found.append(
        Finding(
            "Browser faces",
            (ui / ".stamp").exists(),
            "built" if ui.exists() else "not built",
            "Build them: `pip install .` in the source folder.",
        )
    )
    return found


def embedded(about: dict[str, Any]) -> list[Finding]:
    """How the servers of a data folder fare, from what `Embedded.about` says of them."""
    found: list[Finding] = []
    for server in about.get("servers", []):
        if server["running"]:
            detail = f"runs as process {server['pid']}"
            if server["restarts"]:
                again = counted(server["restarts"], "time")
                detail += f"; started again {again}, last at {server['restarted_at']}, since it was "
                detail += str(server["last_problem"])
            ok = None if server["restarts"] else True
        else:
            ok, detail = False, f"is down ({server['last_problem']}) and is being started again"
        log = f"{server['name'].lower()}.log"
        found.append(Finding(f"Embedded {server['name']}", ok, detail, f"See {log} in the data folder."))
    found.append(Finding("Cluster", True, f"{about['cluster']}, programs in {about['programs']}"))
    return found


@dataclass(frozen=True, slots=True)
class _Check:
    """A number in the database: some are wanted, or none."""

    what: str
    query: LiteralString
    want: bool
    remedy: str


_CHECKS = (
    _Check(
        "Administrator", sql["admins"], True, "`hub user add EMAIL --name NAME --role admin` prints a one-time link."
    ),
    _Check("Accounts", sql["accounts"], True, "Describe them in a center.toml and run `hub apply`."),
    _Check("Queues", sql["queues"], True, "Describe them in a center.toml and run `hub apply`."),
    _Check("In quarantine", sql["quarantined"], False, "`hub quarantine list`."),
    _Check(
        "Sends nobody knows the outcome of", sql["unknown"], False,
        "Settle them on the conversation or by POST /api/v1/outbox/ID/settle.",
    ),
)  # fmt: skip


async def servers(db: Database, feed: Feed) -> AsyncGenerator[Finding]:
    """Whether the two servers answer, and what lies in the database that wants attention."""
    healthy = await db.healthy()
    if healthy:
        for one in _answers("PostgreSQL", await problems.database(db)):
            yield one
    else:
        yield Finding("PostgreSQL", False, "does not answer", "Check HUB_DATABASE__URL.")
    for one in _answers("Redis/Valkey", await problems.redis(feed)):
        yield one
    if not healthy:
        return
    for check in _CHECKS:
        number = int(await db.value(check.query))
        ok = number > 0 if check.want else (True if number == 0 else None)
        yield Finding(check.what, ok, str(number), check.remedy)
    for found in await _sending(db):
        yield found
    for row in await db.dicts(sql["services"]):
        state = f"held by {row['holder']}" if row["held"] else "nobody runs it"
        yield Finding(f"Service {row['name']}", bool(row["held"]), state, "Start `hub serve`.")
    for one in await failing(db):
        words = f"has failed {counted(one.failures, 'time')} since {iso(one.failing_since)}: {one.error}"
        yield Finding(
            f"Service {one.service}, {one.part}", False, words, "Mend the cause; it is tried again by itself."
        )
    for row in await db.dicts(sql["failing_accounts"]):
        yield Finding(f"Account {row['key']}", False, row["error"], "Correct its settings and `hub apply` again.")


async def _sending(db: Database) -> list[Finding]:
    """Whether anybody sends, what keeps sends from leaving, and who keeps readers of the log waiting."""
    workers = int(await db.value(sql["workers"]))
    found = [Finding("Workers", True, f"{workers} running")] if workers else []
    wrong = [
        *await problems.frozen(db),
        *await problems.sending(db),
        *await problems.log(db),
        *await problems.unserved(db),
    ]
    return found + [finding(problem) for problem in wrong]


def _answers(what: str, found: list[problems.Problem]) -> list[Finding]:
    return [finding(problem) for problem in found] or [Finding(what, True, "answers")]


def finding(problem: problems.Problem) -> Finding:
    """A problem as the doctor says it."""
    return Finding(problem.what, False if problem.fault else None, problem.detail, problem.remedy)
