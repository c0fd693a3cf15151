"""The hub's side of telephony: takes reports from connectors and says what a caller hears next."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from hub.calls import arrival, control, ivr, recordings, store
from hub.calls.events import CallUpdated
from hub.calls.store import LockedCall, sql
from hub.channels.accounts import Accounts
from hub.channels.calls import CallEvent, CallEventKind, Hangup, Step
from hub.channels.capabilities import capabilities_of
from hub.channels.model import Account
from hub.conversations import conversation
from hub.core import events, log
from hub.core.db import execute, fetch_dicts, fetch_value
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.core.identifiers import identifier
from hub.core.service import Core
from hub.core.texts import clean, clean_json

logger = log.get(__name__)
_REACHED: Mapping[CallEventKind, str] = {
    CallEventKind.INITIATED: "initiated",
    CallEventKind.RINGING: "ringing",
    CallEventKind.ANSWERED: "answered",
    CallEventKind.ENDED: "ended",
}
_PRESENCE = {CallEventKind.JOINED: True, CallEventKind.LEFT: False}
_HOLD = {CallEventKind.HELD: True, CallEventKind.UNHELD: False}
_MUTE = {CallEventKind.MUTED: True, CallEventKind.UNMUTED: False}
_SHOWN = frozenset({*_PRESENCE, *_HOLD, *_MUTE, CallEventKind.RINGING, CallEventKind.ANSWERED})


def _bounded(event: CallEvent) -> CallEvent:
    """The report under names that can be indexed, and with texts that can be kept."""
    return replace(
        event,
        leg=identifier(event.leg),
        dedup_key=identifier(event.dedup_key),
        sender=clean(event.sender),
        reason=clean(event.reason),
        words=clean(event.words),
        data=clean_json(event.data),
        raw=clean_json(event.raw),
    )


@asynccontextmanager
async def _refusing() -> AsyncGenerator[None]:
    """What the database will never take is refused instead of being reported to us again and again."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded) as error:
        raise Invalid(f"The report of a call could not be stored: {error.diag.message_primary}") from error


class Desk:
    """`hub.channels.calls.CallDesk` for every connector of this process."""

    def __init__(self, core: Core, accounts: Accounts):
        self._core = core
        self._accounts = accounts

    async def event(self, event: CallEvent) -> None:
        """Store a report and act on it; see `CallDesk.event`."""
        account, event = await self._account(event), _bounded(event)
        async with _refusing(), events.unit(self._core.db, self._core.feed) as unit:
            await self._receive(unit, account, event)

    async def steps(self, event: CallEvent, stage: str) -> list[Step]:
        """The same, and what is heard next; see `CallDesk.steps`."""
        account, event = await self._account(event), _bounded(event)
        async with _refusing(), events.unit(self._core.db, self._core.feed) as unit:
            held = await self._receive(unit, account, event)
            if held is None:
                logger.warning("call_unknown", leg=event.leg, stage=stage)
                return [Hangup()]
            return await ivr.next_steps(unit, account, held, event, stage)

    async def _account(self, event: CallEvent) -> Account:
        account = await self._accounts.get(event.account_id)
        if account is None or not capabilities_of(account.channel).call:
            raise Invalid("This account is no telephone number.")
        return account

    async def _receive(self, unit: Unit, account: Account, event: CallEvent) -> LockedCall | None:
        """Remember a report and settle the call; None when it is about no call of ours."""
        if event.kind is CallEventKind.INCOMING:
            call_id = await arrival.arrive(unit, account, event, account.settings.voice.locale)
            leg_id = event.leg_id
        else:
            place = {"account_id": account.id, "leg": event.leg, "leg_id": event.leg_id}
            rows = await fetch_dicts(unit.conn, sql["find"], place)
            if not rows and event.call_id is None:
                return None
            call_id = rows[0]["call_id"] if rows else event.call_id
            leg_id = rows[0]["leg_id"] if rows else None
        seen = await fetch_dicts(unit.conn, sql["call"], {"id": call_id})
        if not seen or seen[0]["account_id"] != account.id:
            return None
        await conversation.lock(unit.conn, seen[0]["conversation_id"])
        if event.kind is CallEventKind.ASKED or not await self._remember(unit, event, int(seen[0]["id"]), leg_id):
            return await store.lock_call(unit, int(seen[0]["id"]))
        held = await control.settle(unit, await store.lock_call(unit, int(seen[0]["id"])))
        if event.kind in _SHOWN:
            await self._show(unit, held)
        return held

    async def _show(self, unit: Unit, held: LockedCall) -> None:
        """Tell whoever is on the call that it looks different now."""
        for agent_id in sorted({leg.agent_id for leg in held.legs if leg.agent_id is not None and leg.live}):
            await unit.log(
                CallUpdated(call_id=held.call.id),
                conversation_id=held.call.conversation_id,
                agent_id=agent_id,
                on_conversation=False,
            )

    async def _remember(self, unit: Unit, event: CallEvent, call_id: int, leg_id: int | None) -> bool:
        """Store a report and what it says of its leg; False when it was here before."""
        values = {
            "account_id": event.account_id, "dedup_key": event.dedup_key, "call_id": call_id, "leg_id": leg_id,
            "kind": event.kind.value, "seq": event.seq, "at": event.at,
            "data": Jsonb({**event.data, **({"reason": event.reason} if event.reason else {})}),
            "raw": Jsonb(event.raw),
        }  # fmt: skip
        at = await fetch_value(unit.conn, sql["remember"], values)
        if at is None:
            return False
        if event.kind in (CallEventKind.RECORDED, CallEventKind.TRANSCRIBED):
            await recordings.receive(unit, call_id, event)
        if leg_id is not None:
            if event.leg:
                await execute(unit.conn, sql["name_leg"], {"id": leg_id, "leg": event.leg})
            await self._learn(unit, event, leg_id, at)
        return True

    async def _learn(self, unit: Unit, event: CallEvent, leg_id: int, at: Any) -> None:
        kind, seq = event.kind, event.seq if event.seq is not None else 0
        if kind in _REACHED:
            values = {"id": leg_id, "what": _REACHED[kind], "at": at, "reason": event.reason or "completed"}
            await execute(unit.conn, sql["leg_reached"], values)
        elif kind is CallEventKind.QUEUE_LEFT and event.reason == "hangup":
            values = {"id": leg_id, "what": "ended", "at": at, "reason": "completed"}
            await execute(unit.conn, sql["leg_reached"], values)
        elif kind in _PRESENCE:
            values = {"id": leg_id, "present": _PRESENCE[kind], "at": at, "seq": seq}
            await execute(unit.conn, sql["leg_present"], values)
        elif kind in _HOLD:
            await execute(unit.conn, sql["leg_held"], {"id": leg_id, "held": _HOLD[kind], "at": at, "seq": seq})
        elif kind in _MUTE:
            await execute(unit.conn, sql["leg_muted"], {"id": leg_id, "muted": _MUTE[kind]})
