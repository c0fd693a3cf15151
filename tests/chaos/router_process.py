"""One router in a process of its own, for the crash test: `python -m tests.chaos.router_process DATABASE REDIS`."""

from __future__ import annotations

import asyncio
import sys

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from routing.engine import Router


async def main(database_url: str, redis_url: str) -> None:
    db, feed = Database(database_url, size=4), Feed(redis_url)
    await db.open()
    await Router(Core(db, feed, Vault(b"test-key-" * 8), "http://127.0.0.1"), ttl=1.5).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
