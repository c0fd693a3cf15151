"""A day at the provider against ours: what came in and never reached us is taken in, what went out is moved forward.

Safe at any time and any number of times: what came both ways is one message, by the provider's own key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import LiteralString

from hub.channels.accounts import Accounts
from hub.channels.capabilities import capabilities_of
from hub.channels.extras import History, Listed
from hub.channels.model import Account, Connector
from hub.core import log
from hub.core.clock import now
from hub.core.errors import Invalid
from hub.core.identifiers import identifier
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages.intake import Intake

logger = log.get(__name__)
sql = Queries.beside(__file__, "reconcile.sql")
ON_ITS_WAY = timedelta(minutes=10)  # what is younger may still be told by its webhook, which tells more
SHOWN = 50  # missing messages that are named
AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Compared:
    """The messages of one day: listed by the provider = stored + missing + foreign (sent there by somebody else)."""

    account_id: int
    day: date
    provider: int
    stored: int
    fetched: int
    moved: int
    foreign: int
    missing: int
    named: list[Listed] = field(default_factory=list[Listed])


class Reconciliation:
    """Compares accounts whose connector can list a day."""

    def __init__(self, core: Core, intake: Intake, accounts: Accounts, connectors: dict[str, Connector]):
        self._core = core
        self._intake = intake
        self._accounts = accounts
        self._connectors = connectors

    async def able(self) -> list[Account]:
        """The enabled accounts that can be compared."""
        found = (await self._accounts.all()).values()
        return [a for a in found if a.enabled and not capabilities_of(a.channel).call and self._history(a) is not None]

    def _history(self, account: Account) -> History | None:
        connector = self._connectors.get(account.connector)
        return connector if isinstance(connector, History) else None

    async def compare(self, account: Account, day: date, *, fetch: bool) -> Compared:
        """One day (UTC) of one account; with `fetch`, mend what differs. `Unavailable` when nobody can be asked."""
        history = self._history(account)
        if history is None:
            raise Invalid(f"The connector {account.connector!r} cannot list what it has sent and received.")
        settled = now() - ON_ITS_WAY
        listed = [one for one in await history.history(account, day) if one.at is None or one.at < settled]
        received = [one for one in listed if one.inbound is not None]
        sent = [one for one in listed if one.inbound is None]
        known_in = await self._known(sql["known_received"], account, received)
        missing = [one for one in received if identifier(one.provider_id) not in known_in]
        before = await self._known(sql["known_sent"], account, sent)
        fetched = sum([await self._store(one) for one in missing]) if fetch else 0
        after = await self._report(account, sent, before) if fetch else before
        compared = Compared(
            account.id,
            day,
            provider=len(listed),
            stored=len(known_in) + len(before),
            fetched=fetched,
            moved=sum(after[one] != state for one, state in before.items()),
            foreign=len(sent) - len(before),
            missing=len(missing),
            named=missing[:SHOWN],
        )
        if fetch:
            values = {k: v for k, v in asdict(compared).items() if k not in ("named", "missing")}
            await self._core.db.execute(sql["note"], values)
        return compared

    async def _known(self, query: LiteralString, account: Account, some: Sequence[Listed]) -> dict[str, str]:
        ids = [identifier(one.provider_id) for one in some]
        values = {"account_id": account.id, "connector": account.connector, "ids": ids}
        return {row["id"]: row["state"] for row in await self._core.db.dicts(query, values)}

    async def _store(self, one: Listed) -> bool:
        if one.inbound is None:
            return False
        accepted = await self._intake.message(one.inbound)
        return accepted.raw_id != 0 and not accepted.duplicate

    async def _report(self, account: Account, sent: Sequence[Listed], known: dict[str, str]) -> dict[str, str]:
        ours = [one for one in sent if identifier(one.provider_id) in known]
        for one in ours:
            if one.delivery is not None:
                await self._intake.delivery(one.delivery)
        return await self._known(sql["known_sent"], account, ours)

    async def overdue(self, today: date) -> list[tuple[Account, date]]:
        """Yesterday, where it was not compared since it ended; and today, where that was not done for an hour."""
        found: list[tuple[Account, date]] = []
        rows = await self._core.db.dicts(sql["latest"], {"since": today - timedelta(days=1)})
        at: dict[tuple[int, date], datetime] = {(row["account_id"], row["day"]): row["at"] for row in rows}
        for account in await self.able():
            yesterday = today - timedelta(days=1)
            done = at.get((account.id, yesterday))
            if done is None or done.date() <= yesterday:
                found.append((account, yesterday))
            done = at.get((account.id, today))
            if done is None or now() - done > AGAIN_AFTER:
                found.append((account, today))
        return found
