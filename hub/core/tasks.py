"""Ending background tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from hub.core import log

logger = log.get(__name__)
_AGAIN = 0.5  # seconds before a task that is still there is cancelled once more
_TRIES = 12


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process. Unlike `asyncio.run` it returns though a task swallows its cancellations, and names that."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main)
    finally:
        loop.run_until_complete(end(asyncio.all_tasks(loop)))
        if not asyncio.all_tasks(loop):
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Run loops side by side until one of them ends or fails, or we are cancelled; then end them all for certain.

    Unlike a `TaskGroup` it cancels more than once: one cancellation lost in one of them would hold up everything.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks, again=_AGAIN / 10)  # before whoever ends us loses patience
    for task in done:
        task.result()


async def end(tasks: Iterable[asyncio.Task[Any]], *, again: float | None = None) -> None:
    """Cancel tasks and wait until they are over; their errors are theirs.

    A cancellation can be lost: it may arrive while a task cleans up after a time-out of its own, and libraries
    swallow some. So a task that is still there is cancelled again, and one that never ends is named in the log
    instead of holding up the process. Whoever is cancelled while ending others ends them nevertheless, and then itself.
    """
    ending = asyncio.ensure_future(_end(tasks, _AGAIN if again is None else again))
    cancelled: asyncio.CancelledError | None = None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _end(tasks: Iterable[asyncio.Task[Any]], again: float) -> None:
    left = {task for task in tasks if not task.done()}
    for _ in range(_TRIES):
        if not left:
            return
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=again)
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                logger.warning("task_ended_with_error", task=task.get_name(), error=str(task.exception()))
    if left:
        logger.error("tasks_never_end", tasks=[task.get_name() for task in left])
