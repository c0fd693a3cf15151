"""`hub backup`, `hub restore` and `hub outbox`: what is kept, what comes back, and what leaves then."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hub.backup import freeze
from hub.backup.archive import Archive
from hub.backup.make import Wanted, back_up
from hub.backup.restore import put_files, put_key, restore
from hub.channels.accounts import Accounts
from hub.channels.registry import close_connectors, load_connectors
from hub.cli.addresses import own_servers, reached, run_core, running, with_core
from hub.cli.group import add_command
from hub.core import file_upkeep
from hub.core.errors import ConfigError
from hub.core.file_places import FilesAway
from hub.core.release import hub_version
from hub.core.service import Addresses, Core
from hub.core.texts import counted
from hub.settings import Settings

_SHOWN = 50  # sends that are listed


def add(commands: Any) -> None:
    """The group's commands."""
    backup = add_command(
        commands, "backup", _back_up, "the whole record and the secret key in one file, checked by restoring it"
    )
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--without-key", action="store_true", help="the database alone; keep secret.key elsewhere")
    backup.add_argument("--without-files", action="store_true", help="not the folder of files; keep a copy elsewhere")
    backup.add_argument("--no-verify", action="store_true", help="do not restore it into a server of its own")
    one = add_command(commands, "restore", _restore, "a backup in place of everything, with sending frozen")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--force", action="store_true", help="replace what is there, and end the connections of others")
    parser = commands.add_parser("outbox", help="what is to leave: status, freeze, thaw")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    for name, text in (
        ("status", "whether sending is frozen, and what waits"),
        ("freeze", "nothing leaves until it is thawed"),
        ("thaw", "look up what may have left already, and let everything else leave"),
    ):
        add_command(parts, name, _outbox, text).set_defaults(action=name)
    thaw = parts.choices["thaw"]
    thaw.add_argument("--dry-run", action="store_true", help="only look, and say what would leave")
    thaw.add_argument("--send-unsure", action="store_true", help="send what nobody can look up, perhaps a second time")


# -- files -----------------------------------------------------------------------------------------------------------
def _back_up(arguments: argparse.Namespace, found: Settings) -> int:
    with reached(found) as (places, _):
        made = back_up(
            places,
            arguments.file,
            version=hub_version(),
            wanted=Wanted(
                key=not arguments.without_key, files=not arguments.without_files, verify=not arguments.no_verify
            ),
        )
    rows = sum(made.tables.values())
    checked = "not checked" if arguments.no_verify else "checked by restoring it"
    size = arguments.file.stat().st_size / 2**20
    print(
        f"{arguments.file}: {size:.1f} MB, {counted(rows, 'row')} in {counted(len(made.tables), 'table')}, {checked}."
    )
    if made.inside:
        print(f"In it: {counted(made.inside, 'file')} of the folder.")
    if made.outside:
        print(f"Not in it: {counted(made.outside, 'file')} outside the database. Keep a copy of where they are.")
    for key in made.missing:
        print(f"Missing from the folder: {key}")
    if arguments.without_key:
        print("The secret key is not in it: keep secret.key (or HUB_SECRET_KEY) elsewhere.")
    else:
        print("The secret key is in it: whoever has this file has everything. Its mode is 0600.")
    return 0


def _restore(arguments: argparse.Namespace, found: Settings) -> int:
    archive = Archive.read(arguments.file)
    live = running(found) if own_servers(found) else None
    if live is not None and archive.key not in (None, live.key):
        raise ConfigError(
            "A hub runs on this data folder with another secret key than the backup's.", remedy="Stop it first."
        )
    with reached(found) as (places, _):
        done = restore(places.database_url, archive, force=arguments.force)
        print(f"Restored the backup of {archive.manifest.made_at}: {counted(done.rows, 'row')}.")
        if done.ended:
            print(f"Ended: {counted(done.ended, 'connection')} of others; restart those hubs.")
        _print_key(archive, places, found)
        _restore_files(archive, places)
    print("Nothing leaves until you have looked: `hub outbox status`, then `hub outbox thaw`.")
    print("Everybody has to sign in again.")
    return 0


def _restore_files(archive: Archive, places: Addresses) -> None:
    """The files of the backup, and what is missing of those that its database names."""
    if archive.manifest.inside and places.files.folder is not None:
        came = put_files(archive, places.files.folder)
        print(f"Files: {came} came back into {places.files.folder}, {archive.manifest.inside - came} were there.")

    async def look(core: Core) -> int:
        lost = 0
        try:
            async for one in file_upkeep.missing(core.db, core.files):
                lost += 1
                if lost <= _SHOWN:
                    print(f"Missing: {one.place}\t{one.key}")
        except FilesAway as error:
            print(f"Whether files are missing cannot be said: {error}. See `hub files check`.")
        if lost:
            print(f"{counted(lost, 'file')} missing; see `hub files check`. All else is there.")
        return 0

    run_core(places, look)


def _print_key(archive: Archive, places: Addresses, found: Settings) -> None:
    if archive.key is None:
        print("The backup has no secret key: the data folder's stays. `hub doctor` says whether it is the right one.")
    elif archive.key == places.key:
        print("The secret key is the backup's already.")
    elif found.secret_key is not None:
        print("HUB_SECRET_KEY is not the backup's key. Set it to what this prints:")
        print(f"    tar -xOf {archive.file} secret.key")
    else:
        aside = put_key(archive.key, found.data / "secret.key")
        print("The secret key is the backup's now." + (f" The one before is {aside}." if aside else ""))


# -- what leaves -----------------------------------------------------------------------------------------------------
def _outbox(arguments: argparse.Namespace, found: Settings) -> int:
    async def run(core: Core) -> int:
        match arguments.action:
            case "status":
                return await _status(core)
            case "freeze":
                return await _freeze(core)
            case _:
                return await _thaw(core, arguments)

    return with_core(found, run)


async def _status(core: Core) -> int:
    await freeze.notice(core.db)
    state = await freeze.state(core.db)
    if state.frozen:
        print(f"Sending is frozen since {state.frozen_at:%Y-%m-%d %H:%M:%S}Z. {state.reason}")
        print(f"May have left already: {counted(state.doubtful, 'send')}. Others that wait: {state.waiting}.")
    else:
        print(f"Sending is not frozen. Waiting for their time or a worker: {counted(state.waiting, 'send')}.")
    waiting = await freeze.listed(core.db, _SHOWN)
    for one in waiting:
        columns = [
            str(one.id), one.account, one.recipient or "", f"due {one.due_at:%Y-%m-%d %H:%M:%S}Z",
            f"conversation {one.conversation_id}", *(["may have left"] if one.doubtful else []),
        ]  # fmt: skip
        print("\t".join(columns))
    if (more := state.doubtful + state.waiting - len(waiting)) > 0:
        print(f"… and {more} more.")
    return 0


async def _freeze(core: Core) -> int:
    done = await freeze.freeze(core, "An operator froze it.")
    print("Nothing leaves now, until `hub outbox thaw`." if done else "Sending was frozen already.")
    return 0


async def _thaw(core: Core, arguments: argparse.Namespace) -> int:
    await freeze.notice(core.db)
    if not (await freeze.state(core.db)).frozen:
        print("Sending is not frozen.")
        return 0
    connectors = load_connectors(core)
    try:
        thaw = freeze.Thaw(core, Accounts(core.db, core.vault, connectors), connectors)
        looked = await thaw.look()
        print(f"{len(looked.left)} had left already and are marked so.")
        print(f"{len(looked.absent)} are not in their provider's list{_will(arguments, ' and leave now')}.")
        fate = "leave now, perhaps a second time" if arguments.send_unsure else "wait for people to settle them"
        print(f"{len(looked.unsure)} cannot be looked up{_will(arguments, f' and {fate}')}.")
        if arguments.dry_run:
            print("(dry run: sending is still frozen)")
            return 0
        await thaw.thaw(looked, send_unsure=arguments.send_unsure)
    finally:
        await close_connectors(connectors)
    print("Sending is no longer frozen.")
    return 0


def _will(arguments: argparse.Namespace, words: str) -> str:
    return "" if arguments.dry_run else words
