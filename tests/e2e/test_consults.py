"""Asking a colleague at the desk: who leaves brings the customer back to the agent, and the bar says so."""

from __future__ import annotations

from playwright.async_api import expect

from tests.e2e import acts
from tests.e2e.conftest import Windows
from tests.e2e.stage import World
from tests.e2e.test_calls import _LONG, _talking


async def test_the_bar_says_that_the_customer_is_back_when_the_colleague_leaves(world: World, windows: Windows) -> None:
    amy, ben = await windows.desk("amy"), await windows.desk("ben")
    _, bar = await _talking(world, amy, windows)
    await acts.set_presence(ben, "available")
    await bar.get_by_test_id("call-transfer").click()
    form = bar.get_by_role("group", name="Transfer")
    await form.get_by_text("Queue", exact=True).click()
    await form.get_by_test_id("transfer-target").click()
    await amy.get_by_role("option", name="Customer care").click()
    await form.get_by_test_id("transfer-ask").click()
    await ben.get_by_test_id("call-answer").click(timeout=_LONG)
    await expect(bar.get_by_test_id("consult-complete")).to_be_enabled(timeout=_LONG)
    await ben.get_by_test_id("call-hang-up").click()
    await expect(bar.get_by_test_id("consult-gone")).to_contain_text("the customer is with you", timeout=_LONG)
    await expect(bar).to_have_attribute("data-state", "talking", timeout=_LONG)
    await bar.get_by_test_id("call-hang-up").click()
