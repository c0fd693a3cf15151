"""Firing: a follow-up whose time has come, with what it writes, in one transaction.

Whether it still has a point is asked again at that moment, under its row's lock: a customer's message that the
planning has not read yet stops it all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.automation import overdue
from hub.automation.events import ReplyMissed
from hub.automation.model import IN_HOURS, WRITES, FollowUp, Kind, Plan
from hub.automation.plans import delays, schedule
from hub.automation.ratings import link_ends, take_reply
from hub.automation.texts import link_sent, text
from hub.channels.capabilities import capabilities_of
from hub.conversations import actions, conversation, lifecycle
from hub.core import events, log
from hub.core.clock import now
from hub.core.db import Connection, execute, fetch_one, fetch_value
from hub.core.errors import Conflict, HubError, Unavailable
from hub.core.events import Unit
from hub.core.metrics import FOLLOW_UPS
from hub.core.retry import Bad, describe, ignore
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import mailing, replies, tokens
from hub.messages.lines import line
from hub.queues import entries
from hub.queues.hours import Hours, Spans, is_open, next_opening

logger = log.get(__name__)
TRIES = 6  # of a follow-up that breaks: a minute later, then two, four…
sql = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class Situation:
    """The conversation when a follow-up is due."""

    status: str
    channel: str
    waiting_since: datetime | None
    agent_id: int | None
    agent_state: str | None
    answered: bool
    rated: bool
    asked: bool
    contact_name: str
    locale: str
    queue_name: str | None
    agent_name: str | None
    proved: bool
    opted_out: bool
    wants_no_answer: bool
    answered_here: int
    answered_everywhere: int
    timezone: str
    week: dict[str, Spans] | None
    holidays: list[Any] | None
    target_seconds: int

    def opens_at(self) -> datetime | None:
        """When its queue works again, if it does not now; None when it does, or never will."""
        hours = None if self.week is None else Hours(self.timezone, self.week, self.holidays or [])
        return None if hours is None or is_open(hours, now()) else next_opening(hours, now())


@dataclass(frozen=True, slots=True)
class Firing:
    """One follow-up about to happen."""

    unit: Unit
    vault: Vault
    public_url: str
    due: FollowUp
    now: Situation

    async def write(self, way: replies.ReplyChannel | None = None, *, link: str = "") -> None:
        """Send the text of its kind: where the customer last wrote from, or by a given way; `link` stands in it."""
        if self.now.opted_out and way is None:
            raise Conflict("The customer wants nothing that we send by ourselves.")
        variables = {
            "contact.name": self.now.contact_name, "queue.name": self.now.queue_name or "",
            "agent.name": self.now.agent_name or "", "conversation.id": str(self.due.conversation_id),
        }  # fmt: skip
        if not self.now.proved:
            variables["contact.name"] = ""  # whoever only claims to be the customer learns nothing from us
        said = await text(self.unit.conn, self.due.kind, self.now.locale, variables, link=link)
        answer = replies.Reply(
            said.body,
            f"followup-{self.due.id}",
            subject=said.subject or None,
            channel=way.channel if way else None,
            address_id=way.address_id if way else None,
            account_id=way.account_id if way else None,
            automatic=True,
            bulk=self.due.kind == Kind.SATISFACTION,
            withheld=(link, link_sent(self.now.locale)) if link else None,
        )
        await replies.reply(self.unit, self.vault, self.due.conversation_id, answer, actor_id=None)


async def fire_next(core: Core, *, bad: Bad = ignore) -> bool:
    """Fire the follow-up that is due longest; False when none is. One that breaks is told to `bad` and put off."""
    due: FollowUp | None = None
    try:
        async with events.unit(core.db, core.feed) as unit:
            due = await fetch_one(unit.conn, FollowUp, sql["claim"], {"writes": list(WRITES)})
            if due is None:
                return False
            if not await _wait_for_opening(unit.conn, due):
                await _end(unit.conn, due, await _fire(unit, core, due))
    except Unavailable:
        raise
    except HubError as error:
        # It cannot be sent (no address left, opted out…): trying again would say the same for ever.
        if due is None:
            raise
        async with core.db.connection() as conn:
            await _end(conn, due, str(error))
    except Exception as error:
        if due is None:
            raise
        bad(error, f"follow-up {due.id}")
        await core.db.execute(sql["put_off"], {"id": due.id, "reason": describe(error), "most": TRIES})
    return True


async def _end(conn: Connection, due: FollowUp, why_not: str | None) -> None:
    state = "fired" if why_not is None else "cancelled"
    await execute(conn, sql["end"], {"id": due.id, "state": state, "reason": why_not})
    FOLLOW_UPS.labels(due.kind, state).inc()
    logger.info("follow_up", kind=due.kind, conversation=due.conversation_id, outcome=state, reason=why_not)


async def _wait_for_opening(conn: Connection, due: FollowUp) -> bool:
    """Put off to the next opening of its queue what only happens while that works; whether it was."""
    if due.kind not in IN_HOURS:
        return False
    values = {"conversation_id": due.conversation_id}
    situation = await fetch_one(conn, Situation, sql["situation"], values)
    opens = situation.opens_at() if situation is not None else None
    if opens is None:
        return False
    await execute(conn, sql["postpone"], {"id": due.id, "due_at": opens})
    return True


async def _fire(unit: Unit, core: Core, due: FollowUp) -> str | None:
    """Do it; or why not."""
    values = {"conversation_id": due.conversation_id, "after": int(due.payload.get("after") or 0)}
    await conversation.lock(unit.conn, due.conversation_id)
    if due.stops_on_reply and await fetch_value(unit.conn, sql["replied"], values):
        return "the customer has written"
    situation = await fetch_one(unit.conn, Situation, sql["situation"], values)
    if situation is None or due.kind not in _WAYS:
        return "nothing to do"
    return await _WAYS[Kind(due.kind)](Firing(unit, core.vault, core.public_url, due, situation))


# Two programs that answer each other stop by these numbers, whatever headers they leave out (RFC 3834 §2).
ANSWERS_HERE = 1  # automatic answers to one sender in one conversation and 24 hours
ANSWERS_EVERYWHERE = 3  # and in all conversations together: a robot may open a new one for each answer


async def _acknowledge(f: Firing) -> str | None:
    if f.now.wants_no_answer:
        return "the sender asks for no automatic answer"
    if f.now.answered_here >= ANSWERS_HERE or f.now.answered_everywhere >= ANSWERS_EVERYWHERE:
        return "answered automatically within a day"
    await f.write()
    return None


async def _remind(f: Firing) -> str | None:
    if f.now.status != "open" or f.now.waiting_since is not None:
        return "not waiting for the customer"
    await f.write()
    wait = (await delays(f.unit.conn)).close
    if wait:
        key = f"close:{f.due.conversation_id}:{f.due.id}"
        due = now() + timedelta(seconds=wait)
        await schedule(f.unit.conn, [Plan(key, Kind.CLOSE, f.due.conversation_id, due, payload=f.due.payload)])
    return None


async def _close(f: Firing) -> str | None:
    if f.now.status != "open" or f.now.waiting_since is not None:
        return "not waiting for the customer"
    await actions.resolve(f.unit, f.due.conversation_id, actor_id=None)
    return None


async def _ask_satisfaction(f: Firing) -> str | None:
    if f.now.status != "resolved" or f.now.rated or f.now.asked:
        return "nothing to ask"
    if f.now.wants_no_answer:
        return "the sender asks for no automatic answer"
    if not await fetch_value(f.unit.conn, sql["may_survey"], {"conversation_id": f.due.conversation_id}):
        return "the customer was asked of another conversation lately"
    ways = await replies.reply_channels(f.unit.conn, f.due.conversation_id, bulk=True)
    by_mail = next((capabilities_of(w.channel).letter for w in ways if w.usable), False)
    token = tokens.rating_token(f.vault, f.due.conversation_id, link_ends(now()))
    await f.write(link=f"{f.public_url}/rate/{token}" if by_mail else "")
    return None


async def _missed_chat(f: Firing) -> str | None:
    if f.now.answered:
        return "answered after all"
    ways = await replies.reply_channels(f.unit.conn, f.due.conversation_id)
    other = next((w for w in ways if capabilities_of(w.channel).reaches and not w.opted_out), None)
    if other is None:
        return "no other way to reach the customer"
    await f.write(other)
    return None


async def _missed_call(f: Firing) -> str | None:
    if f.now.status != "open" or not capabilities_of(f.now.channel).call:
        return "taken care of"
    why_not = await _text_caller(f)
    await actions.resolve_when_nothing_is_owed(f.unit, f.due.conversation_id)
    return why_not


async def _text_caller(f: Firing) -> str | None:
    if not (await delays(f.unit.conn)).missed_call:
        return "missed callers get no text"
    ways = await replies.reply_channels(f.unit.conn, f.due.conversation_id)
    other = next((w for w in ways if capabilities_of(w.channel).text and not w.opted_out), None)
    if other is None:
        return "no other way to reach the caller"
    await f.write(other)
    return None


async def _missed_reply(f: Firing) -> str | None:
    """What lies with somebody who is gone waits for anybody; and everybody who looks at it is told, once it is late.

    Nothing is late before its queue's target: until then the screen says how long there is.
    """
    since = f.due.payload.get("since")
    if f.now.status != "open" or f.now.waiting_since is None or since not in (None, f.now.waiting_since.isoformat()):
        return "answered"
    if f.now.agent_state in ("away", "offline"):
        await entries.release(f.unit, f.due.conversation_id, reason="missed reply")
    seconds = int(f.due.payload.get("seconds") or 0)
    if seconds < f.now.target_seconds:
        await _expect_answer(f, f.now.waiting_since, f.now.waiting_since, f.now.target_seconds)
        return None
    words = line("waiting", minutes=round(seconds / 60))
    await replies.note(f.unit, f.due.conversation_id, words, f"followup-{f.due.id}", actor_id=None)
    await f.unit.log(ReplyMissed(), conversation_id=f.due.conversation_id, agent_id=f.now.agent_id)
    return None


async def _expect_answer(f: Firing, since: datetime, begins: datetime, seconds: int, of: object = "") -> None:
    """Look again when the queue has worked for `seconds` from a moment on; `since` the customer waits."""
    wait = overdue.Wait(f.due.conversation_id, begins, f.now.timezone, f.now.week, f.now.holidays)
    if (due := wait.late_at(seconds)) is not None:
        key = f"missed_reply:{f.due.conversation_id}:{since.timestamp():.6f}:{of or seconds}"
        payload = {"seconds": seconds, "since": since.isoformat()}
        plan = Plan(key, Kind.MISSED_REPLY, f.due.conversation_id, due, stops_on_reply=False, payload=payload)
        await schedule(f.unit.conn, [plan])


async def _unsent(f: Firing) -> str | None:
    """Whoever wrote what did not arrive has the customer again, reads so, and has as long as for any answer."""
    interaction_id = int(f.due.payload["interaction_id"])
    since = await lifecycle.answer_lost(f.unit, f.due.conversation_id, interaction_id)
    if since is None:
        return "answered otherwise"
    await replies.note(f.unit, f.due.conversation_id, line("unsent"), f"followup-{f.due.id}", actor_id=None)
    seconds = (await delays(f.unit.conn)).missed_reply
    if seconds:
        await _expect_answer(f, since, now(), seconds, of=interaction_id)
    return None


async def _rating(f: Firing) -> str | None:
    taken = await take_reply(f.unit, f.due.conversation_id, int(f.due.payload["interaction_id"]))
    return None if taken else "not a rating"


async def _wake(f: Firing) -> str | None:
    if f.now.status != "snoozed":
        return "awake already"
    await lifecycle.reopen(f.unit, f.due.conversation_id, actor_id=None)
    return None


async def _abandon(f: Firing) -> str | None:
    entry = await entries.live(f.unit.conn, f.due.conversation_id)
    if entry is None or entry.state not in ("waiting", "offered"):
        return "answered"
    await entries.close(f.unit, f.due.conversation_id, "abandoned")
    await _after_leaving(f)
    return None


async def _after_leaving(f: Firing) -> None:
    """Who left a chat before anybody answered waits on, where a mail or a text reaches them; else it is over.

    An address that they gave in the chat will do: what an agent then writes goes there by mail.
    """
    ways = await replies.reply_channels(f.unit.conn, f.due.conversation_id)
    usable = (w for w in ways if capabilities_of(w.channel).reaches and w.usable and not w.opted_out)
    channel = next((w.channel for w in usable), None)
    if channel is None:
        said = await fetch_value(f.unit.conn, sql["said_email"], {"conversation_id": f.due.conversation_id})
        channel = "email" if await mailing.usable(f.unit, said) else None
    if channel is None:
        await actions.resolve(f.unit, f.due.conversation_id, actor_id=None)
    elif not await lifecycle.give_back(f.unit, f.due.conversation_id, channel=channel):
        await actions.resolve_when_nothing_is_owed(f.unit, f.due.conversation_id)  # they had been answered


_WAYS: dict[Kind, Callable[[Firing], Awaitable[str | None]]] = {
    Kind.ACKNOWLEDGEMENT: _acknowledge,
    Kind.REMINDER: _remind,
    Kind.CLOSE: _close,
    Kind.SATISFACTION: _ask_satisfaction,
    Kind.MISSED_CHAT: _missed_chat,
    Kind.MISSED_CALL: _missed_call,
    Kind.MISSED_REPLY: _missed_reply,
    Kind.UNSENT: _unsent,
    Kind.RATING: _rating,
    Kind.WAKE: _wake,
    Kind.ABANDON: _abandon,
}
