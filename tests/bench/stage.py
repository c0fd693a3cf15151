"""What every benchmark shares: a durable embedded PostgreSQL and a Valkey, and a table of ratios."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.core.db import Database
from hub.core.embedded import Embedded, Servers
from hub.core.feed import Feed
from hub.core.migrate import migrate
from hub.core.secrets import Vault
from hub.core.service import Core

SMALL = os.environ.get("BENCH_SIZE") == "small"  # whether the benchmark itself is tried, rather than the hub measured


def sized(full: int, small: int) -> int:
    """How much of something: a small run carries out every line in about a minute, and measures nothing."""
    return small if SMALL else full


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `target` says what was promised, `met` whether it was kept (None: for comparison only)."""

    name: str
    value: str
    target: str = ""
    met: bool | None = None


@contextmanager
def servers() -> Generator[Servers]:
    """Fresh servers with fsync on."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder) / "data", durable=True)
        found = embedded.start()
        migrate(found.database_url)
        yield found
        embedded.stop()


@asynccontextmanager
async def core(found: Servers, *, pool: int = 40) -> AsyncGenerator[Core]:
    """The shared parts of a process on these servers."""
    db, feed = Database(found.database_url, size=pool), Feed(found.redis_url)
    await db.open()
    try:
        yield Core(db, feed, Vault(b"bench-key-" * 8), "http://127.0.0.1:8080")
    finally:
        await feed.close()
        await db.close()


def show(title: str, figures: list[Figure]) -> None:
    """Print the table."""
    print(f"\n{title}")
    for f in figures:
        mark = {True: "ok  ", False: "MISS", None: "    "}[f.met]
        print(f"  {mark} {f.name:<62} {f.value:>22}   {f.target}")
