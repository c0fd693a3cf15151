"""The rules of work in one place, and what to do where one is broken.

1. An open conversation whose customer waits has a live entry.
2. Every live entry is with somebody who works here, or waits in a queue that takes work, on nobody's desk.
3. What is resolved or snoozed is nobody's work; a wrap-up is what is left of it.
4. An entry on offer has an offer that stands, and work lies on the desk of the agent who has it.
5. A caller on the line waits by a live entry that is their call's, and nothing else is offered as a call.

Every change of the hub keeps them in its own transaction. `mend` is for what should not happen: a fault of ours, a row
changed by hand, a version with a mistake. It puts work back where somebody sees it, and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from hub.channels.capabilities import capabilities_of
from hub.conversations import conversation, lifecycle
from hub.conversations.events import WorkRepaired
from hub.core import events, log
from hub.core.db import Connection, Database, execute, fetch_all, fetch_value
from hub.core.events import Unit
from hub.core.metrics import REPAIRS
from hub.core.retry import Bad, ignore
from hub.core.service import Core
from hub.core.sql import Queries
from hub.queues import entries, leaving, telephone

logger = log.get(__name__)
sql = Queries.beside(__file__, "invariants.sql")
_MOST = 8  # faults of one conversation mended in one go


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a conversation breaks."""

    conversation_id: int
    entry_id: int | None
    fault: str


@dataclass(frozen=True, slots=True)
class Mended:
    """How often a kind of fault was mended, and when last."""

    fault: str
    number: int
    last: datetime


async def broken(
    conn: Connection, conversation_id: int | None = None, *, after: int = 0, limit: int = 100
) -> list[Fault]:
    """What breaks the rules now: of one conversation, or of all after one, in order of their ids."""
    values = {"conversation_id": conversation_id, "after": after, "limit": limit}
    return await fetch_all(conn, Fault, sql["broken"], values)


async def sweep(core: Core, limit: int = 100, *, bad: Bad = ignore) -> int:
    """Mend whatever is found, each conversation by itself; how many were mended. What cannot be is told to `bad`.

    It goes on behind the last one looked at, so that those that cannot be mended hide no others.
    """
    mended, found = 0, [Fault(0, None, "")]
    while found:
        async with core.db.connection() as conn:
            found = await broken(conn, after=found[-1].conversation_id, limit=limit)
        for conversation_id in dict.fromkeys(fault.conversation_id for fault in found):
            try:
                async with events.unit(core.db, core.feed) as unit:
                    mended += bool(await mend(unit, conversation_id))
            except Exception as error:  # noqa: BLE001 - one that cannot be mended keeps no other from it
                bad(error, f"conversation {conversation_id}")
    return mended


async def mend(unit: Unit, conversation_id: int) -> list[Fault]:
    """Put a conversation's work right, if it is not; what was wrong. It is held meanwhile, so nobody else moves it."""
    await conversation.lock(unit.conn, conversation_id)
    mended: list[Fault] = []
    while len(mended) < _MOST and (found := await broken(unit.conn, conversation_id, limit=1)):
        fault = found[0]
        if fault in mended or not await _WAYS[fault.fault](unit, fault):
            raise RuntimeError(f"Conversation {conversation_id} stays out of order: {fault.fault}.")
        mended.append(fault)
        await _report(unit, fault)
    return mended


async def mended(db: Database, seconds: float) -> list[Mended]:
    """What was mended in the last `seconds`, by kind."""
    return await db.all(Mended, sql["mended"], {"seconds": seconds})


async def _report(unit: Unit, fault: Fault) -> None:
    said = WorkRepaired(conversation_id=fault.conversation_id, entry_id=fault.entry_id, fault=fault.fault)
    values = said.facts()
    await execute(unit.conn, sql["note"], values)
    await unit.log(said, conversation_id=fault.conversation_id)
    logger.error("work_repaired", **values)
    REPAIRS.labels(fault.fault).inc()
    unit.notify("router")


async def _entry(unit: Unit, fault: Fault) -> entries.Entry:
    entry = await entries.live(unit.conn, fault.conversation_id)
    if entry is None:
        raise RuntimeError(f"The entry of conversation {fault.conversation_id} is gone.")
    return entry


async def _waits_nowhere(unit: Unit, fault: Fault) -> bool:
    return await lifecycle.give_back(unit, fault.conversation_id)


async def _is_over(unit: Unit, fault: Fault) -> bool:
    entry = await _entry(unit, fault)
    held = await conversation.lock(unit.conn, fault.conversation_id)
    meant = await fetch_value(unit.conn, sql["begun_after_the_end"], {"entry_id": entry.id})
    if held.status == "resolved" and meant:
        return await entries.reopen(unit, held, None)
    await entries.end_entry(unit, fault.conversation_id, entry, held.status)
    return True


async def _with_nobody(unit: Unit, fault: Fault) -> bool:
    entry = await _entry(unit, fault)
    if entry.state == "offered":
        return await _offer_gone(unit, fault)
    return await leaving.let_go(unit, fault.conversation_id, entry.agent_id, reason="its agent works here no more")


async def _offer_gone(unit: Unit, fault: Fault) -> bool:
    await execute(unit.conn, entries.sql["rescind"], {"entry_id": fault.entry_id, "reason": "out of order"})
    await execute(unit.conn, sql["lost_offer"], {"entry_id": fault.entry_id})
    return True


async def _other_desk(unit: Unit, fault: Fault) -> bool:
    entry = await _entry(unit, fault)
    if entry.agent_id is None:
        return False
    await entries.put_on_desk(unit, fault.conversation_id, entry.agent_id, None)
    return True


async def _waits_on_a_desk(unit: Unit, fault: Fault) -> bool:
    held = await conversation.lock(unit.conn, fault.conversation_id)
    await conversation.assign(unit.conn, held.id, agent_id=None)
    await entries.log_unassigned(unit, held, None)
    return True


async def _queue_gone(unit: Unit, fault: Fault) -> bool:
    queue_id = await fetch_value(unit.conn, entries.sql["fallback_queue"], {"conversation_id": fault.conversation_id})
    if queue_id is None:
        return False
    await entries.transfer(unit, fault.conversation_id, queue_id=int(queue_id))
    return True


async def _rings_nowhere(unit: Unit, fault: Fault) -> bool:
    """The call is over: whoever has it has a missed call, and what waits waits as one, its age kept."""
    entry = await _entry(unit, fault)
    if entry.state == "assigned":
        await execute(unit.conn, telephone.sql["as_missed"], {"entry_id": entry.id})
        return True
    await entries.end_entry(unit, fault.conversation_id, entry, "abandoned")
    if await conversation.customer_waits(unit.conn, fault.conversation_id):
        await entries.enqueue(
            unit, fault.conversation_id, entry.queue_id, channel="missed_call", entered_at=entry.entered_at
        )
    return True


async def _call_elsewhere(unit: Unit, fault: Fault) -> bool:
    """A caller on the line has lost their entry: they wait where the conversation does, or in a queue anew."""
    held = await conversation.lock(unit.conn, fault.conversation_id)
    entry = await entries.live(unit.conn, held.id)
    entered_at: datetime | None = None
    if entry is not None:
        if capabilities_of(entry.channel).call and entry.state in ("waiting", "offered", "assigned"):
            await telephone.follow(unit, held.id, entry.id, entry.queue_id)
            return True
        await entries.end_entry(unit, held.id, entry, "resolved")
        entered_at = entry.entered_at
    await entries.reopen(unit, held, None)
    queue_id = await fetch_value(unit.conn, entries.sql["fallback_queue"], {"conversation_id": held.id})
    if queue_id is None:
        return False
    await entries.enqueue(unit, held.id, int(queue_id), channel="voice", entered_at=entered_at)
    await conversation.assign(unit.conn, held.id, agent_id=None, queue_id=int(queue_id))
    await entries.log_unassigned(unit, held, None)
    return True


_WAYS: dict[str, Callable[[Unit, Fault], Awaitable[bool]]] = {
    "waits_nowhere": _waits_nowhere,
    "works_on_what_is_over": _is_over,
    "with_nobody": _with_nobody,
    "offer_gone": _offer_gone,
    "on_another_desk": _other_desk,
    "on_a_desk_and_waiting": _waits_on_a_desk,
    "queue_gone": _queue_gone,
    "rings_nowhere": _rings_nowhere,
    "call_elsewhere": _call_elsewhere,
}
