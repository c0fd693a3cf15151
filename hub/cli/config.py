"""`hub apply`, `openapi` and `doctor`: how an installation is set up, and what can be said of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hub.channels.registry import load_connectors
from hub.cli.addresses import with_core
from hub.cli.doctor import examine
from hub.cli.group import add_command
from hub.core.errors import ConfigError
from hub.core.release import hub_version
from hub.core.service import Core
from hub.provisioning.apply import apply, shown
from hub.provisioning.model import read
from hub.settings import Settings


def add(commands: Any) -> None:
    """The group's commands."""
    center = add_command(commands, "apply", _apply, "make the center as the file says")
    center.add_argument("file", type=Path)
    center.add_argument("--dry-run", action="store_true", help="only show the difference")
    api = add_command(commands, "openapi", _openapi, "the API's description (OpenAPI 3.1), without a server")
    api.add_argument("file", type=Path, nargs="?", help="where to write it (default: on the screen)")
    api.add_argument("--server", default="/", help="the address of the installation, as callers know it (default /)")
    add_command(commands, "doctor", _doctor, "what is missing or wrong, and how to mend it")


def _apply(arguments: argparse.Namespace, found: Settings) -> int:
    center = read(arguments.file)

    async def run(core: Core) -> int:
        try:
            difference = await apply(core.db, core.vault, load_connectors(core), center, dry_run=arguments.dry_run)
        except ConfigError as error:
            lines = [f"{arguments.file}: {line}" for line in error.detail.splitlines()]
            raise ConfigError("\n".join(lines), remedy=error.remedy) from error
        await core.feed.notify("router")
        await core.feed.notify("sessions")  # rights may have changed
        print("\n".join(shown(difference)))
        if arguments.dry_run and difference.lines:
            print("(dry run: nothing was changed)")
        return 0

    return with_core(found, run)


def _openapi(arguments: argparse.Namespace, found: Settings) -> int:
    from hub.app import openapi

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
