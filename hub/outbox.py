"""From the record to the wire: `pending → claimed → wire → sent → delivered/read`, or `failed`, or `unknown`.

Accepted input is never lost, nothing is sent twice by itself, and the rare ambiguous send is shown to a person:
a crash before the wire is retried freely; after it the outcome is unknown until a report, or somebody, settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from hub.channels.model import Attachment, Delivery, DeliveryStatus, Outbound, Outcome, SendError
from hub.conversations import tokens
from hub.core import events
from hub.core.clock import iso, now
from hub.core.db import execute, fetch_dicts
from hub.core.errors import Conflict
from hub.core.groupcommit import GroupCommit
from hub.core.metrics import DELIVERIES
from hub.core.service import Core
from hub.core.sql import Queries

sql = Queries.beside(__file__, "outbox.sql")

# Minutes until the next try (RFC 5321 §4.5.4.1 asks for patience); the last one repeats until the time is up.
BACKOFF_MINUTES = (1, 5, 15, 60, 180)
GIVE_UP = timedelta(hours=48)


class ClaimLost(Conflict):
    """The send was taken over by another worker."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A send that this worker holds for a minute."""

    id: int
    interaction_id: int
    conversation_id: int
    account_id: int
    attempt: int
    payload: dict[str, Any]
    created_at: datetime


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
        self._group: GroupCommit[dict[str, Any], bool] = GroupCommit(self._apply)

    async def record(self, delivery: Delivery) -> bool:
        """A provider's report; False when it changed nothing (a repeat, or an older status)."""
        return await self._group.submit(
            {
                "outbound_id": delivery.outbound_id,
                "connector": delivery.connector,
                "provider_id": delivery.provider_id,
                "status": delivery.status.value,
                "error": _words(delivery.error),
            }
        )

    async def sent(self, claim: Claimed, provider_id: str) -> bool:
        """The provider took it."""
        return await self._result(claim, DeliveryStatus.SENT.value, provider_id=provider_id)

    async def not_sent(self, claim: Claimed, error: SendError) -> bool:
        """It did not leave, or nobody knows. A retry is due after a while, and a failure after two days of them."""
        outcome = error.outcome
        if outcome is Outcome.RETRY and now() - claim.created_at > GIVE_UP:
            outcome = Outcome.FAILED
        minutes = BACKOFF_MINUTES[min(claim.attempt, len(BACKOFF_MINUTES)) - 1]
        seconds = error.retry_after if error.retry_after is not None else minutes * 60
        due = now() + timedelta(seconds=seconds) if outcome is Outcome.RETRY else None
        return await self._result(claim, outcome.value, error=error.detail, due_at=due)

    async def _result(
        self,
        claim: Claimed,
        status: str,
        *,
        provider_id: str | None = None,
        error: str | None = None,
        due_at: datetime | None = None,
    ) -> bool:
        return await self._group.submit(
            {
                "outbound_id": claim.id,
                "attempt": claim.attempt,
                "provider_id": provider_id,
                "status": status,
                "error": _words(error),
                "due_at": due_at,
            }
        )

    async def _apply(self, items: Sequence[dict[str, Any]]) -> list[bool]:
        numbered = [{**item, "n": n} for n, item in enumerate(items)]
        rows = await self._core.db.all(_Applied, sql["results"], {"items": Jsonb(numbered)})
        await self._core.feed.publish([_frame(row) for row in rows if row.applied])
        by_number = {row.n: row.applied for row in rows}
        return [by_number.get(n, False) for n in range(len(items))]


def _words(error: str | None) -> str | None:
    return None if error is None else error.replace("\x00", "")[:1000]


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


class Outbox:
    """Claims due sends and moves them over the line."""

    def __init__(self, core: Core):
        self._core = core
        self.reports = Reports(core)
        self._wires: GroupCommit[tuple[int, int], bool] = GroupCommit(self._cross)

    async def claim(self, limit: int = 100) -> list[Claimed]:
        """Up to `limit` due sends, ours for a minute."""
        return await self._core.db.all(Claimed, sql["claim"], {"limit": limit})

    async def anything_due(self) -> bool:
        """Whether something waits to leave."""
        return bool(await self._core.db.value(sql["due"]))

    async def wire(self, claim: Claimed) -> None:
        """Cross the line; `ClaimLost` when the claim has run out meanwhile: then nothing may be sent."""
        if not await self._wires.submit((claim.id, claim.attempt)):
            raise ClaimLost

    async def outbound(self, claim: Claimed) -> Outbound:
        """The message of a claim, whole, with its files."""
        p = claim.payload
        files = await self._core.db.all(Attachment, sql["attachments"], {"interaction_id": claim.interaction_id})
        return Outbound(
            id=claim.id,
            conversation_id=claim.conversation_id,
            interaction_id=claim.interaction_id,
            attempt=claim.attempt,
            channel=p["channel"],
            to=p["to"],
            to_name=p["to_name"],
            subject=p["subject"],
            text=p["text"],
            html=p["html"],
            message_id=p["message_id"],
            date=datetime.fromisoformat(p["date"]),
            in_reply_to=p["in_reply_to"],
            references=tuple(p["references"]),
            automatic=p["automatic"],
            attachments=tuple(files),
            reply_token=tokens.reply_token(self._core.vault, claim.conversation_id),
        )

    async def recover(self) -> int:
        """Settle the claims of workers that are gone; how many. Safe to run anywhere, any number of times."""
        expired = await self._core.db.dicts(sql["expired"])
        for row in expired:
            crossed = row["state"] == "wire"
            lost = Claimed(row["id"], 0, 0, 0, row["attempt"], {}, now())
            words = (
                "The worker stopped while sending; it may have arrived."
                if crossed
                else "The worker stopped before sending."
            )
            outcome = Outcome.UNKNOWN if crossed else Outcome.RETRY
            await self.reports.not_sent(lost, SendError(words, outcome=outcome, retry_after=0))
            DELIVERIES.labels("recovered", outcome.value).inc()
        return len(expired)

    async def decide(self, outbound_id: int, *, arrived: bool, actor_id: int | None) -> None:
        """A person settles an unknown or failed send: it arrived after all, or it is to be sent again."""
        query, status = (sql["settle"], "sent") if arrived else (sql["retry"], "pending")
        async with events.unit(self._core.db, self._core.feed) as unit:
            rows = await fetch_dicts(unit.conn, query, {"id": outbound_id})
            if not rows:
                raise Conflict("This send is already settled.")
            ids = rows[0]
            await execute(unit.conn, sql["show_status"], {"id": ids["interaction_id"], "status": status})
            await execute(unit.conn, sql["clear_failed"], {"id": ids["conversation_id"]})
            await unit.log(
                "interaction.updated",
                conversation_id=ids["conversation_id"],
                actor_id=actor_id,
                data={"interaction_id": ids["interaction_id"], "decision": "arrived" if arrived else "send again"},
            )
            unit.wake("outbox")

    async def _cross(self, items: Sequence[tuple[int, int]]) -> list[bool]:
        rows = await self._core.db.dicts(sql["wire"], {"ids": [i for i, _ in items], "attempts": [a for _, a in items]})
        crossed = {(row["id"], row["attempt"]) for row in rows}
        return [item in crossed for item in items]
