"""The router under load: durable assignments per second, and the time to rebuild 100,000 waiting entries.

`python -m tests.bench.bench_router` starts a PostgreSQL of its own with fsync on and prints a table. An assignment is
everything the router commits for one offer: the entry, the offer, the decision with its candidates, the agent's
sequence and the event. Beside them runs a prototype that does the same with nothing around it, for the machine's
measure: where it does 22,600 a second, the router is to do 10,000.
"""

from __future__ import annotations

import asyncio
import random
import time

from psycopg.sql import SQL

from hub.core.db import Connection
from hub.core.service import Core
from routing.engine import Leader
from tests.bench import router_prototype
from tests.bench.stage import Figure, servers, show, sized
from tests.bench.stage import core as open_core

AGENTS, WAITING, CLASSES, ROUNDS = sized(10_000, 300), sized(100_000, 2_000), 60, 3
Row = tuple[str, float, str, float]
SEED = SQL("""
insert into queue (key, name) select 'q' || n, 'Queue ' || n from generate_series(1, 60) n;
insert into agent (email, name, capacity) select 'a' || n || '@example.com', 'Agent ' || n, 100
from generate_series(1, {agents}) n;
insert into agent_state (agent_id, state) select id, 'available' from agent;
insert into agent_queue (agent_id, queue_id)
select a.id, q.id from agent a join queue q on (a.id * 7919 % 97 + q.id * 31) % 60 < 14 and (a.id + q.id) % 2 >= 0;
with c as (insert into contact (root_id, name) select 0, 'x' returning id)
insert into conversation (contact_id, channel) select c.id, 'chat' from c, generate_series(1, {waiting});
insert into queue_entry (conversation_id, queue_id, channel, entered_at, target_seconds, weight)
select id, 1 + id % 60, 'chat', now() - random() * interval '600 s', 60, 100 from conversation;
insert into lease values ('router', 'bench', 1, now() + interval '1 day');
analyze;
""").format(agents=AGENTS, waiting=WAITING)
FINISH = """
update queue_entry set state = 'closed', closed_at = now(), outcome = 'resolved' where state = 'offered'
"""


async def assignments(core: Core, conn: Connection) -> list[Row]:
    """Every agent is given something, finishes, and is given the next, three times over."""
    leader = Leader(core, conn, 1)
    started = time.perf_counter()
    await leader.rebuild()
    rebuilt = time.perf_counter() - started
    made, spent = 0, 0.0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        made += await leader.settle()
        spent += time.perf_counter() - started
        await finish(core, leader)
    return [
        ("router: rebuild of 100k waiting", rebuilt, "s", 1.0),
        ("router: durable assignments", made / spent, "/s", 0.0),
    ]


async def finish(core: Core, leader: Leader) -> None:
    """Everybody is done; the router learns it as it learns everything."""
    entries = [row["id"] for row in await core.db.dicts("select id from queue_entry where state = 'offered'")]
    await core.db.execute(FINISH)
    for entry_id in entries:
        leader.pool.forget(entry_id)


async def arrivals(core: Core, conn: Connection, rate: int = 200, seconds: float = sized(5, 1)) -> list[Row]:
    """Arrival to committed and published offer, for single items while agents are idle."""
    leader = Leader(core, conn, 1)
    await core.db.execute("update queue_entry set state = 'closed' where state <> 'closed'")
    conversations = [
        r["id"] for r in await core.db.dicts("select id from conversation limit %s", [int(rate * seconds)])
    ]
    run, hearing = asyncio.create_task(leader.run()), asyncio.create_task(leader.listen())
    await asyncio.sleep(1.5)
    heard: dict[int, float] = {}
    listening = asyncio.create_task(hear(core, heard, len(conversations)))
    await asyncio.sleep(0.2)
    sent: dict[int, float] = {}
    tasks: list[asyncio.Task[None]] = []
    for conversation in conversations:
        tasks.append(asyncio.create_task(arrive(core, conversation, sent)))
        await asyncio.sleep(random.expovariate(rate))
    await asyncio.wait([listening], timeout=10)
    for task in (run, hearing, listening, *tasks):
        task.cancel()
    await asyncio.gather(run, hearing, listening, *tasks, return_exceptions=True)
    waits = sorted(heard[c] - sent[c] for c in sent if c in heard)
    p50, p99 = waits[len(waits) // 2] * 1000, waits[int(len(waits) * 0.99)] * 1000
    return [
        ("router: arrival to offer at 200/s, p50", p50, "ms", 12),
        ("router: arrival to offer at 200/s, p99", p99, "ms", 50),
    ]


async def arrive(core: Core, conversation: int, sent: dict[int, float]) -> None:
    sent[conversation] = time.perf_counter()
    entry = await core.db.value(
        "insert into queue_entry (conversation_id, queue_id, channel, target_seconds, weight) "
        "values (%s, 1 + %s %% 60, 'chat', 60, 100) returning id",
        [conversation, conversation],
    )
    await core.feed.notify("router", f'{{"entries":[{entry}]}}')


async def hear(core: Core, heard: dict[int, float], expected: int) -> None:
    import orjson

    pubsub = core.feed.redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.psubscribe("t:u:*")
    while len(heard) < expected:
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
        if message:
            heard[orjson.loads(message["data"])["conversation_id"]] = time.perf_counter()
    await pubsub.aclose()


async def measure(core: Core) -> list[Row]:
    """All rows of this bench: (name, value, unit, target)."""
    async with core.db.connection() as conn:
        await conn.execute(SEED)
    async with core.db.lane("router").connection() as conn:
        rows = await assignments(core, conn)
        bare = await router_prototype.assignments(core, AGENTS, WAITING, CLASSES, seconds=sized(40, 5) / 10)
        rows.append(("router: the prototype's assignments", bare, "/s", 0.0))
        rows.append(("ratio", rows[1][1] / bare, "x", 10_000 / 22_600))
        return rows + await arrivals(core, conn)


def figure(row: Row) -> Figure:
    """A rate is to be reached, a time is not to be exceeded; a row without a target is for comparison."""
    name, value, unit, target = row
    if not target:
        return Figure(name, f"{value:,.0f}{unit}")
    met = value >= target if unit == "x" else value <= target
    return Figure(name, f"{value:,.2f} {unit}", f"{'>=' if unit == 'x' else '<='} {target:.3g} {unit}", met)


async def run() -> list[Figure]:
    with servers() as found:
        async with open_core(found, pool=8) as core:
            return [figure(row) for row in await measure(core)]


if __name__ == "__main__":
    show("Router", asyncio.run(run()))
