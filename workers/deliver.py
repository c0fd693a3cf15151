"""The job that empties the outbox: claims due sends and hands them to their connectors, many at a time."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from hub.channels.extras import Tracer
from hub.channels.limits import limits_of
from hub.channels.model import Account, DeliveryStatus, Finder, Outbound, Outcome, SendError
from hub.channels.model import Delivery as Report
from hub.conversations import consents
from hub.conversations.spending import Spending
from hub.core import log
from hub.core.clock import now
from hub.core.errors import Conflict, HubError
from hub.core.jobs import stopping
from hub.core.metrics import DELIVERIES
from hub.outbox import Claimed, ClaimLost, Outbox
from workers.context import JobContext, job_context

logger = log.get(__name__)
JOB = "workers.deliver.drain"
AT_ONCE = 64  # sends in flight in one worker
SEND_TIMEOUT = 50.0  # seconds, less than a claim lasts
LINGER = 5.0  # seconds a drain waits for more before it ends
LOOK = 0.5  # seconds between looks while lingering, when no bell rings
LONGEST = 100.0  # seconds after which a drain gives its place to another
ABSENT_AFTER = timedelta(minutes=5)  # by then a provider lists what it took
ABSENT = "Nobody knows whether it left; the provider has no record of it. It can be sent again."


async def drain() -> int:
    """Send everything that is due, then a little longer whatever comes; how many were tried."""
    async with job_context() as context:
        return await Delivery(context).drain(linger=LINGER, longest=LONGEST)


class Delivery:
    """Sends claimed messages and records what became of each."""

    def __init__(self, context: JobContext):
        self._context = context
        self._outbox = Outbox(context.core)
        self._spending = Spending(context.core)

    async def drain(self, *, linger: float = 0.0, longest: float = LONGEST) -> int:
        """Empty the outbox; with `linger`, stay that many seconds for more. Told to stop, a worker takes no more."""
        ends = time.monotonic() + longest
        tried = await self._empty(ends)
        await self.look()
        if linger:
            quiet_until = time.monotonic() + linger
            async for _ in self._context.core.feed.bells("outbox", every=LOOK):
                some = await self._empty(ends)
                tried += some
                if some:
                    quiet_until = time.monotonic() + linger
                if time.monotonic() >= min(quiet_until, ends) or stopping():
                    break
        return tried

    async def _empty(self, ends: float) -> int:
        """Keep `AT_ONCE` sends in flight until nothing is due: a slow one holds up nobody but itself."""
        tried = 0
        flying: set[asyncio.Task[None]] = set()
        while time.monotonic() < ends and not stopping():
            claims = await self._outbox.claim(AT_ONCE - len(flying)) if len(flying) < AT_ONCE else []
            tried += len(claims)
            flying |= {asyncio.create_task(self._one(claim), name=f"send-{claim.id}") for claim in claims}
            if not flying:
                break
            _, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
        if flying:
            await asyncio.wait(flying)
        return tried

    async def look(self) -> int:
        """Settle what may have left, where a mailbox can tell; how many were found. Absent is not unsent."""
        return sum(await asyncio.gather(*(self._find(claim) for claim in await self._outbox.doubtful())))

    async def _find(self, claim: Claimed) -> bool:
        account = await self._context.accounts.get(claim.account_id)
        connector = self._context.connectors.get(account.connector) if account else None
        if account is None or not isinstance(connector, Tracer | Finder):
            return False
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                outbound = await self._outbox.outbound(claim)
                found = (
                    await self._trace(account, connector, outbound)
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

    async def _trace(self, account: Account, connector: Tracer, outbound: Outbound) -> bool:
        """Whether the provider lists it. What another send of ours is known by is not this one."""
        listed = await connector.traces(account, outbound)
        for one in await self._outbox.unclaimed(account.connector, listed, outbound.id):
            if await self._outbox.found_there(outbound.id, one):
                return True
        if now() - outbound.date > ABSENT_AFTER:
            await self._outbox.absent(outbound.id, ABSENT)
        return False

    async def _one(self, claim: Claimed) -> None:
        crossed = False

        async def wire() -> None:
            nonlocal crossed
            await self._outbox.wire(claim)
            crossed = True

        account = await self._context.accounts.get(claim.account_id)
        connector = self._context.connectors.get(account.connector) if account else None
        name = account.connector if account else "none"
        try:
            if account is None or connector is None:
                raise SendError("The account is gone or its connector is not installed.", outcome=Outcome.FAILED)
            async with asyncio.timeout(SEND_TIMEOUT):
                outbound = await self._outbox.outbound(claim)
                if (limits := limits_of(account.settings)) is not None:
                    await self._spending.pass_on(account.id, limits, outbound)
                provider_id = await connector.send(account, outbound, wire)
        except ClaimLost:
            logger.warning("claim_lost", outbound=claim.id)
            return
        except Exception as error:  # noqa: BLE001 - whatever a connector raises must end as a state, never as silence
            problem = _problem(error, crossed=crossed)
            logger.warning(
                "not_sent", outbound=claim.id, connector=name, outcome=problem.outcome.value, error=problem.detail
            )
            if problem.opted_out:
                words = Report(name, DeliveryStatus.FAILED, "", claim.id, problem.detail, opted_out=True)
                await consents.refused(self._context.core, words)
            await self._outbox.reports.not_sent(claim, problem)
            DELIVERIES.labels(name, problem.outcome.value).inc()
            return
        await self._outbox.reports.sent(claim, provider_id)
        DELIVERIES.labels(name, "sent").inc()


def _problem(error: Exception, *, crossed: bool) -> SendError:
    """A connector's own words, or for anything else the outcome that is safe."""
    if isinstance(error, SendError):
        return error
    outcome = Outcome.UNKNOWN if crossed else Outcome.RETRY
    if isinstance(error, TimeoutError):
        return SendError("The server did not answer in time.", outcome=outcome)
    if isinstance(error, HubError):
        return SendError(error.detail, outcome=outcome)
    return SendError(f"The connector failed: {type(error).__name__}: {error}", outcome=outcome)
