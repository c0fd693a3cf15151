"""What people do with a call: hold, mute, keys, transfer, consult, listen, record, dial, wrap up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from hub.calls import arrival, callbacks, control, devices, store
from hub.calls.events import CallbackScheduled, CallMonitored, CallUpdated, CallWrapped
from hub.calls.model import Leg
from hub.calls.store import LockedCall, sql
from hub.channels.calls import CommandKind
from hub.channels.model import Account, AddressKind
from hub.contacts import store as contacts
from hub.contacts.identity import normalise
from hub.conversations import actions as conversations
from hub.conversations import conversation
from hub.core.db import execute, fetch_value
from hub.core.errors import Conflict, Forbidden, Invalid
from hub.core.events import Unit
from hub.queues import entries

_KEYS = re.compile(r"^[0-9*#w]{1,40}$")
_MODES = frozenset({"listen", "whisper", "barge"})


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call goes to: exactly one of these."""

    queue_id: int | None = None
    agent_id: int | None = None
    number: str | None = None


async def mine(unit: Unit, call_id: int, agent_id: int) -> tuple[LockedCall, Leg]:
    """A live call and the agent's own telephone on the line.

    `Forbidden` for who has none in it; `Conflict` for whom it only rings, and who is leaving it.
    """
    held, leg = await _called(unit, call_id, agent_id)
    if not leg.present:
        raise Conflict("You are not on the line yet.", code="call.not_on_line", remedy="Answer your telephone first.")
    if leg.leaving:
        raise Conflict("You are leaving this call.", code="call.leaving")
    return held, leg


async def _called(unit: Unit, call_id: int, agent_id: int) -> tuple[LockedCall, Leg]:
    """The same, of somebody whose telephone may still ring; never for a mere offer."""
    held = await store.lock_call(unit, call_id)
    leg = held.agent_leg(agent_id)
    if leg is None or held.call.over:
        raise Forbidden("You are not on this call.", code="call.not_yours")
    if leg.offered:
        raise Conflict("You have not taken this call.", code="call.not_taken", remedy="Answer or decline the offer.")
    return held, leg


def _nobody_asked(held: LockedCall) -> None:
    """`Conflict` while somebody is asked, or rings to take the call over: it can go to one alone."""
    if any(leg.asked for leg in held.alive("agent", "third")):
        raise Conflict(
            "Somebody is being asked already.",
            code="call.asking",
            remedy="Wait for their answer, or go back to the customer.",
        )


def _customer(held: LockedCall) -> Leg:
    customer = held.customer
    if customer is None or not customer.live or not customer.present:
        raise Conflict("The customer is not on the line.", code="call.no_customer")
    return customer


async def hold(unit: Unit, call_id: int, agent_id: int, *, on: bool) -> None:
    """Put the customer on hold, or take them off it."""
    held, _ = await mine(unit, call_id, agent_id)
    await _hold(unit, held, on=on)


async def _hold(unit: Unit, held: LockedCall, *, on: bool) -> None:
    kind = CommandKind.HOLD if on else CommandKind.UNHOLD
    await store.enqueue_command(unit, held.call, kind, await _fresh(unit, kind), leg_id=_customer(held).id)


async def _fresh(unit: Unit, kind: CommandKind) -> str:
    """A key for what may be asked again and again; asked twice by accident it does no harm."""
    return f"{kind.value}:{await fetch_value(unit.conn, store.sql['moment'])}"


async def mute(unit: Unit, call_id: int, agent_id: int, *, on: bool) -> None:
    """Mute oneself."""
    held, leg = await mine(unit, call_id, agent_id)
    kind = CommandKind.MUTE if on else CommandKind.UNMUTE
    await store.enqueue_command(unit, held.call, kind, await _fresh(unit, kind), leg_id=leg.id)


async def press(unit: Unit, call_id: int, agent_id: int, keys: str) -> None:
    """Press keys towards the customer's end: for the menus of others."""
    if not _KEYS.match(keys):
        raise Invalid(
            "These are no keys of a telephone.", code="call.keys", fields={"keys": "0-9, *, # and w for a pause"}
        )
    held, _ = await mine(unit, call_id, agent_id)
    target, key = _customer(held), await _fresh(unit, CommandKind.KEYS)
    await store.enqueue_command(unit, held.call, CommandKind.KEYS, key, leg_id=target.id, keys=keys)


async def hang_up(unit: Unit, call_id: int, agent_id: int) -> None:
    """Leave; who talked to the customer alone ends the call. A caller who is only being fetched waits on.

    A customer who was handed over rings on at whom they were handed to: that is no longer the agent's to end.
    """
    held, leg = await _called(unit, call_id, agent_id)
    others = [x for x in held.alive("agent", "third") if x.id != leg.id and x.present and not x.leaving]
    theirs = leg.role == "agent" and leg.present and not leg.leaving and not others
    fetched = held.call.direction == "out" or held.call.state == "talking"
    if theirs and fetched and not await control.ringing_on(unit, held):
        await control.end_customer(unit, held, agent_id)
    await control.hang_up(unit, held.call, leg)


async def recording(unit: Unit, call_id: int, agent_id: int, *, on: bool) -> None:
    """Pause the recording while card numbers are said, or go on."""
    held, leg = await mine(unit, call_id, agent_id)
    kind = CommandKind.RESUME_RECORDING if on else CommandKind.PAUSE_RECORDING
    await store.enqueue_command(unit, held.call, kind, await _fresh(unit, kind), leg_id=leg.id)
    await execute(unit.conn, sql["set_recording"], {"id": call_id, "recording": "on" if on else "paused"})
    await store.log_event(unit, held.call, CallUpdated, agent_id)


# -- handing over ----------------------------------------------------------------------------------------------------
async def transfer(unit: Unit, account: Account, call_id: int, agent_id: int, to: Target) -> None:
    """Hand over without asking: to a queue or an agent the customer waits again, their age kept; a number is rung."""
    if sum(x is not None for x in (to.queue_id, to.agent_id, to.number)) != 1:
        raise Invalid("Name one target.", code="transfer.nowhere", fields={"queue_id": "this, agent_id or number"})
    held, _ = await mine(unit, call_id, agent_id)
    _nobody_asked(held)
    _customer(held)
    if to.number is not None:
        await _ring_number(unit, account, held, to.number, mode="takeover")
        return
    # A transfer is of the conversation, whose channel may have changed by a message sent meanwhile.
    await conversation.call_begun(unit.conn, held.call.conversation_id)
    await entries.transfer(
        unit, held.call.conversation_id, queue_id=to.queue_id, agent_id=to.agent_id, actor_id=agent_id
    )
    await control.park(unit, await store.reread(unit, held))


async def consult(unit: Unit, account: Account, call_id: int, agent_id: int, to: Target) -> None:
    """Ask an agent, whoever of a queue is free, or a number for advice: the customer is on hold meanwhile."""
    if sum(x is not None for x in (to.queue_id, to.agent_id, to.number)) != 1:
        raise Invalid("Name one target.", code="transfer.nowhere", fields={"agent_id": "this, queue_id or number"})
    held, _ = await mine(unit, call_id, agent_id)
    _nobody_asked(held)
    customer = _customer(held)
    if to.number is not None:
        asked = await _ring_number(unit, account, held, to.number, consult=True)
    else:
        whom = to.agent_id or (await _free(unit, to.queue_id, agent_id) if to.queue_id is not None else 0)
        await _check_asked(unit, whom, agent_id)
        asked = await ring_agent(unit, held, whom, consult=True)
    if await fetch_value(unit.conn, sql["last_hold"], {"leg_id": customer.id}) != CommandKind.HOLD:
        # Under a key of the asking: should it come to nothing, the customer is with the agent again (`control`).
        await store.enqueue_command(unit, held.call, CommandKind.HOLD, control.hold_for(asked), leg_id=customer.id)


async def _check_asked(unit: Unit, asked: int, agent_id: int) -> None:
    """`Invalid` or `Conflict` where asking cannot lead to an answer: the customer is not put on hold for it."""
    if asked == agent_id:
        raise Invalid("That is you.", code="call.yourself", fields={"agent_id": "choose somebody else"})
    if await fetch_value(unit.conn, sql["on_the_phone"], {"agent_id": asked}):
        raise Conflict("They are on another call.", code="call.busy", remedy="Ask somebody else, or try again later.")


async def _free(unit: Unit, queue_id: int, agent_id: int) -> int:
    found = await fetch_value(unit.conn, sql["free_in_queue"], {"queue_id": queue_id, "agent_id": agent_id})
    if found is None:
        raise Conflict(
            "Nobody of that queue is free.",
            code="call.nobody_free",
            remedy="Hand the call over to the queue instead, or try later.",
        )
    return int(found)


async def ring_agent(  # noqa: PLR0913 - how somebody is rung, nearly all optional
    unit: Unit,
    held: LockedCall,
    agent_id: int,
    *,
    role: str = "agent",
    consult: bool = False,
    mode: str = "talk",
    coached: str | None = None,
) -> int:
    """Ring an agent's telephone into a call; the new leg."""
    device = await devices.of(unit.conn, agent_id)
    if device is None:
        raise Conflict("They have no telephone connected.", code="call.no_device")
    if held.agent_leg(agent_id) is not None:
        raise Conflict("They are on this call already.", code="call.already_there")
    leg_id = await store.add_leg(
        unit, held.call.id, role, device.endpoint, agent_id=agent_id, consult=consult, mode=mode
    )
    assert leg_id is not None  # noqa: S101 - only an offer's leg can be there already
    press_first = device.kind == "phone" and role == "agent"
    kind = CommandKind.RING_PRESS if press_first else CommandKind.RING
    extra = {"coached": coached} if coached else {}
    await store.enqueue_command(unit, held.call, kind, f"ring:{leg_id}", leg_id=leg_id, seconds=30, mode=mode, **extra)
    await store.log_event(unit, held.call, CallUpdated, held.call.agent_id, agent_id)
    return leg_id


async def _ring_number(
    unit: Unit, account: Account, held: LockedCall, number: str, *, consult: bool = False, mode: str = "talk"
) -> int:
    whole = normalise(AddressKind.PHONE, number, field="number")
    if whole == held.call.number:
        raise Invalid(
            "That is the customer's own number.", code="call.customers_number", fields={"number": "choose another"}
        )
    await callbacks.check_dial(unit, account, whole)
    leg_id = await store.add_leg(unit, held.call.id, "third", whole, consult=consult, mode=mode)
    assert leg_id is not None  # noqa: S101 - only an offer's leg can be there already
    await store.enqueue_command(unit, held.call, CommandKind.RING, f"ring:{leg_id}", leg_id=leg_id, seconds=40)
    await store.log_event(unit, held.call, CallUpdated, held.call.agent_id)
    return leg_id


async def finish_consult(unit: Unit, call_id: int, agent_id: int, how: str) -> None:
    """`complete`: they take over and we leave; `merge`: everybody talks; `cancel`: they leave, we go on.

    Going on alone works also when whoever was asked has gone already: then the customer is merely off hold.
    """
    held, leg = await mine(unit, call_id, agent_id)
    asked = next((x for x in held.alive("agent", "third") if x.consult and not x.leaving and x.id != leg.id), None)
    if how == "cancel":
        await _back_alone(unit, held, asked)
        return
    if asked is None:
        raise Conflict(
            "They are no longer there.", code="call.gone", remedy="The customer is with you again; ask somebody else."
        )
    if not asked.present:
        raise Conflict("They have not answered yet.", code="call.unanswered")
    if how == "complete":
        await control.take_over(unit, held, asked)
        return
    await execute(unit.conn, sql["leg_takes_over"], {"id": asked.id})
    if held.customer is not None and held.customer.held:
        await _hold(unit, held, on=False)
    await store.log_event(unit, held.call, CallUpdated, agent_id, asked.agent_id)


async def _back_alone(unit: Unit, held: LockedCall, asked: Leg | None) -> None:
    if asked is not None:
        await control.hang_up(unit, held.call, asked)
        await control.off_hold(unit, held, asked)
    elif held.customer is not None and held.customer.held:
        await _hold(unit, held, on=False)
    await store.log_event(unit, held.call, CallUpdated, held.call.agent_id, asked.agent_id if asked else None)


# -- supervising -----------------------------------------------------------------------------------------------------
async def monitor(unit: Unit, call_id: int, supervisor_id: int, mode: str) -> None:
    """Listen unheard, whisper to the agent alone, or talk to everybody; again with another mode changes it."""
    if mode not in _MODES:
        raise Invalid("There is no such mode.", code="call.mode", fields={"mode": "listen, whisper or barge"})
    held = await store.lock_call(unit, call_id)
    talking = next((x for x in held.alive("agent") if x.present and not x.consult), None)
    if held.call.over or talking is None:
        raise Conflict("Nobody talks on this call.", code="call.silent")
    own = held.agent_leg(supervisor_id)
    coached = talking.external_id or ""
    if own is None:
        await ring_agent(
            unit, held, supervisor_id, role="supervisor", mode=mode,
            coached=coached if mode == "whisper" else None,
        )  # fmt: skip
        await _note_monitoring(unit, held, supervisor_id, mode)
        return
    if own.role != "supervisor":
        raise Conflict("This is your own call.", code="call.own")
    await execute(unit.conn, sql["leg_mode"], {"id": own.id, "mode": mode})
    key = await _fresh(unit, CommandKind.COACH)
    await store.enqueue_command(unit, held.call, CommandKind.COACH, key, leg_id=own.id, mode=mode, coached=coached)
    await _note_monitoring(unit, held, supervisor_id, mode)


async def _note_monitoring(unit: Unit, held: LockedCall, supervisor_id: int, mode: str) -> None:
    """In the log for the audit; not on the call's topic, where the agent would see it."""
    await unit.log(
        CallMonitored(call_id=held.call.id, mode=mode),
        conversation_id=held.call.conversation_id,
        agent_id=supervisor_id,
        actor_id=supervisor_id,
        on_conversation=False,
    )


# -- calling ---------------------------------------------------------------------------------------------------------
async def dial(unit: Unit, account: Account, agent_id: int, number: str, conversation_id: int | None = None) -> int:
    """Call a customer: first our own telephone rings, then theirs. The call's id."""
    whole = normalise(AddressKind.PHONE, number, field="number")
    await callbacks.check_dial(unit, account, whole)
    if await devices.of(unit.conn, agent_id) is None:
        raise Conflict(
            "You have no telephone connected.",
            code="call.own_device",
            remedy="Open the telephone in the desk, or set your number.",
        )
    address = await contacts.find_or_add(unit, AddressKind.PHONE, whole)
    if conversation_id is not None:
        held = await conversation.lock(unit.conn, conversation_id)
        same = await contacts.root_of(unit.conn, held.contact_id) == await contacts.root_of(
            unit.conn, address.contact_id
        )
        if not same or await fetch_value(unit.conn, sql["live_of_conversation"], {"conversation_id": conversation_id}):
            conversation_id = None
    begun = arrival.Beginning(
        account,
        whole,
        "out",
        state="queued",
        agent_id=agent_id,
        conversation_id=conversation_id,
        queue_id=account.queue_id,
    )
    call_id = await arrival.begin(unit, begun, address)
    held_call = await store.lock_call(unit, call_id)
    await entries.close(unit, held_call.call.conversation_id, "resolved")
    await conversation.call_begun(unit.conn, held_call.call.conversation_id)
    await entries.pull(unit, held_call.call.conversation_id, agent_id)
    entry = await entries.live(unit.conn, held_call.call.conversation_id)
    place = {"id": call_id, "queue_id": entry.queue_id if entry else None, "entry_id": entry.id if entry else None}
    await execute(unit.conn, sql["set_place"], place)
    unit.notify("calls")
    return call_id


async def schedule_callback(  # noqa: PLR0913 - who, whom, when and why
    unit: Unit,
    account: Account,
    conversation_id: int,
    number: str,
    due_at: datetime,
    *,
    created_by: int,
    agent_id: int | None = None,
    note: str = "",
) -> int:
    """Promise a call at a time; one promise per number."""
    whole = normalise(AddressKind.PHONE, number, field="number")
    await callbacks.check_number(unit, [account.settings.voice], whole)
    if account.queue_id is None:
        raise Conflict(
            "The number has no queue for callbacks.", code="call.no_queue", remedy="Give its account a queue."
        )
    await conversation.lock(unit.conn, conversation_id)
    values = {
        "conversation_id": conversation_id, "account_id": account.id, "number": whole, "queue_id": account.queue_id,
        "agent_id": agent_id, "due_at": due_at, "entered_at": None, "note": note, "created_by": created_by,
    }  # fmt: skip
    made = await fetch_value(unit.conn, sql["keep_callback"], values)
    if made is None:
        raise Conflict("A callback to this number is planned already.", code="call.callback_planned")
    if await callbacks.give_way(unit, conversation_id):  # somebody has seen to it: nobody else calls meanwhile
        await conversation.stop_waiting(unit.conn, conversation_id)
    await unit.log(CallbackScheduled(callback=int(made)), conversation_id=conversation_id, actor_id=created_by)
    return int(made)


async def wrap_up(unit: Unit, call_id: int, agent_id: int, *, disposition: str | None, resolve: bool) -> None:
    """The notes are done: the outcome is kept with the call and its conversation, and the agent is free."""
    held = await store.lock_call(unit, call_id)
    if not held.call.over or held.call.agent_id != agent_id:
        raise Conflict("There is no wrap-up of yours to end.", code="work.no_wrap_up")
    entry = await entries.live(unit.conn, held.call.conversation_id)
    if entry is not None and entry.state == "wrapping" and entry.agent_id == agent_id:
        await conversations.end_wrap_up(unit, held.call.conversation_id, agent_id=agent_id, disposition=disposition)
    await execute(unit.conn, sql["set_wrap"], {"id": call_id, "disposition": disposition})
    if resolve:
        await conversations.resolve(unit, held.call.conversation_id, actor_id=agent_id, disposition=disposition)
    await store.log_event(unit, held.call, CallWrapped, agent_id)
