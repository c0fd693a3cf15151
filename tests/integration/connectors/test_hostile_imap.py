"""A mailbox with messages that its server cannot hand out: all others are stored, and nobody's words are in an error."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import connectors.email.fetch as fetch
import connectors.email.mailbox_store as keeper
from hub.core.db import Database
from hub.core.errors import Invalid
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.connectors.harness import Hub, eventually
from tests.support.imap import Fault, HostileImap

WAYS = ["no", "bad", "drop", "cut", "hang", "nil", "empty", "silent", "short", "nonsense"]


@pytest.fixture
async def server() -> AsyncGenerator[HostileImap]:
    async with HostileImap() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PERSON", 0.2)
    monkeypatch.setattr(fetch, "_CEILING", 0.2)


def fetching(db: Database, feed: Feed, vault: Vault, server: HostileImap, **more: Any) -> Hub:
    section = {
        "host": "127.0.0.1", "port": server.port, "tls": "none", "user": "u", "first_run": "all", "timeout_seconds": 1,
        "poll_seconds": 1, **more,
    }  # fmt: skip
    return Hub(db, feed, vault, email_settings={"imap": section, "imap_password": "p"})


async def stored(db: Database) -> set[str]:
    rows = await db.dicts("select external_id from interaction where direction = 'in'")
    return {str(row["external_id"]).strip("<>").partition("@")[0] for row in rows}


async def aside(db: Database) -> list[dict[str, Any]]:
    return await db.dicts("select reason, meta, body from raw where state = 'quarantined' order by id")


async def until_stored(db: Database, *uids: int) -> None:
    async def there() -> bool:
        return await stored(db) == {str(uid) for uid in uids}

    try:
        await eventually(there, 40)
    except TimeoutError:
        raise AssertionError(f"stored: {sorted(await stored(db))}, aside: {await aside(db)}") from None


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("at", ["body", "look"])
async def test_one_message_that_is_not_handed_out_keeps_no_other_from_being_stored(
    db: Database, feed: Feed, vault: Vault, server: HostileImap, how: str, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.add(*range(1, 8))
    server.faults[4] = Fault(how, at)
    asides = at == "body"
    async with fetching(db, feed, vault, server):
        await until_stored(db, *(uid for uid in range(1, 8) if uid != 4 or not asides))
        if asides:
            [kept] = await eventually(lambda: aside(db))
            assert "message UID 4 of INBOX" in kept["reason"]
            assert kept["meta"]["imap"] == {**kept["meta"]["imap"], "folder": "INBOX", "uid": 4, "uidvalidity": 7}
        server.add(8)
        await until_stored(db, *(uid for uid in range(1, 9) if uid != 4 or not asides))
        health = await db.value("select health::text from account where connector = 'email'")
        said = [health, caplog.text, *(row["reason"] for row in await aside(db))]
        assert not [words for words in said if "SECRET" in words]
        assert len(await aside(db)) == asides


async def test_a_message_that_is_handed_out_at_last_is_stored_once(
    db: Database, feed: Feed, vault: Vault, server: HostileImap
) -> None:
    server.add(*range(1, 6))
    server.faults = {2: Fault("no", times=2), 4: Fault("drop", times=2)}
    async with fetching(db, feed, vault, server):
        await until_stored(db, 1, 2, 3, 4, 5)
        assert await aside(db) == []


async def test_a_server_that_hands_out_nothing_for_a_while_sets_nothing_aside(
    db: Database, feed: Feed, vault: Vault, server: HostileImap
) -> None:
    server.add(*range(1, 6))
    server.all_bodies = "NO [LIMIT] bandwidth limit exceeded, try again later"
    async with fetching(db, feed, vault, server):
        await eventually(lambda: _more(server, 25))
        assert (await stored(db), await aside(db)) == (set(), [])
        assert "hands out no message at all" in await db.value(
            "select health::text from account where connector = 'email'"
        )
        server.all_bodies = ""
        await until_stored(db, 1, 2, 3, 4, 5)
    assert await aside(db) == []


async def test_the_only_message_there_is_is_set_aside_later(
    db: Database, feed: Feed, vault: Vault, server: HostileImap
) -> None:
    server.add(1)
    server.faults[1] = Fault("no")
    async with fetching(db, feed, vault, server):
        await eventually(lambda: aside(db))
        server.add(2)
        await until_stored(db, 2)


async def test_what_is_not_whole_is_not_taken_in_and_comes_when_it_can_be_had(
    db: Database, feed: Feed, vault: Vault, server: HostileImap
) -> None:
    server.add(1, 2, 3)
    server.faults[2] = Fault("short")
    async with fetching(db, feed, vault, server) as hub:
        await until_stored(db, 1, 3)
        [kept] = await eventually(lambda: aside(db))
        account = (await hub.accounts.of("email"))[0]
        with pytest.raises(Invalid, match="Only the beginning"):
            hub.email.translate(account, kept["body"], "message/rfc822", kept["meta"])
        del server.faults[2]
        found = await hub.email.reconcile(hub.gate, account, refetch=True)
        assert (found.missing, found.refetched) == (1, 1)
        await until_stored(db, 1, 2, 3)


async def test_a_comparison_goes_past_what_is_not_handed_out(
    db: Database, feed: Feed, vault: Vault, server: HostileImap
) -> None:
    server.add(*range(1, 6))
    async with fetching(db, feed, vault, server, first_run="new") as hub:
        await eventually(lambda: db.value("select uid is not null from mailbox"))
        await db.execute("update mailbox set since = null")
        server.faults[3] = Fault("no")
        account = (await hub.accounts.of("email"))[0]
        found = await hub.email.reconcile(hub.gate, account, refetch=True)
        assert (found.missing, found.refetched) == (5, 4)
        assert await stored(db) == {"1", "2", "4", "5"}


@pytest.mark.parametrize("how", ["NO [READ-ONLY] not here", "drop"])
async def test_what_cannot_be_marked_is_kept_all_the_same_and_the_next_follow(
    db: Database, feed: Feed, vault: Vault, server: HostileImap, how: str
) -> None:
    server.add(1, 2, 3)
    server.store = how
    async with fetching(db, feed, vault, server):
        await until_stored(db, 1, 2, 3)
        server.add(4)
        await until_stored(db, 1, 2, 3, 4)


async def test_nothing_is_deleted_that_is_not_kept_whole(
    db: Database, feed: Feed, vault: Vault, server: HostileImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "MAX_BYTES", 300_000)
    server.add(1, 2)
    server.add(3, size=2_500_000)
    server.add(4)
    server.faults[2] = Fault("no")
    async with fetching(db, feed, vault, server, after="delete"):
        await until_stored(db, 1, 4)
        await eventually(lambda: _deleted(server, [1, 4]))
        assert set(server.messages) == {2, 3}
        reasons = [row["reason"] for row in await aside(db)]
        assert [one for one in reasons if "larger than" in one]
        assert [one for one in reasons if "UID 2" in one]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.dictionaries(
        st.integers(1, 12), st.sampled_from(["no", "bad", "drop", "cut", "nil", "short"]), max_size=4
    )
)
@example(faults={1: "no", 2: "drop"})  # the nearest neighbour of what fails hangs up as well
@pytest.mark.slow
async def test_whichever_messages_are_not_handed_out_all_others_are_stored_once(
    db: Database, feed: Feed, vault: Vault, faults: dict[int, str]
) -> None:
    await db.execute(
        "truncate event, raw, interaction, mailbox, mailbox_message, account, queue, conversation, contact, address "
        "restart identity cascade"
    )
    async with HostileImap() as server:
        server.add(*range(1, 13))
        server.faults = {uid: Fault(how) for uid, how in faults.items()}
        async with fetching(db, feed, vault, server):
            await until_stored(db, *(set(range(1, 13)) - faults.keys()))

            async def all_aside() -> bool:
                return len(await aside(db)) == len(faults)

            await eventually(all_aside)
        assert await db.value("select count(*) from interaction where direction = 'in'") == 12 - len(faults)


async def _more(server: HostileImap, fetches: int) -> bool:
    return len(server.asked) >= fetches


async def _deleted(server: HostileImap, uids: list[int]) -> bool:
    return sorted(server.deleted) == uids
