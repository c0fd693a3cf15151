"""What a caller hears at each stage: greeting, menu, queue, callback, voicemail; and what an agent hears on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.calls import callbacks, control, spoken, store
from hub.calls.events import CallQueued
from hub.calls.ivr_settings import CallFlow, Option, worded, words
from hub.calls.model import Call
from hub.calls.store import LockedCall, sql
from hub.channels.calls import (
    CallEvent,
    Gather,
    Go,
    Hangup,
    Join,
    Park,
    Pause,
    Play,
    Record,
    Say,
    Sound,
    Step,
    Unpark,
)
from hub.channels.model import Account
from hub.conversations import conversation
from hub.core.clock import now
from hub.core.db import execute, fetch_dicts
from hub.core.events import Unit
from hub.queues import entries
from hub.queues.hours import Hours, is_open


@dataclass(frozen=True, slots=True)
class Moment:
    """One stage of one leg."""

    unit: Unit
    account: Account
    held: LockedCall
    event: CallEvent

    @property
    def flow(self) -> CallFlow:
        """How the number treats its callers."""
        return self.account.settings.voice

    @property
    def call(self) -> Call:
        """The call."""
        return self.held.call

    def sound(self, name: str, **values: Any) -> Sound:
        """A text of the flow in the caller's language."""
        text, language = worded(self.flow, name, self.call.locale)
        return _sound(self.flow, spoken.fill(text, language, **values), language)


async def next_steps(unit: Unit, account: Account, held: LockedCall, event: CallEvent, stage: str) -> list[Step]:
    """What is heard at a stage. Asked twice, it answers the same and does nothing twice."""
    moment = Moment(unit, account, held, event)
    ways = {
        "start": _start, "menu": _menu, "park": _park, "wait": _wait, "wait-key": _wait_key, "parked": _parked,
        "join": _join, "joined": _joined, "leave-message": _leave_message, "message-left": _message_left,
        "agent": _agent, "agent-key": _agent_key,
    }  # fmt: skip
    way = ways.get(stage)
    return await way(moment) if way is not None else [Hangup()]


# -- coming in -------------------------------------------------------------------------------------------------------
async def _start(m: Moment) -> list[Step]:
    if m.call.state != "menu":
        return [Go("park")] if m.call.state in ("queued", "connecting") else [Hangup()]
    steps: list[Step] = []
    if words(m.flow, "greeting", m.call.locale):
        steps.append(m.sound("greeting"))
    if not await _is_open(m, m.account.queue_id):
        return [*steps, m.sound("closed"), *await _after_hours(m)]
    if m.flow.consent:
        steps.append(m.sound("consent"))
    return [*steps, *(_ask_for_choice(m) if m.flow.options else await _park(m))]


async def _is_open(m: Moment, queue_id: int | None) -> bool:
    rows = await fetch_dicts(m.unit.conn, sql["queue_by_key"], {"key": None, "id": queue_id})
    if not rows or rows[0]["week"] is None:
        return True
    return is_open(Hours(rows[0]["timezone"], rows[0]["week"], rows[0]["holidays"] or []), now())


async def _after_hours(m: Moment) -> list[Step]:
    if m.flow.when_closed == "voicemail":
        return await _leave_message(m)
    await control.finish(m.unit, m.held, "closed")
    return [Hangup()]


def _ask_for_choice(m: Moment) -> list[Step]:
    hints = tuple(word for option in m.flow.options.values() for word in option.words)
    prompt = m.sound("menu") if m.flow.menu else Pause(1)
    return [Gather((prompt,), "menu", _provider_locale(m), m.flow.speech and bool(hints), hints, turn=m.call.tries)]


async def _menu(m: Moment) -> list[Step]:
    """The caller has chosen, or has said nothing: asked a few times, then they wait like everybody."""
    if m.call.state != "menu":
        return await _start(m)
    option = _chosen(m.flow, m.event)
    if option is None:
        tries = int(m.event.data.get("turn") or 0) + 1
        values = {"id": m.call.id, "locale": m.call.locale, "tries": tries}
        await execute(m.unit.conn, sql["set_menu"], values)
        asked = Moment(m.unit, m.account, await store.reread(m.unit, m.held), m.event)
        return _ask_for_choice(asked) if tries < m.flow.menu_tries else await _park(asked)
    if option.locale is not None and option.locale != m.call.locale:
        await execute(m.unit.conn, sql["set_menu"], {"id": m.call.id, "locale": option.locale, "tries": m.call.tries})
        m = Moment(m.unit, m.account, await store.reread(m.unit, m.held), m.event)
        if option.queue is None and not option.voicemail:
            return _ask_for_choice(m)
    if option.voicemail:
        return await _leave_message(m)
    return await _park(m, option.queue)


def _chosen(flow: CallFlow, event: CallEvent) -> Option | None:
    if event.keys:
        return flow.options.get(event.keys[:1])
    said = event.words.casefold()
    return next((o for o in flow.options.values() if said and any(w.casefold() in said for w in o.words)), None)


# -- waiting ---------------------------------------------------------------------------------------------------------
async def _park(m: Moment, queue: str | None = None) -> list[Step]:
    """Wait in the queue of the choice, or the number's; in its place if the call has one."""
    if m.call.state == "menu":
        account = (await fetch_dicts(m.unit.conn, sql["account_queue"], {"id": m.account.id}))[0]
        place = {"key": queue, "id": None if queue else account["queue_id"]}
        rows = await fetch_dicts(m.unit.conn, sql["queue_by_key"], place)
        if not rows:
            return await _leave_message(m)
        await _enter_queue(m, int(rows[0]["id"]), account)
    call = (await store.reread(m.unit, m.held)).call
    if call.state in ("ended", "voicemail"):
        return [Hangup()]
    return [Park(f"hub-{call.queue_id or 0}", call.entry_id or 0)]


async def _enter_queue(m: Moment, queue_id: int, account: dict[str, Any]) -> None:
    conversation_id = m.call.conversation_id
    held = await conversation.lock(m.unit.conn, conversation_id)
    await entries.reopen(m.unit, held, None)  # put aside or resolved while the caller was in the menu
    await entries.close(m.unit, conversation_id, "resolved")  # what was left of an earlier matter makes room
    entry_id = await entries.enqueue(
        m.unit,
        conversation_id,
        queue_id,
        channel="voice",
        requirements=account["requirements"],
        priority_seconds=account["priority_seconds"] or None,
    )
    place = {"id": m.call.id, "queue_id": queue_id, "entry_id": entry_id}
    await execute(m.unit.conn, sql["set_place"], place)
    await conversation.assign(m.unit.conn, conversation_id, agent_id=None, queue_id=queue_id)
    await store.transition(m.unit, m.call, "queued", "menu")
    await store.log_event(m.unit, m.call, CallQueued)
    m.unit.notify("calls")


async def _wait(m: Moment) -> list[Step]:
    """Our own place and estimate: the provider's are of its first-in-first-out queue, which ours is not."""
    rows = await fetch_dicts(m.unit.conn, sql["standing"], {"entry_id": m.call.entry_id})
    if m.call.state != "queued" or not rows:
        return [Pause(2)]
    standing = rows[0]
    if standing["waited"] > m.flow.longest_wait_seconds and m.flow.voicemail:
        return [Unpark()]
    heard = [_place(m, standing["position"], standing["handling"], standing["agents"])]
    if await callbacks.possible(m.unit, m.flow, m.held):
        heard.append(m.sound("press_for_callback"))
    heard.append(Play(str(m.flow.music)) if m.flow.music else Pause(12))
    return [Gather(tuple(heard), "wait-key", _provider_locale(m), seconds=1)]


def _place(m: Moment, position: int, handling: float, agents: int) -> Sound:
    """Where the caller stands, and how long it takes; while nobody is there to take calls, nobody can say that."""
    if agents:
        return m.sound("waiting", position=position, seconds=position * handling / agents)
    estimates = spoken.tells_time(worded(m.flow, "waiting", m.call.locale)[0])
    return m.sound("waiting_unattended" if estimates else "waiting", position=position)


async def _wait_key(m: Moment) -> list[Step]:
    """A key pressed while waiting: the callback, where it is offered; anything else changes nothing."""
    if "*" not in m.event.keys or not await callbacks.possible(m.unit, m.flow, m.held):
        return []
    rows = await fetch_dicts(m.unit.conn, sql["standing"], {"entry_id": m.call.entry_id})
    if not rows:
        return []
    await callbacks.keep_place(m.unit, m.account, m.held, rows[0]["entered_at"])
    return [m.sound("callback_kept"), Hangup()]


async def _parked(m: Moment) -> list[Step]:
    """The provider's queue has let the caller go."""
    if m.event.reason in ("full", "error", "leave") and m.call.state == "queued":
        return await _leave_message(m)
    return []


# -- talking ---------------------------------------------------------------------------------------------------------
async def _join(m: Moment) -> list[Step]:
    """The agent is there. Somebody whose agent left meanwhile waits on."""
    if m.call.state == "queued":
        return await _park(m)
    if m.call.state not in ("connecting", "talking") or m.held.customer is None:
        return [Hangup()]
    return [Join(m.call.room, m.held.customer.label, ends=True, record=m.flow.record)]


async def _joined(m: Moment) -> list[Step]:
    """The customer is out of the room: parked again if they are to wait, else the call is over."""
    return [Go("park")] if m.call.state == "queued" else [Hangup()]


# -- a message -------------------------------------------------------------------------------------------------------
async def _leave_message(m: Moment) -> list[Step]:
    """The tone. In the queue's wait nothing can be recorded, so the caller leaves it first."""
    if m.call.state == "ended":
        return [Hangup()]
    if m.call.state == "queued":
        await entries.close(m.unit, m.call.conversation_id, "voicemail")
    await store.transition(m.unit, m.call, "voicemail", "menu", "queued")
    return [m.sound("leave_message"), Record(m.flow.voicemail_seconds, "message-left", m.flow.transcribe)]


async def _message_left(m: Moment) -> list[Step]:
    return [m.sound("voicemail_kept"), Hangup()]


# -- an agent's own telephone ----------------------------------------------------------------------------------------
async def _agent(m: Moment) -> list[Step]:
    """Press 1: a voicemail or a passer-by never does."""
    queue = await fetch_dicts(m.unit.conn, sql["queue_by_key"], {"key": None, "id": m.call.queue_id})
    name = str(queue[0]["name"]) if queue else ""
    said = spoken.fill(words(m.flow, "agent", m.flow.locale), m.flow.locale, queue=name)
    prompt = _sound(m.flow, said, m.flow.locale)
    if m.call.over:
        return [Hangup()]
    return [Gather((prompt,), "agent-key", _provider_locale(m), seconds=8)]


async def _agent_key(m: Moment) -> list[Step]:
    leg = m.held.leg(m.event.leg_id)
    if m.event.keys != "1" or leg is None or m.call.over:
        return [Hangup()]
    return [Join(m.call.room, leg.label, record=m.flow.record)]


# -- words -----------------------------------------------------------------------------------------------------------
def _sound(flow: CallFlow, text: str, locale: str) -> Sound:
    if text.startswith(("https://", "http://")):
        return Play(text)
    return Say(text, flow.languages.get(locale, locale), flow.voices.get(locale, ""))


def _provider_locale(m: Moment) -> str:
    return m.flow.languages.get(m.call.locale, m.call.locale)
