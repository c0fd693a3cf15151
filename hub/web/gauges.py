"""What the whole installation looks like at the moment somebody asks `/metrics`, whichever process does the work."""

from __future__ import annotations

import asyncio

import psycopg
from prometheus_client import Gauge

from hub.core import log, readers
from hub.core.db import Database
from hub.core.errors import HubError
from hub.core.retry import failing
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "gauges.sql")
SECONDS = 2.0  # a scrape does not wait for a database that is away

QUEUED = Gauge("hub_queue_entries", "Entries that wait for an agent, by queue", ["queue"])
OUTBOX = Gauge(
    "hub_outbox_messages", "Messages that have not left: pending, of those overdue by a minute, or unknown", ["state"]
)
BEHIND = Gauge("hub_log_reader_behind_seconds", "Age of the oldest event a reader of the log has not read", ["reader"])
OPEN = Gauge(
    "hub_open_transaction_seconds",
    "Transactions of the hub's database that have been open for long; `blocks`: readers of the log wait for it",
    ["pid", "application", "blocks"],
)
SILENT = Gauge("hub_account_silent_seconds", "For how long an account has been able to send nothing", ["account"])
WORKERS = Gauge("hub_workers", "Processes that send and are alive")
HELD = Gauge("hub_lease_held", "1 while some process holds the lease", ["lease"])
FAILING = Gauge("hub_service_failures", "Failures of a service's part since it last worked", ["service", "part"])
FROZEN = Gauge("hub_sending_frozen", "1 while nothing leaves, as after a restore")
QUARANTINED = Gauge("hub_quarantine_messages", "Messages that could not be processed and wait for a person")
_BY_NAME = {
    "queue": QUEUED, "outbox": OUTBOX, "silent": SILENT, "workers": WORKERS, "lease": HELD, "frozen": FROZEN,
    "quarantine": QUARANTINED,
}  # fmt: skip


async def refresh(db: Database) -> None:
    """Ask the database; what it does not say in time stays as it was."""
    try:
        async with asyncio.timeout(SECONDS):
            rows, lags, writers = await db.dicts(sql["gauges"]), await readers.lags(db), await readers.writers(db)
            failures = await failing(db)
    except (HubError, psycopg.Error, TimeoutError) as error:
        logger.warning("gauges_not_read", error=str(error))
        return
    for gauge in (QUEUED, OUTBOX, HELD, BEHIND, OPEN, FAILING, SILENT):
        gauge.clear()
    for one in failures:
        FAILING.labels(one.service, one.part).set(one.failures)
    for lag in lags:
        BEHIND.labels(lag.name).set(lag.seconds)
    for writer in writers:
        OPEN.labels(str(writer.pid or writer.prepared), writer.application, str(writer.blocks).lower()).set(
            writer.seconds
        )
    for row in rows:
        gauge = _BY_NAME[row["what"]]
        (gauge.labels(row["label"]) if row["label"] else gauge).set(row["number"])
