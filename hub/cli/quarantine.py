"""`hub quarantine …`: what could not be processed."""

from __future__ import annotations

import argparse
from typing import Any

from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.cli.addresses import with_core
from hub.cli.group import add_command
from hub.core.service import Core
from hub.messages.intake import Intake
from hub.messages.quarantine import Quarantine
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("quarantine", help="what could not be processed: list, show, replay, discard")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    add_command(parts, "list", _list, "the oldest first")
    for name, text in (("show", "one, with its bytes"), ("replay", "take it in again"), ("discard", "put it aside")):
        add_command(parts, name, _one, text).add_argument("id", type=int)
        parts.choices[name].set_defaults(action=name)


def _list(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        held = await _quarantine(core).listed()
        for q in held:
            print(f"{q.id}\t{q.received_at:%Y-%m-%d %H:%M:%S}Z\t{q.connector}\t{q.reason}")
        if not held:
            print("Nothing is in quarantine.")
        return 0

    return with_core(found, run)


def _one(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        quarantine = _quarantine(core)
        match arguments.action:
            case "show":
                q = await quarantine.show(arguments.id)
                when = f"{q.received_at:%Y-%m-%d %H:%M:%S}Z"
                print(f"{q.connector}, account {q.account_id}, {q.content_type}, received {when}\nReason: {q.reason}\n")
                print((await quarantine.body(q)).decode("utf-8", "backslashreplace"))
            case "replay":
                done = await quarantine.replay(arguments.id)
                print(f"Taken in: conversation {done.conversation_id}.")
            case _:
                await quarantine.discard(arguments.id)
                print("Put aside; its bytes stay.")
        return 0

    return with_core(found, run)


def _quarantine(core: Core) -> Quarantine:
    connectors = load_connectors(core)
    accounts = Accounts(core.db, core.vault, connectors)
    return Quarantine(core, Intake(core, accounts, connectors), accounts, connectors)
