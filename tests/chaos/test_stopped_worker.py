"""A worker that stands still for minutes in the middle of sending, and wakes when others have taken its work over."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.service import Core
from hub.messages.outbox import Outbox
from tests.chaos.harness import NUMBER, SID, TOKEN, SlowTwilio, arrived, settled
from tests.chaos.invariants import check_consistency
from tests.chaos.test_delivery_crash import check_order, sending

pytestmark = pytest.mark.slow
SENDS = 300


async def test_nothing_leaves_twice_when_a_worker_wakes_after_its_claims_have_run_out(
    core: Core, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    twilio = SlowTwilio(SID, TOKEN, number=NUMBER, pace=0.2)
    async with sending(core, tmp_path, servers.redis_url, twilio, 40) as hub:
        await hub.town.answer_all(hub.conversations, SENDS)
        sleeper = hub.fleet.work()

        async def under_way() -> bool:
            held = "select count(*) from outbound where state in ('claimed', 'wire')"
            return len(arrived(twilio)) >= 10 and bool(await core.db.value(held))

        await settled(under_way, 40)
        os.kill(sleeper.pid, signal.SIGSTOP)
        try:
            held = "update outbound set lease_until = now() - interval '1 second' where state in ('claimed', 'wire')"
            assert await core.db.execute(held) > 0
            await Outbox(core).recover()
            hub.fleet.work()
            most = SENDS // 2

            async def taken_over() -> bool:
                return len(arrived(twilio)) >= most

            await settled(taken_over, 60)
        finally:
            os.kill(sleeper.pid, signal.SIGCONT)

        async def over() -> bool:
            return set(await hub.town.states()) <= {"sent", "unknown"}

        await settled(over, 60)
        assert sleeper.process.poll() is None
        await twilio.wire.settled()

        async def told() -> bool:
            sent = await core.db.dicts("select id from outbound where state = 'sent'")
            return {row["id"] for row in sent} == set(arrived(twilio))

        await settled(told, 30)  # what was in doubt and did arrive is known by the provider's reports
    ids = arrived(twilio)
    assert {i: n for i, n in Counter(ids).items() if n > 1} == {}
    await check_order(core, ids)
    assert sum((await hub.town.states()).values()) == SENDS
    await check_consistency(core.db)
