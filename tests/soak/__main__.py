"""`python -m tests.soak --minutes 60 --seed 1`: all channels under load while everything goes wrong, then the count.

What the border said yes to is held against the database and against the wire: nothing lost, nothing doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hub.core import log
from hub.core.service import Core, open_core
from tests.chaos.harness import settled, status
from tests.chaos.invariants import broken_rules
from tests.soak.faults import trouble
from tests.soak.load import Ledger, Load
from tests.soak.world import World, open_world

HEALING = 240.0  # seconds after the last fault in which everything must be settled


async def soak(folder: Path, *, minutes: float, seed: int, every: float) -> list[str]:
    """Run it; what is wrong at the end."""
    started = time.monotonic()
    async with open_world(folder, seed) as world:
        ledger, faults, stopping = Ledger(), Counter[str](), asyncio.Event()
        for name in world.ports:
            await world.programs[name].ready(90)
        load = asyncio.create_task(Load(world, ledger, stopping).run())
        async with trouble(world, faults, every=every):
            await _lasting(minutes * 60, load, ledger)
        healed = time.monotonic()
        print(f"faults end after {(healed - started) / 60:.1f} min; healing")
        for url in world.ports.values():
            await settled(lambda u=url: _ready(u), HEALING)
        stopping.set()
        try:
            await asyncio.wait_for(load, HEALING)
        except TimeoutError:
            print(f"still insisting: {ledger.insisting}; heard: {ledger.statuses}")
            raise
        async with open_core(world.places, pool=3) as core:
            await settled(lambda: _quiet(core), HEALING)
            print(f"settled {time.monotonic() - healed:.0f} s after the last fault")
            wrong = await _wrong(world, core, ledger)
            _tell(ledger, faults, await _states(core), seed)
            wrong += [f"{rule}: {rows[:5]} ({len(rows)})" for rule, rows in (await broken_rules(core.db)).items()]
        return wrong


async def _lasting(seconds: float, load: asyncio.Task[None], ledger: Ledger) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, _ = await asyncio.wait([load], timeout=min(60.0, max(0.1, ends - time.monotonic())))
        if done:
            load.result()
            raise AssertionError("the load ended by itself")
        print(
            f"{len(ledger.taken)} taken, {len(ledger.replies)} answers, {(ends - time.monotonic()) / 60:.1f} min left",
            flush=True,
        )


async def _ready(port: int) -> bool:
    return await status(f"http://127.0.0.1:{port}/health/ready") == 200


async def _quiet(core: Core) -> bool:
    busy = (
        "select exists (select from outbound where state in ('claimed', 'sending', 'wire') or state = 'pending' and due_at < now())"
        " or exists (select from call where state <> 'ended' and kind = 'call')"
    )
    return not await core.db.value(busy)


async def _states(core: Core) -> dict[str, int]:
    rows = await core.db.dicts("select state, count(*) as n from outbound group by state")
    return {row["state"]: row["n"] for row in rows}


async def _wrong(world: World, core: Core, ledger: Ledger) -> list[str]:
    """Every accepted word exactly once in the record, every answer at most once on the wire, and once if it says *sent*."""
    wrong: list[str] = []
    rows = await core.db.dicts(
        "select text, count(*) as n from interaction where direction = 'in' and kind = 'message' group by text"
    )
    stored = {row["text"].strip(): row["n"] for row in rows}
    wrong += [f"lost: {text}" for text in ledger.taken if stored.get(text, 0) == 0]
    wrong += [f"doubled: {text} ({n})" for text, n in stored.items() if n > 1 and " word " in text]
    rows = await core.db.dicts(
        "select i.text, count(*) as n, max(o.state) as state, max(o.connector) as connector from interaction i "
        "left join outbound o on o.interaction_id = i.id where i.direction = 'out' and i.text like 'answer %%' group by i.text"
    )
    answers = {row["text"]: row for row in rows}
    wrong += [f"answer lost: {text}" for text in ledger.replies if text not in answers]
    wrong += [f"answer doubled: {text}" for text, row in answers.items() if row["n"] > 1]
    wire = _on_the_wire(world)
    wrong += [f"sent {n} times: {text}" for text, n in wire.items() if n > 1]
    for text, row in answers.items():
        if row["state"] == "sent" and row["connector"] in {"twilio", "email", "httpsms"} and wire[text] != 1:
            wrong.append(f"said to be sent and was not: {text} ({wire[text]})")
        if row["state"] in {"pending", "failed"} and wire[text]:
            wrong.append(f"left and is {row['state']}: {text}")
    rows = await core.db.dicts("select raw.connector, reason from raw where state = 'quarantined' limit 20")
    wrong += [f"quarantined: {row}" for row in rows]
    return wrong


def _on_the_wire(world: World) -> Counter[str]:
    found: Counter[str] = Counter()
    for message in world.twilio.messages.values():
        if message.direction == "outbound-api" and message.body.startswith("answer "):
            found[message.body] += 1
    found.update(text for text in world.gateway.sent if text.startswith("answer "))
    for mail in world.mail.mails:
        first = mail.text().strip().splitlines()
        if first and first[0].startswith("answer "):
            found[first[0].strip()] += 1
    return found


def _tell(ledger: Ledger, faults: Counter[str], states: dict[str, int], seed: int) -> None:
    rows: list[tuple[str, Any]] = [
        ("seed", seed), ("faults", dict(faults)), ("taken by the border", dict(Counter(ledger.taken.values()))),
        ("tried", dict(ledger.tried)), ("answers accepted", len(ledger.replies)), ("calls", len(ledger.calls)),
        ("sends", states), ("answers of the border", dict(sorted(ledger.statuses.items()))),
    ]  # fmt: skip
    for what, value in rows:
        print(f"{what:22} {value}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--every", type=float, default=6.0, help="mean seconds between two faults")
    arguments = parser.parse_args()
    log.configure(json=False, level="error")
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hub-soak-", ignore_cleanup_errors=True) as folder:
        wrong = asyncio.run(soak(Path(folder), minutes=arguments.minutes, seed=arguments.seed, every=arguments.every))
    for line in wrong[:100]:
        print(line)
    print("nothing lost, nothing doubled" if not wrong else f"{len(wrong)} things are wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
