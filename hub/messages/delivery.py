"""What became of a send: results of our workers and reports of providers, written onto the conversation.

By group commit, many in one round trip; a status moves forward, never back (`migrations/functions/outbox.sql`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from hub.channels.model import Delivery, DeliveryStatus, Outcome, SendError
from hub.core.clock import iso, now
from hub.core.contention import BRISK, Aside
from hub.core.groupcommit import GroupCommit
from hub.core.identifiers import identifier
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import clean, clean_json

sql = Queries.beside(__file__, "delivery.sql")

# Minutes until the next try (RFC 5321 §4.5.4.1 asks for patience); the last one repeats until the time is up.
BACKOFF_MINUTES = (1, 5, 15, 60, 180)
RETURN_MINUTES = (5, 30, 120)  # until a send that the provider could not deliver is tried once more
GIVE_UP = timedelta(hours=48)
LOOK_AFTER = 15.0  # seconds until somebody looks where a send of unknown outcome may be found


@dataclass(frozen=True, slots=True)
class Claimed:
    """A send that this worker holds for some seconds, longer if it renews that. `probe`: its account is in trouble."""

    id: int
    interaction_id: int
    conversation_id: int
    account_id: int
    attempt: int
    payload: dict[str, Any]
    created_at: datetime
    lane: str = ""
    probe: bool = False


@dataclass(frozen=True, slots=True)
class _Applied:
    n: int
    applied: bool
    event_id: int | None
    conversation_id: int | None
    seq: int | None
    interaction_id: int | None
    at: datetime


class Reports:
    """Records results and delivery reports by group commit and tells the screens."""

    def __init__(self, core: Core):
        self._core = core
        self._group: GroupCommit[dict[str, Any], bool] = GroupCommit(
            self._apply, aside=Aside(self._apply_alone, key=_send)
        )

    async def record(self, delivery: Delivery) -> bool:
        """A provider's report; False when it changed nothing (a repeat, or an older status)."""
        return await self._group.submit(
            {
                "outbound_id": delivery.outbound_id,
                "connector": delivery.connector,
                "provider_id": identifier(delivery.provider_id),
                "status": delivery.status.value,
                "error": _words(delivery.error),
                **_coded(delivery.code, delivery.params),
                "returned": list(RETURN_MINUTES) if delivery.for_now else None,
            }
        )

    async def sent(self, claim: Claimed, provider_id: str) -> bool:
        """The provider took it."""
        return await self._group.submit(
            {
                "outbound_id": claim.id,
                "attempt": claim.attempt,
                "provider_id": identifier(provider_id),
                "status": DeliveryStatus.SENT.value,
                "error": None,
            }
        )

    async def not_sent(self, claim: Claimed, error: SendError) -> bool:
        """It did not leave, or nobody knows. A retry is due after a while, and a failure after two days of them."""
        outcome = error.outcome
        if outcome is Outcome.RETRY and now() - claim.created_at > GIVE_UP:
            outcome = Outcome.FAILED
        minutes = BACKOFF_MINUTES[min(claim.attempt, len(BACKOFF_MINUTES)) - 1]
        seconds = error.retry_after if error.retry_after is not None else minutes * 60
        if outcome is Outcome.UNKNOWN:
            seconds = LOOK_AFTER  # when a mailbox that keeps what was sent is asked
        due = now() + timedelta(seconds=seconds) if outcome is not Outcome.FAILED else None
        return await self._group.submit(
            {
                "outbound_id": claim.id,
                "attempt": claim.attempt,
                "provider_id": identifier(error.provider_id) if error.provider_id else None,
                "status": outcome.value,
                "error": _words(error.detail),
                **_coded(error.code, error.params),
                "due_at": due,
                "taken": list(error.taken) or None,
            }
        )

    async def given_back(self, claim: Claimed) -> bool:
        """Nothing was tried: somebody else may have it at once."""
        return await self._group.submit(
            {
                "outbound_id": claim.id,
                "attempt": claim.attempt,
                "provider_id": None,
                "status": Outcome.RETRY.value,
                "error": None,
                "due_at": now(),
            }
        )

    async def _apply_alone(self, item: dict[str, Any], seconds: float) -> bool:
        return (await self._apply([item], seconds))[0]

    async def _apply(self, items: Sequence[dict[str, Any]], lock_seconds: float = BRISK) -> list[bool]:
        numbered = [{**item, "n": n} for n, item in enumerate(items)]
        values = {"items": Jsonb(numbered), "lock": f"{round(lock_seconds * 1000)}ms"}
        rows = await self._core.db.all(_Applied, sql["results"], values)
        await self._core.feed.publish([_frame(row) for row in rows if row.applied])
        by_number = {row.n: row.applied for row in rows}
        return [by_number.get(n, False) for n in range(len(items))]


def _send(item: dict[str, Any]) -> tuple[Any, ...]:
    """What is told of one send stays in order."""
    return item.get("outbound_id"), item.get("connector"), item["provider_id"]


def _coded(code: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """A reason as it can be kept: what it names comes from servers, and may be anything."""
    if code is None:
        return {"code": None, "params": None}
    kept = {name: clean(value)[:500] if isinstance(value, str) else value for name, value in params.items()}
    return {"code": identifier(code), "params": clean_json(kept) or None}


def _words(error: str | None) -> str | None:
    return None if error is None else clean(error)[:1000]


def _frame(row: _Applied) -> tuple[str, dict[str, Any]]:
    return f"c:{row.conversation_id}", {
        "id": row.event_id,
        "at": iso(row.at),
        "type": "interaction.updated",
        "seq": row.seq,
        "agent_id": None,
        "conversation_id": row.conversation_id,
        "queue_id": None,
        "data": {"interaction_id": row.interaction_id},
    }
