"""What goes wrong, one thing after another or several at once, each healed by itself after a while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import redis

from tests.soak.world import World

Fault = Callable[[World], Awaitable[None]]


async def kill_a_process(world: World) -> None:
    """A process of the hub dies as in a power failure."""
    world.programs[world.dice.choice(list(world.programs))].process.kill()


async def stop_a_process_for_a_while(world: World) -> None:
    """A process gets no time for longer than its leases last."""
    pid = world.programs[world.dice.choice(list(world.programs))].pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(world.dice.uniform(2, 25))
        os.kill(pid, signal.SIGCONT)


async def end_a_process_politely(world: World) -> None:
    """A rolling restart."""
    world.programs[world.dice.choice(list(world.programs))].process.terminate()


async def kill_postgres(world: World) -> None:
    """The database crashes and recovers."""
    _kill(world.server_pid("postgres"), signal.SIGQUIT)


async def kill_valkey(world: World) -> None:
    """Valkey dies with everything in it."""
    _kill(world.server_pid("valkey"), signal.SIGKILL)


async def stop_a_server_for_a_while(world: World) -> None:
    """A server answers nobody and hangs up on nobody."""
    pid = world.server_pid(world.dice.choice(["postgres", "valkey"]))
    if pid is not None:
        _kill(pid, signal.SIGSTOP)
        await asyncio.sleep(world.dice.uniform(1, 8))
        _kill(pid, signal.SIGCONT)


async def cut_database_connections(world: World) -> None:
    """Sessions end in the middle of whatever they do, commits among them."""
    for _ in range(world.dice.randrange(1, 20)):
        await asyncio.to_thread(_sql, world, "select pg_terminate_backend(pid) from pg_stat_activity "
                                "where pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 3")  # fmt: skip
        await asyncio.sleep(world.dice.random() / 2)


async def leave_a_transaction_open(world: World) -> None:
    """Somebody else's transaction writes and does not end."""

    def hold() -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(world.places.database_url) as conn:
            conn.execute("create temporary table soak (n int)")
            conn.execute("insert into soak values (1)")
            conn.execute("select pg_sleep(%s)", [world.dice.uniform(5, 12)])

    await asyncio.to_thread(hold)


async def empty_redis(world: World) -> None:
    """Redis forgets everything."""
    with contextlib.suppress(redis.RedisError):
        redis.Redis.from_url(world.places.redis_url).flushall()


async def refuse_redis_writes(world: World) -> None:
    """Redis is full, and says so."""
    with contextlib.suppress(redis.RedisError):
        redis.Redis.from_url(world.places.redis_url).config_set("maxmemory", "1")
    await asyncio.sleep(world.dice.uniform(3, 15))
    with contextlib.suppress(redis.RedisError):
        redis.Redis.from_url(world.places.redis_url).config_set("maxmemory", "256mb")


async def fill_the_disk(world: World) -> None:
    """The database's disk is full for a while."""
    if not world.small_disk:
        return
    filler = world.folder / "data" / "filler"
    left = os.statvfs(filler.parent)
    size = left.f_bavail * left.f_frsize

    def fill() -> None:
        with contextlib.suppress(OSError), filler.open("wb") as file:
            for _ in range(size // 2**20 + 1):
                file.write(b"\0" * 2**20)

    try:
        await asyncio.to_thread(fill)
        await asyncio.sleep(world.dice.uniform(3, 15))
    finally:
        filler.unlink(missing_ok=True)


async def step_the_clock(world: World) -> None:
    """The clocks of the hub's processes jump, forth or back, and later home."""
    if world.clock is not None:
        world.clock.write_text(world.dice.choice(["+3600", "-3600", "+90", "-90", "+86400"]))
        await asyncio.sleep(world.dice.uniform(5, 30))
        world.clock.write_text("+0")


async def upset_the_provider(world: World) -> None:
    """The provider is slow, refuses, loses answers, doubles and reorders what it tells."""
    faults, dice = world.twilio.faults, world.dice
    faults.slow, faults.duplicate, faults.reorder = dice.uniform(0, 4), dice.random() < 0.5, dice.random() < 0.5
    faults.throttle, faults.fail = dice.randrange(5), dice.randrange(5)
    faults.lose_answer, faults.hang, faults.drop = dice.randrange(3), dice.randrange(2), dice.randrange(5)
    await asyncio.sleep(dice.uniform(5, 20))
    faults.slow, faults.duplicate, faults.reorder = 0.0, False, False
    faults.throttle = faults.fail = faults.lose_answer = faults.hang = faults.drop = 0


async def upset_the_gateway(world: World) -> None:
    """The HTTP gateway refuses for a while."""
    world.gateway.refuse = world.dice.randrange(1, 8)
    await asyncio.sleep(world.dice.uniform(5, 20))
    world.gateway.refuse = 0


async def upset_the_mail_server(world: World) -> None:
    """The outgoing mail server defers, hangs, or takes a mail and hangs up without a word."""
    world.mail.fault = world.dice.choice(["defer", "hang", "vanish", "defer_recipient"])
    world.mail.faults_left = world.dice.randrange(1, 5)
    await asyncio.sleep(world.dice.uniform(5, 20))
    world.mail.faults_left = 0


FAULTS: tuple[Fault, ...] = (
    kill_a_process, kill_a_process, stop_a_process_for_a_while, end_a_process_politely, kill_postgres, kill_valkey,
    stop_a_server_for_a_while, cut_database_connections, leave_a_transaction_open, empty_redis, refuse_redis_writes,
    fill_the_disk, step_the_clock, upset_the_provider, upset_the_mail_server,
    upset_the_gateway,
)  # fmt: skip


@asynccontextmanager
async def trouble(world: World, counted: Counter[str], *, every: float) -> AsyncGenerator[None]:
    """Faults at random, overlapping, a new one each `every` seconds on average; at the end all are healed."""
    running: set[asyncio.Task[None]] = set()
    dice = random.Random(f"faults {world.seed}")  # their own: the same seed gives the same order of troubles

    async def cause() -> None:
        while True:
            await asyncio.sleep(dice.expovariate(1 / every))
            fault = dice.choice(FAULTS)
            counted[fault.__name__] += 1
            task = asyncio.create_task(_survived(fault, world))
            running.add(task)
            task.add_done_callback(running.discard)

    causing = asyncio.create_task(cause())
    try:
        yield
    finally:
        causing.cancel()
        await asyncio.gather(causing, *running, return_exceptions=True)


async def _survived(fault: Fault, world: World) -> None:
    with contextlib.suppress(psycopg.Error, redis.RedisError, OSError):
        await fault(world)


def _kill(pid: int | None, how: signal.Signals) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def _sql(world: World, query: str) -> None:
    with contextlib.suppress(psycopg.Error), psycopg.connect(world.places.database_url, autocommit=True) as conn:
        conn.execute(query.encode())
