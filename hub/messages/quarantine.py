"""Where the odd ends: raw messages that could not be translated or stored, with the reason, until somebody looks.

Nothing about it may be too odd for it: what cannot be kept as it is, is kept with less.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from hub.channels.accounts import Accounts
from hub.channels.model import Accept, Accepted, Connector
from hub.core import log
from hub.core.errors import Invalid, Unavailable
from hub.core.identifiers import identifier
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import clean, clean_json

logger = log.get(__name__)
sql = Queries.beside(__file__, "quarantine.sql")
MOST_BYTES = 64 * 2**20  # kept of one raw message; nothing that arrives whole is larger
_META_BYTES = 256 * 1024  # what may stand beside it


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be kept, and why; see `Accept.quarantine`."""

    connector: str
    account_id: int | None
    dedup_key: str
    raw: bytes
    raw_type: str
    reason: str
    meta: dict[str, Any]


async def keep(core: Core, entry: Entry) -> None:
    """Keep it; the same key again changes nothing. Only what is away can be in the way: the database, or the files."""
    db = core.db
    least = {
        "connector": entry.connector,
        "account_id": entry.account_id,
        "dedup_key": identifier(entry.dedup_key),
        **(await core.files.keep(db, entry.raw[:MOST_BYTES])).values,
        "raw_type": "application/octet-stream",
        "reason": "It could not be stored, and the reason could not be either.",
        "meta": Jsonb({}),
    }
    try:
        raw_type, reason = clean(entry.raw_type)[:200], clean(entry.reason)[:2000]
        await db.execute(sql["keep"], {**least, "raw_type": raw_type, "reason": reason, "meta": _kept(entry.meta)})
    except Unavailable:
        raise
    except Exception:
        logger.exception("quarantined_with_less", connector=entry.connector, account=entry.account_id)
        await db.execute(sql["keep"], least)


def _kept(meta: dict[str, Any]) -> Jsonb:
    """What a replay needs beside the bytes, or a note that there was too much of it."""
    cleaned = clean_json(meta)
    size = len(orjson.dumps(cleaned))
    return Jsonb(cleaned if size <= _META_BYTES else {"left_out": f"{size:,} bytes"})


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One raw message that could not be processed."""

    id: int
    connector: str
    account_id: int | None
    dedup_key: str
    content_type: str
    reason: str | None
    meta: dict[str, Any]
    body: bytes | None
    file_id: int | None
    received_at: datetime


class Quarantine:
    """What could not be processed, kept until somebody looks: list, show, replay, discard."""

    def __init__(self, core: Core, intake: Accept, accounts: Accounts, connectors: dict[str, Connector]):
        self._db = core.db
        self._files = core.files
        self._intake = intake
        self._accounts = accounts
        self._connectors = connectors

    async def listed(self, limit: int = 100) -> list[Quarantined]:
        """The oldest first, without their bodies."""
        return await self._db.all(Quarantined, sql["quarantined"], {"limit": limit})

    async def show(self, raw_id: int) -> Quarantined:
        """One, whole."""
        found = await self._db.one(Quarantined, sql["quarantined_one"], {"id": raw_id})
        if found is None:
            raise Invalid(f"There is nothing in quarantine under {raw_id}.", remedy="See `hub quarantine list`.")
        return found

    async def body(self, held: Quarantined) -> bytes:
        """The bytes of one."""
        return await self._files.read(self._db, held.body, held.file_id)

    async def replay(self, raw_id: int) -> Accepted:
        """Translate and take it in again; it leaves quarantine only when that is committed.

        The replayed message has its own key (`replay:{id}`), so that a crash in between replays at most once.
        """
        held = await self.show(raw_id)
        account = await self._accounts.get(held.account_id) if held.account_id else None
        connector = self._connectors.get(held.connector)
        if connector is None:
            raise Invalid(f"The connector {held.connector!r} is not installed.")
        body = await self.body(held)
        inbound = await asyncio.to_thread(connector.translate, account, body, held.content_type, held.meta)
        accepted = await self._intake.message(replace(inbound, dedup_key=f"replay:{raw_id}"))
        if accepted.raw_id == 0:
            raise Invalid("It still cannot be stored; see the newest entry in quarantine.")
        await self._db.execute(sql["released"], {"id": raw_id})
        return accepted

    async def discard(self, raw_id: int) -> None:
        """Put it aside for good; the bytes stay."""
        if not await self._db.execute(sql["discard"], {"id": raw_id}):
            raise Invalid(f"There is nothing in quarantine under {raw_id}.", remedy="See `hub quarantine list`.")
