"""Signing in: guessing is slowed down, and nobody else is kept out by it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from hub.access import hashing, signin
from hub.access.devices import Device, read, write
from hub.core.errors import TooMany, Unauthorized
from hub.core.networks import network_of
from hub.core.secrets import Vault
from tests.support.app import PASSWORD, App

AMY = "amy@lumen-oak.example"
WRONG = "a wrong guess"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred attempts, each of which would cost a tenth of a second."""
    monkeypatch.setattr(hashing, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(hashing, "NOBODY", hashing._hasher.hash("nobody"))


@pytest.fixture
async def amy(app: App) -> int:
    agent = await app.agent("amy")
    await signin.set_password(app.core.db, agent.id, PASSWORD)
    return agent.id


async def attempt(app: App, password: str, *, ip: str = "192.0.2.1", device: Device | None = None) -> str:
    try:
        await signin.sign_in(app.core.db, AMY, password, ip=ip, user_agent="", device=device)
    except Unauthorized:
        return "wrong"
    except TooMany as error:
        return "wait" if error.retry_after >= 1 else "wait for nothing"
    return "in"


async def _let_pass(app: App, seconds: float) -> None:
    """Time, for the counters."""
    await app.core.db.execute("update sign_in_failure set last_at = last_at - make_interval(secs => %s)", [seconds])


async def test_an_office_signs_in_as_often_as_it_likes(app: App, amy: int) -> None:
    for _ in range(110):
        assert await attempt(app, PASSWORD) == "in"


async def test_a_right_password_is_taken_after_wrong_ones_and_a_pause(app: App, amy: int) -> None:
    assert [await attempt(app, WRONG) for _ in range(6)] == ["wrong"] * 5 + ["wait"]
    assert await attempt(app, PASSWORD) == "wait"  # during the pause nothing is looked at
    await _let_pass(app, 2)
    assert await attempt(app, PASSWORD) == "in"
    assert [await attempt(app, WRONG) for _ in range(5)] == ["wrong"] * 5  # the count began anew


async def test_each_pause_is_longer_than_the_one_before(app: App, amy: int) -> None:
    for _ in range(6):
        await attempt(app, WRONG)
    await _let_pass(app, 1)
    assert await attempt(app, WRONG) == "wrong"
    for pause in (2, 4, 8, 16):
        await _let_pass(app, pause - 1)
        assert await attempt(app, WRONG) == "wait"
        await _let_pass(app, 1)
        assert await attempt(app, WRONG) == "wrong"


async def test_guesses_sent_at_once_count_one_by_one(app: App, amy: int) -> None:
    done = await asyncio.gather(*[attempt(app, WRONG) for _ in range(30)])
    assert done.count("wrong") <= 6


async def test_strangers_who_guess_keep_nobody_out_who_has_signed_in_before(app: App, amy: int) -> None:
    known = Device("d" * 32).with_agent(amy)
    for n in range(120):  # a botnet: an address for each few guesses
        await attempt(app, WRONG, ip=f"198.51.100.{n // 4}")
    assert await attempt(app, WRONG, ip="203.0.113.9") == "wait"  # from anywhere new it is slow now
    assert await attempt(app, PASSWORD, ip="198.51.100.1", device=known) == "in"


async def test_a_browser_known_for_one_account_is_a_stranger_to_another(app: App, amy: int) -> None:
    ben = (await app.agent("ben")).id
    device = Device("e" * 32).with_agent(ben)
    done = [await attempt(app, WRONG, device=device) for _ in range(8)]
    assert done[-1] == "wait"


async def test_a_known_browser_may_not_guess_for_ever(app: App, amy: int) -> None:
    device = Device("f" * 32).with_agent(amy)
    done = [await attempt(app, WRONG, device=device) for _ in range(14)]
    assert done[-1] == "wait"


async def test_the_browser_is_known_by_a_cookie_that_scripts_cannot_read(app: App, amy: int) -> None:
    response = await app.client.post("/api/v1/session", json={"email": AMY, "password": PASSWORD})
    cookie = response.cookies["hub_device"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert read(app.core.vault, cookie.value).agents == (amy,)


async def test_during_a_pause_the_answer_says_how_long(app: App, amy: int) -> None:
    async with aiohttp.ClientSession() as session:
        url, guess = app.client.make_url("/api/v1/session"), {"email": AMY, "password": WRONG}
        for _ in range(7):
            async with session.post(url, json=guess) as response:
                await response.read()
        async with session.post(url, json=guess) as response:
            problem = await response.json(content_type=None)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1
    assert "second" in problem["remedy"]


async def test_a_new_password_ends_sessions_and_tokens(app: App, amy: int) -> None:
    done = await signin.sign_in(app.core.db, AMY, PASSWORD, ip="192.0.2.1", user_agent="")
    _, token = await signin.new_api_token(app.core.db, amy, "script")
    await signin.use_invitation(
        app.core.db, await signin.invite(app.core.db, amy), "another long password", ip="192.0.2.7"
    )
    assert await signin.actor_of_session(app.core.db, done.token) is None
    assert await signin.actor_of_token(app.core.db, token) is None


async def test_what_was_counted_is_forgotten_after_a_while(app: App, amy: int) -> None:
    for _ in range(9):
        await attempt(app, WRONG)
    await _let_pass(app, 7200)
    assert [await attempt(app, WRONG) for _ in range(3)] == ["wrong"] * 3
    await _let_pass(app, 7200)
    await signin.expire(app.core.db)
    assert await app.core.db.value("select count(*) from sign_in_failure") == 0


@given(st.text(max_size=2000))
def test_a_device_cookie_of_somebody_elses_making_is_a_new_browser(cookie: str) -> None:
    assert read(Vault(b"key-" * 16), cookie).agents == ()


def test_a_device_cookie_of_ours_is_read_as_it_was_written() -> None:
    vault = Vault(b"key-" * 16)
    device = Device("a" * 32)
    for agent in range(30):
        device = device.with_agent(agent)
    assert read(vault, write(vault, device)) == device
    assert device.agents[0] == 29
    assert len(write(vault, device)) < 400


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_addresses_of_one_subscriber_are_one_network(one: str, other: str, *, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
