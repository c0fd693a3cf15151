"""`hub files …`: the bytes that lie outside the database, or are to."""

from __future__ import annotations

import argparse
from typing import Any

from hub.cli.addresses import with_core
from hub.cli.group import add_command
from hub.core import file_upkeep
from hub.core.service import Core
from hub.core.texts import counted
from hub.settings import Settings

_STATES = {"writing": "being written", "kept": "kept", "leaving": "to be removed"}


def add(commands: Any) -> None:
    """The group's commands."""
    parser = commands.add_parser("files", help="bytes outside the database: status, check, move")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    add_command(parts, "status", _status, "where new ones go, and what lies where")
    add_command(parts, "check", _check, "whether every file is where it should be")
    add_command(parts, "move", _move, "bring all bytes to where new ones go, beside the hub at work")


def _status(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        print(f"New files go to the {core.files.settings.store}.")
        for one in await file_upkeep.sizes(core.db):
            words = f"{one.place}\t{_STATES[one.state]}\t{counted(one.files, 'file')}\t{_megabytes(one.bytes)}"
            print(words + (f"\t{one.missing} missing" if one.missing else ""))
        trouble = await core.files.trouble(core.db)
        if trouble is not None:
            print(f"It cannot be written to: {trouble}")
        return int(trouble is not None)

    return with_core(found, run)


def _check(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        lost = 0
        async for one in file_upkeep.missing(core.db, core.files):
            print(f"{one.place}\t{one.key}\t{one.size} bytes")
            lost += 1
        print(f"{counted(lost, 'file')} missing." if lost else "Every file is where it should be.")
        return int(lost > 0)

    return with_core(found, run)


def _move(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        done = file_upkeep.Moved()
        told = 0
        async for done in file_upkeep.move(core.db, core.files):
            if done.files - told >= 1000:
                told = done.files
                print(f"{counted(done.files, 'file')}, {_megabytes(done.bytes)} …", flush=True)
        store = core.files.settings.store
        print(f"Moved to the {store}: {counted(done.files, 'file')}, {_megabytes(done.bytes)}.")
        for one in done.missing:
            print(f"Missing, not moved: {one.place}\t{one.key}")
        return int(bool(done.missing))

    return with_core(found, run)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"
