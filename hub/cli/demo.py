"""`hub demo …`: stand-ins on their own, and years of made-up work."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from hub.cli.group import add_command
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("demo", help="a stand-in on its own, or years of made-up work: twilio, mail, history")
    parts = parser.add_subparsers(required=True, metavar="PART")
    for name in ("twilio", "mail"):
        one = add_command(parts, name, _demo, "a stand-in on its own")
        one.set_defaults(part=name)
        one.add_argument("--hub-url", default="http://127.0.0.1:8080", help="where the hub is")
        one.add_argument("--port", type=int, default=0)
    history = add_command(parts, "history", _history, "ten made-up years of work, in an empty database")
    history.add_argument("--conversations", type=int, default=50_000, metavar="N")
    history.add_argument("--interactions", type=int, default=200_000, metavar="M")
    history.add_argument("--seed", type=int, default=1, help="another number, another history")


# Imported only here: a production process needs no demonstration.
def _demo(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.demo.single import alone

    return asyncio.run(alone(arguments.part, hub_url=arguments.hub_url, port=arguments.port))


def _history(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.cli import history

    return history.run(arguments, found)
