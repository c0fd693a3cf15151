"""`hub COMMAND`: every command says what it did, and every failure what to do."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import psycopg

from hub import settings as configuration
from hub.cli import backup, config, demo, files, mail, people, quarantine, servers, telephony
from hub.core import log
from hub.core.errors import HubError
from hub.core.release import hub_commit, hub_version

_GROUPS = (
    servers.add,
    config.add,
    backup.add,
    quarantine.add,
    files.add,
    mail.add,
    telephony.add,
    people.add,
    demo.add,
)


def main(argv: list[str] | None = None) -> int:
    """Entry point of `hub`."""
    arguments = commands_parser().parse_args(argv)
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


def commands_parser() -> argparse.ArgumentParser:
    """Everything that `hub` understands."""
    parser = argparse.ArgumentParser(
        prog="hub", description="An omnichannel contact center: one queue, one customer record."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version, and the commit it was made of")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in _GROUPS:
        add(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"hub {hub_version()} (commit {hub_commit()})")
        parser.exit()
