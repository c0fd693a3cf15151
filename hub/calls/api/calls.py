"""Telephony at the desk: one's own telephone, what can be done with a call, callbacks and recordings."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from hub.access.permissions import Permission
from hub.access.rights import accounts, require_account, require_conversation
from hub.calls import actions, devices, recordings, store
from hub.calls.actions import Target
from hub.calls.api.shapes import (
    CallbackList,
    CallList,
    CallTarget,
    CallView,
    CreatedCallback,
    Device,
    DevicePress,
    DeviceToken,
    FinishConsult,
    KeyPresses,
    MonitorCall,
    NewCall,
    NewCallback,
    NewDevice,
    Switch,
    WrapUpCall,
)
from hub.calls.store import sql
from hub.channels.calls import CallControl, call_control
from hub.channels.capabilities import capabilities_of
from hub.channels.model import Account
from hub.core import events
from hub.core.clock import now
from hub.core.db import fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.web.bytes import bytes_response
from hub.web.endpoints import Call, Endpoints, utc

calls = Endpoints("calls")
EARLY = 8.0  # seconds for which an answer counts that came before the ringing; as in hub/ui/desk/calls/phone.tsx


# -- one's own telephone -----------------------------------------------------------------------------------------------
async def _numbers(call: Call) -> list[tuple[Account, CallControl]]:
    found = [a for a in (await call.context.accounts.all()).values() if capabilities_of(a.channel).call and a.enabled]
    with_phones = [(a, call_control(call.context.connectors.get(a.connector))) for a in found]
    return [(a, phone) for a, phone in with_phones if phone is not None]


async def _first(call: Call) -> tuple[Account, CallControl]:
    found = await _numbers(call)
    if not found:
        raise Conflict(
            "There is no telephone number here.", code="call.no_number", remedy="Configure one with `hub apply`."
        )
    return found[0]


@calls.add("GET", "/me/device", needs=Permission.CALL_MAKE, returns=Device)
async def read_device(call: Call) -> dict[str, Any]:
    """Where I am rung, and from which numbers of ours I can call."""
    rows = await call.core.db.dicts(sql["device"], {"agent_id": call.me.id})
    numbers = await _numbers(call)
    usable = await accounts(call.core.db, call.viewer)
    own = rows[0] if rows else {"kind": None, "number": None, "ready": False}
    return {
        "kind": own["kind"],
        "number": own["number"],
        "ready": own["kind"] == "phone" or bool(own["ready"]),
        "simulated": any(phone.device(a, call.me.id).simulated for a, phone in numbers),
        "coach": any(phone.capabilities.coach for _, phone in numbers),
        "numbers": [
            {"account_id": a.id, "name": a.name, "number": a.address or ""} for a, _ in numbers if a.id in usable
        ],
    }


@calls.add("PUT", "/me/device", needs=Permission.CALL_MAKE, returns=Device, errors=(409,))
async def change_device(call: Call, body: NewDevice) -> dict[str, Any]:
    """Say where to ring me. A browser says so every few seconds while it is ready; unready it gets no calls."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await devices.put(unit, call.me.id, body.kind, body.number, ready=body.ready)
    return await read_device(call)


@calls.add("POST", "/me/device/token", needs=Permission.CALL_MAKE, returns=DeviceToken, errors=(409,))
async def make_device_token(call: Call) -> dict[str, Any]:
    """Admission of this browser as my telephone, for an hour; ask again well before."""
    account, phone = await _first(call)
    made = phone.device(account, call.me.id)
    if not made.token and not made.simulated:
        raise Conflict(
            "Browser telephones are not configured.",
            code="call.no_browser",
            remedy="Give the number's account an API key.",
        )
    return {"identity": made.identity, "token": made.token, "seconds": made.seconds, "simulated": made.simulated}


@calls.add("POST", "/me/device/press", needs=Permission.CALL_MAKE, status=204, errors=(409,))
async def press_device(call: Call, body: DevicePress) -> None:
    """Answer, refuse or hang up with a simulated telephone: the demonstration has no sound."""
    account, phone = await _first(call)
    if not await pressed(phone, account, call.me.id, body.do):
        raise Conflict("Nothing rings there.", code="call.nothing_rings")


async def pressed(phone: CallControl, account: Account, agent_id: int, do: str) -> bool:
    """Press a button of a simulated telephone; False when nothing rings there.

    *Answer* is on the screen as soon as the telephone is dialled. Pressed before it rings, it is for when it does.
    """
    ends = time.monotonic() + EARLY
    while True:
        done = await phone.answer_device(account, agent_id, do)
        if done or do != "answer" or time.monotonic() > ends:
            return done
        await asyncio.sleep(0.1)


# -- calls -------------------------------------------------------------------------------------------------------------
@calls.add("GET", "/me/calls", needs=Permission.CALL_MAKE, returns=CallList)
async def list_my_calls(call: Call) -> dict[str, Any]:
    """The calls I am on, and those that ring me."""
    return {"items": await store.shown(call.core.db, agent_id=call.me.id)}


@calls.add("GET", "/calls", needs=Permission.CALL_SUPERVISE, returns=CallList)
async def list_live_calls(call: Call) -> dict[str, Any]:
    """Every call going on in my queues."""
    found = await store.shown(call.core.db, live=True)
    visible = await call.core.db.dicts(sql["visible"], {"ids": [c["conversation_id"] for c in found], **call.viewer})
    seen = {row["id"] for row in visible}
    return {"items": [c for c in found if c["conversation_id"] in seen]}


@calls.add("GET", "/conversations/{conversation_id}/calls", needs=Permission.CONVERSATION_READ, returns=CallList)
async def list_conversation_calls(call: Call, conversation_id: int) -> dict[str, Any]:
    """A conversation's calls, the newest first, with their telephones, times and recordings."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    return {"items": await store.shown(call.core.db, conversation_id=conversation_id)}


@calls.add("POST", "/calls", needs=Permission.CALL_MAKE, returns=CallView, status=201, errors=(404, 409))
async def start_call(call: Call, body: NewCall) -> dict[str, Any]:
    """Call somebody: my telephone rings first, then theirs."""
    if body.conversation_id is not None:
        await require_conversation(call.core.db, body.conversation_id, call.viewer)
    if body.account_id is not None:
        await require_account(call.core.db, body.account_id, call.viewer)
    usable = await accounts(call.core.db, call.viewer)
    found = [a for a, _ in await _numbers(call) if a.id in usable]
    account = next((a for a in found if body.account_id in (None, a.id)), None)
    if account is None:
        raise Invalid(
            "There is no such number of ours.", code="call.unknown_number", fields={"account_id": "see GET /me/device"}
        )
    async with events.unit(call.core.db, call.core.feed) as unit:
        made = await actions.dial(unit, account, call.me.id, body.number, body.conversation_id)
    return await _shown(call, made)


async def _shown(call: Call, call_id: int) -> dict[str, Any]:
    found = await store.shown(call.core.db, ids=[call_id])
    if not found:
        raise NotFound("There is no such call.", code="call.unknown")
    return found[0]


async def _account_of(call: Call, call_id: int) -> Account:
    rows = await call.core.db.dicts(sql["call"], {"id": call_id})
    if not rows:
        raise NotFound("There is no such call.", code="call.unknown")
    await require_conversation(call.core.db, rows[0]["conversation_id"], call.viewer)
    account = await call.context.accounts.get(rows[0]["account_id"])
    if account is None:
        raise Conflict("Its number is no longer configured.", code="call.number_gone")
    return account


@calls.add("GET", "/calls/{call_id}", needs=Permission.CALL_MAKE, returns=CallView)
async def read_call(call: Call, call_id: int) -> dict[str, Any]:
    """One call."""
    await _account_of(call, call_id)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/hold", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def hold_call(call: Call, call_id: int, body: Switch) -> dict[str, Any]:
    """Put the customer on hold, or take them off it."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.hold(unit, call_id, call.me.id, on=body.on)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/mute", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def mute_call(call: Call, call_id: int, body: Switch) -> dict[str, Any]:
    """Mute myself."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.mute(unit, call_id, call.me.id, on=body.on)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/keys", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def press_call_keys(call: Call, call_id: int, body: KeyPresses) -> dict[str, Any]:
    """Press keys (DTMF) towards the customer's end."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.press(unit, call_id, call.me.id, body.keys)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/hang-up", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def hang_up_call(call: Call, call_id: int) -> dict[str, Any]:
    """Leave the call; alone with the customer, end it."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.hang_up(unit, call_id, call.me.id)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/recording", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def record_call(call: Call, call_id: int, body: Switch) -> dict[str, Any]:
    """Pause the recording (card numbers), or go on."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.recording(unit, call_id, call.me.id, on=body.on)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/transfer", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def transfer_call(call: Call, call_id: int, body: CallTarget) -> dict[str, Any]:
    """Hand over without asking: to a queue, an agent or a number."""
    account = await _account_of(call, call_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        target = Target(body.queue_id, body.agent_id, body.number)
        await actions.transfer(unit, account, call_id, call.me.id, target)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/consult", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def start_consult(call: Call, call_id: int, body: CallTarget) -> dict[str, Any]:
    """Ask an agent, whoever of a queue is free, or a number for advice; the customer is on hold meanwhile."""
    account = await _account_of(call, call_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        target = Target(body.queue_id, body.agent_id, body.number)
        await actions.consult(unit, account, call_id, call.me.id, target)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/consult/finish", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def finish_consult(call: Call, call_id: int, body: FinishConsult) -> dict[str, Any]:
    """Hand over to who was asked, talk together, or go on alone."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.finish_consult(unit, call_id, call.me.id, body.how)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/monitor", needs=Permission.CALL_SUPERVISE, returns=CallView, errors=(409,))
async def monitor_call(call: Call, call_id: int, body: MonitorCall) -> dict[str, Any]:
    """Listen unheard, whisper to the agent, or join in."""
    await _account_of(call, call_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.monitor(unit, call_id, call.me.id, body.mode)
    return await _shown(call, call_id)


@calls.add("POST", "/calls/{call_id}/wrap-up", needs=Permission.CALL_MAKE, returns=CallView, errors=(409,))
async def wrap_up_call(call: Call, call_id: int, body: WrapUpCall) -> dict[str, Any]:
    """Finish the notes with an outcome code; the matter is resolved unless told otherwise."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await actions.wrap_up(unit, call_id, call.me.id, disposition=body.disposition, resolve=body.resolve)
    return await _shown(call, call_id)


# -- callbacks and recordings ------------------------------------------------------------------------------------------
@calls.add(
    "GET", "/conversations/{conversation_id}/callbacks", needs=Permission.CONVERSATION_READ, returns=CallbackList
)
async def list_callbacks(call: Call, conversation_id: int) -> dict[str, Any]:
    """The calls promised to this customer."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    return {"items": await call.core.db.dicts(sql["callbacks_of"], {"conversation_id": conversation_id})}


@calls.add(
    "POST",
    "/conversations/{conversation_id}/callbacks",
    needs=Permission.CONVERSATION_HANDLE,
    returns=CreatedCallback,
    status=201,
    errors=(409,),
)
async def plan_callback(call: Call, conversation_id: int, body: NewCallback) -> dict[str, Any]:
    """Promise a call at a time: it waits in the queue then, first for me if I say so."""
    await require_conversation(call.core.db, conversation_id, call.viewer)
    due = utc(body.due_at)
    if due <= now():
        raise Invalid("The time lies in the past.", code="time.past", fields={"due_at": "choose a later time"})
    account, _ = await _first(call)
    async with events.unit(call.core.db, call.core.feed) as unit:
        number = body.number or await fetch_value(unit.conn, sql["number_of"], {"conversation_id": conversation_id})
        if number is None:
            raise Invalid(
                "No number is known for this customer.", code="call.number_missing", fields={"number": "give one"}
            )
        made = await actions.schedule_callback(
            unit,
            account,
            conversation_id,
            number,
            due,
            created_by=call.me.id,
            agent_id=call.me.id if body.mine else None,
            note=body.note,
        )
    return {"id": made}


@calls.add("DELETE", "/callbacks/{callback_id}", needs=Permission.CONVERSATION_HANDLE, status=204, errors=(409,))
async def cancel_callback(call: Call, callback_id: int) -> None:
    """Take a promised call back; 409 when it is under way."""
    found = await call.core.db.value(sql["callback_place"], {"id": callback_id})
    if found is None:
        raise NotFound("There is no such callback.", code="call.no_callback")
    await require_conversation(call.core.db, int(found), call.viewer)
    if await call.core.db.value(sql["cancel_callback"], {"id": callback_id}) is None:
        raise Conflict("It is under way or over.", code="call.under_way")


@calls.add(
    "GET",
    "/recordings/{recording_id}/sound",
    needs=Permission.RECORDING_PLAY,
    returns=bytes,
    media=("application/octet-stream", "audio/*"),
)
async def read_recording(call: Call, recording_id: int) -> web.StreamResponse:
    """Listen to a recording, if its conversation is visible; that it was heard is written down."""
    await require_conversation(call.core.db, await recordings.place(call.core.db, recording_id), call.viewer)
    content_type, opened = await recordings.sound(call.core, recording_id)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await recordings.heard(unit, recording_id, call.me.id)
    kind = content_type if content_type.startswith("audio/") else "application/octet-stream"  # no page of somebody's
    headers = {"Content-Type": kind, "Cache-Control": "private, no-store"}
    return await bytes_response(call.request, opened, headers)
