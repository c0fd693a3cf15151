"""What a provider said of a send is not lost with the database, and counts however late it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from hub.channels.model import Outcome, SendError
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.messages.outbox import ClaimLost, Outbox
from tests.integration.connectors.harness import eventually
from tests.support.outbox import Phones, Post
from tests.support.proxy import Proxy


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def post(core: Core, phones: Phones) -> Post:
    return Post(core, {"fake": phones})


@pytest.fixture
async def line(database_url: str) -> AsyncGenerator[Proxy]:
    """The worker's line to the database."""
    async with Proxy.before(database_url) as proxy:
        yield proxy


@pytest.fixture
async def far(line: Proxy, feed: Feed, vault: Vault, phones: Phones) -> AsyncGenerator[Post]:
    """A worker at the other end of that line."""
    db = Database(line.url, size=6, wait=1.0)
    await db.open()
    yield Post(Core(db, feed, vault, "http://127.0.0.1"), {"fake": phones})
    await db.close()


@pytest.mark.parametrize("how", ["cut", "reset"])
async def test_answers_are_written_when_the_database_is_back(
    post: Post, far: Post, line: Proxy, phones: Phones, how: str
) -> None:
    account = await post.account("sms", "fake", "sms")
    for n in range(6):
        await post.write(account, f"+1415555010{n}")
    phones.waits = 1.0
    async with far.working():
        await eventually(lambda: _len(phones, 6))
        line.refuses = True
        getattr(line, how)()
        await asyncio.sleep(2.5)  # the provider has answered meanwhile; nobody can be told
        assert await post.states() == {"wire": 6}
        line.refuses = False
        await post.until({"sent": 6})
    assert len(phones.arrived) == 6


async def test_an_answer_settles_the_doubt_that_came_before_it(
    post: Post, far: Post, line: Proxy, phones: Phones
) -> None:
    """The database was back for the sweeper before it was back for the worker."""
    account = await post.account("sms", "fake", "sms")
    for n in range(3):
        await post.write(account, f"+1415555010{n}")
    phones.waits = 1.0
    async with far.working():
        await eventually(lambda: _len(phones, 3))
        line.refuses = True
        line.cut()
        await asyncio.sleep(1.5)
        await post.core.db.execute("update outbound set lease_until = now() - interval '1 second'")
        assert await post.outbox.recover() == 3
        assert await post.states() == {"unknown": 3}
        line.refuses = False
        await post.until({"sent": 3})
    assert not await post.core.db.value("select bool_or(failed) from conversation")


@pytest.fixture
async def doubted(post: Post) -> tuple[Outbox, int]:
    """A send on the wire whose worker is not heard of any more."""
    send = await post.write(await post.account("sms", "fake", "sms"), "+14155550100")
    return post.outbox, send


async def test_a_message_that_was_taken_after_all_is_not_sent_again(doubted: tuple[Outbox, int], post: Post) -> None:
    outbox, send = doubted
    for again in ("pending", "claimed"):
        [claim] = await outbox.claim()
        await outbox.wire(claim)
        await _expire(post)
        await outbox.decide(send, arrived=False, actor_id=None)  # a person decides to send it again
        second = await outbox.claim() if again == "claimed" else []
        assert await outbox.reports.sent(claim, "P1")  # and then the first worker is heard of
        assert (await post.row(send))["state"] == "sent"
        for late in second:
            with pytest.raises(ClaimLost):
                await outbox.wire(late)
        await post.core.db.execute("update outbound set state = 'pending', attempt = 0, provider_id = null")


async def test_a_definite_refusal_settles_the_doubt_as_well(doubted: tuple[Outbox, int], post: Post) -> None:
    outbox, send = doubted
    [claim] = await outbox.claim()
    await outbox.wire(claim)
    await _expire(post)
    assert await outbox.reports.not_sent(claim, SendError("550 no such user", outcome=Outcome.FAILED))
    assert (await post.row(send))["state"] == "failed"


async def test_what_a_person_settled_stays_settled(doubted: tuple[Outbox, int], post: Post) -> None:
    outbox, send = doubted
    [claim] = await outbox.claim()
    await outbox.wire(claim)
    await _expire(post)
    await outbox.decide(send, arrived=True, actor_id=None)
    for error in (Outcome.FAILED, Outcome.RETRY, Outcome.UNKNOWN):
        assert not await outbox.reports.not_sent(claim, SendError("late", outcome=error))
    assert (await post.row(send))["state"] == "sent"


async def test_a_locked_send_holds_up_no_other_on_its_way_to_the_wire(post: Post, phones: Phones) -> None:
    account = await post.account("sms", "fake", "sms")
    sends = [await post.write(account, f"+1415555010{n}") for n in range(4)]
    claims = await post.outbox.claim()
    async with post.core.db.transaction() as foreign:
        await foreign.execute("select from outbound where id = %s for update", [sends[0]])
        crossed = await asyncio.wait_for(
            asyncio.gather(*(post.outbox.wire(claim) for claim in claims), return_exceptions=True), 5
        )
    assert [isinstance(one, ClaimLost) for one in crossed] == [True, False, False, False]


async def _expire(post: Post) -> None:
    await post.core.db.execute("update outbound set lease_until = now() - interval '1 second' where state = 'wire'")
    await post.outbox.recover()


async def _len(phones: Phones, number: int) -> bool:
    return len(phones.arrived) == number
