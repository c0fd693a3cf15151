"""The command line. Every command says what it did, and every failure what to do."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from hub import backup_commands, mailbox_commands, number_commands
from hub import settings as configuration
from hub.access import signin
from hub.access.model import Role
from hub.center.apply import apply, shown
from hub.center.model import read
from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.core import log
from hub.core.errors import ConfigError, HubError
from hub.core.migrate import check, migrate
from hub.core.service import Addresses, Core
from hub.doctor import examine
from hub.intake import Intake
from hub.quarantine import Quarantine
from hub.release import hub_commit, hub_version
from hub.servers import addresses, own_servers, reached, running, with_core, with_servers
from hub.settings import Settings

Command = Callable[[argparse.Namespace, Settings], int]


def main(argv: list[str] | None = None) -> int:
    """Entry point of `hub`."""
    arguments = _parser().parse_args(argv)
    try:
        overrides: dict[str, Any] = {}
        if getattr(arguments, "data", None):
            overrides["data"] = arguments.data
        found = configuration.load(**overrides)
        log.configure(json=found.log.json_lines, level=found.log.level)
        return arguments.command(arguments, found)
    except HubError as error:
        print(f"hub: {error.detail}", file=sys.stderr)
        if error.remedy:
            print(f"     {error.remedy}", file=sys.stderr)
        return 2
    except psycopg.Error as error:
        print(f"hub: PostgreSQL says: {' '.join(str(error).split())}", file=sys.stderr)
        print("     See `hub doctor`.", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"hub: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hub", description="An omnichannel contact centre: one queue, one customer record."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version, and the commit it was made of")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = _command(commands, "up", _up, "everything on this machine, with servers of its own")
    up.add_argument(
        "--demo", action="store_true", help="with a small believable centre, stand-ins for the world, and customers"
    )
    up.add_argument("--port", type=int, help="where the desk is (default 8080)")
    up.add_argument("--quiet-customers", action="store_true", help="with --demo: nobody writes by themselves")
    _command(commands, "serve", _serve, "web, sockets, webhooks, listeners, router: any number")
    _command(commands, "services", _services, "router, scheduler and the like in a process of their own: any number")
    _command(commands, "work", _work, "a worker that sends: any number")
    _command(commands, "migrate", _migrate, "bring the database up to date")
    centre = _command(commands, "apply", _apply, "make the centre as the file says")
    centre.add_argument("file", type=Path)
    centre.add_argument("--dry-run", action="store_true", help="only show the difference")
    api = _command(commands, "openapi", _openapi, "the API's description (OpenAPI 3.1), without a server")
    api.add_argument("file", type=Path, nargs="?", help="where to write it (default: on the screen)")
    api.add_argument("--server", default="/", help="the address of the installation, as callers know it (default /)")
    _command(commands, "doctor", _doctor, "what is missing or wrong, and how to mend it")
    backup_commands.add_files(commands, _command, hub_version())
    backup_commands.add_outbox(commands, _command)
    _quarantine_commands(commands)
    _email_commands(commands)
    _number_commands(commands)
    _user_commands(commands)
    _demo_commands(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"hub {hub_version()} (commit {hub_commit()})")
        parser.exit()


def _command(commands: Any, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--data", type=Path, help="the data folder (default .hub, or HUB_DATA)")
    parser.set_defaults(command=run)
    return parser


def _quarantine_commands(commands: Any) -> None:
    parser = commands.add_parser("quarantine", help="what could not be processed: list, show, replay, discard")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    _command(parts, "list", _quarantine_list, "the oldest first")
    for name, text in (("show", "one, with its bytes"), ("replay", "take it in again"), ("discard", "put it aside")):
        _command(parts, name, _quarantine_one, text).add_argument("id", type=int)
        parts.choices[name].set_defaults(action=name)


def _email_commands(commands: Any) -> None:
    parser = commands.add_parser("email", help="mailboxes: list, test, progress, reconcile")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    _command(parts, "list", _email, "the mailboxes and how they fare").set_defaults(action="list")
    for name, text in (
        ("test", "what is wrong with one"),
        ("progress", "how far its first reading has come, until it is done"),
        ("reconcile", "messages on the server against messages stored; fetches what is missing"),
    ):
        one = _command(parts, name, _email, text)
        one.set_defaults(action=name)
        one.add_argument("account", metavar="ACCOUNT", help="its key or address")
    parts.choices["reconcile"].add_argument("--dry-run", action="store_true", help="only compare")


def _number_commands(commands: Any) -> None:
    parser = commands.add_parser("twilio", help="numbers: reconcile")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    text = "messages at the provider against messages stored; takes in what is missing"
    one = _command(parts, "reconcile", _numbers, text)
    one.add_argument("account", nargs="?", metavar="ACCOUNT", help="its key or number (default: all)")
    one.add_argument(
        "--day", type=number_commands.day_of, help="the last day (UTC): 2026-11-25, yesterday; default today"
    )
    one.add_argument("--days", type=int, default=1, choices=range(1, 32), metavar="N", help="how many, up to 31")
    one.add_argument("--dry-run", action="store_true", help="only compare")


def _demo_commands(commands: Any) -> None:
    parser = commands.add_parser("demo", help="a stand-in on its own, or years of made-up work: twilio, mail, history")
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name in ("twilio", "mail"):
        one = _command(parts, name, _demo, "a stand-in on its own")
        one.set_defaults(part=name)
        one.add_argument("--hub-url", default="http://127.0.0.1:8080", help="where the hub is")
        one.add_argument("--port", type=int, default=0)
    history = _command(parts, "history", _demo_history, "ten made-up years of work, in an empty database")
    history.add_argument("--conversations", type=int, default=50_000, metavar="N")
    history.add_argument("--interactions", type=int, default=200_000, metavar="M")
    history.add_argument("--seed", type=int, default=1, help="another number, another history")


def _user_commands(commands: Any) -> None:
    parser = commands.add_parser("user", help="people: add, invite")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    add = _command(parts, "add", _user_add, "a new person; prints a one-time link to set the password")
    add.add_argument("email")
    add.add_argument("--name", required=True)
    add.add_argument("--role", choices=[r.value for r in Role], default="agent")
    add.add_argument("--locale", choices=["en", "zh-CN"], default="en")
    invite = _command(parts, "invite", _user_invite, "a fresh one-time link")
    invite.add_argument("email")


# -- processes -------------------------------------------------------------------------------------------------------
# `hub.app` is imported by what runs for long alone: the whole web side costs a command as long again as its work.
def _up(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.up import up  # only here: a production process needs no demonstration

    if arguments.port is not None:
        found = found.model_copy(update={"web": found.web.model_copy(update={"port": arguments.port})})
    return up(found, demo=arguments.demo, customers=arguments.demo and not arguments.quiet_customers)


def _serve(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    with reached(found, announce=True) as (places, own):
        migrate(places.database_url)
        asyncio.run(app.serve(found, places, own))
    return 0


def _services(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    places = _others(found)
    migrate(places.database_url)
    asyncio.run(app.run_services(found, places))
    return 0


def _work(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    places = _others(found)
    check(places.database_url)
    places.to_environment()
    asyncio.run(app.run_worker(places))
    return 0


def _others(found: Settings) -> Addresses:
    """Servers that are there already: configured, or those of the hub on the data folder."""
    others = running(found) if own_servers(found) else None
    return others or addresses(found)


def _demo(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.demo.alone import alone

    return asyncio.run(alone(arguments.part, hub_url=arguments.hub_url, port=arguments.port))


def _demo_history(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import history_command

    return history_command.run(arguments, found)


# -- administration --------------------------------------------------------------------------------------------------
def _migrate(arguments: argparse.Namespace, found: Settings) -> int:
    def run(places: Addresses) -> int:
        applied = migrate(places.database_url)
        print("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")
        return 0

    return with_servers(found, run)


def _apply(arguments: argparse.Namespace, found: Settings) -> int:
    center = read(arguments.file)

    async def run(core: Core) -> int:
        try:
            difference = await apply(core.db, core.vault, load_connectors(core), center, dry_run=arguments.dry_run)
        except ConfigError as error:
            lines = [f"{arguments.file}: {line}" for line in error.detail.splitlines()]
            raise ConfigError("\n".join(lines), remedy=error.remedy) from error
        await core.feed.wake("router")
        await core.feed.wake("sessions")  # rights may have changed
        print("\n".join(shown(difference)))
        if arguments.dry_run and difference.lines:
            print("(dry run: nothing was changed)")
        return 0

    return with_core(found, run)


def _openapi(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.web.server import openapi

    text = openapi(hub_version(), arguments.server)
    if arguments.file is None:
        sys.stdout.write(text.decode())
    else:
        arguments.file.write_bytes(text)
        print(f"Wrote {arguments.file}.")
    return 0


def _doctor(arguments: argparse.Namespace, found: Settings) -> int:
    findings = examine(found)
    for finding in findings:
        mark = {True: "ok  ", False: "FAIL", None: "note"}[finding.ok]
        print(
            f"{mark} {finding.what}: {finding.detail}"
            + (f"\n     {finding.remedy}" if not finding.ok and finding.remedy else "")
        )
    return 1 if any(finding.ok is False for finding in findings) else 0


def _quarantine_list(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        held = await _quarantine(core).listed()
        for q in held:
            print(f"{q.id}\t{q.received_at:%Y-%m-%d %H:%M:%S}Z\t{q.connector}\t{q.reason}")
        if not held:
            print("Nothing is in quarantine.")
        return 0

    return with_core(found, run)


def _quarantine_one(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        quarantine = _quarantine(core)
        match arguments.action:
            case "show":
                q = await quarantine.show(arguments.id)
                when = f"{q.received_at:%Y-%m-%d %H:%M:%S}Z"
                print(f"{q.connector}, account {q.account_id}, {q.content_type}, received {when}\nReason: {q.reason}\n")
                print(q.body.decode("utf-8", "backslashreplace"))
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


def _email(arguments: argparse.Namespace, found: Settings) -> int:
    return with_core(found, lambda core: mailbox_commands.run(core, arguments))


def _numbers(arguments: argparse.Namespace, found: Settings) -> int:
    return with_core(found, lambda core: number_commands.run(core, arguments))


def _user_add(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        agent = await signin.add_agent(
            core.db, email=arguments.email, name=arguments.name, role=Role(arguments.role), locale=arguments.locale
        )
        print(_welcome_link(core, await signin.invite(core.db, agent)))
        return 0

    return with_core(found, run)


def _user_invite(arguments: argparse.Namespace, found: Settings) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
