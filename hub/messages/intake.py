"""From the wire to the record, in one transaction.

`Intake` is the hub's side of the connector contract (`hub.channels.model.Accept`). A message that was accepted is
committed with its raw bytes before the wire is acknowledged; the sender's own key makes a repeat harmless; what
cannot be processed is kept in quarantine with the reason and never blocks the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
import psycopg
from prometheus_client import Counter
from psycopg.types.json import Json

from hub.channels.accounts import Accounts
from hub.channels.model import Accepted, Account, Connector, Delivery, Inbound
from hub.core import events, log
from hub.core.contention import BRISK, Aside
from hub.core.db import Database, fetch_all, lock_timeout
from hub.core.errors import ConnectionLost, Contended, Invalid, Unavailable
from hub.core.events import Unit
from hub.core.groupcommit import GroupCommit
from hub.core.identifiers import identifier
from hub.core.metrics import INTAKE
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.texts import clean_json
from hub.messages import arrival_steps, consents, views
from hub.messages.arrival_steps import LIMITS, Arrival
from hub.messages.delivery import Reports
from hub.messages.mail import complaints
from hub.messages.quarantine import Entry, keep
from hub.messages.views import Taken

logger = log.get(__name__)
sql = Queries.beside(__file__, "intake.sql")

_BATCH_BYTES = 32 * 2**20  # of one statement: many large messages at once are several


@dataclass(frozen=True, slots=True)
class _Stored:
    """What became of one message, and the transaction's other news where it had any: the same for its whole batch."""

    row: Taken
    unit: Unit | None


class Intake:
    """Takes messages, delivery reports and the unreadable from every connector of this process."""

    def __init__(self, core: Core, accounts: Accounts, connectors: dict[str, Connector]):
        self._core = core
        self._lane = core.db.lane("intake", lock_seconds=BRISK)
        self._accounts = accounts
        self._connectors = connectors
        self._sessions: dict[tuple[str, str], bool] = {}
        self._group: GroupCommit[Arrival, _Stored] = GroupCommit(
            self._store_surely,
            after=self._announce,
            aside=Aside(self._store_alone, key=_sender),
            weighed=(_weight, _BATCH_BYTES),
        )
        self._reports = Reports(core)

    async def message(self, inbound: Inbound) -> Accepted:
        """Store one message; see `Accept.message`.

        Whatever cannot be stored but for the database's absence is the message's own trouble: it is kept in quarantine
        with the reason (`raw_id` 0), so that the wire is acknowledged and the next one passes.
        """
        account = await self._accounts.get(inbound.account_id)
        if account is None:
            raise Invalid(f"There is no account {inbound.account_id}.", remedy="It was removed; see `hub doctor`.")
        try:
            with _locks():
                accepted = _accepted(await self._stored(inbound, account))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a message that comes back for ever stops those behind it
            await self.quarantine(
                connector=account.connector,
                account_id=account.id,
                dedup_key=inbound.dedup_key,
                raw=inbound.raw,
                raw_type=inbound.raw_type,
                reason=f"It could not be stored: {_reason(error)}",
                meta=inbound.meta,
            )
            return Accepted(duplicate=False, raw_id=0)
        _count(account.connector, accepted)
        return accepted

    async def _stored(self, inbound: Inbound, account: Account) -> Taken:
        arrival = await arrival_steps.prepared(self._core, Arrival(inbound, account, self._is_session(account)))
        return (await self._group.submit(arrival)).row

    async def delivery(self, delivery: Delivery) -> None:
        """Record a delivery report; see `Accept.delivery`. One that cannot be recorded is kept in quarantine."""
        delivery = replace(delivery, provider_id=identifier(delivery.provider_id))
        try:
            with _locks():
                await self._recorded(delivery)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - as with messages
            told = orjson.dumps(clean_json(asdict(delivery)))
            await self.quarantine(
                connector=delivery.connector,
                account_id=None,
                dedup_key=f"report:{hashlib.sha256(told).hexdigest()}",
                raw=told,
                raw_type="application/json",
                reason=f"The delivery report could not be recorded: {_reason(error)}",
            )

    async def _recorded(self, delivery: Delivery) -> None:
        if delivery.only_to is not None:
            fitting = {"provider_id": delivery.provider_id, "to": [one.strip().lower() for one in delivery.only_to]}
            sent = await self._core.db.value(sql["sent_to"], fitting)
            if sent is None:
                logger.warning("report_fits_no_send", connector=delivery.connector, report=delivery.provider_id)
                return
            delivery = replace(delivery, outbound_id=int(sent))
        if delivery.opted_out:
            await consents.refused(self._core, delivery)
        await self._reports.record(delivery)
        if delivery.complaint:
            await complaints.record(self._core, delivery)

    async def quarantine(  # noqa: PLR0913 - the contract's keyword arguments
        self,
        *,
        connector: str,
        account_id: int | None,
        dedup_key: str,
        raw: bytes,
        raw_type: str,
        reason: str,
        meta: dict[str, Any] | None = None,
    ) -> None:
        """Keep what could not be translated; see `Accept.quarantine`."""
        entry = Entry(connector, account_id, dedup_key, raw, raw_type, reason, meta or {})
        with _locks():
            await keep(self._core, entry)
        INTAKE.labels(connector, "quarantined").inc()
        logger.warning("quarantined", connector=connector, account=account_id, reason=reason[:200])

    async def accounts(self, connector: str) -> list[Account]:
        """The enabled accounts of a connector."""
        return await self._accounts.of(connector)

    async def health(self, account_id: int, **facts: Any) -> None:
        """Note how an account fares."""
        await self._accounts.note_health(account_id, facts)

    async def close(self) -> None:
        """Commit what was handed over."""
        await self._group.close()

    def _is_session(self, account: Account) -> bool:
        key = (account.connector, account.channel)
        if key not in self._sessions:
            connector = self._connectors.get(account.connector)
            self._sessions[key] = connector is None or connector.capabilities(account.channel).session
        return self._sessions[key]

    # -- the batch ---------------------------------------------------------------------------------------------
    async def _store_surely(self, items: Sequence[Arrival]) -> list[_Stored]:
        """`_store`; once more when the database hung up in the middle: what was stored then is a duplicate now."""
        try:
            return await self._store(items, self._lane)
        except ConnectionLost:
            return await self._store(items, self._lane)

    async def _store_alone(self, item: Arrival, seconds: float) -> _Stored:
        """One message that may have to wait for somebody's lock, on a connection that nobody else waits for."""
        return (await self._store([item], self._core.db, lock_seconds=seconds))[0]

    async def _store(
        self, items: Sequence[Arrival], db: Database, *, lock_seconds: float | None = None
    ) -> list[_Stored]:
        taken: dict[int, Taken] = {}
        rows = [arrival_steps.row(item) for item in items]
        waves = _waves(rows)
        unit: Unit | None = None
        if lock_seconds is None and len(waves) == 1 and not any(arrival_steps.has_more(item.inbound) for item in items):
            async with db.connection() as conn:  # one statement is its own transaction: one round trip
                taken = await self._call(conn, rows, items, waves[0])
        else:
            async with db.transaction() as conn:
                if lock_seconds is not None:
                    await lock_timeout(conn, lock_seconds)
                for wave in waves:
                    taken |= await self._call(conn, rows, items, wave)
                unit = Unit(conn)
                await arrival_steps.complete(unit, self._core, items, taken)
        return [_Stored(taken[n], unit) for n in range(len(items))]

    async def _call(
        self, conn: Any, rows: list[dict[str, Any]], items: Sequence[Arrival], wave: list[int]
    ) -> dict[int, Taken]:
        batch = [rows[n] | {"n": position} for position, n in enumerate(wave)]
        parameters = {
            "batch": Json(batch),
            "bodies": [kept.body if (kept := items[n].raw) else items[n].inbound.raw for n in wave],
            "limits": Json(LIMITS),
        }
        return {wave[row.n]: row for row in await fetch_all(conn, Taken, sql["intake"], parameters)}

    async def _announce(self, items: Sequence[Arrival], stored: Sequence[_Stored]) -> None:
        """Tell the screens (with the message inline: no query on the hot path) and notify the router."""
        try:
            await self._publish(items, stored)
        except Exception:
            # Committed is committed: screens that miss this heal by their sequence.
            logger.exception("announce_failed")

    async def _publish(self, items: Sequence[Arrival], stored: Sequence[_Stored]) -> None:
        messages: list[tuple[str, Any]] = []
        entries: list[str] = []
        for item, row in sorted(((i, s.row) for i, s in zip(items, stored, strict=True)), key=_by_sequence):
            if row.duplicate:
                continue
            if not row.is_new or row.agent_id is not None:  # else nobody can be looking at it yet
                messages += views.inbound_frames(item.inbound, item.account, row)
            if row.entry:
                entries.append(row.entry)
        if (unit := stored[0].unit) is not None:
            messages += [pair for event in unit.events for pair in events.frames(event)]
            for who in unit.notifications:
                await self._core.feed.notify(who)
        if messages:
            await self._core.feed.publish(messages)
        self._core.feed.notify_soon("log")
        if entries:
            await self._core.feed.notify("router", f'{{"entries":[{",".join(entries)}]}}')


def _sender(item: Arrival) -> tuple[int, str, str]:
    """Whose messages stay in order, whatever locks they run into."""
    return item.account.id, item.inbound.address_kind.value, item.inbound.address


@contextmanager
def _locks() -> Generator[None]:
    """A lock that was waited for in vain says nothing against the item: it may come again."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise Contended from error


def _weight(item: Arrival) -> int:
    """What an item takes of a batch, in bytes and characters."""
    i = item.inbound
    return len(i.raw) + len(i.text) + len(i.html or "") + sum(len(a.body) for a in i.attachments)


def _reason(error: Exception) -> str:
    """The error as its finder reads it: the database's own words, without the statement they are about."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return str(error) or type(error).__name__


def _waves(rows: list[dict[str, Any]]) -> list[list[int]]:
    """Positions in groups: what has to do with another message of this batch comes in a later group.

    It answers that one, is answered by it, or is a copy of it; or one of two by the same sender quotes something, which
    decides where both go.
    """
    waves: list[list[int]] = [[]]
    here: set[str] = set()
    awaited: set[str] = set()
    quoting: set[str] = set()
    for n, row in enumerate(rows):
        own, refs = row["external_id"], row["refs"]
        sender = f"{row['account_id']} {row['kind']} {row['address']}" if row["session"] else ""
        if own in here or own in awaited or not here.isdisjoint(refs) or (sender in (here if refs else quoting)):
            waves.append([])
            here, awaited, quoting = set(), set(), set()
        waves[-1].append(n)
        awaited.update(refs)
        if refs and sender:
            quoting.add(sender)
        here.update(name for name in (own, sender) if name)
    return waves


_counters: dict[tuple[str, bool], Counter] = {}  # a label's look-up takes a lock


def _count(connector: str, accepted: Accepted) -> None:
    key = (connector, accepted.duplicate)
    counter = _counters.get(key)
    if counter is None:
        counter = INTAKE.labels(connector, "duplicate" if accepted.duplicate else "accepted")
        _counters[key] = counter
    counter.inc()


def _by_sequence(pair: tuple[Arrival, Taken]) -> int:
    """In order of each agent's topic; messages of one conversation stay in theirs, of which only the last is on it."""
    return pair[1].agent_seq or 0


def _accepted(row: Taken) -> Accepted:
    return Accepted(row.duplicate, row.raw_id, row.interaction_id, row.conversation_id, row.seq, row.contact_id)
