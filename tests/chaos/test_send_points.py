"""Sending while workers die at every point at which they can: each message at most once, and none forgotten.

The suite sends a few hundred; the promise is about 2,000:

    SEND_CHAOS=2000 python -m pytest -s tests/chaos/test_send_points.py
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.processes import die_with_parent
from hub.core.service import Core
from hub.messages.outbox import Outbox
from hub.messages.outbox import sql as outbox_sql
from tests.chaos.harness import CLEAN, KEY, NUMBER, ROOT, SID, TOKEN, SlowTwilio, arrived, measured, settled
from tests.chaos.invariants import check_consistency
from tests.chaos.send_process import POINTS
from tests.chaos.test_delivery_crash import Sending, check_order, sending
from tests.integration.connectors.harness import eventually

SENDS = int(os.environ.get("SEND_CHAOS", "240"))
ROUNDS = 8 if SENDS >= 2000 else 1
CUSTOMERS = 60
EACH = -(-SENDS // (ROUNDS * len(POINTS)))  # written before each death, so that there is something to die over
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Workers:
    """One after another, each with a fuse."""

    def __init__(self, core: Core, redis_url: str, public_url: str, log: Path):
        self._log = log
        self._environment = {
            "HUB_CORE_DATABASE": core.db.url,
            "HUB_CORE_REDIS": redis_url,
            "HUB_CORE_KEY": KEY,
            "HUB_CORE_PUBLIC_URL": public_url,
        }

    @contextmanager
    def work(self, *fuse: str) -> Generator[subprocess.Popen[bytes]]:
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.send_process", *fuse],
                cwd=ROOT, env={**CLEAN, "PYTHONPATH": str(ROOT), **self._environment}, stdout=output, stderr=output,
                stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent(signal.SIGKILL),
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    async def die(self, point: str, number: int) -> None:
        """Let one work until its fuse burns."""
        with self.work(point, str(number)) as process:

            async def dead() -> bool:
                return process.poll() is not None

            await eventually(dead, 60)
            assert process.returncode == -signal.SIGKILL, self._log.read_text()[-3000:]


async def test_each_message_leaves_once_at_most_when_workers_die_at_every_point(
    core: Core, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    twilio = SlowTwilio(SID, TOKEN, number=NUMBER, pace=0.2)
    dice, deaths = random.Random(5), Counter[str]()
    async with sending(core, tmp_path, servers.redis_url, twilio, CUSTOMERS) as hub:
        workers = Workers(core, servers.redis_url, hub.fleet.public_url, tmp_path / "workers.log")
        began = time.monotonic()
        for life, point in enumerate(POINTS * ROUNDS):
            await hub.town.answer_all(hub.conversations, EACH, first=life * EACH)
            # Of claims it is batches that are counted, and there may be one only.
            await workers.die(point, 1 if "claim" in point else dice.randint(1, EACH // 2))
            deaths[point] += 1
            await _minutes_pass(core)
        with workers.work():
            await settled(lambda: _settled(hub), 120)
        await twilio.wire.settled()
        await settled(lambda: _told(core, twilio), 30)
        measured(f"{sum((await hub.town.states()).values())} sends, {deaths.total()} deaths", time.monotonic() - began)
    await _check(core, twilio)


async def _minutes_pass(core: Core) -> None:
    """What a dead worker held runs out: what was on the wire lands first."""
    await asyncio.sleep(0.3)
    await core.db.execute(
        "update outbound set lease_until = now() - interval '1 second' where state in ('claimed', 'wire')"
    )
    await Outbox(core).recover()
    await core.db.execute("update outbound set due_at = now() where state = 'pending'")


async def _settled(hub: Sending) -> bool:
    return set(await hub.town.states()) <= {"sent", "unknown"}


async def _told(core: Core, twilio: SlowTwilio) -> bool:
    """The reports about all that arrived are written down, those of what was in doubt as well."""
    shown = await core.db.dicts(
        "select o.id from outbound o join interaction i on i.id = o.interaction_id where i.status = 'delivered'"
    )
    return {row["id"] for row in shown} == set(arrived(twilio))


async def _check(core: Core, twilio: SlowTwilio) -> None:
    ids = arrived(twilio)
    assert {i: n for i, n in Counter(ids).items() if n > 1} == {}
    await check_order(core, ids)
    ends = await core.db.dicts(
        "select o.id, o.state, i.status, i.error from outbound o join interaction i on i.id = o.interaction_id"
    )
    assert len(ends) == EACH * ROUNDS * len(POINTS)
    unknown = [end for end in ends if end["state"] == "unknown"]
    assert {end["id"] for end in ends if end["state"] == "sent"} == set(ids)
    assert {end["id"] for end in unknown}.isdisjoint(ids)  # those that did arrive were settled by their reports
    for end in unknown:  # and the others are for a person to see: on the message, and in the list of what is stuck
        assert end["status"] == "unknown"
        assert end["error"]
    stuck = await core.db.dicts(
        outbox_sql["stuck"], {"limit": 2 * SENDS, "sees_all": True, "viewer": 0, "queues": [], "offered": []}
    )
    assert {row["id"] for row in stuck} == {end["id"] for end in unknown}
    sys.stdout.write(f"delivered {len(ids)}, unknown and shown {len(unknown)}\n")
    await check_consistency(core.db)
