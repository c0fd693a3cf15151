"""A send of unknown outcome that its provider does not list is sent again, once, and not too soon."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hub.channels.extras import Traces
from hub.channels.model import Account, Outbound, Outcome, SendError
from hub.channels.reasons import Reason
from hub.core.errors import Conflict, Unavailable
from hub.core.service import Core
from tests.support.outbox import Phones, Post


class Listing(Phones):
    """A provider with a list, in which messages turn up when they do."""

    def __init__(self) -> None:
        super().__init__()
        self.alike: list[str] = []
        self.others: list[str] = []
        self.away = False
        self.looks = 0
        self.pause = asyncio.Event()
        self.pause.set()

    async def traces(self, account: Account, outbound: Outbound) -> Traces:
        self.looks += 1
        found = Traces(tuple(self.alike), tuple(self.others))
        await self.pause.wait()
        if self.away:
            raise Unavailable("The list does not answer.")
        return found


@pytest.fixture
def listing() -> Listing:
    return Listing()


@pytest.fixture
async def post(core: Core, listing: Listing) -> Post:
    return Post(core, {"fake": listing})


@pytest.fixture
async def lost(post: Post, listing: Listing) -> int:
    """A send that ended in a 5xx."""
    listing.fail_after_wire = SendError("Failed (503).", outcome=Outcome.UNKNOWN, code="provider.failed")
    send = await post.write(await post.account("sms", "fake", "sms"), "+14155550101")
    await post.delivery().drain()
    listing.fail_after_wire = None
    listing.arrived.clear()
    assert (await post.row(send))["state"] == "unknown"
    return send


async def later(post: Post, minutes: float = 6) -> None:
    """So much later, with the look due that comes then."""
    await post.core.db.execute(
        "update outbound set due_at = now(), wire_at = wire_at - %(by)s, absent_at = absent_at - %(by)s where state = 'unknown'",
        {"by": timedelta(minutes=minutes)},
    )


async def test_it_is_sent_again_when_two_looks_apart_find_nothing(post: Post, listing: Listing, lost: int) -> None:
    delivery = post.delivery()
    await later(post)
    await delivery.drain()
    row = await post.row(lost)
    assert (row["state"], row["code"], "no record" in row["shown"]) == ("unknown", Reason.SEND_ABSENT, True)
    await later(post, 4)  # not long enough after the first
    await delivery.drain()
    assert listing.arrived == []
    await later(post, 2)
    await delivery.drain()
    await delivery.drain()
    row = await post.row(lost)
    assert (row["state"], row["attempt"], len(listing.arrived)) == ("sent", 2, 1)


async def test_it_is_not_sent_again_when_it_turns_up_in_the_list_late(post: Post, listing: Listing, lost: int) -> None:
    await later(post)
    await post.delivery().drain()
    listing.alike = ["P-late"]
    await later(post)
    await post.delivery().drain()
    assert ((await post.row(lost))["provider_id"], listing.arrived) == ("P-late", [])


async def test_a_look_right_after_the_send_proves_nothing(post: Post, listing: Listing, lost: int) -> None:
    for _ in range(5):
        await later(post, 0.9)
        await post.delivery().drain()
    assert listing.looks >= 5
    assert (await post.row(lost))["absent_at"] is None


@pytest.mark.parametrize("how", ["away", "others"])
async def test_it_is_left_to_a_person_when_the_list_proves_nothing(
    post: Post, listing: Listing, lost: int, how: str
) -> None:
    listing.away, listing.others = how == "away", ["P-reads-otherwise"] if how == "others" else []
    for _ in range(4):
        await later(post)
        await post.delivery().drain()
    assert ((await post.row(lost))["state"], listing.arrived) == ("unknown", [])


async def test_it_is_left_to_a_person_when_it_is_too_old_to_be_wanted(post: Post, listing: Listing, lost: int) -> None:
    await post.core.db.execute("update outbound set begun_at = now() - interval '49 hours'")
    for _ in range(3):
        await later(post)
        await post.delivery().drain()
    assert ((await post.row(lost))["state"], listing.arrived) == ("unknown", [])


async def test_it_is_sent_again_once_when_a_worker_dies_between_the_list_and_the_resend(
    post: Post, listing: Listing, lost: int
) -> None:
    await later(post)
    await post.delivery().look()
    await later(post)
    listing.pause.clear()
    dying = asyncio.create_task(post.delivery().look())
    while listing.looks < 2:  # noqa: ASYNC110 - the other side is the task above
        await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    listing.pause.set()
    assert (await post.row(lost))["state"] == "unknown"
    await later(post, 0)
    await asyncio.gather(*(post.delivery().drain() for _ in range(3)))
    await post.delivery().drain()
    assert ((await post.row(lost))["state"], len(listing.arrived)) == ("sent", 1)


async def test_a_worker_with_an_old_list_sends_nothing_when_somebody_settled_it(
    post: Post, listing: Listing, lost: int
) -> None:
    await later(post)
    await post.delivery().look()
    await later(post)
    listing.pause.clear()
    looking = asyncio.create_task(post.delivery().look())
    while listing.looks < 2:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    await post.outbox.decide(lost, arrived=True, actor_id=None)
    listing.pause.set()
    await looking
    await post.delivery().drain()
    assert ((await post.row(lost))["state"], listing.arrived) == ("sent", [])


async def test_each_attempt_has_its_own_wait(post: Post, listing: Listing, lost: int) -> None:
    """The first attempt was looked for long ago; that says nothing of the second."""
    await later(post)
    await post.delivery().look()
    await post.outbox.decide(lost, arrived=False, actor_id=None)
    listing.fail_after_wire = SendError("Failed (503).", outcome=Outcome.UNKNOWN)
    await post.delivery().drain()
    listing.fail_after_wire = None
    await post.core.db.execute("update outbound set due_at = now()")
    await post.delivery().drain()
    assert ((await post.row(lost))["state"], len(listing.arrived)) == ("unknown", 1)


async def test_many_are_settled_together_and_twice_is_as_good_as_once(post: Post, listing: Listing, lost: int) -> None:
    listing.fail_after_wire = SendError("Failed (503).", outcome=Outcome.UNKNOWN)
    account = int((await post.row(lost))["account_id"])
    sends = [lost, *[await post.write(account, f"+1415555020{n}") for n in range(5)]]
    await post.delivery().drain()
    listing.fail_after_wire = None
    listing.arrived.clear()
    agent = await post.core.db.value(
        "insert into agent (email, name, role) values ('s@hub.example', 'Sue', 'supervisor') returning id"
    )
    done = await asyncio.gather(*(post.outbox.decide_all(sends, arrived=False, actor_id=agent) for _ in range(2)))
    assert sorted(done[0] + done[1]) == sends
    await post.delivery().drain()
    assert (await post.states(), len(listing.arrived)) == ({"sent": 6}, 6)
    assert await post.outbox.decide_all(sends, arrived=False, actor_id=agent) == []
    with pytest.raises(Conflict):
        await post.outbox.decide(lost, arrived=True, actor_id=agent)
