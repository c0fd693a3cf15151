"""Being called back: at once in the kept place, or at a time agreed on. What callers enter is dialled with care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import phonenumbers
from phonenumbers import PhoneNumberType

from hub.calls import arrival, control, store
from hub.calls.events import CallQueued
from hub.calls.ivr_settings import CallFlow
from hub.calls.store import LockedCall, sql
from hub.channels.model import Account
from hub.contacts.numbers import is_withheld
from hub.contacts.store import Found
from hub.conversations import conversation
from hub.core.db import execute, fetch_one, fetch_value
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit
from hub.queues import entries

_COSTLY = frozenset(
    {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER, PhoneNumberType.UAN}
)


@dataclass(frozen=True, slots=True)
class Due:
    """A callback whose time has come."""

    id: int
    conversation_id: int
    account_id: int
    number: str
    queue_id: int
    agent_id: int | None
    entered_at: datetime | None


def allowed(flow: CallFlow, number: str) -> bool:
    """Whether we dial it: a whole number, told, in a country we call, and not one that earns somebody money."""
    if is_withheld(number):
        return False
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(parsed)
        and str(parsed.country_code) in flow.dial_codes
        and phonenumbers.number_type(parsed) not in _COSTLY
    )


async def possible(unit: Unit, flow: CallFlow, held: LockedCall) -> bool:
    """Whether a caller who waits can be called back in their place: the offer and the key go by this alone.

    Their number must be told and one that we dial, they must wait in a queue, and have been promised no callback yet.
    """
    call, customer = held.call, held.customer
    if not (flow.callback and call.state == "queued" and call.direction == "in" and call.queue_id):
        return False
    if customer is None or not customer.live or not allowed(flow, call.number):
        return False
    place = {"account_id": call.account_id, "number": call.number}
    return not await fetch_value(unit.conn, sql["callback_promised"], place)


async def check_number(unit: Unit, flows: Sequence[CallFlow], number: str) -> None:
    """`Invalid` unless one of these numbers of ours may ever call that number, which is none of our own."""
    if not any(allowed(flow, number) for flow in flows):
        raise Invalid(
            "This number is not called from here.",
            code="call.not_allowed",
            fields={"number": "check it, or the countries allowed"},
        )
    if await fetch_value(unit.conn, sql["ours"], {"number": number}):
        raise Invalid(
            "This is a number of our own.",
            code="call.our_number",
            fields={"number": "choose a queue or an agent instead"},
        )


async def check_dial(unit: Unit, account: Account, number: str) -> None:
    """`Invalid` or `Conflict` unless this number of ours may call that number now."""
    flow: CallFlow = account.settings.voice
    await check_number(unit, [flow], number)
    lately = int(await fetch_value(unit.conn, sql["dialled_lately"], {"account_id": account.id}))
    if lately >= flow.dial_per_hour:
        raise Conflict(
            "This number has made its calls for this hour.",
            code="call.spent",
            remedy="Try later, or raise dial_per_hour.",
        )


async def keep_place(unit: Unit, account: Account, held: LockedCall, entered_at: datetime) -> None:
    """The caller hangs up and keeps their place: the call ends as a callback, its successor waits with its age."""
    call = held.call
    await control.finish(unit, held, "callback")
    await entries.close(unit, call.conversation_id, "callback")
    values = {
        "conversation_id": call.conversation_id, "account_id": call.account_id, "number": call.number,
        "queue_id": call.queue_id, "agent_id": None, "due_at": None, "entered_at": entered_at, "note": "",
        "created_by": None,
    }  # fmt: skip
    callback_id = await fetch_value(unit.conn, sql["keep_callback"], values)
    if callback_id is not None:
        due = Due(callback_id, call.conversation_id, account.id, call.number, call.queue_id or 0, None, entered_at)
        await start(unit, account, due)


async def give_way(unit: Unit, conversation_id: int) -> bool:
    """What waits to be called back makes room for the call itself; whether something did."""
    entry = await entries.live(unit.conn, conversation_id)
    if entry is None or entry.channel not in ("missed_call", "voicemail") or entry.state not in ("waiting", "offered"):
        return False
    return await entries.close(unit, conversation_id, "callback")


async def start(unit: Unit, account: Account, due: Due) -> int | None:
    """Let a callback wait for an agent; its call, or None when somebody else did."""
    if await fetch_value(unit.conn, sql["lock_callback"], {"id": due.id}) is None:
        return None
    place = {"conversation_id": due.conversation_id, "number": due.number}
    address = await fetch_one(unit.conn, Found, sql["customer_address"], place)
    if address is None:
        return None
    begun = arrival.Beginning(
        account,
        due.number,
        "out",
        kind="callback",
        state="queued",
        conversation_id=due.conversation_id,
        queue_id=due.queue_id,
    )
    call_id = await arrival.begin(unit, begun, address)
    await entries.reopen(unit, await conversation.lock(unit.conn, due.conversation_id), None)  # perhaps it was over
    await give_way(unit, due.conversation_id)
    entry_id = await entries.enqueue(
        unit,
        due.conversation_id,
        due.queue_id,
        channel="voice",
        entered_at=due.entered_at,
        sticky_agent_id=due.agent_id,
        sticky_seconds=300 if due.agent_id else 0,
    )
    if entry_id is None:
        raise Conflict("The conversation is being worked on; the callback waits.", code="call.callback_waits")
    await execute(unit.conn, sql["set_place"], {"id": call_id, "queue_id": due.queue_id, "entry_id": entry_id})
    await fetch_value(unit.conn, sql["start_callback"], {"id": due.id, "call_id": call_id})
    held = await store.lock_call(unit, call_id)
    await store.log_event(unit, held.call, CallQueued)
    unit.notify("calls")
    return call_id
