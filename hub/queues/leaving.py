"""Leaving the desk: which customers are with somebody who is about to go, and how they are handed back."""

from __future__ import annotations

from dataclasses import dataclass

from hub.agents.presence import set_presence
from hub.core import events
from hub.core.db import Database
from hub.core.errors import Conflict
from hub.core.service import Core
from hub.queues import entries


@dataclass(frozen=True, slots=True)
class With:
    """A customer at whose other end an agent is: `waits` for an answer, `talks` on the telephone."""

    conversation_id: int
    channel: str
    queue_id: int
    waits: bool
    talks: bool
    name: str


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
