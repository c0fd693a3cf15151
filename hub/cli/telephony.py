"""`hub twilio …`: numbers at the terminal."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import Any

from hub.channels.accounts import Accounts
from hub.channels.model import Account
from hub.channels.registry import close_connectors, load_connectors
from hub.cli.addresses import with_core
from hub.cli.group import add_command
from hub.core.clock import now
from hub.core.errors import ConfigError
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.reconciliation.reconcile import Compared, Reconciliation
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("twilio", help="numbers: reconcile")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    text = "messages at the provider against messages stored; takes in what is missing"
    one = add_command(parts, "reconcile", _with_core, text)
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="its key or number (default: all)")
    one.add_argument("--day", type=day_of, help="the last day (UTC): 2026-11-25, yesterday; default today")
    one.add_argument("--days", type=int, default=1, choices=range(1, 32), metavar="N", help="how many, up to 31")
    one.add_argument("--dry-run", action="store_true", help="only compare")


def _with_core(arguments: argparse.Namespace, found: Settings) -> int:
    return with_core(found, lambda core: run(core, arguments))


async def run(core: Core, arguments: argparse.Namespace) -> int:
    """Compare what the provider lists with what is stored; 1 when something is missing all the same."""
    connectors = load_connectors(core)
    accounts = Accounts(core.db, core.vault, connectors)
    intake = Intake(core, accounts, connectors)
    comparing = Reconciliation(core, intake, accounts, connectors)
    left = 0
    try:
        for account in _chosen(await comparing.able(), arguments.account):
            for day in _days(arguments.day, arguments.days):
                found = await comparing.compare(account, day, fetch=not arguments.dry_run)
                _show(account, found)
                left += found.missing - found.fetched
    finally:
        await intake.close()
        await close_connectors(connectors)
    return 1 if left else 0


def day_of(text: str) -> date:
    """A day as typed: `2026-11-25`, `today`, `yesterday`."""
    today = now().date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in named:
        return named[text]
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write 2026-11-25, today or yesterday") from None


def _days(day: date | None, count: int) -> list[date]:
    last = day or now().date()
    return [last - timedelta(days=n) for n in reversed(range(count))]


def _chosen(able: list[Account], name: str | None) -> list[Account]:
    if name is None:
        return able
    found = [a for a in able if name in (a.key, a.address)]
    if not found:
        there = ", ".join(a.key for a in able) or "none"
        raise ConfigError(f"There is no number {name!r} that can be compared.", remedy=f"There are: {there}.")
    return found


def _show(account: Account, found: Compared) -> None:
    print(
        f"{account.key} {found.day}: {found.provider:,} at the provider, {found.stored:,} stored, "
        f"{found.missing:,} missing ({found.fetched:,} fetched), {found.moved:,} statuses moved, "
        f"{found.foreign:,} sent there by others"
    )
    for one in found.named:
        when = f"{one.at:%Y-%m-%d %H:%M}" if one.at else "?"
        print(f"  {one.provider_id}\t{when}\t{one.customer}\t{one.preview}")
