"""A server that takes nothing: said soon and everywhere, asked seldom, and everything leaves when it is back."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from connectors.email import Email
from hub.channels import trouble
from hub.channels.accounts import seal
from hub.channels.model import Outcome, SendError
from hub.core import events, problems
from hub.core.health import servers as doctor
from hub.core.service import Core
from tests.integration.connectors.certificates import make
from tests.integration.connectors.harness import eventually
from tests.support.outbox import Phones, Post
from tests.support.smtp import Behavior, HostileSmtp

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def phones() -> Phones:
    return Phones()


@pytest.fixture
def post(core: Core, phones: Phones) -> Post:
    return Post(core, {"email": Email(core), "fake": phones})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds instead of a minute between tries."""
    note = (
        trouble.sql["note"]
        .replace("least(60, 5 * power(2, least(t.failures, 5)))", "1")
        .replace("pause)s, 5)", "pause)s, 1)")
    )
    monkeypatch.setitem(trouble.sql._by_name, "note", note)


async def _trouble(post: Post, account: int) -> trouble.Trouble | None:
    return next(iter(await trouble.troubles(post.core.db, account)), None)


async def _said(core: Core) -> list[str]:
    return [f"{f.what}: {f.detail}" for f in [one async for one in doctor(core.db, core.feed)] if f.ok is not True]


async def test_a_server_that_is_away_is_asked_seldom_and_gets_everything_when_it_is_back(post: Post) -> None:
    server = HostileSmtp()
    mail = await post.mailbox("mail", server.port)
    sends = [await post.write(mail, f"n{n}@customer{n % 9}.example") for n in range(60)]
    async with post.working():
        await eventually(lambda: _trouble(post, mail))
        first = await _tries(post)
        await eventually(lambda: _later(post, first + 3))
        assert await _tries(post) <= first + 6  # one at a time, not each of sixty
        assert (await post.states())["pending"] >= 58
        row = await post.row(sends[0])
        assert (row["code"], row["status"]) == ("smtp.unreachable", "pending")
        async with server:
            await post.until({"sent": 60}, seconds=60)
            assert sorted(server.recipients()) == sorted(f"n{n}@customer{n % 9}.example" for n in range(60))
        assert await _trouble(post, mail) is None


@pytest.mark.parametrize(
    ("behavior", "code", "words"),
    [
        (Behavior(says={"greeting": "421 4.3.2 going down for maintenance"}), "smtp.turned_away", "going down"),
        (Behavior(says={"greeting": "554 go away"}), "smtp.turned_away", "go away"),
        (Behavior(drops="greeting"), "smtp.unreachable", "cannot be reached"),
        (Behavior(drops="ehlo"), "smtp.unreachable", "cannot be reached"),
        (Behavior(waits={"greeting": 60.0}), "smtp.timeout", "does not answer"),
        (Behavior(says={"ehlo": "250 nothing.example"}), "smtp.not_offered", "STARTTLS"),
    ],
)
async def test_each_way_in_which_a_server_takes_nothing_has_a_code(
    post: Post, behavior: Behavior, code: str, words: str
) -> None:
    async with HostileSmtp() as server:
        server.behavior = behavior
        tls = {"tls": "starttls"} if code == "smtp.not_offered" else {}
        mail = await post.mailbox("mail", server.port, timeout_seconds=1, **tls)
        await post.write(mail, "a@customer.example")
        async with post.working():
            found = await eventually(lambda: _trouble(post, mail))
        assert (found.code, words in found.error) == (code, True)
        assert server.taken == []


async def test_an_expired_certificate_is_said_on_the_message_the_account_and_by_the_doctor(
    post: Post, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make(tmp_path, valid=(-30, -2))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    async with HostileSmtp(context=context) as server:
        mail = await post.mailbox("mail", server.port, tls="tls", ca_file=files.ca)
        first, second = [await post.write(mail, f"n{n}@customer.example") for n in range(2)]
        async with post.working():
            found = await eventually(lambda: _trouble(post, mail))
            assert (found.code, found.params["reason"], found.waiting) == (
                "smtp.certificate",
                "certificate has expired",
                2,
            )
            for send in (first, second):  # whether it was tried or waits for the one that is
                delivery = await eventually(lambda send=send: _waiting(post, send))
                assert delivery["code"] == "smtp.certificate"
                assert "certificate has expired" in delivery["error"]
                assert datetime.fromisoformat(delivery["next_try_at"]) > datetime.now(UTC) - timedelta(seconds=30)
            assert not [line for line in await _said(post.core) if "certificate has expired" in line and "FAIL" in line]
            monkeypatch.setattr(problems, "SILENT_SECONDS", 0.0)
            said = [line for line in await _said(post.core) if line.startswith("Account mail")]
            assert "2 waiting: The certificate of the mail server 127.0.0.1" in said[0]


async def test_a_password_that_is_refused_is_the_account_s_trouble(post: Post) -> None:
    async with HostileSmtp() as server:
        server.behavior = Behavior(says={"ehlo": "250-x\r\n250 AUTH PLAIN LOGIN", "auth": "535 5.7.8 wrong"})
        mail = await post.mailbox("mail", server.port, user="support")
        await post.core.db.execute(
            "update account set secrets = %s where id = %s",
            [seal(post.core.vault, "mail", {"smtp_password": "old"}), mail],
        )
        await post.write(mail, "a@customer.example")
        async with post.working():
            found = await eventually(lambda: _trouble(post, mail))
        assert (found.code, found.params["reason"]) == ("smtp.sign_in", "535 5.7.8 wrong")


async def test_what_is_wrong_with_one_mail_is_no_trouble_of_the_account(post: Post) -> None:
    async with HostileSmtp() as server:
        server.of_domain["full.example"] = Behavior(says={"rcpt": "452 4.2.2 mailbox full"})
        server.of_domain["none.example"] = Behavior(says={"rcpt": "550 5.1.1 nobody"})
        server.of_domain["gone.example"] = Behavior(drops="rcpt")
        mail = await post.mailbox("mail", server.port)
        for domain in ("full", "none", "gone", "good"):
            await post.write(mail, f"a@{domain}.example")
        async with post.working():
            await post.until({"sent": 1, "failed": 1, "pending": 2})
        assert await _trouble(post, mail) is None


async def test_an_account_that_cannot_be_read_waits_for_its_mending(post: Post, phones: Phones) -> None:
    """Settings, or the secret key, may be right again in a minute: nothing is failed for good."""
    account = await post.account("sms", "nobody", "sms")
    await post.write(account, "+14155550100")
    async with post.working():
        found = await eventually(lambda: _trouble(post, account))
        await post.until({"pending": 1})
    assert found.code == "account.unusable"


async def test_what_is_changed_is_tried_at_once_and_not_as_it_was(post: Post) -> None:
    dead, core = HostileSmtp(), post.core
    mail = await post.mailbox("mail", dead.port)
    await post.write(mail, "ann@customer.example")
    async with post.working(), HostileSmtp() as good:
        await eventually(lambda: _later(post, 1))
        await post.accounts.all()  # as it was, and as young as can be
        await core.db.execute("update account_trouble set next_at = now() + interval '1 hour', failures = 9")
        await core.db.execute("update outbound set due_at = now() + interval '1 hour'")
        tried = await _tries(post)
        async with events.unit(core.db, core.feed) as unit:
            await unit.conn.execute(
                "update account set settings = jsonb_set(settings, '{smtp,port}', %s) where id = %s",
                [Jsonb(good.port), mail],
            )
            await trouble.mended(unit.conn, mail)
            unit.notify("outbox")
        await post.until({"sent": 1}, seconds=20)
        assert await _tries(post) == tried + 1


async def test_a_provider_that_fails_for_long_gets_one_message_at_a_time(post: Post, phones: Phones) -> None:
    """Each answer of 5xx leaves a send in doubt: there must not be hundreds of them."""
    account = await post.account("sms", "fake", "sms")
    for n in range(100):
        await post.write(account, f"+1415555{n:04}")
    phones.fail_after_wire = SendError("500", outcome=Outcome.UNKNOWN, code="provider.failed", account_wide=True)
    async with post.working():
        await eventually(lambda: _later(post, 34))
        states = await post.states()
        assert states["unknown"] <= 40  # those that were on their way when it began, and some probes
        phones.fail_after_wire = None
        await eventually(lambda: _nothing_waits(post), 60)
    assert (await post.states())["unknown"] <= 42


async def test_sends_that_are_late_are_counted_whatever_their_pace(post: Post) -> None:
    core = post.core
    sms, paced = await post.account("sms", "fake", "sms"), await post.account("paced", "fake", "sms")
    await core.db.execute("insert into pace values (%s, 5, clock_timestamp() - interval '1 hour')", [paced])
    for n in range(20):
        await post.write(paced, f"+1415555{n:04}")
    for _ in range(3):  # one behind the other in one conversation, and all of them late
        await post.write(sms, "+14155550100")
    await core.db.execute("update outbound set due_at = now() - interval '1 hour'")
    said = await _said(core)
    assert "Workers: none is running" in said
    assert any(line.startswith("Sends overdue by a minute: 23, the oldest by 36") for line in said)
    await core.db.execute("update pace set next_at = now()")  # it has just sent one: the others wait for their turn
    assert any(line.startswith("Sends overdue by a minute: 3,") for line in await _said(core))
    async with post.working():
        await post.until({"sent": 23})
        assert not [line for line in await _said(core) if line.startswith(("Sends", "Workers"))]
    await eventually(lambda: _no_worker(core))


async def _waiting(post: Post, send: int) -> dict[str, Any] | None:
    """What people see of a send between two tries."""
    [shown] = await post.core.db.dicts(
        "select v.delivery from interaction_view v join outbound o on o.interaction_id = v.id where o.id = %s", [send]
    )
    return shown["delivery"] if shown["delivery"]["state"] == "pending" else None


async def _tries(post: Post) -> int:
    return int(await post.core.db.value("select sum(attempt) from outbound"))


async def _later(post: Post, tries: int) -> bool:
    return await _tries(post) >= tries


async def _nothing_waits(post: Post) -> bool:
    return set(await post.states()) <= {"sent", "unknown"}


async def _no_worker(core: Core) -> bool:
    return not await core.db.value("select count(*) from worker")
