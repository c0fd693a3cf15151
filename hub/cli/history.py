"""`hub demo history`: years of a center's work in an empty database."""

from __future__ import annotations

import argparse
import asyncio

from hub.channels.registry import close_connectors, load_connectors
from hub.cli.addresses import with_servers
from hub.cli.up import demo_center
from hub.core.migrate import migrate
from hub.core.service import Addresses, Core, open_core
from hub.core.texts import counted
from hub.demo.history import fill
from hub.demo.history.load import is_set_up, on_screen
from hub.provisioning.apply import apply
from hub.provisioning.model import read
from hub.settings import Settings

# Nothing is sent and nobody is called: `hub up --demo` on the same data folder fills in where its stand-ins are.
_NOWHERE = {
    "DEMO_SMTP_PORT": "0",
    "DEMO_LMTP_PORT": "0",
    "DEMO_CATCHER_HOST": "127.0.0.1",
    "DEMO_CATCHER_PORT": "9",
    "DEMO_TWILIO_SID": "AC" + "0" * 32,
    "DEMO_TWILIO_TOKEN": "0" * 32,
    "DEMO_TWILIO_URL": "http://127.0.0.1:9",
}


def run(arguments: argparse.Namespace, found: Settings) -> int:
    """Make the demonstration's center where there is none, and write its history."""

    def fill_there(places: Addresses) -> int:
        migrate(places.database_url)
        return asyncio.run(_fill(places, arguments))

    return with_servers(found, fill_there)


async def _fill(places: Addresses, arguments: argparse.Namespace) -> int:
    async with open_core(places, pool=4) as core:
        if not await is_set_up(core.db):
            await _apply(core)
        rows = await fill(
            core.db,
            conversations=arguments.conversations,
            interactions=arguments.interactions,
            seed=arguments.seed,
            backlog=False,
            report=on_screen,
        )
    print(f"\nWrote {counted(rows.written, 'row')}.")
    print("Look at them with `hub up --demo --quiet-customers` on the same data folder.")
    return 0


async def _apply(core: Core) -> None:
    connectors = load_connectors(core)
    try:
        await apply(core.db, core.vault, connectors, read(demo_center(), _NOWHERE))
    finally:
        await close_connectors(connectors)
