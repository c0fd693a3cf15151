"""Whom work can be handed to: refused before it lies where nobody would take it up."""

from __future__ import annotations

from hub.core.db import Connection, fetch_dicts, fetch_value
from hub.core.errors import Invalid
from hub.core.sql import Queries

sql = Queries.beside(__file__, "targets.sql")


async def check_agent(conn: Connection, agent_id: int) -> None:
    """`Invalid` unless work can be handed to an agent."""
    handles = await fetch_value(conn, sql["works_here"], {"agent_id": agent_id})
    if handles is None:
        raise Invalid("There is no such agent.", code="agent.unknown", fields={"agent_id": "nobody who works here"})
    if not handles:
        raise Invalid(
            "Their role lets them work on no conversations.",
            code="agent.takes_none",
            remedy="Choose somebody else.",
            fields={"agent_id": "somebody who handles conversations"},
        )


async def check_queue(conn: Connection, queue_id: int, *, served: bool = True) -> None:
    """`Invalid` unless a queue takes work and, unless `served` is False, somebody is there to be given it.

    For whoever chooses a queue: what lies where nobody works is seen by administrators alone. What arrives by itself
    is taken in wherever it belongs, and the pages of queues say that nobody serves them.
    """
    found = await fetch_dicts(conn, sql["takes_work"], {"queue_id": queue_id})
    if not found:
        raise Invalid("There is no such queue.", code="queue.unknown", fields={"queue_id": "no queue that takes work"})
    if served and not found[0]["served"]:
        raise Invalid(
            f"Nobody works in {found[0]['name']} who could take this.",
            code="queue.unstaffed",
            params={"queue": found[0]["name"]},
            remedy="Choose another queue, or let an administrator put somebody into that one.",
            fields={"queue_id": "a queue that somebody works in"},
        )
