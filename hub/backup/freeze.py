"""Whether anything leaves: frozen after a restore, until somebody has looked and thaws it.

A backup remembers sends that left after it was taken. So nothing leaves a restored database, by the database's own
rule (`migrations/functions/sending.sql`), whatever process of whatever version asks. Thawing first looks every send
in doubt up in its provider's list: what is there has left; what a list certainly lacks leaves now; the rest is shown
to people, never sent again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.automation.model import WRITES
from hub.channels.accounts import Accounts
from hub.channels.extras import Tracer
from hub.channels.model import Account, Connector, Finder
from hub.conversations import conversation
from hub.core import events, log
from hub.core.clock import now
from hub.core.db import Database, execute, fetch_dicts
from hub.core.errors import HubError
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages.delivery import Claimed
from hub.messages.events import InteractionUpdated, SendingFrozen, SendingThawed
from hub.messages.outbox import Outbox

logger = log.get(__name__)
sql = Queries.beside(__file__, "freeze.sql")
FOREIGN = "The database is a copy of another one."
IN_DOUBT = "It was waiting in a backup that was restored; it may have left since. Send it again, or mark it as arrived."
_AT_ONCE = 8  # look-ups at a provider at the same time
_LOOK_SECONDS = 50.0
_PAGE = 200
_LISTED_AFTER = timedelta(minutes=5)  # by then a provider lists what it took


@dataclass(frozen=True, slots=True)
class State:
    """Whether sending is frozen, and what waits: `doubtful` sends may have left already, `waiting` ones have not."""

    frozen: bool
    frozen_at: datetime | None
    reason: str | None
    doubtful: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """One send that waits, for a person."""

    id: int
    account: str
    recipient: str | None
    due_at: datetime
    conversation_id: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What the providers' lists said of the sends in doubt: ids of each kind."""

    left: tuple[int, ...]
    absent: tuple[int, ...]  # certainly not there
    unsure: tuple[int, ...]  # there is no list, it did not answer, or lacking there means nothing


async def state(db: Database) -> State:
    """How things stand."""
    found = await db.one(State, sql["state"])
    return found or State(frozen=True, frozen_at=None, reason=None, doubtful=0, waiting=0)


async def listed(db: Database, limit: int = 1000) -> list[Waiting]:
    """What waits, the oldest first."""
    return await db.all(Waiting, sql["listed"], {"limit": limit})


async def notice(db: Database) -> bool:
    """Freeze a copy of another database that nobody froze on purpose; whether it is one."""
    found = await db.value(sql["notice"], {"reason": FOREIGN})
    if found is not None:
        logger.warning("sending_frozen", reason=FOREIGN, remedy="`hub outbox status`, then `hub outbox thaw`")
    return found is not None


async def freeze(core: Core, reason: str, *, restored: bool = False) -> bool:
    """Let nothing leave; False when nothing does already. `restored`: what is there may have left."""
    async with events.unit(core.db, core.feed) as unit:
        rows = await fetch_dicts(unit.conn, sql["freeze"], {"reason": reason, "restored": restored})
        if rows:
            await unit.log(SendingFrozen(reason=reason))
    return bool(rows)


class Thaw:
    """Looking, and letting everything leave again."""

    def __init__(self, core: Core, accounts: Accounts, connectors: Mapping[str, Connector]):
        self._core = core
        self._outbox = Outbox(core)
        self._accounts = accounts
        self._connectors = connectors

    async def look(self) -> Looked:
        """Ask the providers' lists about every send in doubt; what had left is marked sent."""
        left: list[int] = []
        absent: list[int] = []
        unsure: list[int] = []
        after, places = 0, asyncio.Semaphore(_AT_ONCE)
        while found := await self._core.db.all(Claimed, sql["doubtful"], {"after": after, "limit": _PAGE}):
            verdicts = await asyncio.gather(*[self._settle(one, places) for one in found])
            # What the list has beside one may have been another's, which is known now: look at those once more.
            open_ = [one for one, verdict in zip(found, verdicts, strict=True) if verdict is None]
            second = await asyncio.gather(*[self._settle(one, places) for one in open_])
            known = {one.id: verdict for one, verdict in zip(found, verdicts, strict=True)}
            known |= {one.id: verdict for one, verdict in zip(open_, second, strict=True)}
            for one in found:
                verdict = known[one.id]
                {True: left, False: absent, None: unsure}[verdict].append(one.id)
            after = found[-1].id
        return Looked(tuple(left), tuple(absent), tuple(unsure))

    async def thaw(self, looked: Looked, *, send_unsure: bool = False) -> bool:
        """Let everything leave that has not left for certain; False when nothing is frozen.

        What is unsure is left to people, or with `send_unsure` sent as well, perhaps a second time.
        """
        async with events.unit(self._core.db, self._core.feed) as unit:
            if not await fetch_dicts(unit.conn, sql["locked"]):
                return False
            if not send_unsure:
                values = {"ids": list(looked.unsure), "words": IN_DOUBT}
                for row in await fetch_dicts(unit.conn, sql["unknown"], values):
                    await self._show(unit, row, "unknown", IN_DOUBT)
            await execute(unit.conn, sql["late_follow_ups"], {"kinds": [str(kind) for kind in WRITES]})
            await execute(unit.conn, sql["thaw"])
            await unit.log(SendingThawed(unsure=len(looked.unsure), sent=send_unsure))
            unit.notify("outbox")
        return True

    async def _settle(self, claim: Claimed, places: asyncio.Semaphore) -> bool | None:
        """True: it had left, and is marked so. False: the provider's list lacks it. None: nobody knows."""
        account = await self._accounts.get(claim.account_id)
        connector = self._connectors.get(account.connector) if account else None
        if account is None or not isinstance(connector, Tracer | Finder):
            return None
        try:
            async with places, asyncio.timeout(_LOOK_SECONDS):
                return await self._find_at_provider(claim, account, connector)
        except (HubError, OSError, TimeoutError) as error:
            logger.warning("not_looked_up", outbound=claim.id, error=str(error))
            return None

    async def _find_at_provider(self, claim: Claimed, account: Account, connector: Tracer | Finder) -> bool | None:
        outbound = await self._outbox.outbound(claim)
        young = now() - outbound.date < _LISTED_AFTER
        if not isinstance(connector, Tracer):
            return await self._left(claim, None) if await connector.find(account, outbound) else None
        listed_there = await connector.traces(account, outbound)
        free = await self._outbox.unclaimed(account.connector, [*listed_there.alike, *listed_there.others], outbound.id)
        for one in free:
            if one in listed_there.alike and await self._left(claim, one):
                return True
        return None if young or set(free) - set(listed_there.alike) else False

    async def _left(self, claim: Claimed, provider_id: str | None) -> bool:
        async with events.unit(self._core.db, self._core.feed) as unit:
            if provider_id is not None:
                await execute(unit.conn, sql["alone_with"], {"provider_id": provider_id})
            rows = await fetch_dicts(unit.conn, sql["left"], {"id": claim.id, "provider_id": provider_id})
            for row in rows:
                await self._show(unit, row, "sent", None)
        return bool(rows)

    async def _show(self, unit: events.Unit, row: dict[str, Any], status: str, words: str | None) -> None:
        await execute(unit.conn, sql["show"], {"id": row["interaction_id"], "status": status, "words": words})
        await conversation.recount_failed(unit.conn, row["conversation_id"])
        said = InteractionUpdated(interaction_id=row["interaction_id"], status=status, error=words)
        await unit.log(said, conversation_id=row["conversation_id"])
