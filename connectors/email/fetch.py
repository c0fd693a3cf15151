"""Fetching a mailbox: everything new is kept first and marked afterwards, by one process at a time.

A crash anywhere fetches again, and what was kept already is recognised by its content. The order is always: read,
commit, mark, note how far we are; so nothing can be marked that is not kept.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.email.access import Access
from connectors.email.imap import Found, Lost, Mailbox, Refused, Selected, SignInRefused
from connectors.email.parse import MAX_BYTES, RAW_TYPE, Envelope, dedup_key
from connectors.email.settings import Imap, Settings
from connectors.email.take import take
from hub.channels.model import Accept, Account
from hub.core import leases, log
from hub.core.clock import iso, now
from hub.core.db import execute
from hub.core.errors import Unavailable
from hub.core.service import Core
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__)
_BATCH = 100  # messages asked about at once
_TOGETHER = 4 * 1024 * 1024  # bytes fetched in one command
_IDLE_SECONDS = 9 * 60.0  # servers may hang up after 30 minutes, home routers after ten
_PERSON = 300.0  # seconds to wait where a person must act first
_FLOOR, _CEILING = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a folder has been read."""

    uidvalidity: int
    uid: int
    since: datetime | None


class Fetcher:
    """Fetches one account's folder for as long as it holds the lease."""

    def __init__(self, core: Core, access: Access, accept: Accept, account: Account):
        settings: Settings = account.settings
        assert settings.imap is not None  # noqa: S101 - only such accounts are fetched
        self._imap: Imap = settings.imap
        self._access = access
        self._core = core
        self._accept = accept
        self._account = account
        self._lease = leases.Lease(core.db, f"mailbox:{account.id}:{self._imap.folder}")
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._lease.hold(self._work)

    async def _work(self, epoch: int) -> None:
        while True:
            wait = await self._try(epoch)
            await asyncio.sleep(wait)

    async def _try(self, epoch: int) -> float:
        """One connection from its beginning to its end; how long to wait before the next."""
        box = Mailbox(self._imap)
        try:
            await self._session(box, epoch)
        except leases.LeaseLost:
            raise
        except SignInRefused as error:
            return await self._failed(f"The server refuses the user name or password: {error}", _PERSON)
        except Refused as error:
            return await self._failed(f"The server refuses: {error}", _PERSON)
        except Unavailable as error:
            logger.warning("mailbox_waits_for_database", account=self._account.key, error=str(error))
            return self._backoff()
        except (Lost, OSError, TimeoutError) as error:
            return await self._failed(f"The connection was lost: {error or type(error).__name__}", None)
        finally:
            await box.close()
        return 0.0

    async def _failed(self, words: str, wait: float | None) -> float:
        logger.warning("mailbox_failed", account=self._account.key, error=words)
        seconds = self._backoff() if wait is None else wait * random.uniform(0.8, 1.2)
        await self._health(error=words[:500], failed_at=iso(now()))
        return seconds

    def _backoff(self) -> float:
        """Full jitter: anything between nothing and the doubled ceiling."""
        self._failures += 1
        return random.uniform(0.1, min(_CEILING, _FLOOR * 2**self._failures))

    async def _health(self, **facts: object) -> None:
        try:
            await self._accept.health(self._account.id, **facts)
        except Unavailable:
            logger.debug("health_not_noted", account=self._account.key)

    # -- one connection ------------------------------------------------------------------------------------------
    async def _session(self, box: Mailbox, epoch: int) -> None:
        await self._access.connect(self._account, box)
        selected = await box.select(self._imap.folder)
        position = await self._position(box, selected, epoch)
        while True:
            position = await self._catch_up(box, position, epoch)
            self._failures = 0
            await self._health(last_fetch=iso(now()), error=None)
            await self._wait(box)

    async def _wait(self, box: Mailbox) -> None:
        seconds = min(self._imap.poll_seconds, _IDLE_SECONDS)
        if box.can("IDLE"):
            await box.idle(seconds)
        else:
            await asyncio.sleep(min(seconds, 60.0))
            await box.noop()

    async def _position(self, box: Mailbox, selected: Selected, epoch: int) -> Position:
        """Where to go on: where we were, or by policy in a mailbox never seen, or anew if its UIDs were renumbered."""
        ends = {"account_id": self._account.id, "folder": self._imap.folder}
        known = await self._core.db.one(Position, sql["mailbox"], ends)
        if known is None:
            return await self._advance(await self._first(box, selected), epoch)
        if known.uidvalidity == selected.uidvalidity:
            return known
        logger.warning("mailbox_renumbered", account=self._account.key, was=known.uidvalidity, now=selected.uidvalidity)
        return await self._advance(Position(selected.uidvalidity, 0, known.since), epoch)

    async def _first(self, box: Mailbox, selected: Selected) -> Position:
        policy, _, days = self._imap.first_run.partition(":")
        if policy == "all":
            return Position(selected.uidvalidity, 0, None)
        if policy == "new":
            return Position(selected.uidvalidity, selected.uidnext - 1, now())
        since = now() - timedelta(days=int(days))
        found = await box.search("SINCE", _imap_date(since))
        return Position(selected.uidvalidity, min(found, default=selected.uidnext) - 1, since)

    async def _advance(self, position: Position, epoch: int) -> Position:
        """Note the position, provided we still hold the lease."""
        async with self._core.db.transaction() as conn:
            await leases.check(conn, self._lease.name, epoch)
            await execute(
                conn,
                sql["advance"],
                {
                    "account_id": self._account.id,
                    "folder": self._imap.folder,
                    "uidvalidity": position.uidvalidity,
                    "uid": position.uid,
                    "since": position.since,
                },
            )
        return position

    async def _catch_up(self, box: Mailbox, position: Position, epoch: int) -> Position:
        """Everything after the position. `n:*` always names the last message, even one before n."""
        criteria = ["UID", f"{position.uid + 1}:*"]
        if position.since is not None:
            criteria += ["SINCE", _imap_date(position.since - timedelta(days=1))]
        found = [uid for uid in await box.search(*criteria) if uid > position.uid]
        for at in range(0, len(found), _BATCH):
            uids = found[at : at + _BATCH]
            for group in groups(self._wanted(await box.look(uids), position)):
                await self._take(box, group)
            position = await self._advance(Position(position.uidvalidity, uids[-1], position.since), epoch)
        return position

    def _wanted(self, found: Sequence[Found], position: Position) -> list[Found]:
        """Without what was there before the mailbox was first looked at."""
        since = position.since
        return [f for f in found if since is None or f.received is None or f.received >= since - timedelta(minutes=1)]

    async def _take(self, box: Mailbox, group: Sequence[Found]) -> None:
        """Keep some messages, then mark them as the policy says."""
        contents = await self._read(box, group)
        if not contents:
            return
        await asyncio.gather(*(self._keep(content) for content in contents.values()))
        uids = list(contents)
        policy, _, folder = self._imap.after.partition(":")
        if policy == "seen":
            await box.flag(uids, r"\Seen")
        elif policy == "delete":
            await box.delete(uids)
        else:
            await box.move(uids, folder)

    async def _read(self, box: Mailbox, group: Sequence[Found]) -> dict[int, bytes]:
        if len(group) == 1 and group[0].size > _TOGETHER // 4:
            return {group[0].uid: await box.read_pieces(group[0].uid, MAX_BYTES + 1)}
        return await box.read([one.uid for one in group])

    async def _keep(self, content: bytes) -> None:
        if len(content) > MAX_BYTES:
            await self._accept.quarantine(
                connector="email",
                account_id=self._account.id,
                dedup_key=dedup_key(content),
                raw=content[: 1024 * 1024],
                raw_type=RAW_TYPE,
                reason=f"It is larger than {MAX_BYTES // 1024 // 1024} MB; only its beginning is kept here.",
            )
            return
        await take(self._accept, self._core.vault, self._account, content, Envelope())


def groups(found: Sequence[Found]) -> list[list[Found]]:
    """Messages that are fetched in one command: a few megabytes together, large ones alone."""
    made: list[list[Found]] = []
    room = 0
    for one in found:
        if one.size > _TOGETHER // 4 or one.size > room or not made or len(made[-1]) >= 25:
            made.append([])
            room = _TOGETHER if one.size <= _TOGETHER // 4 else 0
        made[-1].append(one)
        room -= one.size
    return made


def _imap_date(moment: datetime) -> str:
    """RFC 3501 `date`, with English month names whatever the locale."""
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][moment.month - 1]
    return f"{moment.day}-{month}-{moment.year}"
