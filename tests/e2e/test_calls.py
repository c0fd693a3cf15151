"""A telephone call from both ends: the customer on the stand-in's page, the agent at the desk, a supervisor on the board."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.e2e import actions
from tests.e2e.actions import LONG
from tests.e2e.conftest import Windows
from tests.e2e.stage import World


async def _talking(world: World, amy: Page, windows: Windows) -> tuple[Page, Locator]:
    """A customer on the line with Amy; their page, and her bar for the call."""
    await actions.set_presence(amy, "available")
    customer = await actions.calling(world, windows, world.number())
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Voice", timeout=LONG)
    await amy.keyboard.press("Alt+a")
    bar = amy.get_by_test_id("call-bar")
    await expect(bar.get_by_test_id("call-hold")).to_be_visible(timeout=LONG)
    return customer, bar


async def _asks(amy: Page, ben: Page, bar: Locator) -> None:
    """Amy asks her queue for advice, and Ben answers."""
    await bar.get_by_test_id("call-transfer").click()
    form = bar.get_by_role("group", name="Transfer")
    await form.get_by_text("Queue", exact=True).click()
    await form.get_by_test_id("transfer-target").click()
    await amy.get_by_role("option", name="Customer care").click()
    await form.get_by_test_id("transfer-ask").click()
    await ben.get_by_test_id("call-answer").click(timeout=LONG)
    await expect(bar.get_by_test_id("consult-complete")).to_be_enabled(timeout=LONG)


async def test_a_call_is_answered_held_and_wrapped_up(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    customer, bar = await _talking(world, amy, windows)
    await bar.get_by_test_id("call-hold").click()
    await expect(bar).to_have_attribute("data-state", "held")
    await bar.get_by_test_id("call-hold").click()
    await expect(bar).to_have_attribute("data-state", "talking")
    await expect(customer.locator("#ran")).to_contain_text("<Dial")

    eva = await windows.desk("eva", "/app/board")
    await eva.get_by_test_id("live-calls").get_by_test_id("monitor-listen").click()
    await eva.get_by_test_id("call-answer").click(timeout=LONG)
    await expect(eva.get_by_test_id("call-bar").get_by_test_id("monitor-listen")).to_have_attribute(
        "aria-pressed", "true", timeout=LONG
    )

    await bar.get_by_test_id("call-hang-up").click()
    await expect(customer.locator("#callstate")).to_have_text("No call")
    await expect(eva.get_by_test_id("call-bar")).to_have_count(0, timeout=LONG)
    wrap = amy.get_by_test_id("call-wrap")
    await wrap.get_by_role("textbox", name="Outcome").or_(wrap.get_by_role("combobox", name="Outcome")).first.click()
    await amy.get_by_role("option", name="Solved").click()
    await wrap.get_by_test_id("call-wrap-done").click()
    await expect(wrap).to_have_count(0)


async def test_a_caller_who_hangs_up_takes_the_offer_along(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    customer = await actions.calling(world, windows, world.number())
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Voice", timeout=LONG)
    await customer.get_by_role("button", name="Hang up").click()
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Missed call")  # to call back, and rings nobody
    await expect(amy.get_by_test_id("offer-card")).not_to_contain_text("Voice")


async def test_anybody_of_a_queue_is_asked_before_the_call_is_handed_over(world: World, windows: Windows) -> None:
    amy, ben = await windows.desk("amy"), await windows.desk("ben")
    customer, bar = await _talking(world, amy, windows)
    await actions.set_presence(ben, "available")
    await _asks(amy, ben, bar)
    await bar.get_by_test_id("consult-complete").click()

    await expect(ben.get_by_test_id("call-bar").get_by_test_id("call-hold")).to_be_visible(timeout=LONG)
    await expect(amy.get_by_test_id("call-hold")).to_have_count(0)
    await expect(customer.locator("#callstate")).not_to_have_text("No call")
    await ben.get_by_test_id("call-bar").get_by_test_id("call-hang-up").click()
    await expect(customer.locator("#callstate")).to_have_text("No call")


async def test_the_bar_says_that_the_customer_is_back_when_the_colleague_leaves(world: World, windows: Windows) -> None:
    amy, ben = await windows.desk("amy"), await windows.desk("ben")
    _, bar = await _talking(world, amy, windows)
    await actions.set_presence(ben, "available")
    await _asks(amy, ben, bar)
    await ben.get_by_test_id("call-hang-up").click()
    await expect(bar.get_by_test_id("consult-gone")).to_contain_text("the customer is with you", timeout=LONG)
    await expect(bar).to_have_attribute("data-state", "talking", timeout=LONG)
    await bar.get_by_test_id("call-hang-up").click()
