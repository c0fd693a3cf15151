"""What is missing or wrong with an installation, and how to mend it: the checks behind `hub doctor`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from hub.core.db import Database
from hub.core.embedded import find_postgres, find_valkey
from hub.core.errors import HubError
from hub.core.feed import Feed


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


async def servers(db: Database, feed: Feed) -> AsyncGenerator[Finding]:
    """Whether the two servers answer, and what lies in the database that wants attention."""
    healthy = await db.healthy()
    yield Finding("PostgreSQL", healthy, "answers" if healthy else "does not answer", "Check HUB_DATABASE__URL.")
    redis = await feed.healthy()
    yield Finding(
        "Redis/Valkey",
        redis,
        "answers" if redis else "does not answer",
        "Check HUB_REDIS__URL. Work goes on, seconds late.",
    )
    if not healthy:
        return
    yield await _count(
        db,
        "Administrator",
        "select count(*) from agent where role = 'admin' and password_hash is not null and disabled_at is null",
        want=True,
        remedy="`hub user add EMAIL --name NAME --role admin` prints a one-time link.",
    )
    yield await _count(
        db,
        "Accounts",
        "select count(*) from account where enabled",
        want=True,
        remedy="Describe them in a center.toml and run `hub apply`.",
    )
    yield await _count(
        db,
        "Queues",
        "select count(*) from queue",
        want=True,
        remedy="Describe them in a center.toml and run `hub apply`.",
    )
    yield await _count(
        db,
        "In quarantine",
        "select count(*) from raw where state = 'quarantined'",
        want=False,
        remedy="`hub quarantine list`.",
    )
    yield await _count(
        db,
        "Sends nobody knows the outcome of",
        "select count(*) from outbound where state = 'unknown'",
        want=False,
        remedy="Settle them on the conversation or by POST /api/v1/outbox/ID/settle.",
    )
    yield await _count(
        db,
        "Sends overdue by a minute",
        "select count(*) from outbound where state = 'pending' and due_at < now() - interval '1 minute'",
        want=False,
        remedy="Is a `hub work` running?",
    )
    rows = await db.dicts(
        "select name, holder, expires_at > now() as held from lease where name in ('router', 'sweeper', 'scheduler')"
    )
    for row in rows:
        yield Finding(
            f"Service {row['name']}",
            bool(row["held"]),
            f"held by {row['holder']}" if row["held"] else "nobody runs it",
            "Start `hub serve`.",
        )
    for row in await db.dicts(
        "select key, health->>'error' as error from account where enabled and health->>'error' is not null"
    ):
        yield Finding(f"Account {row['key']}", False, row["error"], "Correct its settings and `hub apply` again.")


async def _count(db: Database, what: str, query: str, *, want: bool, remedy: str) -> Finding:
    number = int(await db.value(query))  # pyright: ignore[reportArgumentType] - the literals above
    return Finding(what, number > 0 if want else (True if number == 0 else None), str(number), remedy)
