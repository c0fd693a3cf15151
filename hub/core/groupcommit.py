"""Adaptive group commit: whatever queued while the last commit ran goes into the next.

One flush runs at a time, so a batch forms by itself under load and a lone caller waits for nobody. A batch that
fails is split until the failing item stands alone: its caller gets the error, its neighbours are committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from hub.core.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Gathers the items of concurrent callers into one `flush(items) -> results`, in order.

    `flush` must be all-or-nothing (one transaction) and return one result per item. `limit` bounds a batch and
    `backlog` the waiting items: beyond it callers are told to come back instead of waiting without end.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        limit: int = 256,
        backlog: int = 20_000,
    ):
        self._flush = flush
        self._limit = limit
        self._backlog = backlog
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
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
            await self._empty()
        finally:
            # Here and not when the task is done: between the two somebody may hand over an item.
            self._draining = False

    async def _empty(self) -> None:
        while self._waiting:
            # One turn for the callers that the last commit woke: what they hand over next belongs into this batch.
            await asyncio.sleep(0)
            batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                for _, future in [*batch, *self._waiting]:
                    future.cancel()
                self._waiting.clear()
                raise

    async def _commit(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the callers, not to this loop
            await self._isolate(batch, error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _isolate(self, batch: list[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
        # An absent database is nobody's fault: splitting would only ask it again for every item.
        if len(batch) == 1 or isinstance(error, Unavailable):
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])
