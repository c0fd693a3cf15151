"""How far the readers of the log are behind, and which open transactions keep them there.

A reader stops before whatever may still be written below it (`functions/events.sql`), so that somebody who leaves a
transaction of this database open holds up statistics and automation. That is said with the process id, in `hub doctor`,
on the health page and in the metrics. Routing waits for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core.db import Database
from hub.core.sql import Queries

sql = Queries.beside(__file__, "readers.sql")
OPEN_SECONDS = 10.0  # our own transactions last milliseconds, the longest some seconds
BEHIND_SECONDS = 60.0  # a reader this far behind is a fault


@dataclass(frozen=True, slots=True)
class Lag:
    """A reader, and the age of the oldest event it has not read, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Writer:
    """A transaction that has been open for long; `blocks`: a reader waits for its end.

    `pid` is None for a prepared transaction, which has a name (`prepared`) instead. `seconds` is 0 where our role may
    not see it.
    """

    pid: int | None
    prepared: str
    application: str
    role: str
    state: str
    seconds: float
    blocks: bool

    @property
    def name(self) -> str:
        """Who it is, for a person: `pid 4711 (psql, role eva, idle in transaction, open for 63 s)`."""
        who = f"prepared transaction {self.prepared!r}" if self.pid is None else f"pid {self.pid}"
        age = f"open for {self.seconds:.0f} s" if self.seconds else ""
        facts = (self.application, f"role {self.role}" if self.role else "", self.state, age)
        return f"{who} ({', '.join(fact for fact in facts if fact)})"

    @property
    def remedy(self) -> str:
        """The statement that ends it."""
        if self.pid is None:
            return f"rollback prepared '{self.prepared}'"
        return f"select pg_terminate_backend({self.pid})"


async def lags(db: Database) -> list[Lag]:
    """Every reader of the log, by name."""
    return await db.all(Lag, sql["readers"])


async def writers(db: Database) -> list[Writer]:
    """Transactions of this database that have been open for long, or that a reader waits for; the oldest first."""
    return await db.all(Writer, sql["writers"], {"seconds": OPEN_SECONDS})
