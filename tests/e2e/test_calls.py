"""A telephone call from both ends: the customer on the stand-in's page, the agent at the desk, a supervisor on the board."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.e2e import acts
from tests.e2e.conftest import Windows
from tests.e2e.stage import World

_LONG = 40_000  # milliseconds: menus are spoken in real time


async def _calling(world: World, windows: Windows, number: str) -> Page:
    """A customer who has called and pressed 1."""
    customer = await windows.open("/demo", width=760)
    await customer.goto(str(world.demo["twilio"]["url"]))
    await customer.locator("#from").fill(number)
    await customer.get_by_role("button", name="Call +1").click()
    await expect(customer.locator("#heard")).to_contain_text("press 1", timeout=_LONG)
    await customer.get_by_role("button", name="1", exact=True).click()
    return customer


async def _talking(world: World, amy: Page, windows: Windows) -> tuple[Page, Locator]:
    """A customer on the line with Amy; their page, and her bar for the call."""
    await acts.set_presence(amy, "available")
    customer = await _calling(world, windows, world.number())
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Voice", timeout=_LONG)
    await amy.keyboard.press("Alt+a")
    bar = amy.get_by_test_id("call-bar")
    await expect(bar.get_by_test_id("call-hold")).to_be_visible(timeout=_LONG)
    return customer, bar


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
    await eva.get_by_test_id("call-answer").click(timeout=_LONG)
    await expect(eva.get_by_test_id("call-bar").get_by_test_id("monitor-listen")).to_have_attribute(
        "aria-pressed", "true", timeout=_LONG
    )

    await bar.get_by_test_id("call-hang-up").click()
    await expect(customer.locator("#callstate")).to_have_text("No call")
    await expect(eva.get_by_test_id("call-bar")).to_have_count(0, timeout=_LONG)
    wrap = amy.get_by_test_id("call-wrap")
    await wrap.get_by_role("textbox", name="Outcome").or_(wrap.get_by_role("combobox", name="Outcome")).first.click()
    await amy.get_by_role("option", name="Solved").click()
    await wrap.get_by_test_id("call-wrap-done").click()
    await expect(wrap).to_have_count(0)


async def test_a_caller_who_hangs_up_takes_the_offer_along(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await acts.set_presence(amy, "available")
    customer = await _calling(world, windows, world.number())
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Voice", timeout=_LONG)
    await customer.get_by_role("button", name="Hang up").click()
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Missed call")  # to call back, and rings nobody
    await expect(amy.get_by_test_id("offer-card")).not_to_contain_text("Voice")


async def test_anybody_of_a_queue_is_asked_before_the_call_is_handed_over(world: World, windows: Windows) -> None:
    amy, ben = await windows.desk("amy"), await windows.desk("ben")
    customer, bar = await _talking(world, amy, windows)
    await acts.set_presence(ben, "available")

    await bar.get_by_test_id("call-transfer").click()
    form = bar.get_by_role("group", name="Transfer")
    await form.get_by_text("Queue", exact=True).click()
    await form.get_by_test_id("transfer-target").click()
    await amy.get_by_role("option", name="Customer care").click()
    await form.get_by_test_id("transfer-ask").click()
    await ben.get_by_test_id("call-answer").click(timeout=_LONG)
    await expect(bar.get_by_test_id("consult-complete")).to_be_enabled(timeout=_LONG)
    await bar.get_by_test_id("consult-complete").click()

    await expect(ben.get_by_test_id("call-bar").get_by_test_id("call-hold")).to_be_visible(timeout=_LONG)
    await expect(amy.get_by_test_id("call-hold")).to_have_count(0)
    await expect(customer.locator("#callstate")).not_to_have_text("No call")
    await ben.get_by_test_id("call-bar").get_by_test_id("call-hang-up").click()
    await expect(customer.locator("#callstate")).to_have_text("No call")
