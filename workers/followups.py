"""Runs what is due. Any number of runners may: each claims its follow-up with SKIP LOCKED."""

from __future__ import annotations

import asyncio

from hub.automation.firing import fire_next
from hub.core.retry import Bad, ignore
from hub.core.service import Core

_PAUSE = 0.0  # lets other tasks of this process run between two follow-ups


async def run_due(core: Core, limit: int = 200, *, bad: Bad = ignore) -> int:
    """Fire up to `limit` follow-ups that are due; how many there were. What breaks is told to `bad`."""
    done = 0
    while done < limit and await fire_next(core, bad=bad):
        done += 1
        await asyncio.sleep(_PAUSE)
    return done
