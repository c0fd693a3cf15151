"""The moment between a telephone's being dialled and its ringing: a press on *Answer* in it counts."""

from __future__ import annotations

import asyncio

import pytest

from hub.calls.api.calls import pressed
from hub.channels.calls import call_control
from tests.integration.calls.stage import Stage
from tests.integration.calls.webhook_delivery import Open

once = pytest.mark.parametrize("open_stage", ["once"], indirect=True)


async def press(scene: Stage, agent: int, do: str) -> bool:
    account = await scene.account()
    phone = call_control(scene.context.connectors[account.connector])
    assert phone is not None
    return await pressed(phone, account, agent, do)


@once
async def test_an_answer_counts_when_it_is_pressed_before_the_telephone_rings(open_stage: Open) -> None:
    async with open_stage() as scene:
        amy = await scene.agent("Amy")
        answering = asyncio.create_task(press(scene, amy, "answer"))
        await asyncio.sleep(0.3)
        assert not answering.done()
        caller = scene.calls()
        assert await answering
        assert (await scene.in_state("talking"))["agent_id"] == amy
        caller.hang_up()


@once
async def test_a_press_says_that_nothing_rings_when_nothing_comes(
    open_stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.calls.api.calls.EARLY", 0.3)
    async with open_stage() as scene:
        amy = await scene.agent("Amy")
        assert not await press(scene, amy, "answer")
        assert not await press(scene, amy, "hangup")
