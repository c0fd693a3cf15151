"""`hub up`, `serve`, `services`, `work` and `migrate`: the processes of an installation.

`hub.app` is imported by what runs for long alone: the whole web side costs a command as long again as its work.
"""

from __future__ import annotations

import argparse
from typing import Any

from hub.cli.addresses import addresses, own_servers, reached, running, with_servers
from hub.cli.group import add_command
from hub.core import tasks
from hub.core.migrate import check, migrate
from hub.core.service import Addresses
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    up = add_command(commands, "up", _up, "everything on this machine, with servers of its own")
    up.add_argument(
        "--demo", action="store_true", help="with a small believable center, stand-ins for the world, and customers"
    )
    up.add_argument("--port", type=int, help="where the desk is (default 8080)")
    up.add_argument("--quiet-customers", action="store_true", help="with --demo: nobody writes by themselves")
    add_command(commands, "serve", _serve, "web, sockets, webhooks, listeners, router: any number")
    add_command(commands, "services", _services, "router, scheduler and the like in a process of their own: any number")
    add_command(commands, "work", _work, "a worker that sends: any number")
    add_command(commands, "migrate", _migrate, "bring the database up to date")


def _up(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.cli.up import up  # only here: a production process needs no demonstration

    if arguments.port is not None:
        found = found.model_copy(update={"web": found.web.model_copy(update={"port": arguments.port})})
    return up(found, demo=arguments.demo, customers=arguments.demo and not arguments.quiet_customers)


def _serve(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    with reached(found, announce=True) as (places, own):
        migrate(places.database_url)
        tasks.run(app.serve(found, places, own))
    return 0


def _services(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    places = _others(found)
    migrate(places.database_url)
    tasks.run(app.run_services(found, places))
    return 0


def _work(arguments: argparse.Namespace, found: Settings) -> int:
    from hub import app

    places = _others(found)
    check(places.database_url)
    places.to_environment()
    tasks.run(app.run_worker(places))
    return 0


def _others(found: Settings) -> Addresses:
    """Servers that are there already: configured, or those of the hub on the data folder."""
    others = running(found) if own_servers(found) else None
    return others or addresses(found)


def _migrate(arguments: argparse.Namespace, found: Settings) -> int:
    def run(places: Addresses) -> int:
        applied = migrate(places.database_url)
        print("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")
        return 0

    return with_servers(found, run)
