"""From the record to the wire: `pending → claimed → wire → sent → delivered/read`, or `failed`, or `unknown`.

Accepted input is never lost, nothing is sent twice by itself, and the rare ambiguous send is shown to a person:
a crash before the wire is retried freely; after it the outcome is unknown until a report, or somebody, settles it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from hub.channels.model import Attachment, FilledTemplate, Outbound, Outcome, SendError
from hub.channels.reasons import Reason
from hub.conversations import conversation
from hub.core import events
from hub.core.clock import now
from hub.core.db import execute, fetch_dicts
from hub.core.errors import Conflict, Unavailable
from hub.core.groupcommit import GroupCommit
from hub.core.identifiers import identifier
from hub.core.metrics import DELIVERIES
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import tokens
from hub.messages.delivery import GIVE_UP, Claimed, Reports
from hub.messages.events import InteractionUpdated

sql = Queries.beside(__file__, "outbox.sql")
LEASE = 20.0  # seconds a claim is ours unless renewed: so long nobody knows that a worker is gone
_WIRE_PAUSES = (0.02, 0.1, 0.3)  # seconds between asking for a row that may be locked
ABSENT_AFTER = timedelta(minutes=5)  # lists lag by seconds, in a provider's bad hour by a minute or two
ABSENT = "Nobody knows whether it left; the provider has no record of it. It can be sent again."
LINKS_LAST = timedelta(hours=24)  # longer than any provider lets a message wait


@dataclass(frozen=True, slots=True)
class Seats:
    """How many more sends of one account there is room for, and how many to one domain (`lanes` are on their way)."""

    room: int
    lane_room: int
    lanes: dict[str, int] = field(default_factory=dict[str, int])
    after: str = ""


@dataclass(slots=True)
class Wanted:
    """What a worker claims: sends of these connectors, or of all `others`; of accounts without seats `room_else`."""

    connectors: Collection[str] | None = None
    others: bool = False
    seats: Mapping[int, Seats] = field(default_factory=dict[int, Seats])
    room_else: int = 8
    after: dict[int, str] = field(default_factory=dict[int, str])


class ClaimLost(Conflict):
    """The send was taken over by another worker."""


class Outbox:
    """Claims due sends and moves them over the line."""

    def __init__(self, core: Core):
        self._core = core
        self.reports = Reports(core)
        self._wires: GroupCommit[tuple[int, int], bool] = GroupCommit(self._cross)

    async def claim(self, limit: int = 100, who: Wanted | None = None) -> list[Claimed]:
        """Up to `limit` due sends, ours while we renew them; of numbers with a bounded rate as many as it allows.

        `who` says for which connectors, and how much room there is; it learns where to go on the next time.
        """
        who = who or Wanted(room_else=limit)
        values = {
            "connectors": None if who.connectors is None else list(who.connectors), "others": who.others,
            "seats": Jsonb({str(account): asdict(seats) for account, seats in who.seats.items()}),
            "room_else": who.room_else, "limit": limit, "lease": LEASE,
        }  # fmt: skip
        rows = await self._core.db.all(Claimed, sql["claim"], values)
        who.after.update({row.account_id: row.lane for row in rows if not row.id})
        return [row for row in rows if row.id]

    async def renew(self, claims: Sequence[Claimed]) -> list[Claimed]:
        """Hold on to claims for another while; those that are somebody else's now."""
        values = {"ids": [c.id for c in claims], "attempts": [c.attempt for c in claims], "lease": LEASE}
        held = {(row["id"], row["attempt"]) for row in await self._core.db.dicts(sql["renew"], values)}
        return [claim for claim in claims if (claim.id, claim.attempt) not in held]

    async def anything_due(self) -> bool:
        """Whether something waits to leave."""
        return bool(await self._core.db.value(sql["due"]))

    async def seconds_to_next(self) -> float | None:
        """Until the next send that is not due yet; None when nothing waits."""
        found = await self._core.db.value(sql["next_due"])
        return None if found is None else float(found)

    async def wire(self, claim: Claimed) -> None:
        """Cross the line; `ClaimLost` when the claim has run out meanwhile: then nothing may be sent.

        A row that somebody has locked for a moment (its own renewal, as often as not) is asked for again: a claim
        taken for lost waits until its lease ends.
        """
        for pause in _WIRE_PAUSES:
            if await self._wires.submit((claim.id, claim.attempt)):
                return
            await asyncio.sleep(pause)
        raise ClaimLost

    async def outbound(self, claim: Claimed) -> Outbound:
        """The message of a claim, whole, with its files."""
        p = claim.payload
        files = await self._files(claim.interaction_id)
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
            cc=tuple(p.get("cc") or ()),
            bcc=tuple(p.get("bcc") or ()),
            taken=tuple(p.get("taken") or ()),
            unsubscribe=self._unsubscribe(p.get("unsubscribe")),
            attachments=tuple(files),
            links=tuple(await self._links(claim)) if files else (),
            template=FilledTemplate(t["id"], t["variables"]) if (t := p.get("template")) else None,
            reply_token=tokens.reply_token(self._core.vault, claim.conversation_id),
        )

    async def _files(self, interaction_id: int) -> list[Attachment]:
        rows = await self._core.db.dicts(sql["attachments"], {"interaction_id": interaction_id})
        read = self._core.files.read
        return [
            Attachment(
                row["name"], row["content_type"], await read(self._core.db, row["body"], row["file_id"]),
                row["content_id"], row["inline"],
            )
            for row in rows
        ]  # fmt: skip

    async def _links(self, claim: Claimed) -> list[str]:
        """Where the files can be fetched for a while, by whoever is given the address."""
        rows = await self._core.db.dicts(sql["attachment_ids"], {"interaction_id": claim.interaction_id})
        until = now() + LINKS_LAST
        return [f"{self._core.public_url}/m/{tokens.file_token(self._core.vault, row['id'], until)}" for row in rows]

    def _unsubscribe(self, address_id: int | None) -> str | None:
        if address_id is None:
            return None
        return f"{self._core.public_url}/u/{tokens.unsubscribe_token(self._core.vault, address_id)}"

    async def doubtful(self, limit: int = 20) -> list[Claimed]:
        """Sends of unknown outcome that are worth a look now; the next look comes later."""
        return await self._core.db.all(Claimed, sql["doubtful"], {"limit": limit})

    async def anything_doubtful(self) -> bool:
        """Whether such a look is due."""
        return bool(await self._core.db.value(sql["doubted"]))

    async def unclaimed(self, connector: str, provider_ids: Sequence[str], outbound_id: int) -> list[str]:
        """Those of a provider's ids that belong to no other send of ours, in their order."""
        ids = [identifier(one) for one in provider_ids]
        values = {"provider_ids": ids, "connector": connector, "id": outbound_id}
        known = {row["provider_id"] for row in await self._core.db.dicts(sql["known_there"], values)}
        return [one for one in ids if one not in known]

    async def found_there(self, outbound_id: int, provider_id: str) -> bool:
        """A send of unknown outcome is this message at the provider; False when it is another one's, or settled."""
        values = {"id": outbound_id, "provider_id": identifier(provider_id)}
        async with self._core.db.transaction() as conn:
            await execute(conn, sql["alone_with"], values)
            return bool(await execute(conn, sql["found_there"], values))

    async def absent(self, claim: Claimed) -> bool:
        """The provider was asked and lists nothing of a send of unknown outcome; whether it is sent again now.

        That takes two looks, `ABSENT_AFTER` apart, the first of them so long after the send: a list may lag behind
        what its provider took. Until then, and where it is too old, whoever decides about it is told.
        """
        values = {"id": claim.id, "attempt": claim.attempt, "after": ABSENT_AFTER, "patience": GIVE_UP}
        async with events.unit(self._core.db, self._core.feed) as unit:
            rows = await fetch_dicts(unit.conn, sql["resend"], values)
            if rows:
                await self._decided(unit, rows[0], "pending", "send again", by="provider's list")
                return True
            for row in await fetch_dicts(
                unit.conn, sql["absent"], {**values, "words": ABSENT, "code": Reason.SEND_ABSENT}
            ):
                await execute(unit.conn, sql["show_error"], {"id": row["interaction_id"], "words": ABSENT})
                said = InteractionUpdated(interaction_id=row["interaction_id"])
                await unit.log(said, conversation_id=row["conversation_id"])
        return False

    async def alive(self, worker: str, in_flight: int) -> None:
        """A worker says that it is there; those that have not for a day are forgotten."""
        await self._core.db.execute(sql["alive"], {"name": worker, "in_flight": in_flight})

    async def gone(self, worker: str) -> None:
        """A worker says goodbye; one that cannot is missed before long."""
        with contextlib.suppress(Unavailable, psycopg.Error):
            await self._core.db.execute(sql["gone"], {"name": worker})

    async def recover(self) -> int:
        """Settle the claims of workers that are gone; how many. Safe to run anywhere, any number of times."""
        expired = await self._core.db.dicts(sql["expired"])
        for row in expired:
            crossed = row["state"] == "wire"
            lost = Claimed(row["id"], 0, 0, 0, row["attempt"], {}, now())
            outcome = Outcome.UNKNOWN if crossed else Outcome.RETRY
            await self.reports.not_sent(lost, _stopped(outcome))
            DELIVERIES.labels("recovered", outcome.value).inc()
        return len(expired)

    async def decide(
        self, outbound_id: int, *, arrived: bool, actor_id: int | None, only_unknown: bool = False
    ) -> None:
        """Settle an unknown send, or one that failed: it arrived after all, or it is to be sent again."""
        query, status = (sql["settle"], "sent") if arrived else (sql["retry"], "pending")
        states = ["unknown"] if only_unknown or arrived else ["unknown", "failed"]
        async with events.unit(self._core.db, self._core.feed) as unit:
            rows = await fetch_dicts(unit.conn, query, {"id": outbound_id, "states": states})
            if not rows:
                raise Conflict("This send is already settled.", code="send.settled")
            decision = "arrived" if arrived else "send again"
            await self._decided(unit, rows[0], status, decision, actor_id=actor_id)

    async def decide_all(self, ids: Sequence[int], *, arrived: bool, actor_id: int) -> list[int]:
        """Settle those sends that are unknown still, each by itself; which they were. Safe to repeat."""
        settled: list[int] = []
        for one in ids:
            with contextlib.suppress(Conflict):
                await self.decide(one, arrived=arrived, actor_id=actor_id, only_unknown=True)
                settled.append(one)
        return settled

    async def _decided(
        self,
        unit: events.Unit,
        row: dict[str, int],
        status: str,
        decision: str,
        *,
        by: str | None = None,
        actor_id: int | None = None,
    ) -> None:
        await execute(unit.conn, sql["show_status"], {"id": row["interaction_id"], "status": status})
        await conversation.recount_failed(unit.conn, row["conversation_id"])
        said = InteractionUpdated(interaction_id=row["interaction_id"], decision=decision, by=by)
        await unit.log(said, conversation_id=row["conversation_id"], actor_id=actor_id)
        unit.notify("outbox")

    async def _cross(self, items: Sequence[tuple[int, int]]) -> list[bool]:
        values = {"ids": [i for i, _ in items], "attempts": [a for _, a in items], "lease": LEASE}
        rows = await self._core.db.dicts(sql["wire"], values)
        crossed = {(row["id"], row["attempt"]) for row in rows}
        return [item in crossed for item in items]


def _stopped(outcome: Outcome) -> SendError:
    """What a worker that is gone has left behind."""
    if outcome is Outcome.UNKNOWN:
        words = "The worker stopped while sending; it may have arrived."
        return SendError(words, outcome=outcome, retry_after=0, code=Reason.SEND_INTERRUPTED)
    return SendError("The worker stopped before sending.", outcome=outcome, retry_after=0, code=Reason.SEND_STOPPED)
