"""What follows from what is known of a call.

Reports come twice, late and out of order, so nothing here reacts to a report as such. They change what is known of
the legs; then `settle` looks at the whole call and does what is due, each step one conditional change: an agent who is
in the room claims the offer, the customer is brought to them, who is left alone is let go, and the end is the end.
"""

from __future__ import annotations

from datetime import datetime

from psycopg.types.json import Jsonb

from hub.calls import store, wording
from hub.calls.events import CallConnecting, CallEnded, CallMissed, CallQueued, CallTalking, CallTransferred
from hub.calls.model import Call, Leg
from hub.calls.store import LockedCall, sql
from hub.channels.calls import CommandKind
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.conversations import actions, lifecycle
from hub.core.clock import now
from hub.core.db import execute, fetch_dicts, fetch_value
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.messages.events import InteractionUpdated
from hub.queues import entries, offers

_UNREACHED = {"busy": "busy", "no_answer": "no_answer", "canceled": "no_answer"}


async def settle(unit: Unit, held: LockedCall) -> LockedCall:
    """Do what is due; the call as it is then."""
    customer = held.customer
    if not held.call.over and customer is not None and not customer.live and held.call.state != "menu":
        await _customer_gone(unit, held, customer)
    elif not held.call.over and customer is not None and not customer.live:
        await finish(unit, held, "left_menu")
    elif not held.call.over:
        await _bring_together(unit, held)
    held = await store.reread(unit, held)
    if held.call.over:
        await _let_go(unit, held)
    if held.call.answered_at is not None or held.call.over:
        await store.count(unit, held)
    return held


# -- agents come in --------------------------------------------------------------------------------------------------
async def _bring_together(unit: Unit, held: LockedCall) -> None:
    call = held.call
    for leg in held.alive("agent"):
        waits = call.state == "queued" and not leg.consult and not leg.leaving
        if waits and leg.present and not await _claim(unit, call, leg):
            await hang_up(unit, call, leg)
    held = await store.reread(unit, held)
    customer = held.customer
    if held.call.state == "connecting" and customer is not None and customer.present:
        await _talking(unit, held)
    held = await store.reread(unit, held)
    await _missing_agents(unit, held)


async def _claim(unit: Unit, call: Call, leg: Leg) -> bool:
    """The agent is in the room: the call is theirs unless somebody else has it, or it is gone."""
    entry = await entries.live(unit.conn, call.conversation_id)
    if entry is None or leg.agent_id is None:
        return False
    try:
        if not (entry.state == "assigned" and entry.agent_id == leg.agent_id):
            await offers.accept(unit, leg.offer_id or 0, leg.agent_id)
    except offers.OfferGone:
        return False
    if not await store.transition(unit, call, "connecting", "queued", agent_id=leg.agent_id):
        return False
    await fetch_customer(unit, call, leg)
    await store.log_event(unit, call, CallConnecting, leg.agent_id)
    return True


async def fetch_customer(unit: Unit, call: Call, leg: Leg) -> None:
    """Bring the customer to the agent's room: the caller who waits, or by calling them."""
    held = await store.reread(unit, LockedCall(call, ()))
    customer = held.customer
    if customer is not None and customer.live:
        await store.enqueue_command(unit, call, CommandKind.SEND, f"join:{leg.id}", leg_id=customer.id, stage="join")
        return
    leg_id = await store.add_leg(unit, call.id, "customer", call.number)
    await store.enqueue_command(unit, call, CommandKind.RING, f"ring:{leg_id}", leg_id=leg_id, seconds=40, ends=True)


async def _talking(unit: Unit, held: LockedCall) -> None:
    call = held.call
    if await store.transition(unit, call, "talking", "connecting", at=_met(held)):
        await store.touch(unit, call.conversation_id, wording.TALKING, answered=True)
        await store.log_event(unit, call, CallTalking, call.agent_id)


def _met(held: LockedCall) -> datetime:
    """When both were in the room: the later of the two arrivals, as reported."""
    customer = held.customer
    agents = [leg.joined_at for leg in held.legs if leg.role == "agent" and leg.joined_at]
    moments = [m for m in (customer.joined_at if customer else None, min(agents, default=None)) if m]
    return max(moments, default=now())


# -- agents leave, or never come -------------------------------------------------------------------------------------
async def _missing_agents(unit: Unit, held: LockedCall) -> None:
    call = held.call
    for leg in held.legs:
        if leg.role == "agent" and not leg.live and leg.joined_at is None and leg.offer_id is not None:
            await _not_reached(unit, call, leg)
    if call.state not in ("connecting", "talking"):
        return
    for leg in held.legs:
        if leg.consult and not leg.live:
            await off_hold(unit, held, leg)
    there = [leg for leg in held.alive("agent", "third") if leg.present]
    here = [leg for leg in there if not leg.leaving]  # who was told to leave takes nothing over any more
    if (new := next((leg for leg in here if leg.mode == "takeover"), None)) is not None:
        await take_over(unit, held, new)
    elif here and all(leg.consult for leg in here):
        await take_over(unit, held, here[0])
    elif not there and any(leg.role == "agent" and leg.joined_at for leg in held.legs):
        await _left_alone(unit, held)
    elif (heir := _heir(held, here)) is not None:
        await _record_owner(unit, held, heir)
        await store.log_event(unit, call, CallTransferred, call.agent_id, heir.agent_id)


def _heir(held: LockedCall, here: list[Leg]) -> Leg | None:
    """Who of several has the call when whoever had it has left: the agent who has been there longest."""
    owner = held.call.agent_id
    if owner is None or any(leg.agent_id == owner for leg in held.alive("agent")):
        return None
    return next((leg for leg in here if leg.role == "agent" and not leg.consult), None)


def hold_for(leg_id: int) -> str:
    """The key of putting the customer on hold while somebody is asked."""
    return f"hold-for:{leg_id}"


async def ringing_on(unit: Unit, held: LockedCall) -> bool:
    """Whether somebody whom the call was handed to still rings; the customer is on hold then, as the agent leaves."""
    customer, heir = held.customer, next((leg for leg in held.legs if leg.heir and leg.asked), None)
    if heir is None or customer is None or not customer.live:
        return False
    await store.enqueue_command(unit, held.call, CommandKind.HOLD, hold_for(heir.id), leg_id=customer.id)
    return True


async def _left_for(unit: Unit, held: LockedCall) -> bool:
    """Whether the agent has left the customer to somebody who then never came."""
    keys = [f"{held.call.id}:{hold_for(leg.id)}" for leg in held.legs if leg.heir]
    return any([await fetch_value(unit.conn, sql["held_for"], {"key": key}) for key in keys])


async def off_hold(unit: Unit, held: LockedCall, asked: Leg) -> None:
    """Whoever was asked is not: if the customer was put on hold for that, they are with the agent again. Once."""
    customer = held.customer
    key = {"key": f"{held.call.id}:{hold_for(asked.id)}"}
    if customer is not None and customer.live and await fetch_value(unit.conn, sql["held_for"], key):
        await store.enqueue_command(unit, held.call, CommandKind.UNHOLD, f"unhold-for:{asked.id}", leg_id=customer.id)


async def take_over(unit: Unit, held: LockedCall, new: Leg) -> None:
    """Who was asked, or whom the call was handed to, has it now: the others leave, the customer is off hold."""
    call, customer = held.call, held.customer
    await execute(unit.conn, sql["leg_takes_over"], {"id": new.id})
    if customer is not None and (customer.held or await _on_hold(unit, customer)):
        await store.enqueue_command(unit, call, CommandKind.UNHOLD, f"unhold-for:{new.id}", leg_id=customer.id)
    for leg in held.alive("agent", "third"):
        if leg.id != new.id:
            await hang_up(unit, call, leg)
    await _record_owner(unit, held, new)
    await store.log_event(unit, call, CallTransferred, call.agent_id, new.agent_id)


async def _on_hold(unit: Unit, customer: Leg) -> bool:
    """Whether they are being put on hold, though nothing was reported of it yet."""
    return await fetch_value(unit.conn, sql["last_hold"], {"leg_id": customer.id}) == CommandKind.HOLD


async def _record_owner(unit: Unit, held: LockedCall, new: Leg) -> None:
    """The conversation, its work and the call are an agent's now; what others did before stays in their entries."""
    call = held.call
    entry = await entries.live(unit.conn, call.conversation_id)
    if new.agent_id is None or (entry is not None and entry.agent_id == new.agent_id == call.agent_id):
        return
    if entry is None or entry.agent_id != new.agent_id:
        await entries.close(unit, call.conversation_id, "transferred")
        await entries.pull(unit, call.conversation_id, new.agent_id)
        entry = await entries.live(unit.conn, call.conversation_id)
    place = {"id": call.id, "queue_id": call.queue_id, "entry_id": entry.id if entry else None}
    await execute(unit.conn, sql["set_place"], place)
    await execute(unit.conn, sql["set_agent"], {"id": call.id, "agent_id": new.agent_id})
    await execute(unit.conn, sql["set_speaker"], {"id": call.interaction_id, "agent_id": new.agent_id})


async def _not_reached(unit: Unit, call: Call, leg: Leg) -> None:
    """Their telephone did not answer: the offer goes on to somebody else, the place kept."""
    assert leg.offer_id is not None and leg.agent_id is not None  # noqa: S101, PT018 - asked by the only caller
    try:
        if leg.end_reason in ("busy", "canceled", "completed"):
            await offers.decline(unit, leg.offer_id, leg.agent_id, f"phone {leg.end_reason}")
        else:
            await offers.time_out(unit, leg.offer_id, early=True)
    except offers.OfferGone:
        return


async def _left_alone(unit: Unit, held: LockedCall) -> None:
    """No agent is left. Before the customer was there they go back to their place, afterwards the call is over.

    Who was handed to somebody who never came waits for an agent again.
    """
    call, customer = held.call, held.customer
    if await ringing_on(unit, held):
        return
    if call.state == "connecting" and call.direction == "in":
        await entries.release(unit, call.conversation_id, reason="the agent's telephone left")
        await park(unit, held)
        return
    reason = "nobody answered where the call was handed to"
    if await _left_for(unit, held) and await entries.release(unit, call.conversation_id, reason=reason):
        await park(unit, held)
        return
    if customer is not None and customer.live:
        await hang_up(unit, call, customer)


async def park(unit: Unit, held: LockedCall) -> None:
    """The customer waits again: their conversation has gone to a queue, or to another agent."""
    call, customer = held.call, held.customer
    if customer is None or not customer.live:
        return
    entry = await entries.live(unit.conn, call.conversation_id)
    if entry is None or not await store.transition(unit, call, "queued", "connecting", "talking"):
        return
    place = {"id": call.id, "queue_id": entry.queue_id, "entry_id": entry.id}
    await execute(unit.conn, sql["set_place"], place)
    await store.enqueue_command(unit, call, CommandKind.SEND, f"park:{entry.id}", leg_id=customer.id, stage="park")
    for leg in held.alive("agent", "third", "supervisor"):
        await hang_up(unit, call, leg)
    await store.log_event(unit, call, CallQueued, call.agent_id)


# -- the end ---------------------------------------------------------------------------------------------------------
async def _customer_gone(unit: Unit, held: LockedCall, customer: Leg) -> None:
    call = held.call
    if call.state == "talking" or call.answered_at is not None:
        await finish(unit, held, "answered")
    elif call.state == "voicemail":
        await finish(unit, held, "voicemail")
    elif call.direction == "out":
        await finish(unit, held, _UNREACHED.get(customer.end_reason or "", "failed"))
    elif customer.present or customer.joined_at is not None:
        await finish(unit, held, "answered")
    else:
        await finish(unit, held, "abandoned")


async def finish(unit: Unit, held: LockedCall, outcome: str) -> None:
    """The call is over, once: the queue, the conversation and the record say so."""
    call, customer = held.call, held.customer
    at = customer.ended_at if customer is not None and customer.ended_at else now()
    if await fetch_value(unit.conn, sql["end"], {"id": call.id, "at": at, "outcome": outcome}) is None:
        return
    await _free_queue(unit, call, outcome)
    missed = outcome in ("abandoned", "closed", "left_menu")
    tried = {"call_id": call.id, "answered": outcome == "answered"}
    in_vain = await fetch_value(unit.conn, sql["callback_tried"], tried)  # what was promised is an agent's to see to
    waiting = outcome == "voicemail" or ((outcome == "abandoned" or bool(in_vain)) and _reachable(call.number))
    await _describe(unit, held, outcome, waiting=waiting)
    await lifecycle.give_back(unit, call.conversation_id)  # who was not reached, or left a message, still waits for us
    if missed and not _reachable(call.number):  # others get a text first (`hub.automation`)
        await actions.resolve_when_nothing_is_owed(unit, call.conversation_id)
    agents = {leg.agent_id for leg in held.legs if leg.live}
    await store.log_event(unit, call, CallEnded, call.agent_id, *agents, outcome=outcome)
    if missed and call.direction == "in":
        await unit.log(CallMissed(call_id=call.id), conversation_id=call.conversation_id)
    unit.notify("log")


async def _describe(unit: Unit, held: LockedCall, outcome: str, *, waiting: bool = False) -> None:
    """Write what the record says of a call that is over."""
    call = held.call
    talked = outcome == "answered"
    agents = (
        [row["name"] for row in await fetch_dicts(unit.conn, sql["talked"], {"call_id": call.id})] if talked else []
    )
    by_us = talked and await _ended_by_us(unit, held)
    said = wording.ended(call.direction, outcome, agents=agents, by_us=by_us)
    values = {"id": call.interaction_id, "text": said.text, "said": Jsonb(said.row())}
    await execute(unit.conn, sql["tell_interaction"], values)
    await store.touch(unit, call.conversation_id, said, waiting=waiting)
    await unit.log(InteractionUpdated(interaction_id=call.interaction_id), conversation_id=call.conversation_id)


def _reachable(number: str) -> bool:
    """Whether a caller can be called again: not one without a number."""
    try:
        normalise(AddressKind.PHONE, number)
    except Invalid:
        return False
    return True


async def _free_queue(unit: Unit, call: Call, outcome: str) -> None:
    entry = await entries.live(unit.conn, call.conversation_id)
    if entry is None or entry.id != call.entry_id or outcome == "callback":
        return
    if outcome == "answered":
        await lifecycle.start_wrap_up(unit, call.conversation_id, "resolved")
    elif entry.state in ("waiting", "offered", "assigned"):
        how = "abandoned" if outcome == "abandoned" else outcome
        await entries.close(unit, call.conversation_id, how)


async def _ended_by_us(unit: Unit, held: LockedCall) -> bool:
    """Whether an agent ended it by the button. Whose telephone went first is no proof: reports overtake each other."""
    customer = held.customer
    return customer is not None and bool(await fetch_value(unit.conn, sql["hung_up_by_us"], {"leg_id": customer.id}))


async def _let_go(unit: Unit, held: LockedCall) -> None:
    """Nobody stays on the line of a call that is over."""
    for leg in held.alive("agent", "third", "supervisor"):
        await hang_up(unit, held.call, leg)


async def hang_up(unit: Unit, call: Call, leg: Leg) -> None:
    """End a telephone, once."""
    await store.enqueue_command(unit, call, CommandKind.HANG_UP, f"hang-up:{leg.id}", leg_id=leg.id)


async def end_customer(unit: Unit, held: LockedCall, agent_id: int) -> None:
    """End the customer's telephone because an agent pressed the button: the record says so."""
    call, customer = held.call, held.customer
    if customer is None or not customer.live:
        return
    await store.enqueue_command(
        unit, call, CommandKind.HANG_UP, f"hang-up:{customer.id}", leg_id=customer.id, by_agent=agent_id
    )


async def gone(unit: Unit, held: LockedCall, leg: Leg) -> None:
    """The provider says a telephone is no more (21220 and its like): what it reported may be late or lost."""
    at = now()
    await execute(unit.conn, sql["leg_reached"], {"id": leg.id, "what": "ended", "at": at, "reason": "completed"})
    await settle(unit, await store.reread(unit, held))
