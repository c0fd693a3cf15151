"""What a long-running part of the hub gets, and what it must offer.

The hub finds services by the entry-point group `hub.services`; a wing adds one without the hub knowing its name.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from hub.core import clock
from hub.core.db import Database
from hub.core.errors import ConfigError
from hub.core.feed import Feed
from hub.core.file_places import Bucket
from hub.core.files import Files, FileSettings
from hub.core.retention import Retention
from hub.core.secrets import Vault
from hub.core.tasks import end

CORE_VARIABLES = ("HUB_CORE_DATABASE", "HUB_CORE_REDIS", "HUB_CORE_KEY", "HUB_CORE_PUBLIC_URL", "HUB_CORE_FILES")


@dataclass(frozen=True, slots=True)
class Core:
    """What every part shares in one process."""

    db: Database
    feed: Feed
    vault: Vault
    public_url: str  # where customers and providers reach us, without a trailing slash
    files: Files = field(default_factory=Files)
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of `Core` are found; what a worker process hands to its jobs."""

    database_url: str
    redis_url: str
    key: bytes
    public_url: str
    files: FileSettings = field(default_factory=FileSettings)
    retention: Retention = field(default_factory=Retention)  # for services; no job forgets anything

    def to_environment(self) -> None:
        """Leave the addresses for the jobs of this process (RQ passes them nothing but ids)."""
        files = json.dumps(asdict(self.files), default=str)
        values = (self.database_url, self.redis_url, self.key.decode(), self.public_url, files)
        os.environ.update(zip(CORE_VARIABLES, values, strict=True))

    @classmethod
    def from_environment(cls) -> Addresses:
        """What `to_environment` left."""
        try:
            database, redis, key, public_url = (os.environ[name] for name in CORE_VARIABLES[:4])
        except KeyError:
            raise ConfigError("Jobs run only inside `hub work`.", remedy="Start a worker with `hub work`.") from None
        files = os.environ.get(CORE_VARIABLES[4])  # left out: in the database
        return cls(database, redis, key.encode(), public_url, _file_settings(files) if files else FileSettings())


def _file_settings(told: str) -> FileSettings:
    found = json.loads(told)
    folder, bucket = found.pop("folder"), found.pop("bucket")
    return FileSettings(**found, folder=Path(folder) if folder else None, bucket=Bucket(**bucket) if bucket else None)


@asynccontextmanager
async def open_core(addresses: Addresses | None = None, *, pool: int = 12) -> AsyncGenerator[Core]:
    """Connect to PostgreSQL and Redis, and let go at the end."""
    found = addresses or Addresses.from_environment()
    db, feed = Database(found.database_url, size=pool), Feed(found.redis_url)
    await db.open()
    await clock.sync(db)
    syncing = asyncio.create_task(clock.keep_in_sync(db), name="clock")
    try:
        yield Core(db, feed, Vault(found.key), found.public_url, Files(found.files), found.retention)
    finally:
        await end([syncing])
        clock.follow_own()
        await feed.close()
        await db.close()


class Sender(Protocol):
    """What a worker process runs (entry-point group `hub.senders`). Constructed as `Sender(core)`."""

    name: str

    def ring(self) -> None:
        """Look now: something may be due."""
        ...

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then finish within seconds what cannot be given back."""
        ...


class Service(Protocol):
    """A leased background part: `run` until cancelled. Constructed as `Service(core)`."""

    name: str

    async def run(self) -> None:
        """Do the work until cancelled; wait for the lease yourself (`hub.core.leases.Lease.hold`)."""
        ...
