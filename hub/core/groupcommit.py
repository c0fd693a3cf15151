"""Adaptive group commit: whatever queued while the last commit ran goes into the next.

One flush runs at a time, so a batch forms by itself under load and a lone caller waits for nobody. A batch that
fails is split until the failing item stands alone: its caller gets the error, its neighbours are committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hub.core.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")
_SENDING = 2  # turns of the event loop that send a batch to the database before those of the last one are answered
_FEW = 4  # so few are answered at once: that takes less than other work which would come in those turns


_Waiting = tuple[T, asyncio.Future[R]]
_Landed = tuple[list[_Waiting[T, R]], Sequence[R] | Exception]


@dataclass(frozen=True, slots=True)
class _Flight(Generic[T, R]):
    """A batch on its way to the database. The task yields what became of it, in pieces if it had to be split."""

    batch: list[_Waiting[T, R]]
    task: asyncio.Task[list[_Landed[T, R]]]


class GroupCommit(Generic[T, R]):
    """Gathers the items of concurrent callers into one `flush(items) -> results`, in order.

    `flush` must be all-or-nothing (one transaction) and return one result per item. `after(items, results)` follows
    each commit, in the order of commits, before its callers are told; it must not raise. `limit` bounds a batch and
    `backlog` the waiting items: beyond it callers are told to come back instead of waiting without end.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        after: Callable[[Sequence[T], Sequence[R]], Awaitable[None]] | None = None,
        limit: int = 256,
        backlog: int = 20_000,
    ):
        self._flush = flush
        self._after = after
        self._limit = limit
        self._backlog = backlog
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._draining = False
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def submit(self, item: T) -> R:
        """Hand over one item; returns when the transaction that holds it is committed.

        A caller that is cancelled leaves its item in the batch: it may be committed all the same.
        """
        if len(self._waiting) >= self._backlog:
            raise Unavailable(remedy="Too much is waiting to be stored; send it again shortly.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if not self._draining:
            self._draining = True
            self._task = asyncio.create_task(self._drain(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Wait until everything handed over is committed or refused."""
        while self._task is not None and self._draining:
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        try:
            while self._waiting:
                # One turn for the callers that the last commit woke: what they hand over next belongs into this batch.
                await asyncio.sleep(0)
                await self._chain()
        finally:
            # Here and not when the task is done: between the two somebody may hand over an item.
            self._draining = False

    async def _chain(self) -> None:
        """Batch after batch while something waits: the database works on the next while the last is answered."""
        flight: _Flight[T, R] | None = self._start()
        untold: list[_Waiting[T, R]] = flight.batch
        try:
            while flight is not None:
                landed = await flight.task
                flight = None
                if self._waiting:
                    flight = self._start()
                    told, untold = len(untold), untold + flight.batch
                    for _ in range(_SENDING if told > _FEW else 0):
                        await asyncio.sleep(0)
                for batch, outcome in landed:
                    await self._tell(batch, outcome)
                untold = flight.batch if flight is not None else []
        except asyncio.CancelledError:
            if flight is not None:
                flight.task.cancel()
            for _, future in [*untold, *self._waiting]:
                future.cancel()
            self._waiting.clear()
            raise

    def _start(self) -> _Flight[T, R]:
        batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        return _Flight(batch, asyncio.create_task(self._commit(batch), name="group-commit-flush"))

    async def _commit(self, batch: list[_Waiting[T, R]]) -> list[_Landed[T, R]]:
        try:
            return [(batch, await self._flush([item for item, _ in batch]))]
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the callers, not to this loop
            # An absent database is nobody's fault: splitting would only ask it again for every item.
            if len(batch) == 1 or isinstance(error, Unavailable):
                return [(batch, error)]
        middle = len(batch) // 2
        return [*await self._commit(batch[:middle]), *await self._commit(batch[middle:])]

    async def _tell(self, batch: list[_Waiting[T, R]], outcome: Sequence[R] | Exception) -> None:
        if isinstance(outcome, Exception):
            for _, future in batch:
                if not future.done():
                    future.set_exception(outcome)
            return
        if self._after is not None:
            await self._after([item for item, _ in batch], outcome)
        for (_, future), result in zip(batch, outcome, strict=True):
            if not future.done():
                future.set_result(result)
