"""One browser, several people: whoever the page names next sees nothing of whoever was there before."""

from __future__ import annotations

from playwright.async_api import FrameLocator, Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows

ALICE = {"name": "Alice Holt", "email": "alice@home.example"}
BOB = {"name": "Bob Kern", "email": "bob@home.example"}
CARD = "my card is 4111 1111"


async def identify(page: Page, who: dict[str, str]) -> None:
    await page.wait_for_function("window.Hub && !Array.isArray(window.Hub)")
    await page.evaluate("who => window.Hub.identify(who)", who)


async def opened(page: Page) -> FrameLocator:
    await page.evaluate("() => window.Hub.open()")
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_test_id("widget-text")).to_be_visible()
    return frame


async def test_the_next_person_reads_nothing_of_the_one_before(windows: Windows) -> None:
    page = await windows.open("/demo")
    await identify(page, ALICE)
    widget = await opened(page)
    await actions.chat(widget, CARD)
    await page.reload()
    await identify(page, BOB)
    widget = await opened(page)
    await actions.chat(widget, "Bob here")
    await expect(actions.said(widget, "customer", CARD)).to_have_count(0)
    await identify(page, ALICE)  # the same page, back to the first
    await expect(actions.said(widget, "customer", CARD)).to_have_count(1)
    await expect(actions.said(widget, "customer", "Bob here")).to_have_count(0)


async def test_a_page_that_names_nobody_shows_nobodys_thread(windows: Windows) -> None:
    page = await windows.open("/demo")
    await identify(page, ALICE)
    await actions.chat(await opened(page), CARD)
    await page.reload()
    await page.wait_for_function("window.Hub && !Array.isArray(window.Hub)")
    await page.evaluate("() => window.Hub.open()")
    frame = page.frame_locator("iframe")
    await expect(frame.locator("form.prechat")).to_be_visible()
    await expect(actions.said(frame, "customer", CARD)).to_have_count(0)


async def test_signing_out_reaches_the_other_tab(windows: Windows) -> None:
    page = await windows.open("/demo")
    await identify(page, ALICE)
    await actions.chat(await opened(page), CARD)
    other = await page.context.new_page()
    await other.goto(page.url)
    await identify(other, ALICE)
    widget = await opened(other)
    await expect(actions.said(widget, "customer", CARD)).to_have_count(1)
    await page.evaluate("() => window.Hub.logout()")
    for tab in (page, other):
        await expect(actions.said(tab.frame_locator("iframe"), "customer", CARD)).to_have_count(0)
    kept = await other.evaluate("() => Object.keys(localStorage).filter(k => k.endsWith('.token') && k.length > 24)")
    assert kept == []  # nothing under Alice's name; the tabs are nobody's now
    await identify(page, ALICE)
    await actions.chat(page.frame_locator("iframe"), "It is me again")
    await expect(actions.said(page.frame_locator("iframe"), "customer", CARD)).to_have_count(0)
