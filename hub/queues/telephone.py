"""Calls in queues: an entry is `voice` exactly while a call of its conversation waits or is talked on, and is its.

Whoever moves a conversation moves its call in the same transaction: the telephone of whoever is offered it rings, and
when the caller hangs up, the entry that ends is the one that waits.
"""

from __future__ import annotations

from hub.channels.capabilities import capabilities_of
from hub.core.db import Connection, execute, fetch_dicts, fetch_value
from hub.core.errors import Conflict, Invalid
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__, "telephone.sql")


async def channel_of(conn: Connection, conversation_id: int, channel: str) -> str:
    """As what a held conversation is worked on: a call while there is one, and else never as one."""
    if await fetch_value(conn, sql["on_line"], {"conversation_id": conversation_id}) is not None:
        return "voice"
    return "missed_call" if capabilities_of(channel).call else channel


async def follow(unit: Unit, conversation_id: int, entry_id: int, queue_id: int) -> None:
    """The conversation, which is held, has this entry now: its call, if one goes on, waits there."""
    place = {"conversation_id": conversation_id, "entry_id": entry_id, "queue_id": queue_id}
    await execute(unit.conn, sql["follow"], place)
    unit.notify("calls")


async def check_rings(conn: Connection, conversation_id: int, queue_id: int, agent_id: int | None) -> None:
    """`Invalid` when somebody is on the line and nothing rings where they are handed to."""
    if await fetch_value(conn, sql["on_line"], {"conversation_id": conversation_id}) is None:
        return
    if agent_id is not None:
        [agent] = await fetch_dicts(conn, sql["rings_at"], {"agent_id": agent_id})
        if not agent["rings"]:
            raise Invalid(
                f"{agent['name']} has no telephone connected.",
                code="agent.no_telephone",
                params={"agent": agent["name"]},
                remedy="The customer is on the line: choose somebody who can be rung.",
                fields={"agent_id": "somebody with a telephone"},
            )
        return
    [queue] = await fetch_dicts(conn, sql["rings_in"], {"queue_id": queue_id})
    if not queue["rings"]:
        raise Invalid(
            f"Nobody in {queue['name']} has a telephone connected.",
            code="queue.no_telephone",
            params={"queue": queue["name"]},
            remedy="The customer is on the line: choose a queue where somebody can be rung.",
            fields={"queue_id": "a queue that a telephone reaches"},
        )


async def check_nobody_on_line(conn: Connection, conversation_id: int) -> None:
    """`Conflict` while the customer of a held conversation is on the line: it is not over, nor to be put aside."""
    on_line = await customer_on_line(conn, conversation_id)
    if on_line == "queued":
        raise Conflict(
            "The customer waits on the line.", code="call.waits_on_line", remedy="Take the call, or hand it over."
        )
    if on_line is not None:
        raise Conflict("The customer is on the line.", code="call.goes_on", remedy="End the call first.")


async def customer_on_line(conn: Connection, conversation_id: int) -> str | None:
    """The state of the call that the customer of a held conversation waits or talks on; None if there is none."""
    state: str | None = await fetch_value(conn, sql["customer_on_line"], {"conversation_id": conversation_id})
    return state
