"""The queue of what providers shall do: `pending → claimed → wire → done`, or `failed`, `gone`, or `unknown`.

As with the outbox, a crash before the wire is tried again freely. After it only what cannot ring anybody is: a
telephone that may be ringing is never rung a second time; its leg is found by what the provider reports, or given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.calls.model import label_of, room_of
from hub.channels.calls import RINGS, CallError, CallOutcome, Command, CommandKind
from hub.core import log
from hub.core.db import Connection, Database, fetch_all, fetch_value
from hub.core.errors import Conflict
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "commands.sql")
BACKOFF = (0.3, 1.0, 2.0, 5.0, 10.0)  # seconds: somebody holds a telephone meanwhile
TRIES = 6


class ClaimLost(Conflict):
    """The command was taken over by another process."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that this process holds for half a minute."""

    id: int
    call_id: int
    leg_id: int | None
    kind: str
    data: dict[str, Any]
    attempt: int
    account_id: int
    our_number: str
    external_id: str | None
    endpoint: str | None

    @property
    def command(self) -> Command:
        """It as the provider's connector understands it."""
        return Command(
            self.id,
            CommandKind(self.kind),
            self.call_id,
            self.leg_id,
            room_of(self.call_id),
            self.external_id,
            label_of(self.leg_id or 0),
            self.endpoint or "",
            self.our_number,
            self.attempt,
            self.data,
        )


@dataclass(frozen=True, slots=True)
class Expired:
    """A claim whose process is gone."""

    id: int
    call_id: int
    leg_id: int | None
    kind: str
    state: str
    attempt: int


async def claim(db: Database, limit: int = 50) -> list[Claimed]:
    """Due commands, ours for half a minute; of each telephone one after another."""
    return await db.all(Claimed, sql["claim"], {"limit": limit})


async def wire(db: Database, claimed: Claimed) -> None:
    """Cross the line; `ClaimLost` when the claim has run out: then nothing may be asked."""
    if await db.value(sql["wire"], {"id": claimed.id, "attempt": claimed.attempt}) is None:
        raise ClaimLost


async def finish(conn: Connection, claim_id: int, attempt: int, state: str, error: str = "", wait: float = 0) -> bool:
    """Record what became of it; False when somebody else did."""
    values = {"id": claim_id, "attempt": attempt, "state": state, "error": error[:500] or None, "seconds": wait}
    return await fetch_value(conn, sql["done"], values) is not None


def verdict(kind: str, attempt: int, error: CallError, *, crossed: bool) -> tuple[str, float]:
    """(state, seconds until the next try) of a failed command."""
    outcome = error.outcome
    if outcome is CallOutcome.UNKNOWN and (kind not in RINGS or not crossed):
        outcome = CallOutcome.RETRY  # saying twice to hold somebody is saying it once
    if outcome is CallOutcome.RETRY and attempt >= TRIES:
        outcome = CallOutcome.FAILED
    if outcome is CallOutcome.RETRY:
        pause = BACKOFF[min(attempt, len(BACKOFF)) - 1]
        return "pending", max(pause, error.retry_after or 0)
    return outcome.value, 0


async def expired(conn: Connection) -> list[Expired]:
    """Claims whose process is gone."""
    return await fetch_all(conn, Expired, sql["expired"])
