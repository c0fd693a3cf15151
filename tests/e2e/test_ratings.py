"""How it was: asked by mail with a link, said on a page without scripts, seen at the desk."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, eventually, shot


async def link_to(world: World, address: str) -> str:
    """The link of the question that this customer was sent."""

    async def look() -> str | None:
        for mail in await world._get(world.demo["mail_catcher"]["api"], to=address):
            found = re.search(r"https?://\S+/rate/\S+", (await world._whole(mail)).text())
            if found:
                return found[0]
        return None

    return await eventually(look, timeout=60)


async def test_customer_rates_by_link_and_the_desk_shows_it(world: World, windows: Windows) -> None:
    await world.apply("[automation]\nsatisfaction = 1\n")
    nora = world.writer("Nora Lind", "It flickers", "It flickers, the lamp.")
    await world.mail(nora)
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    number = await actions.accept(amy, "It flickers")
    await actions.answer(amy, "Here is a new one.")
    await actions.resolve(amy, "solved")
    link = await link_to(world, nora.address)

    page = await windows.open(java_script_enabled=False)
    await page.goto(link)
    await expect(page.get_by_test_id("rate-form")).to_be_visible()
    await shot(page, "rate-desktop-light")
    phone = await windows.open(width=390, height=844, color_scheme="dark")
    await phone.goto(link)
    await shot(phone, "rate-phone-dark")
    await page.get_by_text("4", exact=True).click()
    await page.get_by_role("textbox").fill("Quick and kind")
    await page.get_by_role("button").click()
    await expect(page.get_by_test_id("rate-thanks")).to_be_visible()
    await phone.reload()
    await expect(phone.locator("input[value='4']")).to_be_checked()
    await shot(phone, "rate-again-phone-dark")

    await amy.goto(f"{world.url}/app/inbox/all/{number}")
    chip = amy.get_by_test_id("rating")
    await expect(chip).to_have_attribute("data-score", "4")
    await expect(amy.get_by_test_id("rating-mark").first).to_have_attribute("data-score", "4")
    await chip.click()
    await expect(amy.get_by_test_id("rating-words")).to_contain_text("Quick and kind")
    await shot(amy, "rating-desk-light")
    small = await windows.desk("amy", f"/app/inbox/all/{number}", width=390, height=844, color_scheme="dark")
    await small.get_by_test_id("rating").click()
    await expect(small.get_by_test_id("rating-words")).to_contain_text("Amy")
    await shot(small, "rating-phone-dark")
