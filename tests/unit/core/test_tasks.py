"""Background tasks end, or are named and left."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from hub.core import tasks


async def _deaf() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


def test_a_process_ends_though_a_task_swallows_its_cancellations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_AGAIN", 0.01)
    deaf: list[asyncio.Task[None]] = []

    async def main() -> None:
        deaf.append(asyncio.create_task(_deaf(), name="deaf"))
        await asyncio.sleep(0)

    tasks.run(main())
    assert not deaf[0].done()
    deaf[0].get_loop().close()


def test_what_a_process_fails_with_is_raised_after_its_tasks_have_ended() -> None:
    ended: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("tidied")

    async def main() -> None:
        kept.append(asyncio.create_task(tidy()))
        await asyncio.sleep(0)
        raise ValueError("of its own")

    kept: list[asyncio.Task[None]] = []
    with pytest.raises(ValueError, match="of its own"):
        tasks.run(main())
    assert ended == ["tidied"]


async def test_who_is_cancelled_while_ending_others_ends_them_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_AGAIN", 0.05)
    heard = 0

    async def slow_to_listen() -> None:
        nonlocal heard
        while heard < 4:  # a library swallows the first ones
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard += 1

    async def owner() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await tasks.end([work])

    work = asyncio.create_task(slow_to_listen())
    owning = asyncio.create_task(owner())
    await asyncio.sleep(0)
    await tasks.end([owning], again=0.02)  # loses patience sooner than the owner does
    assert (owning.cancelled(), work.done(), heard) == (True, True, 4)
