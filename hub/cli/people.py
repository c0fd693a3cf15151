"""`hub user …`: people."""

from __future__ import annotations

import argparse
from typing import Any

from hub.access import signin
from hub.cli.addresses import with_core
from hub.cli.group import add_command
from hub.core.errors import ConfigError
from hub.core.service import Core
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("user", help="people: add, invite")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_command(parts, "add", _add, "a new person; prints a one-time link to set the password")
    add.add_argument("email")
    add.add_argument("--name", required=True)
    add.add_argument("--role", default="agent", help="agent, supervisor, analyst, admin or one of your own")
    add.add_argument("--locale", choices=["en", "zh-CN"], default="en")
    invite = add_command(parts, "invite", _invite, "a fresh one-time link")
    invite.add_argument("email")


def _add(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        agent = await signin.add_agent(
            core.db, email=arguments.email, name=arguments.name, role=arguments.role, locale=arguments.locale
        )
        print(_welcome_link(core, await signin.invite(core.db, agent)))
        return 0

    return with_core(found, run)


def _invite(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        rows = await core.db.dicts(signin.sql["agent_by_email"], {"email": arguments.email.strip().lower()})
        if not rows:
            raise ConfigError(
                f"There is no user {arguments.email}.", remedy="Add one: `hub user add EMAIL --name NAME`."
            )
        print(_welcome_link(core, await signin.invite(core.db, rows[0]["id"])))
        return 0

    return with_core(found, run)


def _welcome_link(core: Core, token: str) -> str:
    return f"{core.public_url}/app/welcome#{token}  (once, within {signin.INVITATION_HOURS} hours)"
