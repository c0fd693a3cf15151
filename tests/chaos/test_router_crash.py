"""Several routers, of which the leader is killed or frozen again and again, while agents come, go, take and refuse.

Nothing may be assigned twice, lost, above capacity, or offered or assigned to somebody who is not available: a
trigger looks at every change of an entry at the moment it happens. `HUB_CRASH_SECONDS` makes it longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.agents.presence import set_presence
from hub.core import events
from hub.core.embedded import Servers
from hub.core.errors import HubError
from hub.core.service import Core
from hub.queues import entries, offers
from tests.support.factory import Factory

SECONDS = float(os.environ.get("HUB_CRASH_SECONDS", "15"))
ROUTERS, AGENTS, QUEUES = 3, 40, 3
WATCH = """
create table violation (what text, entry_id bigint, agent_id bigint);
create function watch() returns trigger language plpgsql as $$
declare
    doing text; room integer; used integer;
begin
    if new.state in ('offered', 'assigned') and new.state <> old.state then
        select s.state into doing from agent_state s where s.agent_id = new.agent_id;
        if doing <> 'available' then
            insert into violation values (new.state || ' to somebody ' || doing, new.id, new.agent_id);
        end if;
        select a.capacity into room from agent a where a.id = new.agent_id;
        select sum(e.weight) into used from queue_entry e
        where e.agent_id = new.agent_id and e.state in ('offered', 'assigned', 'wrapping');
        if used > room then
            insert into violation values ('above capacity', new.id, new.agent_id);
        end if;
    end if;
    return null;
end $$;
create trigger watch after update on queue_entry for each row execute function watch();
"""
ARRIVE = """
with q as (select id, target_seconds from queue where id = %(queue)s),
c as (insert into contact (root_id, name) values (0, 'x') returning id),
v as (insert into conversation (contact_id, channel, queue_id) select c.id, 'chat', %(queue)s from c returning id),
e as (insert into queue_entry (conversation_id, queue_id, channel, target_seconds, weight, requirements)
      select v.id, q.id, 'chat', q.target_seconds, 25, %(requirements)s from v, q
      returning id, conversation_id, queued_at)
insert into event (kind, conversation_id, queue_id, data)
select 'entry.queued', conversation_id, %(queue)s,
       jsonb_build_object('entry_id', id, 'channel', 'chat', 'queued_at', queued_at)
from e returning (data ->> 'entry_id')::bigint
"""


class Floor:
    """The people: they answer what they are offered, and come and go."""

    def __init__(self, core: Core, agents: list[int], queues: list[int]):
        self.core = core
        self.agents = agents
        self.queues = queues
        self.open = True
        self.seen: set[int] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def arrivals(self) -> None:
        while self.open:
            for _ in range(random.randint(1, 4)):
                steps = random.choice(["[]", '[{"skills": {"law": 3}, "seconds": 1}]'])
                values = {"queue": random.choice(self.queues), "requirements": steps}
                entry = await self.core.db.value(ARRIVE, values)
                await self.core.feed.notify("router", f'{{"entries":[{entry}]}}' if random.random() < 0.8 else "")
            await asyncio.sleep(0.02)

    async def comings_and_goings(self) -> None:
        while self.open:
            state = random.choice(["available", "available", "away", "offline"])
            await self.flip(random.choice(self.agents), state)
            await asyncio.sleep(0.02)

    async def flip(self, agent: int, state: str) -> None:
        with contextlib.suppress(HubError):
            async with events.unit(self.core.db, self.core.feed) as unit:
                await set_presence(unit, agent, state)

    async def answering(self) -> None:
        while True:
            for offer in await self.core.db.dicts("select id, agent_id from offer where state = 'offered'"):
                if offer["id"] not in self.seen:
                    self.seen.add(offer["id"])
                    task = asyncio.create_task(self.answer(offer=offer["id"], agent=offer["agent_id"]))
                    self.tasks.add(task)
                    task.add_done_callback(self.tasks.discard)
            await asyncio.sleep(0.02)

    async def answer(self, offer: int, agent: int) -> None:
        await asyncio.sleep(random.random() * 0.1)
        chance = random.random()
        if chance < 0.08:
            return  # never answered
        try:
            async with events.unit(self.core.db, self.core.feed) as unit:
                if chance < 0.16:
                    await offers.decline(unit, offer, agent)
                    return
                conversation = await offers.accept(unit, offer, agent)
        except offers.OfferGone:
            return
        await asyncio.sleep(random.random() * 0.2)
        async with events.unit(self.core.db, self.core.feed) as unit:
            await entries.close(unit, conversation, "resolved")


class Routers:
    """The router processes and whoever treats them badly."""

    def __init__(self, core: Core, *urls: str):
        self.core = core
        self.urls = urls
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.injuries = 0

    def start(self) -> None:
        process = subprocess.Popen([sys.executable, "-m", "tests.chaos.router_process", *self.urls])
        self.running[process.pid] = process

    async def torment(self) -> None:
        while True:
            await asyncio.sleep(1 + random.random())
            holder = await self.core.db.value("select holder from lease where name = 'router' and expires_at > now()")
            pid = int(holder.split(":")[1]) if holder else 0
            if pid not in self.running:
                continue
            self.injuries += 1
            if random.random() < 0.5:
                process = self.running.pop(pid)
                process.kill()
                process.wait(10)
                self.start()
            else:
                os.kill(pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(1.5 + random.random() * 1.5)
                finally:
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait(10)


@asynccontextmanager
async def together(*work: Any) -> AsyncGenerator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(w) for w in work]
    yield tasks
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
async def test_nothing_is_lost_or_given_twice_when_leaders_die(core: Core, servers: Servers, database_url: str) -> None:
    factory = Factory(core)
    await core.db.execute("update channel_policy set offer_timeout_seconds = 1 where channel = 'chat'")
    await core.db.execute(WATCH)
    queues = [await factory.queue(f"q{n}") for n in range(QUEUES)]
    agents = [
        await factory.agent(f"A{n}", *random.sample(queues, 2), skills={"law": 4} if n % 3 else None, capacity=50)
        for n in range(AGENTS)
    ]
    floor, routers = Floor(core, agents, queues), Routers(core, database_url, servers.redis_url)
    try:
        for _ in range(ROUTERS):
            routers.start()
        async with asyncio.timeout(30):
            while await core.db.value("select count(*) from lease") == 0:  # noqa: ASYNC110 - another process takes it
                await asyncio.sleep(0.1)
        async with together(floor.answering()) as (answering,):
            async with together(routers.torment(), floor.arrivals(), floor.comings_and_goings()) as tasks:
                await asyncio.wait([*tasks, answering], timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
            floor.open = False
            await drain(core, floor)
    finally:
        routers.stop()
    await check(core)
    assert routers.injuries >= SECONDS / 6


async def drain(core: Core, floor: Floor) -> None:
    """Everybody back at work until nothing waits; declined items come round again."""
    async with asyncio.timeout(60):
        while await core.db.value("select exists (select from queue_entry where state <> 'closed')"):
            for agent in await core.db.dicts("select agent_id from agent_state where state <> 'available'"):
                await floor.flip(agent["agent_id"], "available")
            await core.db.execute("update queue_entry set excluded = '{}' where state = 'waiting' and excluded <> '{}'")
            await core.db.execute(
                "insert into event (kind, data) select 'entry.resumed', jsonb_build_object('entry_id', id) "
                "from queue_entry where state = 'waiting'"
            )
            await asyncio.sleep(0.5)
    if floor.tasks:
        _, hanging = await asyncio.wait(floor.tasks, timeout=30)
        doing = await core.db.dicts(
            "select pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), query from pg_stat_activity where datname = current_database()"
        )
        assert not hanging, ([task.get_stack() for task in hanging], doing)


async def check(core: Core) -> None:
    db = core.db
    total = await db.value("select count(*) from queue_entry")
    assert await db.dicts("select * from violation") == []
    assert await db.value("select count(*) from conversation") == total
    assert await db.value("select count(*) from queue_entry where state = 'closed' and outcome = 'resolved'") == total
    assert await db.value("select count(*) from offer where state = 'accepted'") == total
    assert await db.value("select count(distinct entry_id) from offer where state = 'accepted'") == total
    assert (
        await db.value("select count(distinct data ->> 'entry_id') from event where kind = 'entry.answered'") == total
    )
    assert await db.value("select count(*) from event where kind = 'entry.answered'") == total
    assert await db.value("select count(*) from offer where state = 'offered'") == 0
    assert total > 3 * SECONDS  # that there was work; how much is the machine's
