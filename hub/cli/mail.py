"""`hub email …`: mailboxes at the terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from hub.channels import administration, trouble
from hub.channels.accounts import Accounts
from hub.channels.mailboxes import Mailboxes, Reconciled
from hub.channels.model import Account
from hub.channels.registry import load_connectors
from hub.cli.addresses import with_core
from hub.cli.group import add_command
from hub.core.errors import ConfigError, Invalid
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.settings import Settings

_BAR = 40  # columns


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("email", help="mailboxes: list, test, progress, reconcile")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    add_command(parts, "list", _with_core, "the mailboxes and how they fare").set_defaults(action="list")
    for name, text in (
        ("test", "what is wrong with one"),
        ("progress", "how far its first reading has come, until it is done"),
        ("reconcile", "messages on the server against messages stored; fetches what is missing"),
    ):
        one = add_command(parts, name, _with_core, text)
        one.set_defaults(action=name)
        one.add_argument("account", metavar="ACCOUNT", help="its key or address")
    parts.choices["reconcile"].add_argument("--dry-run", action="store_true", help="only compare")


def _with_core(arguments: argparse.Namespace, found: Settings) -> int:
    return with_core(found, lambda core: run(core, arguments))


async def run(core: Core, arguments: argparse.Namespace) -> int:
    """One of the commands; its exit code."""
    match arguments.action:
        case "list":
            return await _list(core)
        case "test":
            return await _test(core, arguments.account)
        case "progress":
            return await _progress(core, arguments.account)
        case _:
            return await _reconcile(core, arguments.account, dry_run=arguments.dry_run)


async def _list(core: Core) -> int:
    silent = {one.account_id: one for one in await trouble.troubles(core.db)}
    for row in await administration.listed(core.db, "email"):
        state = row.health.get("error") or f"last fetched {row.health.get('last_fetch', 'never')}"
        if (one := silent.get(row.id)) is not None:
            state += f"; sends nothing since {one.since:%Y-%m-%d %H:%M}Z, {one.waiting} waiting: {one.error}"
        print(f"{row.key}\t{row.address or ''}\t{state if row.enabled else 'disabled'}")
    return 0


async def _test(core: Core, name: str) -> int:
    box = await _Box.open(core, name)
    checks = await box.connector.probe(box.account)
    for check in checks:
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.part}: {check.detail}")
        if check.remedy:
            print(f"     {check.remedy}")
    return 0 if all(check.ok for check in checks) else 1


async def _progress(core: Core, name: str) -> int:
    """Draws one line again and again at a terminal, and a line for each step elsewhere."""
    account = (await _Box.open(core, name)).account
    if getattr(account.settings, "imap", None) is None:
        raise Invalid(f"The mailbox {name} is not fetched: a mail server hands its mail over.")
    here, shown = sys.stdout.isatty(), ""
    while True:
        health = (await administration.one(core.db, "email", account.id)).health
        done, total = _count(health, "done") or 0, _count(health, "total")
        if (line := bar(done, total)) != shown:
            print(f"\r{line}" if here else line, end="" if here else "\n", flush=True)
            shown = line
        if total is not None and done >= total:
            print(end="\n" if here else "")
            return 0
        await asyncio.sleep(0.5)


def _count(health: dict[str, object], name: str) -> int | None:
    progress = health.get("progress")
    found: object = progress.get(name) if isinstance(progress, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    return found if isinstance(found, int) else None


def bar(done: int, total: int | None) -> str:
    """A progress bar; a mailbox that was not looked at yet has no total."""
    if total is None:
        return "waiting for the first look at the mailbox"
    full = _BAR if not total else _BAR * done // total
    return f"[{'#' * full}{'.' * (_BAR - full)}] {done:,} of {total:,}"


async def _reconcile(core: Core, name: str, *, dry_run: bool) -> int:
    box = await _Box.open(core, name)
    found = await box.connector.reconcile(box.intake, box.account, refetch=not dry_run)
    _show(found)
    if found.missing and not dry_run:
        print(f"Fetched again: {found.refetched:,} of {found.missing:,}.")
    return 0 if found.missing == found.refetched else 1


def _show(found: Reconciled) -> None:
    print(
        f"{found.folder}: {found.on_server:,} on the server, {found.stored:,} stored, "
        f"{found.unwanted:,} not wanted, {found.missing:,} missing"
    )
    for one in found.differences:
        when = f"{one.received:%Y-%m-%d %H:%M}" if one.received else "?"
        print(f"  {one.uid}\t{when}\t{one.size:,} bytes\t{one.sender}\t{one.subject}")


class _Box:
    """A mailbox named at the terminal, and what works on it."""

    def __init__(self, connector: Mailboxes, account: Account, intake: Intake):
        self.connector = connector
        self.account = account
        self.intake = intake

    @classmethod
    async def open(cls, core: Core, name: str) -> _Box:
        """By key or address; `ConfigError` lists what there is."""
        connectors = load_connectors(core)
        connector: object = connectors.get("email")
        if not isinstance(connector, Mailboxes):
            raise ConfigError("The mail connector is not installed.", remedy="Install the package that provides it.")
        accounts = Accounts(core.db, core.vault, connectors)
        known = await accounts.of("email")
        for account in known:
            if name.lower() in (account.key, (account.address or "").lower()):
                return cls(connector, account, Intake(core, accounts, connectors))
        names = ", ".join(account.key for account in known) or "none"
        raise ConfigError(f"There is no mailbox {name!r}.", remedy=f"There are: {names}.")
