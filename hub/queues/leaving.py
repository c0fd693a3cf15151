"""Leaving the desk: which customers are with somebody who is about to go, and how they are handed back.

Somebody signs out, or an administrator takes the right to answer from them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from hub.agents.presence import set_presence
from hub.conversations import conversation
from hub.core import events
from hub.core.db import Connection, Database, fetch_all, fetch_dicts
from hub.core.errors import Conflict
from hub.core.events import Unit
from hub.core.service import Core
from hub.core.sql import Queries
from hub.queues import entries

sql = Queries.beside(__file__, "leaving.sql")


@dataclass(frozen=True, slots=True)
class With:
    """A customer at whose other end an agent is: `waits` for an answer, `talks` on the telephone."""

    conversation_id: int
    channel: str
    queue_id: int
    waits: bool
    talks: bool
    name: str


@dataclass(frozen=True, slots=True)
class _Left:
    conversation_id: int
    agent_id: int
    state: str
    waits: bool
    talks: bool


async def customers(db: Database, agent_id: int) -> list[With]:
    """Who is with an agent now."""
    return await db.all(With, entries.sql["with_agent"], {"agent_id": agent_id})


async def hand_back(core: Core, agent_id: int) -> int:
    """Let everybody who is with an agent wait for their colleagues at once, in their old places; how many.

    The agent is offline first, so that nothing comes back to them. `Conflict` while somebody talks with them: that call
    is to be ended or transferred. A process that dies in between has handed back some; the clock hands back the rest.
    """
    found = await customers(core.db, agent_id)
    if any(one.talks for one in found):
        raise Conflict(
            "You are on a call.", code="leaving.call", remedy="End it or transfer it, then hand back the others."
        )
    async with events.unit(core.db, core.feed) as unit:
        await set_presence(unit, agent_id, "offline", "signed out")
    done = 0
    for one in found:
        async with events.unit(core.db, core.feed) as unit:
            done += await entries.release(
                unit, one.conversation_id, actor_id=agent_id, reason="handed back", of=agent_id
            )
    return done


async def lost_right(conn: Connection, *, agent_id: int | None = None, role_id: int | None = None) -> list[int]:
    """Whether this person, or who of all with a role, may answer nobody as things are in this transaction."""
    values = {"agent_ids": [agent_id] if agent_id is not None else [], "role_id": role_id}
    return [row["id"] for row in await fetch_dicts(conn, sql["lost_right"], values)]


async def require_nothing_left(conn: Connection, agent_ids: Sequence[int]) -> None:
    """`Conflict` that counts what lies with these people: whoever takes their right to answer is to know."""
    found = await _left(conn, agent_ids)
    going = [one for one in found if not one.talks and one.state == "assigned"]
    talking = sum(one.talks for one in found)
    if going or talking:
        raise Conflict(
            f"Conversations that would go back to their queues: {len(going)}; calls that would go on: {talking}.",
            code="role.work",
            params={"number": len(going), "waiting": sum(one.waits for one in going), "talking": talking},
            remedy="Send it again with `hand_back`: true.",
        )


async def take_back(core: Core, agent_ids: Sequence[int], *, actor_id: int) -> int:
    """Let all that lies with people who may answer nobody any more wait for their colleagues; how many conversations.

    Who talks on the telephone goes on talking. What a process that dies in between leaves, the scheduler puts right.
    """
    async with core.db.connection() as conn:
        here = [row["id"] for row in await fetch_dicts(conn, sql["here"], {"agent_ids": list(agent_ids)})]
    for agent_id in here:
        with contextlib.suppress(Conflict):  # their offers are being answered: that is refused, or work to take back
            async with events.unit(core.db, core.feed) as unit:
                await set_presence(unit, agent_id, "offline", "role changed")
    async with core.db.connection() as conn:
        found = await _left(conn, agent_ids)
    done = 0
    for one in found:
        if one.talks:
            continue
        async with events.unit(core.db, core.feed) as unit:
            gone = await let_go(unit, one.conversation_id, one.agent_id, reason="role changed", actor_id=actor_id)
            done += gone and one.state == "assigned"
    return done


async def let_go(
    unit: Unit, conversation_id: int, agent_id: int | None, *, reason: str, actor_id: int | None = None
) -> bool:
    """What an agent works on waits in its queue again, and their wrap-up is over. False when they have neither."""
    await conversation.lock(unit.conn, conversation_id)
    entry = await entries.live(unit.conn, conversation_id)
    if entry is not None and entry.state == "wrapping" and entry.agent_id == agent_id:
        await entries.end_entry(unit, conversation_id, entry, "resolved", actor_id=actor_id)
        return True
    return await entries.release(unit, conversation_id, actor_id=actor_id, reason=reason, of=agent_id)


async def _left(conn: Connection, agent_ids: Sequence[int]) -> list[_Left]:
    return await fetch_all(conn, _Left, sql["left_with"], {"agent_ids": list(agent_ids)})
