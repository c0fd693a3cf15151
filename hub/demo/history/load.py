"""Fills an empty center with years of work: `hub demo history`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from hub.core.db import Connection, Database, execute, fetch_all, fetch_dicts, fetch_value
from hub.core.errors import ConfigError
from hub.core.events import newest
from hub.core.events import sql as events_sql
from hub.core.sql import Queries
from hub.demo.history.past import DAY, Center, Past, Place, Size
from hub.demo.history.present import Present
from hub.demo.history.rows import Rows
from hub.reports.buckets import READER

__all__ = ["Size", "fill"]
sql = Queries.beside(__file__, "history.sql")
YEARS = 10
_QUEUES = (
    "Returns", "Warranty", "Deliveries", "Trade customers", "Spare parts", "Complaints", "Showrooms", "Online shop",
    "Accounts", "中文服务", "Service auf Deutsch", "Atención en español",
)  # fmt: skip
_AGENTS = 40
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Membership:
    queue_id: int
    agent_id: int


async def fill(
    db: Database, *, conversations: int, interactions: int, seed: int = 1, backlog: bool = True, report: Report
) -> Rows:
    """Write the history of ten years; what was written.

    It ends with the last year's `backlog`, which is a load to measure with, or without one: in a present to look at.

    A `ConfigError` where the center has no accounts for mail, SMS, WhatsApp and chat, or has customers already.
    """
    if conversations < 10 or interactions < conversations:
        raise ConfigError(
            f"{conversations:,} conversations cannot have {interactions:,} interactions.",
            remedy="Ask for at least 10 conversations, and for as many interactions or more.",
        )
    async with db.connection() as conn:
        if await fetch_value(conn, sql["known"]):
            raise ConfigError(
                "There are customers already: a made-up history would stand among their records.",
                remedy="Choose an empty data folder with --data, or an empty database.",
            )
        await execute(conn, sql["no_limit"])
        await _people(conn)
        ended = float(await fetch_value(conn, sql["now"]))
        size = Size(conversations, interactions, ended - YEARS * 365.25 * DAY, ended, seed)
        rows = Rows()
        past = (Past if backlog else Present)(size, await _center(conn), rows)
        await _play(conn, past, rows, report)
        await _leave_in_order(conn)
        report("reading what was written (vacuum, analyze)")
        await execute(conn, sql["clean_up"])
    return rows


async def is_set_up(db: Database) -> bool:
    """Whether there are accounts, of whose channels a history can be."""
    return bool(await db.value(sql["is_set_up"]))


async def _play(conn: Connection, past: Past, rows: Rows, report: Report) -> None:
    began, shown = time.monotonic(), 0.0
    for said in past.play():
        if rows.full:
            async with conn.transaction():
                await rows.write(conn)
        if (passed := time.monotonic() - began) - shown > 1:
            shown = passed
            rate = rows.written / passed
            report(
                f"{said:,} of about {past.size.interactions:,} interactions, {rows.written:,} rows, {rate:,.0f} rows/s"
            )
    if isinstance(past, Present):  # writing takes its time: whoever waits has written just now
        past.arrive(float(await fetch_value(conn, sql["now"])))
    past.close()
    async with conn.transaction():
        await rows.write(conn)
    report(f"{past.interactions:,} interactions, {rows.written:,} rows in {time.monotonic() - began:,.0f} s")


async def _people(conn: Connection) -> None:
    """More queues and agents than the demonstration has: some of all queues, some of one, some who have nothing."""
    await execute(conn, sql["queues"], {"names": list(_QUEUES)})
    await execute(conn, sql["agents"], {"count": _AGENTS})
    await execute(conn, sql["memberships"])


async def _center(conn: Connection) -> Center:
    rows = await fetch_dicts(conn, sql["accounts"])
    accounts = {row["channel"]: Place(row["id"], row["connector"]) for row in rows}
    if missing := {"email", "sms", "whatsapp", "chat"} - set(accounts):
        raise ConfigError(
            f"The center has no account for {', '.join(sorted(missing))}.",
            remedy="Apply one that has, such as config/center.toml.",
        )
    queues: dict[int, tuple[int, ...]] = {}
    for row in await fetch_all(conn, _Membership, sql["busy"]):
        queues[row.queue_id] = (*queues.get(row.queue_id, ()), row.agent_id)
    [first] = await fetch_dicts(conn, sql["first"])
    return Center(accounts, queues, {name: int(number) for name, number in first.items()})


async def _leave_in_order(conn: Connection) -> None:
    """Sequences go on after what was written, and the statistics do not count again what is counted."""
    async with conn.transaction():
        await execute(conn, sql["sequences"])
        await execute(conn, sql["threads"])
        await execute(conn, sql["search_anew"])
    async with conn.transaction():
        at = await newest(conn)
        where = {"reader": READER, "xid": at.xid, "id": at.id}
        await execute(conn, events_sql["start_cursor"], where)
        await execute(conn, events_sql["advance"], where)


def on_screen(text: str) -> None:
    """Progress on one line of a terminal, else a line each time."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
