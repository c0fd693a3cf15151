"""The scenarios of a telephone day, each with every callback once, doubled, and late by chance."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from tests.integration.voice.stage import CALLER, Manner, Stage, actions, stage

Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(params=["once", "doubled", "shuffled"])
def open_stage(request: pytest.FixtureRequest, db: Database, feed: Feed, vault: Vault) -> Open:
    def opened(**more: Any) -> AbstractAsyncContextManager[Stage]:
        found = stage(db, feed, vault, **more)
        return _unruly(found, request.param)

    return opened


def _unruly(inner: AbstractAsyncContextManager[Stage], manner: str) -> AbstractAsyncContextManager[Stage]:
    class Unruly:
        async def __aenter__(self) -> Stage:
            found = await inner.__aenter__()
            found.twilio.faults.duplicate = manner == "doubled"
            found.twilio.faults.jitter = 1.5 if manner == "shuffled" else 0.0
            return found

        async def __aexit__(self, *error: Any) -> None:
            await inner.__aexit__(*error)

    return Unruly()


async def record(scene: Stage, number: str = CALLER) -> dict[str, Any]:
    """The final record, and that nothing is left."""
    await scene.settled()
    assert await scene.wrong() == {}
    call = await scene.call(number)
    legs = await scene.legs(call["id"])
    assert all(leg["ended_at"] for leg in legs)
    return call


async def test_caller_is_put_through_and_held_when_an_agent_answers(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy", manner=Manner(answers=3))
        caller = scene.calls()
        call = await scene.in_state("talking")
        assert call["agent_id"] == amy
        await scene.talk(20)
        await scene.does(actions.hold, call["id"], amy, on=True)
        await scene.leg(call["id"], "customer", held=True)
        await scene.talk(10)
        await scene.does(actions.hold, call["id"], amy, on=False)
        await scene.leg(call["id"], "customer", held=False)
        await scene.talk(15)
        caller.hang_up()
        call = await record(scene)
        assert call["outcome"] == "answered"
        assert 10 <= call["hold_seconds"] <= 20
        assert 33 <= call["talk_seconds"] <= 50
        entry = await scene.centre.entry(call["conversation_id"])
        assert (entry["state"], entry["agent_id"]) == ("wrapping", amy)
        [agent] = [leg for leg in await scene.legs(call["id"]) if leg["role"] == "agent"]
        assert agent["ring_seconds"] in (3, 4)
