"""How hard the attacks try, and texts of any kind for them."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SCALE = max(1, int(os.environ.get("ATTACK_SCALE", "1")))

# One of each kind of character that is counted, stored, folded or compared differently.
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "äöüßéèñç",
    "地球是圆的天空很蓝海水清澈",
    "😀🙈🧨🌍",
    "\u202e\u200b\ufeff\u0301",
    "<>()[]\\,;:@\"'. \t",
    "\x00\x01\x7f\x85",
    "\ud800\udfff",
)


def _long(alphabet: str, length: int, seed: int) -> str:
    """A text that no compression makes short."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


texts = st.one_of(
    st.text(max_size=40),
    st.builds(_long, st.sampled_from(ALPHABETS), st.sampled_from([500, 700, 1001, 2705, 9000]), st.integers(0, 9)),
    st.builds(lambda one, n: one * n, st.text(min_size=1, max_size=3), st.sampled_from([321, 1000, 5000])),
)


def attempts(least: int) -> Any:
    """So many examples, times the scale."""
    return settings(
        max_examples=least * SCALE,
        deadline=None,
        suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)),
        derandomize=SCALE == 1,
    )


async def every(given: Callable[[], None]) -> None:
    """Run a property whose examples call `on_loop`, beside the loop that the hub of the test lives in."""
    await asyncio.to_thread(given)


def on_loop(loop: asyncio.AbstractEventLoop, work: Awaitable[Any]) -> Any:
    """From a property: what the hub's loop makes of it."""

    async def whole() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run_coroutine_threadsafe(whole(), loop).result()
