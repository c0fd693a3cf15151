"""What a number has sent today, counted once for each send, and its bounds: where it may send to and how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hub.channels.capabilities import capabilities_of
from hub.channels.limits import Limits
from hub.channels.model import Outbound, Outcome, SendError
from hub.channels.reasons import Reason
from hub.channels.segments import segments
from hub.core.db import Connection, execute, fetch_dicts
from hub.core.groupcommit import GroupCommit
from hub.core.service import Core
from hub.core.sql import Queries

sql = Queries.beside(__file__, "spending.sql")


def cost(outbound: Outbound) -> int:
    """How many segments a message counts for: SMS by its letters, WhatsApp and MMS by the message."""
    if not capabilities_of(outbound.channel).segments or outbound.attachments:
        return 1
    return segments(outbound.text).count


@dataclass(frozen=True, slots=True)
class _Asked:
    outbound_id: int
    account_id: int
    segments: int
    most: int | None


class Spending:
    """Lets sends pass within their number's bounds; many in one round trip."""

    def __init__(self, core: Core):
        self._db = core.db
        self._group: GroupCommit[_Asked, bool] = GroupCommit(self._count)

    async def pass_on(self, account_id: int, limits: Limits, outbound: Outbound) -> None:
        """Count a send against its number's day, once however often it is tried; `SendError` beyond a bound."""
        if not limits.allows(outbound.to):
            raise SendError(
                f"Messages to {outbound.to} are not allowed from this number (its list of destinations).",
                outcome=Outcome.FAILED,
                code=Reason.DESTINATION,
                params={"address": outbound.to},
            )
        most = limits.segments_a_day()
        if not await self._group.submit(_Asked(outbound.id, account_id, cost(outbound), most)):
            raise SendError(
                f"This number has sent all it may today ({most:,} segments). It was not sent; "
                "an administrator can raise the limit, or it can be sent again tomorrow.",
                outcome=Outcome.FAILED,
                code=Reason.SPENT,
                params={"most": most},
            )

    async def _count(self, items: Sequence[_Asked]) -> list[bool]:
        accounts = sorted({item.account_id for item in items})
        async with self._db.transaction() as conn:
            await execute(conn, sql["spent_rows"], {"accounts": accounts})
            rows = await fetch_dicts(conn, sql["spent"], {"accounts": accounts})
            spent = {int(row["account_id"]): int(row["segments"]) for row in rows}
            fresh = {
                r["id"] for r in await fetch_dicts(conn, sql["uncounted"], {"ids": [i.outbound_id for i in items]})
            }
            added: dict[int, int] = defaultdict(int)
            counted: list[_Asked] = []
            passed: list[bool] = []
            for item in items:
                new = item.outbound_id in fresh
                fits = item.most is None or spent[item.account_id] + added[item.account_id] + item.segments <= item.most
                passed.append(not new or fits)
                if new and fits:
                    added[item.account_id] += item.segments
                    counted.append(item)
            await self._write(conn, counted, added)
        return passed

    async def _write(self, conn: Connection, counted: list[_Asked], added: dict[int, int]) -> None:
        if not counted:
            return
        ids, sizes = [i.outbound_id for i in counted], [i.segments for i in counted]
        await execute(conn, sql["count_sends"], {"ids": ids, "segments": sizes})
        await execute(conn, sql["spend"], {"accounts": list(added), "segments": list(added.values())})
