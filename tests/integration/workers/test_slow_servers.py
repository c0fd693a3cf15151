"""Servers that are slow or hang: nobody else waits for them, and no outcome is called unknown that is not."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from connectors.email import Email
from hub.core.service import Core
from tests.integration.connectors.harness import eventually
from tests.support.outbox import Phones, Post
from tests.support.smtp import FOREVER, Behavior, HostileSmtp
from workers import concurrency, send_loop


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
async def post(core: Core, phones: Phones) -> Post:
    return Post(core, {"email": Email(core), "fake": phones})


def hangs(step: str = "body") -> Behavior:
    return Behavior(waits={step: FOREVER})


async def test_messages_of_another_channel_leave_while_mails_hang_after_data(post: Post, phones: Phones) -> None:
    async with HostileSmtp() as server:
        server.behavior = hangs()
        mail, sms = await post.mailbox("mail", server.port), await post.account("sms", "fake", "sms")
        for n in range(2):
            await post.write(mail, f"n{n}@customer.example")
        async with post.working():
            await post.until({"wire": 2}, mail)
            for n in range(3):
                await post.write(sms, f"+1415555010{n}")
                await post.core.feed.notify("outbox")
            await post.until({"sent": 3}, sms)
            assert await post.states(mail) == {"wire": 2}  # they still hang
            await server.stop()
            await post.until({"unknown": 2}, mail)  # the line is gone: nobody knows


async def test_one_account_cannot_keep_another_of_the_same_channel_from_sending(post: Post) -> None:
    async with HostileSmtp() as hanging, HostileSmtp() as good:
        hanging.behavior = hangs()
        bad = await post.mailbox("bad", hanging.port)
        fine = await post.mailbox("fine", good.port)
        for n in range(200):
            await post.write(bad, f"n@customer{n % 20}.example")
        async with post.working():
            await eventually(lambda: _true(lambda: len(hanging.taken) >= 4))
            for n in range(20):
                await post.write(fine, f"n{n}@customer.example")
            await post.core.feed.notify("outbox")
            await post.until({"sent": 20}, fine)
            assert len(hanging.taken) <= 8  # and it does not hang on to more and more of them
            await hanging.stop()


async def test_one_domain_cannot_keep_others_of_the_same_account_from_their_mail(post: Post) -> None:
    async with HostileSmtp() as server:
        server.of_domain["slow.example"] = hangs("rcpt")
        mail = await post.mailbox("mail", server.port)
        for n in range(300):
            await post.write(mail, f"n{n}@slow.example")
        for n in range(30):
            await post.write(mail, f"n{n}@quick{n % 7}.example")
        async with post.working():
            await post.until({"sent": 30, "claimed": 3, "pending": 297}, mail)
            assert {one.rpartition("@")[2] for one in server.recipients()} == {f"quick{n}.example" for n in range(7)}
            await server.stop()


async def test_domains_have_their_turn_where_there_are_very_many(post: Post) -> None:
    """More domains than one look goes through, before and after the one that everybody writes to."""
    async with HostileSmtp() as server:
        mail = await post.mailbox("mail", server.port, connections=3)
        for _ in range(200):
            await post.write(mail, "all@mmm.example")
        for n in range(150):
            await post.write(mail, f"one@{'az'[n % 2]}{n:03}.example")
        async with post.working():
            await post.until({"sent": 350}, mail, seconds=90)
        rare = [n for n, one in enumerate(server.recipients()) if "mmm" not in one]
        assert len(rare) == 150
        assert rare[75] < 250  # they did not wait for the many


@pytest.mark.slow
async def test_a_slow_but_healthy_server_leaves_no_doubt(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is waiting for a connection, not sending: only the wire counts."""
    monkeypatch.setattr(send_loop, "PREPARE", 4.0)  # three mails after one another take longer
    monkeypatch.setattr(concurrency, "SLOW", 1.0)
    async with HostileSmtp() as server:
        server.behavior = Behavior(waits={"body": 2.0})
        mail = await post.mailbox("mail", server.port, connections=2, timeout_seconds=2)
        sends = [await post.write(mail, f"n{n}@customer.example") for n in range(12)]
        async with post.working():
            await post.until({"sent": 12}, mail, seconds=60)
        assert len(server.taken) == len(set(server.recipients())) == 12
        assert [(await post.row(send))["attempt"] for send in sends] == [1] * 12


async def test_a_large_mail_over_a_slow_line_is_no_doubt_either(post: Post, core: Core) -> None:
    """As long as something moves it goes on; a server that stops taking it in the middle has not got it."""
    async with HostileSmtp() as server:
        mail = await post.mailbox("mail", server.port, timeout_seconds=2)
        send = await post.write(mail, "a@customer.example")
        interaction = (await post.row(send))["interaction_id"]
        await core.db.execute(
            "insert into attachment (interaction_id, name, content_type, body) values (%s, 'a.bin', 'application/octet-stream', %s)",
            [interaction, b"x" * 12_000_000],
        )
        server.behavior = Behavior(stalls=True)
        async with post.working():
            await eventually(lambda: _true_of(post, send, lambda row: row["attempt"] == 1 and row["error"]), 30)
        server.behavior = Behavior()
        row = await post.row(send)
        assert (row["state"], "in the middle" in row["error"]) == ("pending", True)
        await core.db.execute("update outbound set due_at = now()")
        async with post.working():
            await post.until({"sent": 1})
        assert len(server.taken) == 1


async def test_a_send_keeps_its_claim_for_as_long_as_it_goes_on(
    post: Post, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("hub.messages.outbox", "workers.deliver"):
        monkeypatch.setattr(f"{module}.LEASE", 1.0)
    phones.waits_before = phones.waits = 3.0  # before the wire and on it, each longer than a claim lasts
    send = await post.write(await post.account("sms", "fake", "sms"), "+14155550100")
    async with post.working():
        seen: set[str] = set()
        while (state := (await post.row(send))["state"]) != "sent":
            assert await post.outbox.recover() == 0  # the sweeper finds nobody gone
            seen.add(state)
            await asyncio.sleep(0.1)
        assert seen == {"pending", "claimed", "wire"} or seen == {"claimed", "wire"}
    assert len(phones.arrived) == 1


async def test_a_worker_told_to_stop_gives_back_what_is_not_on_the_wire(post: Post, phones: Phones) -> None:
    phones.waits_before = FOREVER
    send = await post.write(await post.account("sms", "fake", "sms"), "+14155550100")
    async with post.working():
        await post.until({"claimed": 1})
    row = await post.row(send)
    assert (row["state"], row["status"], row["error"]) == ("pending", "pending", None)
    phones.waits_before = 0
    assert await post.delivery().drain() == 1  # at once, by somebody else
    assert await post.states() == {"sent": 1}


@pytest.mark.slow
async def test_a_pace_holds_whatever_hangs(post: Post, phones: Phones) -> None:
    account = await post.account("sms", "fake", "sms")
    await post.core.db.execute("insert into pace values (%s, 5, clock_timestamp())", [account])
    for n in range(10):
        await post.write(account, f"+1415555{n:04}")
    phones.waits = 5.0
    async with post.working():
        await post.until({"wire": 10}, account)  # what takes long does not stop the next: the number's rate counts
        times = await post.core.db.dicts("select wire_at from outbound order by wire_at")
        took = (times[-1]["wire_at"] - times[1]["wire_at"]).total_seconds()
        assert took > 1.0  # eight more at five a second, the first second's made good


def test_seats_leave_room_beside_what_hangs() -> None:
    places = concurrency.Places(None)
    account = dataclasses.replace(_ACCOUNT)
    for n in range(40):
        flight = concurrency.Flight(_claim(n))
        places.flights[id(flight)] = flight
    [found] = places.seats([account]).values()
    assert found.room == 0
    for flight in places.flights.values():
        flight.crossed = -1000.0  # for ages
    [found] = places.seats([account]).values()
    assert found.room == 0  # it answers nobody: it gets no more
    places.got_through(account.id)
    [found] = places.seats([account]).values()
    assert found.room > 0  # it answers others


def _claim(n: int) -> concurrency.Claimed:
    from hub.core.clock import now

    return concurrency.Claimed(n, n, n, 1, 1, {}, now(), "hangs.example")


_ACCOUNT = concurrency.Account(1, "mail", "email", "email", "Mail", None, None, None, None, True)


async def _true(check: Callable[[], object]) -> bool:
    return bool(check())


async def _true_of(post: Post, send: int, check: Callable[[dict[str, Any]], object]) -> bool:
    return bool(check(await post.row(send)))
