"""Messages on the server against messages stored: what is missing is listed, and fetched again if wanted.

Safe beside the fetcher: what both store is stored once, and the folder's position is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import connectors.email.header as header
import connectors.email.mime as mime
from connectors.email.access import Access
from connectors.email.fetch import Position, sql
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, Refused
from connectors.email.imap_grammar import Found, Selected
from connectors.email.mailbox_store import Keeper, groups, read, wanted
from connectors.email.settings import Settings
from hub.channels.mailboxes import Missing, Reconciled
from hub.channels.model import Accept, Account
from hub.core.errors import Invalid, Unavailable
from hub.core.service import Core

_ASK = 200  # messages asked about at once
_SHOWN = 50  # missing messages that are named


@dataclass(frozen=True, slots=True)
class _Compared:
    selected: Selected
    server: int
    missing: list[Found]
    unwanted: int


@dataclass(slots=True)
class Reconciliation:
    """One account's folder, compared once."""

    core: Core
    access: Access
    accept: Accept
    account: Account
    _keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        settings: Settings = self.account.settings
        if settings.imap is None:
            raise Invalid("This account fetches from no mailbox.", remedy="Only accounts with `imap` can be compared.")
        self._folder = settings.imap.folder
        self._keeper = Keeper(self.core, self.accept, self.account, self._folder)

    _folder: str = field(init=False)

    async def run(self, *, refetch: bool, seconds: float | None = None) -> Reconciled:
        """Compare, and with `refetch` store what is missing, as much as goes into so many seconds.

        `Unavailable` when the mailbox cannot be asked.
        """
        try:
            async with self.access.mailbox(self.account) as box:
                compared = await self._compare(box)
                report = await self._report(box, compared)
                if refetch and compared.missing:
                    await self._fetch(box, compared, seconds)
                    after = await self._compare(box)
                    report = replace(report, refetched=len(compared.missing) - len(after.missing))
                return report
        except (Lost, Refused, OSError, TimeoutError) as error:
            raise Unavailable(f"The mailbox cannot be asked: {error or type(error).__name__}") from error

    async def _compare(self, box: Mailbox) -> _Compared:
        selected = await box.select(self._folder)
        uids = await box.search("ALL")
        ends = {"account_id": self.account.id, "folder": self._folder, "uidvalidity": selected.uidvalidity}
        stored = {row["uid"] for row in await self.core.db.dicts(sql["stored_messages"], ends)}
        position = await self.core.db.one(Position, sql["mailbox"], ends)
        absent = [uid for uid in uids if uid not in stored]
        found = await _sizes(box, absent)
        missing = wanted(found, position.since) if position else found
        return _Compared(selected, len(uids), missing, len(found) - len(missing))

    async def _report(self, box: Mailbox, compared: _Compared) -> Reconciled:
        missing = compared.missing
        heads = await box.heads([one.uid for one in missing[:_SHOWN]]) if missing else {}
        return Reconciled(
            folder=self._folder,
            on_server=compared.server,
            stored=compared.server - len(missing) - compared.unwanted,
            unwanted=compared.unwanted,
            missing=len(missing),
            refetched=0,
            differences=[_named(one, heads.get(one.uid, b"")) for one in missing[:_SHOWN]],
        )

    async def _fetch(self, box: Mailbox, compared: _Compared, seconds: float | None) -> None:
        ends = None if seconds is None else time.monotonic() + seconds
        for group in groups(compared.missing):
            if ends is not None and time.monotonic() > ends:
                return
            contents = await _read(box, group)
            if contents:
                await self._keeper.keep(compared.selected.uidvalidity, contents)


async def _sizes(box: Mailbox, uids: Sequence[int]) -> list[Found]:
    return [one for at in range(0, len(uids), _ASK) for one in await box.look(uids[at : at + _ASK])]


async def _read(box: Mailbox, group: Sequence[Found]) -> dict[int, bytes]:
    """What of a group is handed out: one that is not keeps nobody else from it, and stays missing."""
    try:
        return await read(box, group)
    except Refused as error:
        if len(group) == 1:
            return {}
        rest = [one for one in group if one.uid not in error.came]
        found = dict(error.came)
        for one in rest:
            found |= await _read(box, [one])
        return found


def _named(one: Found, head: bytes) -> Missing:
    headers, _ = mime.split_headers(head + b"\r\n")
    received: datetime | None = one.received
    return Missing(
        uid=one.uid,
        size=one.size,
        received=received,
        sender=header.text(headers.get("from"))[:200],
        subject=header.text(headers.get("subject"))[:200],
    )
