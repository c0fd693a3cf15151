"""What an assignment costs with nothing around it: heaps in memory, one statement a batch, no checks, no reasons.

An agent finishes an item, takes the most urgent of the classes they serve, and a new item arrives: what changes of
that is written to tables with as few indexes as will do, and logged. It is here to be measured beside the router.
"""

from __future__ import annotations

import heapq
import random
import time

from psycopg.sql import SQL

from hub.core.service import Core

BATCH = 128
SERVED = 14  # classes an agent serves
SEED = """
create table bare_item (id bigint primary key, class integer not null, due float8 not null,
    state text not null default 'waiting', agent_id bigint);
create index bare_item_waiting on bare_item (class, due) where state = 'waiting';
create table bare_log (id bigint generated always as identity primary key, item_id bigint, agent_id bigint, at timestamptz);
insert into bare_item (id, class, due) select n, n % {classes}, n from generate_series(1, {waiting}) n;
analyze bare_item;
"""
COMMIT = """
with done as (
    update bare_item set state = 'closed' where id = any(%(done)s)
), given as (
    update bare_item i set state = 'assigned', agent_id = g.agent_id
    from unnest(%(items)s::bigint[], %(agents)s::bigint[]) as g (id, agent_id) where i.id = g.id
), arrived as (
    insert into bare_item (id, class, due)
    select * from unnest(%(fresh)s::bigint[], %(classes)s::integer[], %(dues)s::float8[])
)
insert into bare_log (item_id, agent_id, at)
select id, agent_id, now() from unnest(%(items)s::bigint[], %(agents)s::bigint[]) as g (id, agent_id)
"""


async def assignments(core: Core, agents: int, waiting: int, classes: int, seconds: float = 4.0) -> float:
    """Durable assignments a second."""
    async with core.db.connection() as conn:
        await conn.execute(SQL(SEED).format(classes=classes, waiting=waiting))
    dice = random.Random(1)
    heaps = [[(float(n), n) for n in range(1, waiting + 1) if n % classes == c] for c in range(classes)]
    serves = [dice.sample(range(classes), SERVED) for _ in range(agents)]
    held = [0] * agents
    made, newest, started = 0, waiting, time.perf_counter()
    while time.perf_counter() - started < seconds:
        batch = dice.sample(range(agents), BATCH)
        done = [held[a] for a in batch if held[a]]
        for agent in batch:
            best = min((heaps[c] for c in serves[agent] if heaps[c]), key=lambda heap: heap[0])
            held[agent] = heapq.heappop(best)[1]
        fresh = [(newest + n + 1, dice.randrange(classes)) for n in range(BATCH)]
        newest += BATCH
        for item, class_ in fresh:
            heapq.heappush(heaps[class_], (float(item), item))
        values = {
            "done": done, "items": [held[a] for a in batch], "agents": batch, "fresh": [f for f, _ in fresh],
            "classes": [c for _, c in fresh], "dues": [float(f) for f, _ in fresh],
        }  # fmt: skip
        await core.db.execute(COMMIT, values)
        made += BATCH
    return made / (time.perf_counter() - started)
