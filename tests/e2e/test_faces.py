"""The faces as different people see them: another language, the keyboard alone, a telephone, assistive technology."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World

_AXE = Path(__file__).parents[2] / "hub" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_PHONE: dict[str, Any] = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


async def test_the_desk_speaks_chinese_to_who_wants_it(world: World, windows: Windows) -> None:
    deng = await windows.desk("deng")
    await expect(deng.locator("html")).to_have_attribute("lang", "zh-CN")
    await actions.set_presence(deng, "available")
    number = world.number()
    await world.sms(number, "周六可以送货吗？")
    await expect(deng.get_by_test_id("offer-accept")).to_contain_text("接受")
    await expect(deng.get_by_test_id("offer-card")).to_contain_text("等级 3；且已空闲")
    await actions.accept(deng, "周六可以送货吗？")
    bubble = await actions.answer(deng, "可以，下午两点到五点。")
    await expect(bubble.get_by_test_id("delivery")).to_have_text("已送达")
    assert (await world.sms_thread(number))[-1]["body"] == "可以，下午两点到五点。"
    left = await _english_words(deng)
    assert not left, f"English on the Chinese desk: {left}"


async def test_the_language_changes_at_once(windows: Windows) -> None:
    amy = await windows.desk("amy", width=1440, height=900)
    for language, word in (("zh-CN", "分配给我"), ("en", "Assigned to me")):
        await amy.get_by_test_id("profile").click()
        await amy.get_by_test_id(f"language-{language}").click()
        await expect(amy.get_by_test_id("view-mine")).to_contain_text(word)
        await amy.keyboard.press("Escape")


async def test_a_whole_conversation_by_keyboard_alone(world: World, windows: Windows) -> None:
    page = await windows.open("/app/")
    email, password = world.password("ben")
    await expect(page.get_by_test_id("signin-email")).to_be_focused()
    await page.keyboard.type(email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(password)
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("presence-select")).to_be_visible()
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("textbox", name="Search or jump to")).to_be_focused()
    await page.keyboard.type("Available")
    await expect(page.get_by_role("button", name="Set status: Available")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("presence-select")).to_have_attribute("data-state", "available")
    number = world.number()
    await world.sms(number, "Where is my parcel?")
    await actions.accept(page, "Where is my parcel?")
    await page.keyboard.press("n")
    await page.keyboard.type("Depot says: tomorrow.")
    await page.keyboard.press("Control+Enter")
    await expect(actions.message(page, "Depot says: tomorrow.")).to_have_attribute("data-kind", "note")
    await page.keyboard.press("Escape")  # out of the field, so that letters are commands again
    await page.keyboard.press("r")
    await page.keyboard.type("It comes tomorrow before noon.")
    await page.keyboard.press("Control+Shift+Enter")
    await expect(page.get_by_test_id("status")).to_be_visible()
    assert await world.texted(number) == ["It comes tomorrow before noon."]


async def test_everything_fits_a_telephone(world: World, windows: Windows) -> None:
    shop = await windows.open("/demo", **_PHONE)
    await _fits(shop)
    amy = await windows.desk("amy", **_PHONE)
    await _fits(amy)
    await actions.set_presence(amy, "available")
    writer = world.writer("Karl Overlong-Hyphenated von Nameshausen", "A very long subject " * 4, "Hello " * 60)
    await world.mail(writer)
    await expect(amy.get_by_test_id("offer-card")).to_be_visible()
    await _fits(amy)
    await amy.get_by_test_id("offer-accept").tap()
    await expect(amy.get_by_test_id("conversation")).to_be_visible()
    await _fits(amy)
    await amy.get_by_test_id("composer-text").fill("Thank you, we have it.")
    await amy.get_by_test_id("send").tap()
    await expect(actions.message(amy, "Thank you, we have it.")).to_have_attribute(
        "data-status", "sent", timeout=25_000
    )  # after the ten seconds in which it can be taken back
    await actions.customer(amy)
    await expect(amy.get_by_test_id("contact-panel").get_by_test_id("timeline-item").first).to_be_visible()
    await _fits(amy)
    eva = await windows.desk("eva", "/app/board", **_PHONE)
    await expect(eva.get_by_test_id("value-waiting")).to_be_visible()
    await _fits(eva)
    await eva.goto(f"{world.url}/app/contacts")
    await expect(eva.get_by_test_id("contact-row").first).to_be_visible()
    await _fits(eva)
    widget = await actions.open_widget(shop, "Ida Roth", "ida@home.example")
    await actions.chat(widget, "Hello from my phone")
    assert await widget.locator("html").evaluate("e => e.scrollWidth") <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_to_complain_about(world: World, windows: Windows, theme: str) -> None:
    if not _AXE.exists():
        missing = "axe-core is not here. Install it: `npm ci` in hub/ui."
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    scheme: dict[str, Any] = {"color_scheme": theme, "reduced_motion": "reduce"}
    signin = await windows.open("/app/", **scheme)
    await expect(signin.get_by_test_id("signin-submit")).to_be_visible()
    await _check(signin, "sign-in")
    amy = await windows.desk("amy", **scheme)
    await expect(amy.get_by_test_id("waiting")).to_have_count(0)
    await _check(amy, "inbox")
    await _check_waiting(amy)
    await actions.set_presence(amy, "available")
    number = world.number()
    await world.sms(number, "Is the oak oiled or lacquered?")
    await expect(amy.get_by_test_id("offer-card")).to_be_visible()
    await _check(amy, "offer")
    await actions.accept(amy, "Is the oak oiled or lacquered?")
    await actions.answer(amy, "It is oiled.")
    await expect(amy.get_by_test_id("timeline-item").first).to_be_visible()
    await _check(amy, "conversation")
    await amy.get_by_test_id("composer-text").fill("It is “oiled” – as you wished.")
    await expect(amy.get_by_test_id("unicode")).to_be_visible()
    await _check(amy, "segments")
    await world.sms(number, "STOP")
    await expect(amy.get_by_test_id("opted-out")).to_be_visible()
    await _check(amy, "opted out")
    await amy.get_by_test_id("consent-change").click()
    await expect(amy.get_by_test_id("consent-detail")).to_be_focused()
    await _check(amy, "consent")
    await amy.keyboard.press("Escape")
    await amy.get_by_test_id("new-conversation").click()
    await amy.get_by_test_id("new-channel").select_option("whatsapp")
    await expect(amy.get_by_test_id("template").first).to_be_visible()
    await _check(amy, "templates")
    await amy.get_by_test_id("template").first.click()
    await _check(amy, "places")
    board = await windows.desk("eva", "/app/board", **scheme)
    await expect(board.get_by_test_id("queue-row").first).to_be_visible()
    await _check(board, "board")
    await board.get_by_test_id("nav-numbers").click()
    await expect(board.get_by_test_id("number").first).to_be_visible()
    await _check(board, "numbers")
    settings = await windows.desk("admin", "/app/admin/queues", **scheme)
    for page in ("queues", "roles"):
        await settings.goto(f"{world.url}/app/admin/{page}")
        await settings.get_by_test_id("admin-record").first.click()
        await expect(settings.get_by_test_id("admin-form")).to_be_visible()
        await _check(settings, page)


async def _check_waiting(page: Page) -> None:
    """The page while its lists are on their way: what a slow line shows for seconds."""
    go_on = asyncio.Event()

    async def late(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/api/v1/conversations?*", late)
    await page.reload()
    await expect(page.get_by_test_id("waiting").first).to_be_visible()
    await _check(page, "waiting")
    go_on.set()
    await expect(page.get_by_test_id("waiting")).to_have_count(0)
    await page.unroute("**/api/v1/conversations?*")


async def _check(page: Page, name: str) -> None:
    await page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = await page.evaluate(
        "async (levels) => (await axe.run({ runOnly: levels })).violations"
        ".map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(' | ')}`)",
        _LEVELS,
    )
    assert not found, f"{name}: {found}"


async def _fits(page: Page) -> None:
    """Nothing sticks out to the right."""
    wide = await page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    if wide > 390:
        culprits = await page.evaluate(
            "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)"
            ".slice(0, 8).map((e) => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`)"
        )
        raise AssertionError(f"{page.url} is {wide} px wide: {culprits}")


async def _english_words(page: Page) -> list[str]:
    """Words of the interface that were forgotten: Latin letters outside names, addresses and key caps."""
    words: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll('button, h1, h2, label, option, nav a, th')]
            .filter((e) => e.offsetParent && !e.querySelector('kbd') && !e.matches('.avatar'))
            .map((e) => e.innerText.trim())"""
    )
    own = re.compile(r"SMS|WhatsApp|Customer care|E-mail|Ctrl|Alt|DD|[+\d\s·:/()]|\S+@\S+")
    return [w for w in words if re.search(r"[A-Za-z]{3}", own.sub("", w))]
