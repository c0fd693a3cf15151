"""How many conversations lie in each queue, kept as they change: adding up what triggers note, and counting anew.

Nobody waits for anybody: a change is a row of its own (`queue_count_change`), and a count is the sum of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core import log
from hub.core.db import Database
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__, "counts.sql")


@dataclass(frozen=True, slots=True)
class Miscount:
    """A count that was kept wrong, by `n` too few; queue 0: of conversations in none."""

    queue_id: int
    what: str
    n: int


async def fold(db: Database) -> int:
    """Add up the changes there are; how many there were."""
    return int(await db.value(sql["fold"]))


async def recount(db: Database) -> list[Miscount]:
    """Count anew and put right what was wrong; nothing should be, so each is an error in the log."""
    found = await db.all(Miscount, sql["recount"])
    for one in found:
        logger.error("count_repaired", queue_id=one.queue_id, what=one.what, too_few=one.n)
    return found
