"""Accounts that can send nothing for now: the server is away, its certificate has expired, it refuses our password.

While one is in trouble a single send at a time tries again and the others wait: a server that is down is not asked
once for every message, no message loses its patience over it, and all of them leave when it is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.channels.model import SendError
from hub.channels.reasons import Reason
from hub.core.clock import iso
from hub.core.db import Connection, Database, execute
from hub.core.sql import Queries

sql = Queries.beside(__file__, "trouble.sql")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An account that cannot send. `error` is a sentence, `code` and `params` say the same for a screen."""

    account_id: int
    key: str
    channel: str
    name: str
    since: datetime
    failed_at: datetime
    failures: int
    next_at: datetime
    code: str
    params: dict[str, Any]
    error: str
    seconds: float
    waiting: int

    def shown(self) -> dict[str, Any]:
        """As JSON, for whoever looks after the account."""
        return {
            "since": iso(self.since), "failed_at": iso(self.failed_at), "next_try_at": iso(self.next_at),
            "code": self.code, "params": self.params, "error": self.error, "waiting": self.waiting,
        }  # fmt: skip


async def note(db: Database, account_id: int, error: SendError, *, probe: bool) -> float:
    """Write down that an account can send nothing; in how many seconds the next send may try."""
    values = {
        "account_id": account_id, "code": error.code or Reason.SEND_FAILED,
        "params": Jsonb(error.params if error.code else {"reason": error.detail.replace("\x00", "")[:300]}),
        "error": error.detail.replace("\x00", "")[:1000], "probe": probe, "pause": error.retry_after,
    }  # fmt: skip
    rows = await db.dicts(sql["note"], values)
    return max(1.0, float(rows[0]["pause"]))


async def clear(db: Database, account_id: int) -> None:
    """It can send again."""
    await db.execute(sql["clear"], {"account_id": account_id})


async def mended(conn: Connection, account_id: int) -> None:
    """Somebody has changed the account: try it now, rather than when its last failure said."""
    await execute(conn, sql["mended"], {"account_id": account_id})


async def troubles(db: Database, account_id: int | None = None) -> list[Trouble]:
    """The accounts in trouble, or one of them, the longest first."""
    return await db.all(Trouble, sql["troubles"], {"account_id": account_id})
