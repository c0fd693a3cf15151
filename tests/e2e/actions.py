"""What people do at a desk and in the widget, one function each, as a person would do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import FrameLocator, Locator, Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Windows
    from tests.e2e.stage import World

LONG = 40_000  # milliseconds: menus are spoken in real time


async def set_presence(page: Page, state: str) -> None:
    await page.get_by_test_id("presence-select").click()
    await page.get_by_test_id(f"presence-{state}").click()
    await expect(page.get_by_test_id("presence-select")).to_have_attribute("data-state", state)


async def accept(page: Page, text: str) -> int:
    """Take the offer that shows `text`, by its key; the conversation that opens."""
    await expect(page.get_by_test_id("offer-card")).to_contain_text(text)
    await page.keyboard.press("Alt+a")
    await expect(page.get_by_test_id("conversation")).to_be_visible()
    await expect(page.get_by_test_id("messages")).to_contain_text(text)
    return int(await page.get_by_test_id("conversation").get_attribute("data-id") or 0)


async def answer(page: Page, text: str) -> Locator:
    """Write an answer and send it with the keys; its bubble."""
    await page.get_by_test_id("composer-text").fill(text)
    await page.keyboard.press("Control+Enter")
    bubble = message(page, text)
    await expect(bubble).to_have_count(1)
    return bubble


def message(page: Page, text: str) -> Locator:
    return page.get_by_test_id("message").filter(has_text=text)


async def resolve(page: Page, disposition: str) -> None:
    await page.get_by_test_id("resolve").click()
    await page.get_by_test_id("disposition").select_option(disposition)
    await page.get_by_test_id("dialog-submit").click()
    await expect(page.get_by_test_id("resolve-dialog")).to_have_count(0)


async def chosen(page: Page, action: str) -> None:
    """Do this with the open conversation: by its button, or in a narrow window by the menu."""
    button = page.get_by_test_id(action)
    if not await button.is_visible():
        await page.get_by_test_id("more-actions").click()
        button = page.get_by_test_id(action if action == "why" else f"menu-{action}")
    await button.click()


async def unfolded(page: Page) -> None:
    """Open the answer with all that belongs to it: copies, the way it goes, files."""
    if await page.get_by_test_id("composer").get_attribute("data-open") == "false":
        phone = page.get_by_test_id("unfold")
        await (phone if await phone.is_visible() else page.get_by_test_id("reply")).click()
    await expect(page.get_by_test_id("composer")).to_have_attribute("data-open", "true")


async def customer(page: Page) -> None:
    """Show who the customer is, or no longer."""
    if await page.get_by_test_id("toggle-contact").is_visible():
        await page.get_by_test_id("toggle-contact").click()
    else:
        await chosen(page, "contact")


async def view(page: Page, name: str) -> None:
    """Turn the list to another view; in a window without the column, by the list's menu."""
    column = page.locator(f".inbox > .views [data-testid=view-{name}]")
    if await column.is_visible():
        await column.click()
    else:
        await page.get_by_test_id("open-views").click()
        await page.get_by_role("dialog").get_by_test_id(f"view-{name}").click()


async def open_widget(page: Page, name: str, email: str) -> FrameLocator:
    """Open the chat on the shop's page, and say who we are where it asks."""
    await page.get_by_role("button", name="Open the chat").click()
    frame = page.frame_locator("iframe")
    prechat = frame.locator("form.prechat")
    await expect(prechat.or_(frame.get_by_test_id("widget-text"))).to_be_visible()
    if await prechat.is_visible():
        await frame.locator("input[name=name]").fill(name)
        await frame.locator("input[name=email]").fill(email)
        await frame.locator("button[type=submit]").click()
    await expect(frame.get_by_test_id("widget-text")).to_be_visible()
    return frame


async def chat(frame: FrameLocator, text: str) -> None:
    await frame.get_by_test_id("widget-text").fill(text)
    await frame.get_by_test_id("widget-text").press("Enter")
    await expect(said(frame, "customer", text)).to_have_count(1)


def said(frame: FrameLocator, by: str, text: str) -> Locator:
    return frame.locator(f"[data-testid=widget-message][data-from={by}]").filter(has_text=text)


async def link(page: Page, search: str) -> None:
    """Say that somebody else in the records is the same person as the one on the screen."""
    panel = page.get_by_test_id("contact-panel")
    before = await panel.get_by_test_id("linked-contact").count()
    await panel.get_by_test_id("link-contact").click()
    await page.get_by_test_id("link-search").fill(search)
    await page.get_by_test_id("link-pick").first.click()
    await expect(page.get_by_test_id("link-search")).to_have_count(0)
    await expect(panel.get_by_test_id("linked-contact")).to_have_count(before + 1)


async def calling(world: World, windows: Windows, number: str) -> Page:
    """A customer who has called, on the stand-in's page, and pressed 1."""
    customer = await windows.open("/demo", width=760)
    await customer.goto(str(world.demo["twilio"]["url"]))
    await customer.locator("#from").fill(number)
    await customer.get_by_role("button", name="Call +1").click()
    await expect(customer.locator("#heard")).to_contain_text("press 1", timeout=LONG)
    await customer.get_by_role("button", name="1", exact=True).click()
    return customer
