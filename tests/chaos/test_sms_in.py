"""Thousands of text messages and the reports about our answers while the hub is killed: all there, none twice.

The suite takes some hundreds and kills four times; the promise is about 10,000 and twenty:

    SMS_CHAOS=10000 python -m pytest -s tests/chaos/test_sms_in.py
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from connectors.twilio import Twilio
from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.core.db import Database
from hub.core.embedded import Servers
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.demo import TwilioStandin
from hub.demo.twilio.messages import Message
from hub.messages.intake import Intake
from tests.chaos.harness import KEY, NUMBER, SID, TOKEN, Fleet, Town, arrived, measured, settled, sms
from tests.chaos.invariants import check_consistency

MESSAGES = int(os.environ.get("SMS_CHAOS", "600"))
KILLS = 20 if MESSAGES >= 10_000 else 4
CUSTOMERS = max(20, MESSAGES // 20)
ANSWERS = MESSAGES // 10
AT_ONCE = 32
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


class Customers:
    """They write, all at once and in no order; their provider tells each message in its own time, many twice."""

    def __init__(self, twilio: TwilioStandin, dice: random.Random):
        self._twilio = twilio
        self._dice = dice
        self.messages = [sms(f"+1415{n % CUSTOMERS:07d}", f"Hello {n}") for n in range(MESSAGES)]
        self.given_up: list[Message] = []  # neither the hub nor the fallback took them

    async def write(self) -> None:
        for message in self.messages:
            message.sent = message.created
            await self._twilio.messaging.remember(message)
        places = asyncio.Semaphore(AT_ONCE)
        order = self._dice.sample(self.messages, len(self.messages))
        async with asyncio.TaskGroup() as group:
            for message in order:
                group.create_task(self._tell(places, message))

    async def _tell(self, places: asyncio.Semaphore, message: Message) -> None:
        async with places:
            await asyncio.sleep(self._dice.uniform(0, 0.1))
            doubles = 2 if self._dice.random() < 0.3 else 1
            heard = await asyncio.gather(*[self._twilio.redeliver(message) for _ in range(doubles)])
            if 200 not in heard:
                self.given_up.append(message)


async def test_thousands_of_messages_arrive_once_while_the_hub_is_killed(
    db: Database, feed: Feed, servers: Servers, tmp_path: Path
) -> None:
    core = Core(db, feed, Vault(KEY.encode()), "http://127.0.0.1:1")
    dice = random.Random(11)
    async with Fleet(tmp_path, db.url, servers.redis_url) as fleet:
        hook = f"{fleet.public_url}/hooks/twilio/sms/sms#rc=5&rp=all"
        standin = TwilioStandin(SID, TOKEN, number=NUMBER, sms_url=hook, sms_fallback_url=hook, pace=0.05)
        standin.faults.reorder = standin.faults.duplicate = True
        standin.wire.pause = 0.8  # so that all tries take as long as the provider allows
        async with standin as twilio:
            town = await Town.build(core, twilio.url, "amy")
            serve = fleet.serve()
            await serve.ready()
            fleet.work()
            customers, began = Customers(twilio, dice), time.monotonic()
            writing = asyncio.create_task(customers.write())
            await settled(lambda: _stored(core, 0), 120)
            answering = asyncio.create_task(_answer(core, town))
            for life in range(KILLS):
                await settled(lambda n=life: _stored(core, n), 120)  # every life gets somewhere
                await asyncio.sleep(dice.uniform(0, 0.5))
                serve.kill()
                serve = fleet.serve()
                await serve.ready()
            await writing
            await answering
            measured(f"{MESSAGES} messages, {KILLS} kills", time.monotonic() - began)
            await settled(lambda: _all_sent(town), 120)
            await twilio.wire.settled()
            measured("and their answers sent", time.monotonic() - began)
            told = await core.db.value(
                "select count(*) from interaction where direction = 'out' and status = 'delivered'"
            )
            met = Counter(status for _, status in twilio.webhooks)
            await _compare(core, twilio, customers.given_up)
            sys.stdout.write(
                f"of the last {met.total()} requests {met[0]} met nobody; {len(customers.given_up)} messages given up;"
                f" {told} of {ANSWERS} statuses final before the comparison\n"
            )
            await _check(core, twilio, customers)


async def _stored(core: Core, life: int) -> bool:
    least = 1 + life * MESSAGES // (KILLS + 2)
    return bool(await core.db.value("select count(*) >= %s from interaction where direction = 'in'", [least]))


async def _answer(core: Core, town: Town) -> None:
    """Somebody answers while all this goes on, a few a second."""
    for n in range(ANSWERS):
        rows = await core.db.dicts("select id from conversation order by id")
        await town.answer_all([rows[n % len(rows)]["id"]], 1, first=n)
        await asyncio.sleep(0.02)


async def _all_sent(town: Town) -> bool:
    return await town.states() == {"sent": ANSWERS}


async def _compare(core: Core, twilio: TwilioStandin, given_up: list[Message]) -> None:
    """What the provider lists of these days is held against the record: what it could not tell comes in, once."""
    connectors = load_connectors(core, frozenset({"twilio"}))
    intake = Intake(core, Accounts(core.db, core.vault, connectors), connectors)
    [account] = await intake.accounts("twilio")
    connector: Twilio = cast("Any", connectors["twilio"])
    today, fresh = datetime.now(UTC).date(), 0
    listed = [one for day in (today - timedelta(days=1), today) for one in await connector.history(account, day)]
    assert len(listed) == len(twilio.messages)
    for one in listed:
        if one.inbound is not None:
            fresh += not (await intake.message(one.inbound)).duplicate
        elif one.delivery is not None:
            await intake.delivery(one.delivery)
    assert fresh == len(given_up)
    await connector.close()
    await intake.close()


async def _check(core: Core, twilio: TwilioStandin, customers: Customers) -> None:
    texts = [row["text"] for row in await core.db.dicts("select text from interaction where direction = 'in'")]
    assert sorted(texts) == sorted(m.body for m in customers.messages)
    ids = await core.db.dicts("select external_id from interaction where direction = 'in'")
    assert {row["external_id"] for row in ids} == {m.sid for m in customers.messages}
    assert await core.db.value("select count(*) from raw where state <> 'accepted'") == 0
    assert await core.db.value("select count(*) from contact") == CUSTOMERS
    assert {i: n for i, n in Counter(arrived(twilio)).items() if n > 1} == {}
    statuses = await core.db.dicts("select status, count(*) as n from interaction where direction = 'out' group by 1")
    assert statuses == [{"status": "delivered", "n": ANSWERS}]
    await check_consistency(core.db)
