"""What keeps the hub from working as it should, now: a code with its facts, said by `/health/ready` and `hub doctor`.

A *fault* needs somebody; a *note* may pass by itself. Nothing here names a customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.core import keycheck, readers
from hub.core.clock import iso
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.files import Files
from hub.core.retry import failing
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.core.texts import filled

sql = Queries.beside(__file__, "health.sql")


SILENT_SECONDS = 120.0  # an account that sends nothing for so long is a fault; a server that restarts is none


_INNER = frozenset({"error", "params", "who", "role", "remedy", "prepared"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `params` are what its words need."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fault: bool = True

    @property
    def what(self) -> str:
        """Its name, for a person."""
        return filled(_WORDS[self.code][0], self.params)

    @property
    def detail(self) -> str:
        """What is the case, for a person."""
        return filled(_WORDS[self.code][1], self.params)

    @property
    def remedy(self) -> str:
        """What to do about it, for a person."""
        return filled(_WORDS[self.code][2], self.params)

    def shown(self) -> dict[str, Any]:
        """As JSON for the health page, which anybody may ask: without sentences of servers, and without our roles."""
        return {"code": self.code, "params": {k: v for k, v in self.params.items() if k not in _INNER}}


_WORDS = {
    "database.read_only": (
        "PostgreSQL",
        "answers, but takes no writes ({why})",
        "Point HUB_DATABASE__URL at the primary server, or end `default_transaction_read_only`.",
    ),
    "redis.away": ("Redis/Valkey", "does not answer", "Check HUB_REDIS__URL. Work goes on, seconds late."),
    "redis.refuses_writes": (
        "Redis/Valkey",
        "answers, but takes no writes: {reason}",
        "Give it memory (`maxmemory`), a primary, or room on its disk. Work goes on, seconds late.",
    ),
    "sending.frozen": (
        "Sending",
        "is frozen since {since}: {reason}",
        "Look with `hub outbox status`, then `hub outbox thaw`.",
    ),
    "key.wrong": (
        "Secret key",
        "is not the one this database was written with: accounts' secrets cannot be read",
        "Restore the data folder's secret.key (or HUB_SECRET_KEY) of then, or enter every account's secrets again.",
    ),
    "service.failing": (
        "Service {service}, {part}",
        "has failed {failures:time} since {since}",
        "See what it fails with in `hub doctor` and the log.",
    ),
    "log.blocked": (
        "Open transaction",
        "{who} keeps statistics and automation waiting",
        "Let its owner end it, or: {remedy};",
    ),
    "log.open_transaction": (
        "Open transaction",
        "{who} is not over; what is logged after it is counted when it ends",
        "Let its owner end it, or: {remedy};",
    ),
    "account.cannot_send": (
        "Account {key}",
        "has sent nothing for {seconds:.0f} s, {waiting} waiting: {error}",
        "Mend its server or its settings; `hub email test {key}` says more of a mailbox. It is tried again by itself.",
    ),
    "outbox.overdue": (
        "Sends overdue by a minute",
        "{count}, the oldest by {seconds:.0f} s",
        "Is a `hub work` running, and does it keep up?",
    ),
    "workers.none": ("Workers", "none is running", "Start a `hub work`."),
    "queues.unserved": (
        "Queues that nobody serves",
        "{queues}: {waiting:conversation} waiting there",
        "Put somebody into them (Settings, Queues), or let their accounts deliver into another queue.",
    ),
    "files.away": (
        "Files",
        "cannot be written to the {store}: {error}",
        "Mend that, or `files` in the settings. Until then larger messages and files wait outside.",
    ),
    "files.missing": (
        "Files",
        "{count:file} missing from where they are kept",
        "See `hub files check`; a backup may have them.",
    ),
    "log.behind": (
        "Reader {reader}",
        "{seconds:.0f} s behind",
        "End the transactions named here; if there are none: is a `hub serve` or `hub services` running?",
    ),
}


async def database(db: Database) -> list[Problem]:
    """Whether PostgreSQL takes writes. Raises like any query when it does not answer."""
    row = (await db.dicts(sql["writable"]))[0]
    if not row["read_only"]:
        return []
    return [Problem("database.read_only", {"why": "a standby" if row["standby"] else "read-only transactions"})]


async def redis(feed: Feed) -> list[Problem]:
    """Whether Redis answers and takes writes. It may be lost: that costs seconds, not messages."""
    refusal = await feed.refusal()
    if refusal is None:
        return []
    if refusal == "":
        return [Problem("redis.away")]
    return [Problem("redis.refuses_writes", {"reason": refusal})]


async def log(db: Database) -> list[Problem]:
    """Readers that are behind, and the transactions they wait for."""
    found: list[Problem] = []
    for writer in await readers.writers(db):
        params = {
            "who": writer.name, "pid": writer.pid, "prepared": writer.prepared, "application": writer.application,
            "role": writer.role, "state": writer.state, "seconds": round(writer.seconds, 1), "remedy": writer.remedy,
        }  # fmt: skip
        found.append(Problem("log.blocked" if writer.blocks else "log.open_transaction", params, fault=writer.blocks))
    late = [lag for lag in await readers.lags(db) if lag.seconds > readers.BEHIND_SECONDS]
    return found + [Problem("log.behind", {"reader": lag.name, "seconds": round(lag.seconds, 1)}) for lag in late]


async def frozen(db: Database) -> list[Problem]:
    """Whether nothing leaves, as after a restore."""
    rows = await db.dicts(sql["frozen"])
    params = [{"since": row["since"] or "a restore", "reason": row["reason"] or "it is a copy"} for row in rows]
    return [Problem("sending.frozen", one) for one in params]


async def key(db: Database, vault: Vault) -> list[Problem]:
    """Whether our key is another than the one the database was written with."""
    return [Problem("key.wrong")] if await keycheck.fits(db, vault) is False else []


async def services(db: Database) -> list[Problem]:
    """Parts of services that fail, whoever runs them. What they fail with is for `hub doctor` alone."""
    return [
        Problem("service.failing", {"service": f.service, "part": f.part, "failures": f.failures,
                                    "since": iso(f.failing_since)})
        for f in await failing(db)
    ]  # fmt: skip


async def sending(db: Database) -> list[Problem]:
    """Accounts that send nothing, sends that should have left, and whether anybody is there to send them."""
    found: list[Problem] = []
    for row in await db.dicts(sql["silent"]):
        params = {**row, "seconds": round(row["seconds"], 1)}
        found.append(Problem("account.cannot_send", params, fault=row["seconds"] > SILENT_SECONDS))
    late = (await db.dicts(sql["overdue"]))[0]
    if late["count"]:
        found.append(Problem("outbox.overdue", {"count": late["count"], "seconds": round(late["seconds"], 1)}))
    if not await db.value(sql["workers"]):
        found.append(Problem("workers.none", fault=bool(await db.value(sql["waiting"]))))
    return found


async def unserved(db: Database) -> list[Problem]:
    """Queues into which something comes, or in which something waits, though nobody can be given it."""
    rows = await db.dicts(sql["unserved"])
    if not rows:
        return []
    waiting = sum(row["waiting"] for row in rows)
    params = {"queues": ", ".join(row["name"] for row in rows), "waiting": waiting}
    return [Problem("queues.unserved", params, fault=waiting > 0)]


async def files(db: Database, kept: Files) -> list[Problem]:
    """Whether bytes can be written where new ones go, and whether some are missing."""
    found: list[Problem] = []
    if (trouble := await kept.trouble(db)) is not None:
        found.append(Problem("files.away", {"store": kept.settings.store, "error": trouble.reason}))
    if count := await kept.missing(db):
        found.append(Problem("files.missing", {"count": count}))
    return found


async def inside(db: Database) -> list[Problem]:
    """Everything that can be said by asking a database that answers."""
    found = [*await database(db), *await frozen(db), *await services(db), *await unserved(db)]
    return [*found, *await sending(db), *await log(db)]
