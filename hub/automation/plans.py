"""Planning: a reader of the log that writes follow-ups down and strikes out those that have lost their point.

It commits together with its cursor and every follow-up has a key of its own, so an event read twice plans once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from hub.automation.model import Delays, Kind, Plan
from hub.channels.capabilities import capabilities_of
from hub.core.db import Connection, Database, execute, fetch_all, fetch_value
from hub.core.events import LoggedEvent, Reader
from hub.core.retry import Bad, ignore
from hub.core.sql import Queries
from hub.queues.hours import Hours, Spans, is_open

sql = Queries.beside(__file__)
READER = "automation"
_QUIET = 60  # seconds after a missed call until it is looked at, where no text goes out


@dataclass(frozen=True, slots=True)
class Context:
    """What planning needs to know of a conversation."""

    id: int
    channel: str
    status: str
    answered: bool
    timezone: str
    week: dict[str, Spans] | None
    holidays: list[Any] | None
    newest: int
    rated: bool
    asked: bool

    def open_at(self, at: datetime) -> bool:
        """Whether its queue works then; a queue without hours always does."""
        return self.week is None or is_open(Hours(self.timezone, self.week, self.holidays or []), at)


async def delays(conn: Connection) -> Delays:
    """The delays in force."""
    return Delays.read(await fetch_value(conn, sql["delays"]))


async def plan_next(db: Database, limit: int = 500, *, bad: Bad = ignore) -> int:
    """Plan for the next events of the log; how many there were. One that breaks is told to `bad` and passed over."""
    async with Reader(db, READER, from_start=False, query=sql["news"]).batch(limit) as batch:
        if batch.events:
            await _plan_all(batch.conn, batch.events, bad)
        return batch.read


async def _plan_all(conn: Connection, events: Sequence[LoggedEvent], bad: Bad) -> None:
    """All together; when that fails, each by itself, so that only the one that fails is lost."""
    try:
        async with conn.transaction():
            await _plan(conn, events)
    except psycopg.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        if len(events) == 1:
            bad(error, f"event {events[0].id}")
            return
        for event in events:
            await _plan_all(conn, [event], bad)


async def _plan(conn: Connection, events: Sequence[LoggedEvent]) -> None:
    ids = sorted({e.conversation_id for e in events if e.conversation_id is not None})
    known = {c.id: c for c in await fetch_all(conn, Context, sql["contexts"], {"ids": ids})}
    wait = await delays(conn)
    for wave in _waves([e for e in events if e.conversation_id in known]):
        await _strike_out(conn, wave)
        await schedule(conn, [p for e in wave for p in plans(e, known[e.conversation_id or 0], wait)])


def _waves(events: Sequence[LoggedEvent]) -> Iterator[list[LoggedEvent]]:
    """Events in runs that may be handled together: of one sort, each of another conversation.

    What a run strikes out was planned before it, so that striking out first and planning then is the same as one
    event after another.
    """
    wave: list[LoggedEvent] = []
    for event in events:
        if wave and (_sort(event) != _sort(wave[0]) or event.conversation_id in {e.conversation_id for e in wave}):
            yield wave
            wave = []
        wave.append(event)
    if wave:
        yield wave


def _sort(event: LoggedEvent) -> str:
    return "customer" if by_customer(event) else "agent" if by_agent(event) else event.kind


async def schedule(conn: Connection, planned: Sequence[Plan]) -> None:
    """Write follow-ups down; those that are there already stay as they are."""
    if planned:
        await execute(conn, sql["schedule"], {"plans": Jsonb([plan.row() for plan in planned])})


_STRUCK_OUT: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "agent": ("answered", (Kind.REMINDER, Kind.CLOSE)),
    "interaction.updated": ("the answer did not arrive", (Kind.REMINDER, Kind.CLOSE)),
    "conversation.resolved": ("resolved", (Kind.REMINDER, Kind.CLOSE, Kind.WAKE)),
    "conversation.reopened": ("reopened", (Kind.SATISFACTION, Kind.WAKE)),
}


async def _strike_out(conn: Connection, wave: Sequence[LoggedEvent]) -> None:
    ids = [e.conversation_id for e in wave]
    if by_customer(wave[0]):
        newest = [int(e.data.get("interaction_id") or 0) for e in wave]
        await execute(conn, sql["stop_on_reply"], {"ids": ids, "newest": newest})
    elif (found := _STRUCK_OUT.get(_sort(wave[0]))) is not None:
        reason, kinds = found
        await execute(conn, sql["cancel"], {"ids": ids, "kinds": [k.value for k in kinds], "reason": reason})


def by_customer(event: LoggedEvent) -> bool:
    """Whether a person wrote to us what somebody may have to answer; robots never count."""
    said = event.kind == "interaction.created" and event.data.get("direction") == "in"
    return said and not event.data.get("automatic") and not asks_nothing(event)


def by_agent(event: LoggedEvent) -> bool:
    """Whether one of us answered."""
    return (
        event.kind == "interaction.created" and event.data.get("direction") == "out" and not event.data.get("automatic")
    )


def asks_nothing(event: LoggedEvent) -> bool:
    """Whether a person wrote what nobody has to answer: a reaction, a good score (see `hub.channels.quiet`)."""
    return event.kind == "interaction.created" and bool(event.data.get("quiet"))


def plans(event: LoggedEvent, context: Context, wait: Delays) -> Iterator[Plan]:
    """What an event makes follow."""
    if asks_nothing(event):
        yield from _rating(event, context)
    elif by_customer(event):
        yield from _after_customer(event, context, wait)
    elif by_agent(event) and wait.reminder and not capabilities_of(event.data.get("channel")).call:
        yield _plan_of(Kind.REMINDER, event, context.id, wait.reminder)
    elif event.kind == "conversation.resolved" and wait.satisfaction and _may_ask(event, context):
        yield _plan_of(Kind.SATISFACTION, event, context.id, wait.satisfaction, after=context.newest)
    elif event.kind == "conversation.snoozed":
        until = datetime.fromisoformat(str(event.data["until"]))
        yield Plan(f"wake:{context.id}:{event.id}", Kind.WAKE, context.id, until, payload={"after": context.newest})
    elif event.kind == "interaction.updated":
        yield _at_once(Kind.UNSENT, event, context.id)
    elif event.kind == "chat.left":
        yield _plan_of(Kind.ABANDON, event, context.id, 0, after=context.newest)
        if wait.missed_chat:
            yield _plan_of(Kind.MISSED_CHAT, event, context.id, wait.missed_chat, after=context.newest)
    elif event.kind == "call.missed":  # also without a text: then what is owed nothing is closed
        yield _plan_of(Kind.MISSED_CALL, event, context.id, wait.missed_call or _QUIET, after=context.newest)


def _may_ask(event: LoggedEvent, context: Context) -> bool:
    """Whether we ask how it was: once in a conversation, when one of us answered and one of us says that it is over.

    The chat asks in its own window.
    """
    ended = event.actor_id is not None and context.answered and not capabilities_of(context.channel).visit
    return ended and not context.rated and not context.asked


def _rating(event: LoggedEvent, context: Context) -> Iterator[Plan]:
    """A message to somebody who was asked how it was may answer that."""
    if context.asked:
        yield _at_once(Kind.RATING, event, context.id)


def _at_once(kind: Kind, event: LoggedEvent, conversation_id: int) -> Plan:
    """What is looked at as soon as it has happened to an interaction."""
    payload = {"interaction_id": event.data.get("interaction_id")}
    key = f"{kind.value}:{conversation_id}:{event.id}"
    return Plan(key, kind, conversation_id, event.at, stops_on_reply=False, payload=payload)


def _after_customer(event: LoggedEvent, context: Context, wait: Delays) -> Iterator[Plan]:
    yield from _rating(event, context)
    if not context.open_at(event.at) and not capabilities_of(context.channel).call:
        day = event.at.astimezone(ZoneInfo(context.timezone)).date()
        key = f"acknowledgement:{context.id}:{day}"
        yield Plan(key, Kind.ACKNOWLEDGEMENT, context.id, event.at, stops_on_reply=False)


def _plan_of(kind: Kind, event: LoggedEvent, conversation_id: int, seconds: int, after: int | None = None) -> Plan:
    known = int(event.data.get("interaction_id") or 0) if after is None else after
    due = event.at + timedelta(seconds=seconds)
    return Plan(f"{kind.value}:{conversation_id}:{event.id}", kind, conversation_id, due, payload={"after": known})
