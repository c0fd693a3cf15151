"""Sends of unknown outcome: looked for where they would be if they had left."""

from __future__ import annotations

import asyncio

from hub.channels.extras import Tracer
from hub.channels.model import Account, Finder, Outbound
from hub.core import log
from hub.core.errors import Conflict, HubError
from hub.messages.delivery import Claimed
from hub.messages.outbox import Outbox
from workers.context import JobContext

logger = log.get(__name__)
LOOK_SECONDS = 50.0  # of one look into a mailbox or a provider's list


class Doubt:
    """Settles what can be settled."""

    def __init__(self, context: JobContext, outbox: Outbox):
        self._context = context
        self._outbox = outbox

    async def look(self) -> int:
        """Settle what may have left, where a mailbox can tell; how many were found. Absent is not unsent."""
        return sum(await asyncio.gather(*(self._find(claim) for claim in await self._outbox.doubtful())))

    async def _find(self, claim: Claimed) -> bool:
        account = await self._context.accounts.get(claim.account_id)
        connector = self._context.connectors.get(account.connector) if account else None
        if account is None or not isinstance(connector, Tracer | Finder):
            return False
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                outbound = await self._outbox.outbound(claim)
                found = (
                    await self._trace(claim, account, connector, outbound)
                    if isinstance(connector, Tracer)
                    else await connector.find(account, outbound)
                )
            if found:
                await self._outbox.decide(claim.id, arrived=True, actor_id=None)
        except Conflict:
            return False  # somebody settled it meanwhile
        except (HubError, OSError, TimeoutError) as error:
            logger.warning("not_looked_up", outbound=claim.id, error=str(error))
            return False
        return found

    async def _trace(self, claim: Claimed, account: Account, connector: Tracer, outbound: Outbound) -> bool:
        """Whether the provider lists it. What another send of ours is known by is not this one.

        It is lacking only where the list has nothing to this recipient that we cannot account for: a text may have
        been changed on its way. What is lacking for long is sent again.
        """
        listed = await connector.traces(account, outbound)
        free = await self._outbox.unclaimed(account.connector, [*listed.alike, *listed.others], outbound.id)
        for one in free:
            if one in listed.alike and await self._outbox.found_there(outbound.id, one):
                return True
        if not free and await self._outbox.absent(claim):
            logger.info("sent_again", outbound=outbound.id, why="the provider's list lacks it")
        return False
