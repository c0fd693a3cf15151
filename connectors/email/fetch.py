"""Fetching a mailbox: everything new is kept first and marked afterwards, by one process at a time.

A crash anywhere fetches again, and what was kept already is recognised by its content. The order is always: read,
commit, mark, note how far we are; so nothing can be marked that is not kept.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.email.access import Access
from connectors.email.fetch_failures import Stumbles
from connectors.email.imap import Mailbox
from connectors.email.imap_errors import Lost, Refused, SignInRefused, Trouble
from connectors.email.imap_grammar import Found, Selected
from connectors.email.mailbox_store import Keeper, groups, is_whole, read, wanted
from connectors.email.oauth import ConsentEnded
from connectors.email.settings import Imap, Settings
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
_IDLE_SECONDS = 9 * 60.0  # servers may hang up after 30 minutes, home routers after ten
_PERSON = 300.0  # seconds to wait where a person must act first
_FLOOR, _CEILING = 0.5, 60.0
_WORKING = 2  # failures that still count where the server let us in: a line that breaks often must not starve us


@dataclass(frozen=True, slots=True)
class Position:
    """How far a folder has been read."""

    uidvalidity: int
    uid: int
    since: datetime | None
    first_total: int | None = None
    first_done: int = 0

    @property
    def first(self) -> bool:
        """Whether what was there at first is still being read."""
        return self.first_total is None or self.first_done < self.first_total


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
        self._keeper = Keeper(core, accept, account, self._imap.folder)
        self._lease = leases.Lease(core.db, f"mailbox:{account.id}:{self._imap.folder}")
        self._failures = 0
        self._stumbles = Stumbles()

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
        except (ConsentEnded, ssl.SSLCertVerificationError) as error:
            return await self._failed(str(error), _PERSON)
        except Refused as error:
            return await self._failed(f"The server refuses: {error}", _PERSON)
        except Unavailable as error:
            logger.warning("mailbox_waits_for_database", account=self._account.key, error=str(error))
            return self._backoff()
        except Lost as error:
            return await self._failed(f"The connection was lost: {error}", None)
        except (OSError, TimeoutError) as error:
            return await self._failed(self._unreachable(error), None)
        finally:
            await box.close()
        return 0.0

    def _unreachable(self, error: OSError | TimeoutError) -> str:
        at = f"{self._imap.host}:{self._imap.port}"
        if isinstance(error, ConnectionRefusedError):
            return f"Nobody listens at {at}."
        if isinstance(error, TimeoutError):
            return f"{at} does not answer."
        return f"{at} cannot be reached: {error.strerror or error}"

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
        self._failures = min(self._failures, _WORKING)
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
        self._stumbles = Stumbles()
        logger.warning("mailbox_renumbered", account=self._account.key, was=known.uidvalidity, now=selected.uidvalidity)
        renumbered = replace(known, uidvalidity=selected.uidvalidity, uid=0, first_total=None, first_done=0)
        return await self._advance(renumbered, epoch)

    async def _first(self, box: Mailbox, selected: Selected) -> Position:
        policy, _, days = self._imap.first_run.partition(":")
        if policy == "all":
            return Position(selected.uidvalidity, 0, None)
        if policy == "new":
            return Position(selected.uidvalidity, selected.uidnext - 1, now(), first_total=0)
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
                    "first_total": position.first_total,
                    "first_done": position.first_done,
                },
            )
        return position

    async def _catch_up(self, box: Mailbox, position: Position, epoch: int) -> Position:
        """Everything after the position. `n:*` always names the last message, even one before n.

        How old a message may be matters only where the folder is read for the first time, or again: what appears later
        is wanted with any date, as clocks differ and people move old mail.
        """
        since = position.since if position.first else None
        criteria = ["UID", f"{position.uid + 1}:*"]
        if since is not None:
            criteria += ["SINCE", _imap_date(since - timedelta(days=1))]
        found = [uid for uid in await box.search(*criteria) if uid > position.uid]
        if position.first:
            position = await self._advance(replace(position, first_total=position.first_done + len(found)), epoch)
        for at in range(0, len(found), _BATCH):
            uids = found[at : at + _BATCH]
            for group in groups(wanted(await self._sizes(box, uids), since)):
                for part in self._stumbles.parts(group):
                    position = await self._pass(box, position, uids, part, epoch)
            position = await self._advance(_past(position, uids, uids[-1]), epoch)
            await self._report_progress(position, waiting=len(found) - at - len(uids))
        return position

    async def _report_progress(self, position: Position, *, waiting: int) -> None:
        """How far it is, for whoever looks at the progress."""
        progress = {"done": position.first_done, "total": position.first_total}
        await self._health(progress=progress, waiting=waiting, last_fetch=iso(now()), error=None)

    # -- messages that cannot be had -----------------------------------------------------------------------------
    async def _sizes(self, box: Mailbox, uids: Sequence[int]) -> list[Found]:
        """Size and arrival of messages; unknown where the server cannot say it of one, or broke down over it."""
        blind = [uid for uid in uids if self._stumbles.careful(uid)]
        asked = [uid for uid in uids if not self._stumbles.careful(uid)]
        found = [Found(uid, 0, None) for uid in blind]
        if asked:
            try:
                seen = await box.look(asked)
                unseen = set(asked) - {one.uid for one in seen}  # gone, or passed over: asking for them tells
                found += [*seen, *(Found(uid, 0, None) for uid in unseen)]
            except Refused:
                if len(asked) == 1:
                    return sorted([*found, Found(asked[0], 0, None)], key=_by_uid)
                half = len(asked) // 2
                found += [*await self._sizes(box, asked[:half]), *await self._sizes(box, asked[half:])]
            except Lost as error:
                self._stumbles.failed(asked, error)
                raise
        return sorted(found, key=_by_uid)

    async def _pass(
        self, box: Mailbox, position: Position, uids: Sequence[int], part: Sequence[Found], epoch: int
    ) -> Position:
        """Take some messages and move past them; past one that cannot be had, too, when that is certain."""
        while part:
            lonely = len(part) == 1 and await self._is_lonely(box, part[0].uid)
            try:
                contents = await read(box, part)
            except (Refused, Lost) as error:
                position, part = await self._stumbled(box, position, uids, part, error, epoch, lonely=lonely)
                if isinstance(error, Lost) or (lonely and part):
                    raise
                if len(part) > 1 and self._stumbles.careful(part[0].uid):
                    for one in part:
                        position = await self._pass(box, position, uids, [one], epoch)
                    return position
            else:
                self._stumbles.went_well()
                await self._store(box, position, part, contents)
                self._failures = 0  # a connection that brought something was a good one, however it ends
                return await self._advance(_past(position, uids, part[-1].uid), epoch)
        return position

    async def _is_lonely(self, box: Mailbox, uid: int) -> bool:
        """Whether a message that failed alone is the only one; `Refused` when others are not to be had, too."""
        if not self._stumbles.doubtful(uid):
            return False
        others = [one for one in await box.search("ALL") if one != uid]
        for one in self._stumbles.neighbours(uid, others):
            try:
                if await box.glance(one):
                    return False
            except Refused:
                continue
            except Lost:
                self._stumbles.broke_at(one)
                raise
        if others:
            raise Refused("it hands out no message at all")
        return True

    async def _stumbled(  # noqa: PLR0913 - as above, and what went wrong
        self,
        box: Mailbox,
        position: Position,
        uids: Sequence[int],
        part: Sequence[Found],
        error: Trouble,
        epoch: int,
        *,
        lonely: bool,
    ) -> tuple[Position, Sequence[Found]]:
        """Keep what came before the server stumbled; where we are then, and what is left to be had."""
        logger.warning("mailbox_stumbled", account=self._account.key, uids=[one.uid for one in part], error=str(error))
        alone = part[0] if len(part) == 1 else None
        if alone is None and isinstance(error, Lost):  # they come again, to be marked; but they are here
            await self._keeper.keep(position.uidvalidity, error.came)
        elif alone is None:
            await self._store(box, position, part, error.came)
            while part and part[0].uid in error.came:
                position = await self._advance(_past(position, uids, part[0].uid), epoch)
                part = part[1:]
        hopeless = bool(part) and self._stumbles.failed([one.uid for one in part], error, lonely=lonely)
        if hopeless and alone is not None:
            why = str(error) or type(error).__name__
            await self._keeper.set_aside(position.uidvalidity, alone, why, came=error.came.get(alone.uid, b""))
            position, part = await self._advance(_past(position, uids, alone.uid), epoch), []
        return position, part

    async def _store(
        self, box: Mailbox, position: Position, group: Sequence[Found], contents: Mapping[int, bytes]
    ) -> None:
        """Keep messages, note which they were, then mark them as the policy says."""
        if not contents:
            return
        await self._keeper.keep(position.uidvalidity, contents)
        arrived = [one.received for one in group if one.received is not None]
        if arrived and not position.first:
            await self._health(lag_seconds=max(0.0, round((now() - max(arrived)).total_seconds(), 1)))
        if not self._stumbles.may_mark(group[0].uid):
            return
        try:
            await self._mark(box, group, contents)
        except Refused as error:  # what is kept is kept; a folder that may only be read is still read
            logger.warning("mail_not_marked", account=self._account.key, error=str(error))
        except Lost:
            self._stumbles.marking_failed(group[0].uid)
            raise

    async def _mark(self, box: Mailbox, group: Sequence[Found], contents: Mapping[int, bytes]) -> None:
        """As the policy says; nothing is deleted that is not kept whole."""
        policy, _, folder = self._imap.after.partition(":")
        if policy == "seen":
            await box.flag(list(contents), r"\Seen")
        elif policy == "delete":
            sizes = {one.uid: one.size for one in group}
            if whole := [uid for uid, content in contents.items() if is_whole(content, sizes[uid])]:
                await box.delete(whole)
        elif policy == "move":
            await box.move(list(contents), folder)


def _by_uid(one: Found) -> int:
    return one.uid


def _past(position: Position, uids: Sequence[int], uid: int) -> Position:
    """The position after `uid`, one of `uids`; what of them is passed counts for the first reading."""
    passed = sum(position.uid < one <= uid for one in uids)
    return replace(position, uid=uid, first_done=position.first_done + (passed if position.first else 0))


def _imap_date(moment: datetime) -> str:
    """RFC 3501 `date`, with English month names whatever the locale."""
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][moment.month - 1]
    return f"{moment.day}-{month}-{moment.year}"
