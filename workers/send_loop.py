"""The sends of one connector, claimed while there is room and each on its way by itself: a slow one holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import psycopg

from hub.channels import trouble
from hub.channels.limits import limits_of
from hub.channels.model import Account, DeliveryStatus, Outcome, SendError
from hub.channels.model import Delivery as Report
from hub.channels.reasons import Reason
from hub.core import log
from hub.core.errors import HubError, Unavailable
from hub.core.metrics import DELIVERIES
from hub.core.tasks import end
from hub.messages import consents
from hub.messages.delivery import Claimed
from hub.messages.outbox import ClaimLost, Outbox, Wanted
from hub.messages.spending import Spending
from workers.concurrency import Flight, Places
from workers.context import JobContext
from workers.results import Results

logger = log.get(__name__)
PREPARE = 60.0  # seconds until a send is on the wire: connecting, signing in, waiting for its turn
ON_THE_WIRE = 900.0  # seconds after which a connector that bounds nothing itself is given up
MOMENT = 10.0  # seconds that a server may ask us to wait as a matter of course
LOOK = 5.0  # seconds between looks when nothing is notified
AFTER_FAILURE = 1.0  # seconds between looks while the database is away


class Line:
    """One connector, or (`name` None) all that are not installed here."""

    def __init__(self, context: JobContext, outbox: Outbox, results: Results, *, name: str | None):
        self.name = name
        self._context = context
        self._outbox = outbox
        self._results = results
        self._spending = Spending(context.core)
        self._connector = context.connectors.get(name) if name else None
        self.places = Places(self._connector)
        self._tasks: dict[asyncio.Task[None], Flight] = {}
        self._bell = asyncio.Event()
        self._troubled: set[int] = set()

    def ring(self) -> None:
        """Look now: something may be due."""
        self._bell.set()

    async def drain(self, over: Callable[[], bool]) -> int:
        """Send until nothing is due and nothing on its way, or, once `over`, until the latter; how many were tried."""
        tried = 0
        while True:
            some = 0 if over() else await self._claim()
            tried += some
            if not some and not self._tasks:
                return tried
            await self._wait(LOOK)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`; what is on its way then goes on (see `finish`)."""
        while not stopping.is_set():
            pause = LOOK
            try:
                await self._claim()
            except (HubError, psycopg.Error, OSError) as error:
                logger.warning("nothing_claimed", connector=self.name, error=str(error))
                pause = AFTER_FAILURE
            await self._wait(pause)

    async def finish(self, seconds: float) -> None:
        """Give back what is not on the wire, and wait so long for the rest."""
        await end([task for task, flight in self._tasks.items() if flight.crossed is None])
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await end(self._tasks)

    # -- claiming ------------------------------------------------------------------------------------------------
    async def _claim(self) -> int:
        """Take what there is room for and start it; how many."""
        room = self.places.room
        if room <= 0:
            return 0
        accounts = [a for a in (await self._context.accounts.all()).values() if a.connector == self.name]
        known = self._context.connectors if self.name is None else [self.name]
        wanted = Wanted(
            frozenset(known), self.name is None, self.places.seats(accounts), room_else=1, after=self.places.after
        )
        claims = await self._outbox.claim(room, wanted)
        for claim in claims:
            self._start(Flight(claim))
        return len(claims)

    def _start(self, flight: Flight) -> None:
        self.places.flights[id(flight)] = flight
        task = asyncio.create_task(self._fly(flight), name=f"send-{flight.claim.id}")
        self._tasks[task] = flight

        def landed(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            del self.places.flights[id(flight)]
            self._bell.set()

        task.add_done_callback(landed)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        self._bell.clear()

    # -- one send ------------------------------------------------------------------------------------------------
    async def _fly(self, flight: Flight) -> None:
        claim = flight.claim
        try:
            provider_id = await self._send(flight)
        except ClaimLost:
            logger.warning("claim_lost", outbound=claim.id)
            return
        except asyncio.CancelledError:
            if flight.crossed is None:  # told to stop: somebody else may have it at once
                await self._results.given_back(claim)
            return
        except Exception as error:  # noqa: BLE001 - whatever a connector raises must end as a state, never as silence
            await self._failed(flight, _problem(error, crossed=flight.crossed is not None))
            return
        await self._results.sent(claim, provider_id)
        await self._through(claim)
        DELIVERIES.labels(self.name, "sent").inc()

    async def _send(self, flight: Flight) -> str:
        """Hand the message to the connector; the provider's id. The clock starts anew when it goes onto the wire."""
        claim = flight.claim
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PREPARE) as clock:

            async def wire() -> None:
                await self._outbox.wire(claim)
                flight.crossed = time.monotonic()
                clock.reschedule(loop.time() + ON_THE_WIRE)

            account = await self._account(claim)
            outbound = await self._outbox.outbound(claim)
            if (limits := limits_of(account.settings)) is not None:
                await self._spending.pass_on(account.id, limits, outbound)
            assert self._connector is not None  # noqa: S101 - `_account` says so otherwise
            return await self._connector.send(account, outbound, wire)

    async def _account(self, claim: Claimed) -> Account:
        accounts = self._context.accounts
        account = await (accounts.fresh if claim.probe else accounts.get)(claim.account_id)
        if account is None or self._connector is None:
            raise SendError(
                "The account cannot be used: its settings cannot be read, or its connector is not installed.",
                outcome=Outcome.RETRY,
                code=Reason.ACCOUNT_UNUSABLE,
                account_wide=True,
            )
        return account

    # -- what became of it ---------------------------------------------------------------------------------------
    async def _failed(self, flight: Flight, problem: SendError) -> None:
        claim, name = flight.claim, self.name or "none"
        logger.warning(
            "not_sent", outbound=claim.id, connector=name, outcome=problem.outcome.value, code=problem.code,
            error=problem.detail,
        )  # fmt: skip
        if problem.account_wide:
            await self._noted(claim, problem)
        elif problem.outcome is Outcome.FAILED:
            await self._through(claim)  # refused by a server that works
        if problem.opted_out:
            words = Report(name, DeliveryStatus.FAILED, "", claim.id, problem.detail, opted_out=True)
            await consents.refused(self._context.core, words)
        await self._results.not_sent(claim, problem)
        DELIVERIES.labels(name, problem.outcome.value).inc()

    async def _noted(self, claim: Claimed, problem: SendError) -> None:
        """The account can send nothing: this send, too, waits for the next try. A moment's pause is no trouble."""
        if problem.retry_after is not None and problem.retry_after <= MOMENT:
            self.places.pause(claim.account_id, problem.retry_after)
            asyncio.get_running_loop().call_later(problem.retry_after, self.ring)
            return
        if claim.account_id not in self._troubled:
            self._troubled.add(claim.account_id)
            logger.error("account_cannot_send", account=claim.account_id, code=problem.code, error=problem.detail)
        try:
            pause = await trouble.note(self._context.core.db, claim.account_id, problem, probe=claim.probe)
        except (HubError, psycopg.Error) as error:
            logger.warning("trouble_not_noted", account=claim.account_id, error=str(error))
            return
        if problem.outcome is Outcome.RETRY:
            problem.retry_after = pause

    async def _through(self, claim: Claimed) -> None:
        self.places.got_through(claim.account_id)
        if not claim.probe and claim.account_id not in self._troubled:
            return
        try:
            await trouble.clear(self._context.core.db, claim.account_id)
        except (HubError, psycopg.Error) as error:
            logger.warning("trouble_not_cleared", account=claim.account_id, error=str(error))
            return
        self._troubled.discard(claim.account_id)
        logger.info("account_sends_again", account=claim.account_id)
        self.ring()


def _problem(error: Exception, *, crossed: bool) -> SendError:
    """A connector's own words, or for anything else the outcome that is safe."""
    if isinstance(error, SendError):
        return error
    outcome = Outcome.UNKNOWN if crossed else Outcome.RETRY
    if isinstance(error, TimeoutError):
        return SendError("The server did not answer in time.", outcome=outcome, code=Reason.SEND_TIMEOUT)
    words = {"reason": error.detail if isinstance(error, HubError) else f"{type(error).__name__}: {error}"}
    if isinstance(error, Unavailable):
        return SendError(error.detail, outcome=outcome, retry_after=5.0, code=Reason.SEND_PUT_OFF, params=words)
    if isinstance(error, HubError):
        return SendError(error.detail, outcome=outcome, code=Reason.SEND_FAILED, params=words)
    detail = f"The connector failed: {words['reason']}"
    return SendError(detail, outcome=outcome, code=Reason.SEND_BROKEN, params=words)
