"""`make bench`: every benchmark, one after another, as one table. Figures are to be read as ratios within one run.

With `BENCH_SIZE=small` each is carried out at a size that measures nothing: whether it still runs.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import platform
import sys
import time
from collections.abc import Awaitable

from tests.bench import (
    bench_blended,
    bench_hostile,
    bench_intake,
    bench_live,
    bench_mail,
    bench_mailbox,
    bench_router,
    bench_sockets,
    bench_start,
    bench_twilio,
)
from tests.bench.stage import SMALL, Figure, show

TITLES = {
    "Intake": bench_intake,
    "Hostile input in a web process": bench_hostile,
    "From the wire to the screen": bench_live,
    "Mail": bench_mail,
    "Mailboxes": bench_mailbox,
    "Router": bench_router,
    "Blended desks": bench_blended,
    "Sockets": bench_sockets,
    "Twilio": bench_twilio,
    "Cold start": bench_start,
}

_MOST_SMALL = 120.0  # seconds a section may take where it measures nothing: one that hangs says where


async def bounded(title: str, work: Awaitable[list[Figure]]) -> list[Figure]:
    """The figures of a section. One that hangs at its small size ends with what each of its tasks waits for."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=_MOST_SMALL if SMALL else None)
    if task.done():
        return task.result()
    stacks = io.StringIO()
    for waiting in asyncio.all_tasks():
        waiting.print_stack(file=stacks)
    sys.exit(f"{title} did not end within {_MOST_SMALL:.0f} s. Its tasks stand here:\n{stacks.getvalue()}")


def main() -> None:
    wanted = sys.argv[1:]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for title, bench in TITLES.items():
        if not wanted or any(word.lower() in title.lower() for word in wanted):
            started = time.monotonic()
            if SMALL:  # should the loop itself stand still
                faulthandler.dump_traceback_later(_MOST_SMALL + 20, exit=True)
            show(title, asyncio.run(bounded(title, bench.run())))
            print(f"       took {time.monotonic() - started:.0f} s", flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
