"""Mailboxes for administrators: tried, added, watched and compared, by admins alone."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from hub.cli import mail as mail_commands
from tests.integration.connectors.certificates import Certificates
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running
from tests.integration.connectors.harness import eventually, free_port
from tests.integration.connectors.test_imap import mail
from tests.integration.connectors.test_mail_in import Odd
from tests.support.app import Agent, App
from tests.support.smtp import Behavior, HostileSmtp


@pytest.fixture(scope="module")
def server() -> Generator[Dovecot]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as dovecot:
        yield dovecot


def imap(server: Dovecot, user: str = "u", **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "tls": "none", "user": user, "first_run": "all", **more}


async def check(admin: Agent, part: str, section: dict[str, Any], **secrets: Any) -> dict[str, Any]:
    body = {"address": "u@hub.example", "settings": {part: section}, "secrets": secrets}
    [found] = (await admin.post("/mailboxes/test", body))["items"]
    return found


# -- tried -------------------------------------------------------------------------------------------------------
async def test_good_mailbox_is_good(app: App, server: Dovecot) -> None:
    found = await check(await app.agent("admin"), "imap", imap(server), imap_password=PASSWORD)
    assert (found["ok"], found["code"]) == (True, "ok")


@pytest.mark.parametrize(
    ("change", "password", "code"),
    [
        ({}, "wrong", "password"),
        ({"folder": "No such 文件夹"}, PASSWORD, "no_folder"),
        ({"port": 1}, PASSWORD, "refused_port"),
        ({"host": "nowhere.invalid"}, PASSWORD, "no_host"),
        ({"tls": "tls"}, PASSWORD, "no_tls"),
        ({"tls": "starttls"}, PASSWORD, "no_starttls"),
    ],
)
async def test_what_is_wrong_with_a_mailbox_is_named(
    app: App, server: Dovecot, change: dict[str, Any], password: str, code: str
) -> None:
    found = await check(await app.agent("admin"), "imap", imap(server, **change), imap_password=password)
    assert (found["ok"], found["code"]) == (False, code), found
    assert found["detail"]
    assert found["remedy"]


async def test_tls_troubles_of_a_mailbox_are_named(app: App, guarded: Dovecot, papers: Certificates) -> None:
    admin = await app.agent("admin")
    tls = {"port": guarded.tls_port, "tls": "tls"}
    for change, code in (
        (tls, "certificate"),
        ({**tls, "ca_file": papers.ca}, "ok"),
        ({"tls": "starttls", "ca_file": papers.ca}, "ok"),
    ):
        assert (await check(admin, "imap", imap(guarded, **change), imap_password=PASSWORD))["code"] == code


async def test_mailbox_that_wants_starttls_says_so(app: App) -> None:
    odd = Odd()
    odd.answers["CAPABILITY"] = b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
    async with await asyncio.start_server(odd.serve, "127.0.0.1", 0) as listening:
        section = {"host": "127.0.0.1", "port": listening.sockets[0].getsockname()[1], "tls": "none", "user": "u"}
        found = await check(await app.agent("admin"), "imap", section, imap_password=PASSWORD)
    assert (found["code"], found["remedy"]) == ("wants_starttls", "Choose STARTTLS.")


@contextlib.asynccontextmanager
async def smtp(words: str | None = None, mail_words: str | None = None, **more: Any) -> AsyncGenerator[int]:
    def check_login(protocol: SMTP, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=words is None, message=words, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd finds its hooks by name
        _: Any, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return mail_words or "250 OK"

    handler = type("Handler", (), {"handle_MAIL": handle_MAIL})()
    options: dict[str, Any] = {"authenticator": check_login, "auth_require_tls": False, **more}
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="x", **options), "127.0.0.1", 0
    )
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("words", "mail_words", "section", "code"),
    [
        (None, None, {"user": "u"}, "ok"),
        (None, None, {}, "ok"),
        ("534 5.7.9 Application-specific password required", None, {"user": "u"}, "app_password"),
        ("535 Login Fail. Please enter your authorization code to login.", None, {"user": "u"}, "app_password"),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", None, {"user": "u"}, "oauth"),
        ("535 5.7.8 no", None, {"user": "u"}, "password"),
        (None, "530 5.7.0 Must issue a STARTTLS command first", {}, "wants_starttls"),
        (None, "550 5.1.8 not you", {}, "refused"),
        (None, None, {"tls": "starttls"}, "no_starttls"),
        (None, None, {"tls": "tls"}, "no_tls"),
    ],
)
async def test_what_is_wrong_with_the_way_out_is_named(
    app: App, words: str | None, mail_words: str | None, section: dict[str, Any], code: str
) -> None:
    admin = await app.agent("admin")
    async with smtp(words, mail_words) as port:
        found = await check(
            admin, "smtp", {"host": "127.0.0.1", "port": port, "tls": "none", **section}, smtp_password="p"
        )
    assert found["code"] == code, found


async def test_plus_addresses_that_the_server_refuses_are_named_and_can_be_turned_off(app: App) -> None:
    admin = await app.agent("admin")
    async with HostileSmtp() as server:
        server.of_recipient = lambda to: Behavior(says={"rcpt": "550 5.1.1 unknown"} if "+" in to else {})
        section = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        found = await check(admin, "smtp", section)
        assert found["code"] == "plus_address", found
        assert "550 5.1.1 unknown" in found["detail"]
        body = {"address": "u@hub.example", "settings": {"smtp": section, "plus_addresses": False}}
        [found] = (await admin.post("/mailboxes/test", body))["items"]
        assert found["code"] == "ok", found
        server.of_recipient = lambda _: Behavior(says={"rcpt": "554 5.7.1 relay access denied"})  # it knows neither
        assert (await check(admin, "smtp", section))["code"] == "ok"
        assert server.taken == []


async def test_password_in_clear_text_is_not_offered_where_the_server_wants_tls(app: App) -> None:
    admin = await app.agent("admin")
    async with smtp(auth_require_tls=True) as port:
        section = {"host": "127.0.0.1", "port": port, "tls": "none", "user": "u"}
        found = await check(admin, "smtp", section, smtp_password="p")
    assert found["code"] == "wants_starttls", found


async def test_tests_are_counted_so_that_nobody_scans_with_them(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.channels.api import mailboxes

    monkeypatch.setattr(mailboxes, "TESTS", 3)
    admin = await app.agent("admin")
    body = {"address": "u@hub.example", "settings": {"smtp": {"host": "127.0.0.1", "port": 1, "tls": "none"}}}
    for status in (200, 200, 200, 429):
        await admin.post("/mailboxes/test", body, status=status)


# -- added, changed, watched -------------------------------------------------------------------------------------
async def add(admin: Agent, server: Dovecot, user: str, **more: Any) -> dict[str, Any]:
    body = {
        "name": "Sales", "address": f"{user}@hub.example", "queue_id": 1,
        "settings": {"imap": imap(server, user, **more)}, "secrets": {"imap_password": PASSWORD},
    }  # fmt: skip
    return await admin.post("/mailboxes", body, status=201)


async def test_added_mailbox_is_fetched_and_never_shows_its_password(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    server.append("sales", mail(1))
    added = await add(admin, server, "sales")
    assert (added["secrets"], added["queue"]["id"]) == (["imap_password"], 1)
    assert PASSWORD not in [
        str(value) for section in (added["settings"], added["settings"]["imap"]) for value in section.values()
    ]
    app.context.accounts._read_at = -9e9
    connector: Any = app.context.connectors["email"]
    task = asyncio.create_task(connector.run(app.context.intake))

    async def fetched() -> Any:
        health = (await admin.get(f"/mailboxes/{added['id']}"))["health"]
        return health["progress"] == {"done": 1, "total": 1} and health["last_fetch"]

    assert await eventually(fetched, 30)
    assert await app.core.db.value("select count(*) from interaction") == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_changed_mailbox_keeps_what_was_not_named(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    added = await add(admin, server, "keeps")
    settings = {
        "imap": {**added["settings"]["imap"], "folder": "Tickets"},
        "smtp": {"host": "h.example", "port": 25, "tls": "none"},
    }
    changed = await admin.call(
        "PATCH", f"/mailboxes/{added['id']}",
        {"signature": "Yours", "settings": settings, "secrets": {"smtp_password": "p"}, "enabled": False},
    )  # fmt: skip
    assert changed["secrets"] == ["imap_password", "smtp_password"]
    assert (changed["name"], changed["signature"], changed["enabled"]) == ("Sales", "Yours", False)
    assert changed["settings"]["imap"]["folder"] == "Tickets"
    problem = await admin.call(
        "PATCH", f"/mailboxes/{added['id']}", {"settings": {"imap": {**settings["imap"], "after": "burn"}}}, status=422
    )
    assert "settings.imap.after" in {error["field"] for error in problem["errors"]}
    changed = await admin.call("PATCH", f"/mailboxes/{added['id']}", {"secrets": {"smtp_password": None}})
    assert changed["secrets"] == ["imap_password"]
    kinds = await app.core.db.dicts(
        "select data from event where kind = 'config.applied' and actor_id = %s", [admin.id]
    )
    assert len(kinds) == 3  # who changed what is in the log, without the secrets
    assert PASSWORD not in str(kinds)


@pytest.mark.parametrize("name", ["amy", "eva"])
async def test_only_administrators_get_at_mailboxes(app: App, name: str) -> None:
    agent = await app.agent(name)
    for method, path in (
        ("GET", "/mailboxes"), ("POST", "/mailboxes"), ("GET", "/mailboxes/1"), ("PATCH", "/mailboxes/1"),
        ("POST", "/mailboxes/test"), ("POST", "/mailboxes/discover"), ("POST", "/mailboxes/1/test"), ("POST", "/mailboxes/1/reconcile"),
    ):  # fmt: skip
        await agent.call(method, path, {} if method != "GET" else None, status=403)


# -- compared ----------------------------------------------------------------------------------------------------
async def test_missing_messages_are_named_and_fetched_again(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    server.append("gaps", *[mail(n) for n in range(5)])
    added = await add(admin, server, "gaps")
    path = f"/mailboxes/{added['id']}/reconcile"
    app.context.accounts._read_at = -9e9
    found = await admin.post(path)
    assert (found["on_server"], found["stored"], found["missing"]) == (5, 0, 5)
    assert found["differences"][0]["subject"] == "Mail 0"
    assert found["differences"][0]["sender"].endswith("<ann0@customer.example>")
    done = await admin.post(path, {"refetch": True})
    assert (done["missing"], done["refetched"]) == (5, 5)
    assert (await admin.post(path))["missing"] == 0
    # The bytes of one are lost here, however that happened: the comparison is with what is stored, not with a list.
    await app.core.db.execute("delete from raw where id = (select min(id) from raw)")
    assert (await admin.post(path))["missing"] == 1
    again = await admin.post(path, {"refetch": True})
    assert (again["missing"], again["refetched"]) == (1, 1)
    assert await app.core.db.value("select count(*) from raw") == 5


async def test_old_mail_that_was_never_wanted_is_not_missing(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    with server.session("olds") as client:
        client.append("INBOX", "", '"01-Jan-2020 00:00:00 +0000"', mail(1))
    added = await add(admin, server, "olds")
    await app.core.db.execute(
        "insert into mailbox (account_id, folder, uidvalidity, uid, since) values (%s, 'INBOX', 1, 0, now())",
        [added["id"]],
    )
    app.context.accounts._read_at = -9e9
    found = await admin.post(f"/mailboxes/{added['id']}/reconcile")
    assert (found["on_server"], found["unwanted"], found["missing"]) == (1, 1, 0)


async def test_mailbox_that_cannot_be_asked_says_so(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    added = await add(admin, server, "away", port=free_port())
    app.context.accounts._read_at = -9e9
    assert "cannot be asked" in (await admin.post(f"/mailboxes/{added['id']}/reconcile", status=503))["detail"]


async def test_the_same_at_the_terminal(app: App, server: Dovecot, capsys: pytest.CaptureFixture[str]) -> None:
    admin = await app.agent("admin")
    server.append("term", mail(1))
    added = await add(admin, server, "term")
    arguments: Callable[..., Any] = lambda **more: SimpleNamespace(account=added["key"], dry_run=False, **more)  # noqa: E731 - three calls of it differ in one argument
    assert await mail_commands.run(app.core, arguments(action="test")) == 0
    assert await mail_commands.run(app.core, arguments(action="reconcile")) == 0
    said = capsys.readouterr().out
    assert "INBOX: 1 on the server, 0 stored, 0 not wanted, 1 missing" in said
    assert "Fetched again: 1 of 1." in said
    await app.core.db.execute(
        'update account set health = health || \'{"progress": {"done": 3, "total": 3}}\' where id = %s', [added["id"]]
    )
    assert await mail_commands.run(app.core, arguments(action="progress")) == 0
    assert "[########################################] 3 of 3" in capsys.readouterr().out
    assert await mail_commands.run(app.core, arguments(action="list")) == 0
    assert added["key"] in capsys.readouterr().out


def test_bar_grows() -> None:
    assert mail_commands.bar(0, None) == "waiting for the first look at the mailbox"
    assert mail_commands.bar(5, 10) == f"[{'#' * 20}{'.' * 20}] 5 of 10"
    assert mail_commands.bar(0, 0).startswith("[####")


async def test_a_change_of_one_setting_keeps_all_others(app: App, server: Dovecot) -> None:
    admin = await app.agent("admin")
    added = await add(admin, server, "merge", folder="Tickets", poll_seconds=77)
    path = f"/mailboxes/{added['id']}"
    await admin.call("PATCH", path, {"settings": {"forms": ["@shop.example"], "authserv_id": "mx.example"}})
    changed = await admin.call("PATCH", path, {"settings": {"max_message_mb": 30}})
    assert changed["settings"]["imap"] == added["settings"]["imap"]
    assert (changed["settings"]["forms"], changed["settings"]["authserv_id"]) == (["@shop.example"], "mx.example")
    changed = await admin.call("PATCH", path, {"settings": {"imap": {"after": "leave"}, "authserv_id": None}})
    assert changed["settings"]["imap"] == {**added["settings"]["imap"], "after": "leave"}
    assert (changed["settings"]["authserv_id"], changed["settings"]["max_message_mb"]) == (None, 30)


@pytest.mark.parametrize(
    "change",
    [{"host": "evil.example"}, {"port": 1143}, {"tls": "none"}, {"ca_file": "/tmp/other.pem"}],
    ids=["host", "port", "tls", "ca"],
)
async def test_a_stored_password_goes_to_no_other_server(
    app: App, server: Dovecot, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await app.agent("admin")
    added = await add(admin, server, "bound")
    if added["settings"]["imap"]["tls"] == change.get("tls"):
        change = {"tls": "starttls"}
    asked: list[Any] = []

    async def probe(account: Any) -> list[Any]:
        asked.append(account)
        return []

    monkeypatch.setattr(app.context.connectors["email"], "probe", probe)
    settings = {"imap": {**added["settings"]["imap"], **change}}
    trial = {"account_id": added["id"], "settings": settings}
    for method, path, body in (
        ("POST", "/mailboxes/test", trial), ("PATCH", f"/mailboxes/{added['id']}", {"settings": settings}),
    ):  # fmt: skip
        problem = await admin.call(method, path, body, status=422)
        assert [error["field"] for error in problem["errors"]] == ["secrets.imap_password"]
        assert problem["remedy"]
    assert not asked
    await admin.post("/mailboxes/test", {**trial, "secrets": {"imap_password": "given anew"}})
    assert asked[0].settings.imap_password.get_secret_value() == "given anew"
    await admin.post("/mailboxes/test", {"account_id": added["id"], "settings": {"imap": {"folder": "Other"}}})
    assert asked[1].settings.imap_password.get_secret_value() == PASSWORD
