"""Adaptive group commit: whatever queued while the last commit ran goes into the next.

One flush runs at a time, so a batch forms by itself under load and a lone caller waits for nobody. A batch that
fails is split until the failing item stands alone: its caller gets the error, its neighbours are committed. Only an
absent database fails everybody at once. A batch that ran into somebody else's lock is not split, which would wait for
it again and again: its items go aside (`hub.core.contention`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from hub.core.contention import Aside
from hub.core.errors import Contended, Unavailable

T = TypeVar("T")
R = TypeVar("R")
_Waiting = tuple[T, asyncio.Future[R]]
_Landed = tuple[list[_Waiting[T, R]], Sequence[R] | Exception]
_BACKLOG = 20_000  # waiting items, beyond which callers are told to come back instead of waiting without end
_TRIES = 3  # of an item that met somebody else's transaction at the wrong moment


class GroupCommit(Generic[T, R]):
    """Gathers the items of concurrent callers into one `flush(items) -> results`, in order.

    `flush` must be all-or-nothing (one transaction) and return one result per item. `after(items, results)` follows
    each commit, in the order of commits, before its callers are told; it must not raise. `limit` bounds the items of a
    batch and `weighed` what they weigh together: how, and how much at most (a heavier item goes alone). With
    `aside`, `flush` raises `LockNotAvailable` within a moment, and nobody waits for the item that is locked.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        after: Callable[[Sequence[T], Sequence[R]], Awaitable[None]] | None = None,
        aside: Aside[T, R] | None = None,
        limit: int = 256,
        weighed: tuple[Callable[[T], int], int] | None = None,
    ):
        self._flush = flush
        self._after = after
        self._aside = aside
        self._alone: set[asyncio.Task[None]] = set()
        self._limit = limit
        self._weighed = weighed
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._landed: deque[_Landed[T, R]] = deque()
        self._drainer: asyncio.Task[None] | None = None
        self._answerer: asyncio.Task[None] | None = None
        self._answering = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self._alone)

    async def submit(self, item: T) -> R:
        """Hand over one item; returns when the transaction that holds it is committed.

        A caller that is cancelled leaves its item in the batch: it may be committed all the same.
        """
        if len(self._waiting) >= _BACKLOG:
            raise Unavailable(remedy="Too much is waiting to be stored; send it again shortly.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if self._aside is not None and self._aside.has(item):
            self._put_aside([(item, future)])
            return await future
        self._waiting.append((item, future))
        if self._drainer is None:
            self._drainer = asyncio.create_task(self._drain(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Wait until everything handed over is committed or refused, and told."""
        while busy := [task for task in (self._drainer, self._answerer, *self._alone) if task is not None]:
            await asyncio.wait(busy)

    async def _drain(self) -> None:
        """Batch after batch while something waits: the database works on the next while the last is answered."""
        flying: list[_Waiting[T, R]] = []
        try:
            while self._waiting:
                flying = self._next()
                self._landed += await self._commit(flying)
                flying = []
                if self._waiting:  # their batch is on its way before this one is answered: no turn between
                    self._answer_soon()
                else:
                    await self._answer()
                    await asyncio.sleep(0)  # what the callers just told hand over next
        except asyncio.CancelledError:
            self._abandon(flying)
            raise
        finally:
            # Here and not when the task is done: between the two somebody may hand over an item.
            self._drainer = None

    def _next(self) -> list[_Waiting[T, R]]:
        """The next batch: at least one item, and no more than is allowed together."""
        if self._weighed is None:
            return [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        weigh, most = self._weighed
        batch = [self._waiting.popleft()]
        weight = weigh(batch[0][0])
        while self._waiting and len(batch) < self._limit:
            weight += weigh(self._waiting[0][0])
            if weight > most:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _commit(self, batch: list[_Waiting[T, R]], tries: int = _TRIES) -> list[_Landed[T, R]]:
        """What became of the batch, in pieces if it had to be split."""
        try:
            return [(batch, await self._flush([item for item, _ in batch]))]
        except Contended as error:
            if error.at_once and tries > 1:  # whoever was in the way has gone on
                return await self._commit(batch, tries - 1)
            if len(batch) == 1:
                return [(batch, error)]
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the callers, not to this loop
            if self._aside is not None and isinstance(error, psycopg.errors.LockNotAvailable):
                self._put_aside(batch)
                return []
            # An absent database is nobody's fault: splitting would only ask it again for every item.
            if len(batch) == 1 or isinstance(error, Unavailable):
                return [(batch, error)]
        middle = len(batch) // 2
        return [*await self._commit(batch[:middle]), *await self._commit(batch[middle:])]

    def _put_aside(self, batch: list[_Waiting[T, R]]) -> None:
        for item, future in batch:
            task = asyncio.create_task(self._store_aside(item, future), name="group-commit-aside")
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)

    async def _store_aside(self, item: T, future: asyncio.Future[R]) -> None:
        assert self._aside is not None  # noqa: S101 - nothing is put aside without it
        try:
            outcome: Sequence[R] | Exception = [await self._aside.store(item)]
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to the caller
            outcome = error
        await self._resolve([(item, future)], outcome)

    def _answer_soon(self) -> None:
        if self._answerer is None:
            self._answerer = asyncio.create_task(self._answer_beside(), name="group-commit-answer")

    async def _answer_beside(self) -> None:
        try:
            await self._answer()
        finally:
            self._answerer = None

    async def _answer(self) -> None:
        """Tell the callers of what has landed; what lands while somebody is at it is theirs, too: the order stays."""
        if self._answering:
            return
        self._answering = True
        try:
            while self._landed:
                await self._resolve(*self._landed[0])
                self._landed.popleft()
        except asyncio.CancelledError:
            self._abandon([])
            raise
        finally:
            self._answering = False

    async def _resolve(self, batch: list[_Waiting[T, R]], outcome: Sequence[R] | Exception) -> None:
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

    def _abandon(self, flying: list[_Waiting[T, R]]) -> None:
        """The loop ends: nobody shall wait for an answer that will not come."""
        for batch in (flying, *[batch for batch, _ in self._landed], self._waiting):
            for _, future in batch:
                future.cancel()
        self._waiting.clear()
