"""What a process does for calls by itself: rings agents, performs commands, starts callbacks, sweeps.

Everything is found by looking at the record, so that a notification that was lost or a process that was killed costs a
second; several at once do no harm, since every step is a conditional change or a claimed command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, LiteralString

from hub.calls import callbacks, commands, control, devices, store
from hub.calls.callbacks import Due
from hub.calls.commands import Claimed
from hub.calls.events import CallFailed, CallRinging
from hub.calls.recordings import Keeper
from hub.calls.store import sql
from hub.channels.accounts import Accounts
from hub.channels.calls import CallControl, CallError, CallOutcome, Command, CommandKind, call_control
from hub.channels.capabilities import capabilities_of
from hub.channels.model import Account, Connector
from hub.conversations import conversation
from hub.core import events, log
from hub.core.clock import now
from hub.core.db import execute
from hub.core.errors import HubError, Unavailable
from hub.core.events import Unit
from hub.core.retry import Bad, ignore
from hub.core.service import Core
from hub.queues import entries, offers

logger = log.get(__name__)
_PERFORM = 20.0  # seconds for one command, less than its claim lasts
_OLD = 90.0  # seconds after which a telephone that reports nothing is asked about


class Runner:
    """One per process; `step` does what is due, `sweep` looks for what was left behind."""

    def __init__(self, core: Core, accounts: Accounts, connectors: dict[str, Connector], *, bad: Bad = ignore):
        """`bad` is told of a call or callback that breaks; the others go on."""
        self._core = core
        self._bad = bad
        self._accounts = accounts
        self._connectors = connectors
        self.keeper = Keeper(core, accounts, connectors)

    async def step(self) -> None:
        """Everything that is due now."""
        await self._each(sql["to_ring"], self._ring)
        await self._each(sql["to_stop"], self._stop)
        await self._each(sql["lost_agent"], self._lost)
        await self._each(sql["moved_away"], self._moved)
        await self._each(sql["to_call_off"], self._call_off)
        await self._callbacks()
        await self._core.db.execute(commands.sql["overtaken"])
        await self._core.db.execute(sql["unwrapped"])
        await self._recover()
        await self._perform()

    async def _each(self, query: LiteralString, work: Callable[[Unit, dict[str, Any]], Awaitable[None]]) -> None:
        for found in await self._core.db.dicts(query):
            try:
                async with events.unit(self._core.db, self._core.feed) as unit:
                    await work(unit, found)
            except Unavailable:
                raise
            except HubError as error:
                logger.info("call_changed_meanwhile", what=query, call=found["call_id"], error=error.detail)
            except Exception as error:  # noqa: BLE001 - one call must not keep the others from being answered
                self._bad(error, f"{query}, call {found['call_id']}")

    # -- agents --------------------------------------------------------------------------------------------------
    async def _ring(self, unit: Unit, row: dict[str, Any]) -> None:
        held = await store.lock_call(unit, row["call_id"])
        entry = await entries.live(unit.conn, held.call.conversation_id)
        if held.call.state != "queued" or entry is None or entry.agent_id != row["agent_id"]:
            return
        device = await devices.of(unit.conn, row["agent_id"])
        if device is None:
            await self._no_device(unit, row, entry.state)
            return
        leg_id = await store.add_leg(
            unit, held.call.id, "agent", device.endpoint, agent_id=row["agent_id"], offer_id=row["offer_id"]
        )
        if leg_id is None:
            return
        account = await self._accounts.get(held.call.account_id)
        record = bool(account and account.settings.voice.record)
        kind = CommandKind.RING_PRESS if device.kind == "phone" else CommandKind.RING
        await store.enqueue_command(
            unit, held.call, kind, f"ring:{leg_id}", leg_id=leg_id, seconds=row["seconds"], record=record
        )
        if record:
            await execute(unit.conn, sql["set_recording"], {"id": held.call.id, "recording": "on"})
        await store.log_event(unit, held.call, CallRinging, row["agent_id"])

    async def _no_device(self, unit: Unit, row: dict[str, Any], state: str) -> None:
        if state == "offered":
            await offers.decline(unit, row["offer_id"], row["agent_id"], "no telephone connected")
        else:
            await entries.release(unit, row["conversation_id"], reason="no telephone connected")

    async def _call_off(self, unit: Unit, row: dict[str, Any]) -> None:
        held = await store.lock_call(unit, row["call_id"])
        entry = await entries.live(unit.conn, held.call.conversation_id)
        if held.call.state != "queued" or (entry is not None and entry.state != "wrapping"):
            return  # reopened meanwhile
        await execute(unit.conn, sql["call_off"], {"call_id": held.call.id})
        await control.finish(unit, held, "cancelled")

    async def _stop(self, unit: Unit, row: dict[str, Any]) -> None:
        held = await store.lock_call(unit, row["call_id"])
        leg = held.leg(row["leg_id"])
        if leg is not None and leg.live:
            await control.hang_up(unit, held.call, leg)

    async def _lost(self, unit: Unit, row: dict[str, Any]) -> None:
        held = await store.lock_call(unit, row["call_id"])
        if held.call.direction == "out" and held.call.kind == "call":
            await control.finish(unit, held, "failed")
        elif held.call.state == "queued":
            await entries.release(unit, held.call.conversation_id, reason="the agent's telephone did not come")

    async def _moved(self, unit: Unit, row: dict[str, Any]) -> None:
        await control.park(unit, await store.lock_call(unit, row["call_id"]))

    async def _callbacks(self) -> None:
        for due in await self._core.db.all(Due, sql["due_callbacks"]):
            account = await self._accounts.get(due.account_id)
            if account is None:
                continue
            try:
                async with events.unit(self._core.db, self._core.feed) as unit:
                    await conversation.lock(unit.conn, due.conversation_id)
                    await callbacks.start(unit, account, due)
            except Unavailable:
                raise
            except HubError as error:
                logger.info("callback_waits", callback=due.id, error=error.detail)
            except Exception as error:  # noqa: BLE001 - as above
                self._bad(error, f"callback {due.id}")

    # -- commands ------------------------------------------------------------------------------------------------
    async def _perform(self) -> None:
        while claims := await commands.claim(self._core.db):
            await asyncio.gather(*[self._one(claim) for claim in claims])

    async def _one(self, claim: Claimed) -> None:
        crossed = False

        async def wire() -> None:
            nonlocal crossed
            await commands.wire(self._core.db, claim)
            crossed = True

        account = await self._accounts.get(claim.account_id)
        phone = self._control(account)
        made: str | None = None
        error: CallError | None = None
        try:
            if account is None or phone is None:
                raise CallError("The number is gone or cannot telephone.", outcome=CallOutcome.FAILED)
            async with asyncio.timeout(_PERFORM):
                made = await phone.perform(account, claim.command, wire)
        except commands.ClaimLost:
            return
        except CallError as refused:
            error = refused
        except TimeoutError:
            error = CallError("The provider did not answer in time.", outcome=CallOutcome.UNKNOWN)
        except Exception as unexpected:  # noqa: BLE001 - whatever a connector raises ends as a state, never as silence
            error = CallError(f"{type(unexpected).__name__}: {unexpected}", outcome=CallOutcome.UNKNOWN)
        await self._record(claim, made, error, crossed=crossed)

    async def _record(self, claim: Claimed, made: str | None, error: CallError | None, *, crossed: bool) -> None:
        state, wait = (
            ("done", 0.0) if error is None else commands.verdict(claim.kind, claim.attempt, error, crossed=crossed)
        )
        if error is not None:
            logger.warning("call_command_failed", kind=claim.kind, call=claim.call_id, state=state, error=error.detail)
        async with events.unit(self._core.db, self._core.feed) as unit:
            held = await store.lock_call(unit, claim.call_id)
            words = error.detail if error is not None else ""
            if not await commands.finish(unit.conn, claim.id, claim.attempt, state, words, wait):
                return
            leg = held.leg(claim.leg_id)
            if made is not None and claim.leg_id is not None:
                await execute(unit.conn, sql["name_leg"], {"id": claim.leg_id, "leg": made})
            if leg is not None and leg.live and (state == "gone" or (state == "failed" and leg.external_id is None)):
                await self._ended(unit, leg.id, "completed" if state == "gone" else "failed")
                await control.settle(unit, await store.reread(unit, held))
            if state == "failed" and leg is not None and leg.external_id is not None:
                await store.log_event(unit, held.call, CallFailed, held.call.agent_id, what=claim.kind, error=words)

    async def _ended(self, unit: Unit, leg_id: int, reason: str) -> None:
        values = {"id": leg_id, "what": "ended", "at": now(), "reason": reason}
        await execute(unit.conn, sql["leg_reached"], values)

    async def _recover(self) -> None:
        """Claims whose process is gone: tried again, unless somebody's telephone may be ringing."""
        async with self._core.db.connection() as conn:
            gone = await commands.expired(conn)
            for one in gone:
                error = CallError("The process stopped while asking.", outcome=CallOutcome.UNKNOWN)
                state, wait = commands.verdict(one.kind, one.attempt, error, crossed=one.state == "wire")
                await commands.finish(conn, one.id, one.attempt, state, error.detail, wait)

    def _control(self, account: Account | None) -> CallControl | None:
        return call_control(self._connectors.get(account.connector)) if account is not None else None

    # -- sweeping ------------------------------------------------------------------------------------------------
    async def sweep(self, age: float = _OLD) -> int:
        """Compare the record with what the providers say is up; how many telephones were put right."""
        found = 0
        accounts = [a for a in (await self._accounts.all()).values() if capabilities_of(a.channel).call and a.enabled]
        for account in accounts:
            phone = self._control(account)
            if phone is None:
                continue
            try:
                live = await phone.live(account)
                found += await self._strangers(account, phone, [one.leg for one in live])
                found += await self._silent(account, phone, frozenset(one.leg for one in live), age)
            except CallError as error:
                logger.warning("calls_not_swept", account=account.key, error=error.detail)
        return found

    async def _strangers(self, account: Account, phone: CallControl, legs: Sequence[str]) -> int:
        """Telephones that are up though their call is over: nobody pays for a line with nobody on it."""
        found = 0
        for name in legs:
            rows = await self._core.db.dicts(sql["leg_by_name"], {"leg": name})
            if rows and rows[0]["over"]:
                await phone.perform(account, _hang_up(rows[0]["call_id"], rows[0]["id"], name), _nothing)
                logger.warning("orphan_hung_up", call=rows[0]["call_id"], leg=rows[0]["id"])
                found += 1
        return found

    async def _silent(self, account: Account, phone: CallControl, live: frozenset[str], age: float) -> int:
        """Telephones whose end was never reported."""
        found = 0
        for silent in await self._core.db.dicts(sql["silent_legs"], {"age": age}):
            if silent["account_id"] != account.id or silent["external_id"] in live:
                continue
            how = await phone.state(account, silent["external_id"]) if silent["external_id"] else "failed"
            if how is None:
                continue
            async with events.unit(self._core.db, self._core.feed) as unit:
                held = await store.lock_call(unit, silent["call_id"])
                await self._ended(unit, silent["id"], how)
                await control.settle(unit, await store.reread(unit, held))
            logger.warning("silent_leg_ended", call=silent["call_id"], leg=silent["id"], how=how)
            found += 1
        return found


def _hang_up(call_id: int, leg_id: int, name: str) -> Command:
    return Command(0, CommandKind.HANG_UP, call_id, leg_id, "", name, "", "", "", 1, {})


async def _nothing() -> None:
    """The sweeper's hang-ups need no line to cross: they can be repeated."""
