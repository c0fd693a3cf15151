"""What the whole installation looks like at the moment somebody asks `/metrics`, whichever process does the work."""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

from hub.core import log
from hub.core.db import Database
from hub.core.errors import HubError
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "gauges.sql")
SECONDS = 2.0  # a scrape does not wait for a database that is away

QUEUED = Gauge("hub_queue_entries", "Entries that wait for an agent, by queue", ["queue"])
OUTBOX = Gauge("hub_outbox_messages", "Messages that have not left: pending, or unknown", ["state"])
HELD = Gauge("hub_lease_held", "1 while some process holds the lease", ["lease"])
QUARANTINED = Gauge("hub_quarantine_messages", "Messages that could not be processed and wait for a person")


async def refresh(db: Database) -> None:
    """Ask the database; what it does not say in time stays as it was."""
    try:
        async with asyncio.timeout(SECONDS):
            rows = await db.dicts(sql["gauges"])
    except (HubError, TimeoutError) as error:
        logger.warning("gauges_not_read", error=str(error))
        return
    for gauge in (QUEUED, OUTBOX, HELD):
        gauge.clear()
    for row in rows:
        match row["what"]:
            case "queue":
                QUEUED.labels(row["label"]).set(row["number"])
            case "outbox":
                OUTBOX.labels(row["label"]).set(row["number"])
            case "lease":
                HELD.labels(row["label"]).set(row["number"])
            case _:
                QUARANTINED.set(row["number"])
