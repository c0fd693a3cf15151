"""`make bench`: every benchmark, one after another, as one table. Figures are to be read as ratios within one run.

With `BENCH_SIZE=small` each is carried out at a size that measures nothing: whether it still runs.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys

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
from tests.bench.stage import show

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


def main() -> None:
    wanted = sys.argv[1:]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for title, bench in TITLES.items():
        if not wanted or any(word.lower() in title.lower() for word in wanted):
            show(title, asyncio.run(bench.run()))


if __name__ == "__main__":
    main()
