"""`make bench-full`: what desks ask of a hub with years in it: cold, warm, rows read and the plans, by role.

    python -m tests.bench.full [--conversations N --interactions M] [--data FOLDER] [--times 20] [WORD ...]

Without `--data` a history is written into a folder of its own and removed. *Cold* is the first request after a start of
the database, by a process that has not asked before; the machine's own cache of files may be warm.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from hub.channels.model import AddressKind, Inbound
from hub.core.db import Database
from hub.core.embedded import Embedded
from hub.core.feed import Feed
from hub.core.migrate import migrate
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.demo.history import fill
from hub.demo.history.load import on_screen
from tests.support.app import App, open_app
from tests.support.desk_calls import Ask, asks
from tests.support.plans import Watched, explain_everything


@asynccontextmanager
async def app(database: Database, redis_url: str, vault: Vault) -> AsyncGenerator[App]:
    """A hub in this process on that database."""
    await database.open()
    feed = Feed(redis_url)
    clients: list[TestClient] = []

    async def client(app: object) -> TestClient:
        clients.append(TestClient(TestServer(app)))  # type: ignore[arg-type] - an application of aiohttp, as the server wants it
        await clients[-1].start_server()
        return clients[-1]

    try:
        yield await open_app(Core(database, feed, vault, "http://127.0.0.1:8080"), client)
    finally:
        for one in clients:
            await one.close()
        await feed.close()
        await database.close()


def percentile(values: list[float], percent: int) -> float:
    """The value that so many in a hundred do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


class Run:
    def __init__(self, arguments: argparse.Namespace, data: Path):
        self.arguments = arguments
        self.data = data
        self.server = Embedded(data)
        self.cold: dict[tuple[str, str], float] = {}
        self.warm: dict[tuple[str, str], list[float]] = {}
        self.read: dict[tuple[str, str], tuple[int, str]] = {}

    async def all(self) -> None:
        found = self.server.start()
        vault = Vault.from_file(self.data / "secret.key")
        migrate(found.database_url)
        await self._filled(found.database_url, found.redis_url, vault)
        self.server.stop()
        self.server = Embedded(self.data)
        found = self.server.start()
        async with app(Database(found.database_url), found.redis_url, vault) as there:
            wanted = await self._wanted(there)
            for ask in wanted:
                await self._cold_and_warm(there, ask)
            await self._repeated(there)
        explain_everything(found.database_url)
        try:
            watched = Watched(found.database_url)
            async with app(watched, found.redis_url, vault) as there:
                for ask in wanted:
                    await self._plans(there, watched, ask)
        finally:
            explain_everything(found.database_url, on=False)
        self._show(wanted)

    async def _filled(self, url: str, redis_url: str, vault: Vault) -> None:
        database = Database(url)
        async with app(database, redis_url, vault):
            if not await database.value("select exists (select from conversation)"):
                await fill(
                    database, conversations=self.arguments.conversations, interactions=self.arguments.interactions,
                    report=on_screen,
                )  # fmt: skip
            [size] = await database.dicts(
                "select (select count(*) from conversation) as v, (select count(*) from interaction) as i,"
                " (select count(*) from event) as e, pg_size_pretty(pg_database_size(current_database())) as size"
            )
        print(f"\n{size['v']:,} conversations, {size['i']:,} interactions, {size['e']:,} events, {size['size']}")

    async def _wanted(self, there: App) -> list[Ask]:
        words = [word.lower() for word in self.arguments.words]
        return [a for a in await asks(there.core.db) if not words or any(word in a.name for word in words)]

    async def _cold_and_warm(self, there: App, ask: Ask) -> None:
        for role in ask.roles:
            agent = await there.agent(role)
            took: list[float] = []
            for _ in range(self.arguments.times + 1):
                began = time.perf_counter()
                await agent.get(ask.path)
                took.append((time.perf_counter() - began) * 1000)
                if sum(took) > 20_000:
                    break
            self.cold[ask.name, role], self.warm[ask.name, role] = took[0], took[1:] or took

    async def _repeated(self, there: App) -> None:
        """A message that comes for the first time, and again: both as one batch of its own."""
        account = next(a for a in await there.context.intake.accounts("twilio") if a.channel == "sms")
        for name in ("a new message", "a repeated message"):
            took: list[float] = []
            for number in range(self.arguments.times):
                key = f"bench-{time.time_ns()}" if name == "a new message" else f"history-{number % 3 + 1}"
                inbound = Inbound(
                    account.id,
                    key,
                    b"x",
                    "text/plain",
                    AddressKind.PHONE,
                    f"+1415{number:07}",
                    "Hello",
                    external_id=key,
                )
                if name != "a new message":
                    await there.context.intake.message(inbound)
                began = time.perf_counter()
                await there.context.intake.message(inbound)
                took.append((time.perf_counter() - began) * 1000)
            print(f"  {name:<40} {statistics.median(took):8.1f} ms p50 {percentile(took, 95):8.1f} ms p95")

    async def _plans(self, there: App, watched: Watched, ask: Ask) -> None:
        for role in ask.roles:
            agent = await there.agent(role)
            for _ in range(7):  # as prepared as it will ever be
                watched.take()
                await agent.get(ask.path)
            ran = watched.take()
            most = max(ran, key=lambda statement: statement.read)
            self.read[ask.name, role] = (sum(statement.read for statement in ran), f"{len(ran)}: {most.shape}")

    def _show(self, wanted: list[Ask]) -> None:
        print(
            f"\n  {'':<40} {'role':<6} {'cold':>8} {'p50':>8} {'p95':>8} {'wanted':>7} {'read':>9}  statements: scans of the largest"
        )
        for ask in wanted:
            for role in ask.roles:
                warm = self.warm[ask.name, role]
                late, (read, shape) = percentile(warm, 95), self.read[ask.name, role]
                mark = "ok  " if late <= ask.wanted else "MISS"
                print(
                    f"{mark} {ask.name:<38} {role:<6} {self.cold[ask.name, role]:8.1f} {statistics.median(warm):8.1f}"
                    f" {late:8.1f} {ask.wanted:7.0f} {read:9,}  {shape}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.full", description=__doc__)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    parser.add_argument("--interactions", type=int, default=3_000_000)
    parser.add_argument("--data", type=Path, help="a data folder to use and keep")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("words", nargs="*", help="only requests whose name has one of these")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(arguments, arguments.data or Path(folder) / "data")
        try:
            asyncio.run(run.all())
        finally:
            run.server.stop()


if __name__ == "__main__":
    main()
