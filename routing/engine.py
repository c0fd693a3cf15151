"""The router: one leader that keeps agents and waiting entries in memory and decides when something happens.

PostgreSQL stays the truth. The leader learns of changes from the log (a notification only makes it look sooner),
commits its decisions in batches guarded by its lease's epoch, and reads again whatever a commit left out. It needs no
order, since it reads the rows that an event names: each look takes what was committed since the last one, so that a
transaction that somebody leaves open delays nothing here. Killed at any line it loses nothing: the next leader rebuilds
the pool in well under a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString, cast

import orjson
import psycopg

from hub.channels.capabilities import capabilities_of
from hub.core import log
from hub.core.db import Connection
from hub.core.errors import HubError
from hub.core.leases import Lease
from hub.core.metrics import WAITING
from hub.core.service import Core
from hub.core.sql import Queries
from hub.core.tasks import together
from hub.provisioning import yielding
from routing import offers, policy, rebalance
from routing.model import AgentFacts, Channel, Pick, Waiting
from routing.policy import Blend, Step
from routing.pool import Pool

logger = log.get(__name__)
sql = Queries.beside(__file__)
LEASE = "router"
BATCH = 512  # decisions per commit
_SENDING = 4  # turns of the event loop in which a batch starts to be sent
_SENT_WITHIN = 0.05  # seconds; a batch is more than a socket holds, and the database starts when it has all of it
_TICK = 0.25  # seconds between looks at the log when nothing is notified
_BLOCKED = 0.05  # seconds to leave alone what somebody else holds
_SEEN = 5000  # entries of the past that a leader learns from what comes here
_NOTED = 32  # entries of one look whose waiting for a lock is noted
_BREATH = 1000  # entries read in a row by a process that has screens to serve as well


class Router:
    """The service: takes the lease, leads, and starts anew when it loses it."""

    name = "router"

    def __init__(self, core: Core, *, ttl: float = 3.0):
        self._core = core
        self._lease = Lease(core.db, LEASE, ttl=ttl)

    async def run(self) -> None:
        """Lead whenever nobody else does, until cancelled."""
        await self._lease.hold(self._lead)

    async def _lead(self, epoch: int) -> None:
        async with self._core.db.lane("router").connection() as conn:
            leader = Leader(self._core, conn, epoch)
            await together(leader.run(), leader.listen(), offers.run_clock(self._core))


class Leader:
    """One term of leading, on one connection."""

    def __init__(self, core: Core, conn: Connection, epoch: int):
        self._core = core
        self._conn = conn
        self._epoch = epoch
        self.pool = Pool({})
        self._since = ""  # the snapshot of the last look into the log: what it saw is known here
        self._ahead = time.time() - time.monotonic()  # of the database's clock before our monotonic one, seconds
        self._bell = asyncio.Event()
        self._hinted: set[int] = set()  # entries to read
        self._told: dict[int, Sequence[Any]] = {}  # and those that were told with all there is to read
        self._look = True  # whether the log has to be read
        self._looked = 0.0  # when it was, by this process's clock
        self._rebalanced = 0.0  # when lines of offers were looked at, by the same
        self._flying: frozenset[int] = frozenset()  # entries of a commit under way
        self._later: set[int] = set()  # entries to read when that has landed
        self._steps: dict[str, tuple[Step, ...]] = {}

    async def run(self) -> None:
        """Rebuild, then decide for ever. Raises `LeaseLost` when a commit finds another leader."""
        await self.rebuild()
        while True:
            await self._wait()
            await self.catch_up()
            await self.settle()
            await self._rebalance_lines()
            WAITING.set(len(self.pool.waiting))

    async def _rebalance_lines(self) -> None:
        """Now and then look whether somebody has become ready for what others have not come to."""
        if time.monotonic() - self._rebalanced >= rebalance.EVERY:
            await self.rebalance()
            self._rebalanced = time.monotonic()

    async def rebalance(self) -> int:
        """Take back what others would come to sooner; how many."""
        return await rebalance.rebalance(self._core, self._conn, self.pool, self._rows, self._waiting, self.now())

    async def listen(self) -> None:
        """Listen for notifications; one that names entries saves the look into the log."""
        with self._core.feed.handled("router", self.tell):
            async for message in self._core.feed.notifications("router", every=_TICK, each=True):
                self.hint(message)

    def hint(self, message: str) -> None:
        """A notification: `{"entries": […]}`, ids or entries with all columns; anything else for a look into the log.

        From afar only the ids are believed: by the time it is heard, more may have happened.
        """
        entries = _entries(message)
        self._hinted.update(entry[0] for entry in entries)
        self._ring(anything=not entries)

    def tell(self, message: str) -> None:
        """A notification in this process, right after the commit that it tells of: new entries are as they are told."""
        entries = _entries(message)
        for entry in entries:
            if len(entry) == 1 or self.pool.knows(entry[0]) or entry[0] in self._flying:
                self._hinted.add(entry[0])
            else:
                self._told[entry[0]] = entry
        self._ring(anything=not entries)

    def _ring(self, *, anything: bool) -> None:
        self._look = self._look or anything
        self._bell.set()

    def now(self) -> float:
        """The database's clock, in seconds since the epoch."""
        return time.monotonic() + self._ahead

    async def _wait(self) -> None:
        timer = self.pool.next_timer()
        seconds = _TICK if timer is None else min(_TICK, max(0.0, timer - self.now()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        self._bell.clear()

    # -- learning ----------------------------------------------------------------------------------------------
    async def rebuild(self) -> None:
        """Read everything; later changes come from the log."""
        started = time.perf_counter()
        async with self._core.db.connection() as conn:  # not ours, which is for look-ups: these read whole tables
            self._since, server_now = (await _fetch(conn, sql["position"], {}))[0]
            self._ahead = server_now - time.monotonic()
            channels, blend = await rules(conn)
            people, entries = await _fetch(conn, sql["agents_all"], {}), await _fetch(conn, sql["entries_all"], {})
            seen = await _fetch(conn, sql["seen"], {"last": _SEEN})
        self.pool = Pool(channels, blend)
        now = self.now()
        with _uncollected():
            for queue_id, channel, weight, steps in seen:
                for step in self._parsed(steps):
                    self.pool.learn(queue_id, channel, weight, step)
            for row in people:
                self.pool.set_agent(_facts(row), now)
            for n, row in enumerate(entries):
                if n % _BREATH == 0:
                    await asyncio.sleep(0)
                self._see(row, now)
        self.pool.begin()
        self._hinted.clear()
        self._told.clear()
        logger.info("router_rebuilt", waiting=len(self.pool.waiting), seconds=round(time.perf_counter() - started, 3))

    async def catch_up(self) -> None:
        """Read what the notifications named and, if due, what the log says."""
        entries, self._hinted = self._hinted, set()
        told, self._told = self._told, {}
        agents: list[int] = []
        now = self.now()
        for row in told.values():
            self._see(row, now)
        if self._look or not (entries or told) or time.monotonic() - self._looked >= _TICK:
            self._look, self._looked = False, time.monotonic()
            news = (await self._rows(sql["changes"], {"since": self._since}))[0]
            changed, queued, when, moved, rules, self._since = news
            if rules:
                await self.rebuild()
                return
            entries.update(changed or ())
            entries.update(e for e, at in zip(queued or (), when or (), strict=True) if not self._knows(e, at))
            agents = list(moved or ())
        if agents:
            await self._read_agents(agents)
        if entries:
            await self._read_entries(entries)

    def _knows(self, entry_id: int, queued: float) -> bool:
        """Whether a notification named it already: it waits here since that very moment."""
        waiting = self.pool.waiting.get(entry_id)
        return waiting is not None and waiting.queued == queued

    async def _read_agents(self, ids: Sequence[int]) -> None:
        now = self.now()
        missing = set(ids)
        for row in await self._rows(sql["agents"], {"ids": list(ids)}):
            self.pool.set_agent(_facts(row), now)
            missing.discard(row[0])
        for agent_id in missing:
            self.pool.remove_agent(agent_id, now)

    async def _read_entries(self, ids: Iterable[int], not_before: float = 0.0) -> set[int]:
        """Read entries anew; the ids of those that wait."""
        wanted = set(ids)
        self._later |= wanted & self._flying
        wanted -= self._flying
        rows = await self._rows(sql["entries"], {"ids": list(wanted)})
        now = self.now()
        for gone in wanted - {row[0] for row in rows}:
            self.pool.forget(gone)
        for row in rows:
            self._see(row, now, not_before)
        return {row[0] for row in rows if row[4] == "waiting"}

    def _see(self, row: Sequence[Any], now: float, not_before: float = 0.0) -> None:
        if row[4] != "waiting":
            if row[14] is not None:
                self.pool.hold(row[0], row[14], row[3], row[9])
            else:
                self.pool.forget(row[0])  # its customer is silent, so it weighs nothing
            return
        self.pool.wait(self._waiting(row, not_before), now)

    def _waiting(self, row: Sequence[Any], not_before: float = 0.0) -> Waiting:
        due = policy.due(row[5], row[7], row[8])
        excluded = _moments(row[13]) if row[13] else {}
        return Waiting(
            row[0], row[1], row[2], row[3], row[5], row[6], due, row[9], self._parsed(row[10]), row[11],
            row[12] or 0.0, excluded, not_before,
        )  # fmt: skip

    def _parsed(self, text: str | None) -> tuple[Step, ...]:
        if text is None:
            return (policy.ANYBODY,)
        steps = self._steps.get(text)
        if steps is None:
            steps = self._steps[text] = policy.parse_steps(orjson.loads(text))
        return steps

    async def _rows(self, query: LiteralString, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return await _fetch(self._conn, query, values)

    # -- deciding ----------------------------------------------------------------------------------------------
    async def settle(self) -> int:
        """Decide and commit until nothing more can be offered; how many offers that made."""
        total = 0
        while picks := self.pool.decide(self.now(), BATCH):
            if len(picks) >= BATCH:
                total += await self._settle_many(picks)
                continue
            self._flying = frozenset(p.entry_id for p in picks)
            made = await self._write(picks)
            self._flying = frozenset()
            await self._announce(made)
            await self._read_left_out(picks, made)
            total += len(made)
        if self.pool.kept:
            kept, self.pool.kept = self.pool.kept[:_NOTED], []
            await offers.note_kept(self._conn, kept)
        return total

    async def _settle_many(self, picks: Sequence[Pick]) -> int:
        """The same for whole batches: while the database commits one, the next is chosen and the last announced."""
        total = 0
        task = await self._commit(picks)
        while task is not None:
            ahead = self.pool.decide(self.now(), BATCH) if len(picks) >= BATCH else []
            made = await task
            self._flying = frozenset(p.entry_id for p in ahead)
            await self._read_left_out(picks, made)
            task = await self._commit(ahead)
            await self._announce(made)
            total += len(made)
            picks = ahead
        return total

    async def _commit(self, picks: Sequence[Pick]) -> asyncio.Task[list[offers.Made]] | None:
        """Start to commit decisions; None if there are none."""
        if not picks:
            return None
        self._flying = frozenset(p.entry_id for p in picks)
        task = asyncio.create_task(self._write(picks), name="router-commit")
        for _ in range(_SENDING):
            await asyncio.sleep(0)
        until = time.monotonic() + _SENT_WITHIN
        with contextlib.suppress(psycopg.Error):  # a connection that is lost is met by the task, which is awaited
            while not task.done() and self._conn.pgconn.flush() and time.monotonic() < until:  # noqa: ASYNC110 - libpq has no event for it
                await asyncio.sleep(0)
        return task

    async def _write(self, picks: Sequence[Pick]) -> list[offers.Made]:
        return await offers.commit(self._conn, LEASE, self._epoch, picks, self.pool.channels)

    async def _announce(self, made: Sequence[offers.Made]) -> None:
        if made:
            await self._core.feed.publish(offers.announcements(made))
            if any(capabilities_of(self.pool.channel_of(offer.entry_id)).call for offer in made):
                await self._core.feed.notify("calls")
        automatic = {name for name, channel in self.pool.channels.items() if channel.auto_accept}
        if automatic:
            for offer in made:
                if self.pool.channel_of(offer.entry_id) in automatic:
                    # Whoever was faster, the clock or the customer who left: both are seen in the log.
                    with contextlib.suppress(HubError):
                        await offers.accept_by_itself(self._core, offer.offer_id, offer.agent_id)

    async def _read_left_out(self, picks: Sequence[Pick], made: Sequence[offers.Made]) -> None:
        """What was not committed was changed or is held by somebody else: look again, in the same place."""
        committed = {m.entry_id for m in made}
        left = {p.entry_id: p.agent_id for p in picks if p.entry_id not in committed}
        if left:
            until = self.now() + _BLOCKED
            await self._read_agents(sorted(set(left.values())))
            for entry_id in await self._read_entries(left, until):
                self.pool.pause(left[entry_id], until)
        if self._later:
            later, self._later = self._later - self._flying, self._later & self._flying
            await self._read_entries(later)


async def _fetch(conn: Connection, query: LiteralString, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with conn.cursor(binary=True) as cur:
        await cur.execute(query, values)
        return await cur.fetchall()


async def rules(conn: Connection) -> tuple[dict[str, Channel], Blend]:
    """How channels are offered, and what is kept free for heavy work."""
    rows = await _fetch(conn, sql["channels"], {})
    circle = yielding.circle({row[0]: row[4] for row in rows})
    if circle:  # `hub apply` refuses it
        logger.error("channels_yield_in_a_circle", channels=circle)
    channels = {row[0]: Channel(row[1], row[2], row[3], frozenset(() if circle else row[4]), row[5]) for row in rows}
    blend = await _fetch(conn, sql["blend"], {})
    return channels, Blend(**blend[0][0]) if blend else policy.BLEND


@contextlib.contextmanager
def _uncollected() -> Generator[None]:
    """Build what lives long without the cycle collector walking over it again and again, now and later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _entries(message: str) -> list[tuple[Any, ...]]:
    """What a notification names: ids, or entries with all columns of `router_entry_ever`; none for other messages."""
    if not message.startswith("{"):
        return []
    try:
        named: Any = orjson.loads(message).get("entries")
    except orjson.JSONDecodeError:
        return []
    rows: list[tuple[Any, ...]] = []
    for entry in cast("list[Any]", named) if isinstance(named, list) else []:
        row = tuple(cast("dict[str, Any]", entry).values()) if isinstance(entry, dict) else (entry,)
        if row and isinstance(row[0], int):
            rows.append(row)
    return rows


def _facts(row: Sequence[Any]) -> AgentFacts:
    skills: dict[str, int] = row[6] or {}
    return AgentFacts(
        row[0], row[1], row[2], row[3], row[4], tuple(row[5]), tuple(sorted(skills.items())), row[7] or {}
    )


def _moments(text: str) -> dict[int, float]:
    """`queue_entry.excluded` as agent id -> seconds since the epoch."""
    found: dict[str, str] = orjson.loads(text)
    return {int(agent): datetime.fromisoformat(until).timestamp() for agent, until in found.items()}
