"""How much of the screen is left to the messages, measured where it is seen; the figures stand in docs/develop/faces.md."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import FloatRect, Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, shot

_FIVE_LINES = "Hello Nora,\n\nit is the bulb. A new one leaves today.\n\nAmy"
_TEXT = "The lamp flickers when it is dimmed. " * 8

# What is shown; the window and the screen it is on (a phone's keyboard takes the difference); percent at least.
_READING = [
    ("1440×900, everything open", (1440, 900), 900, 36.0),
    ("1280×720", (1280, 720), 720, 43.0),
    ("720×450", (720, 450), 450, 80.0),
    ("683×425", (683, 425), 425, 78.0),
    ("640×360", (640, 360), 360, 74.0),
    ("844×390", (844, 390), 390, 76.0),
    ("390×844", (390, 844), 844, 85.0),
]
_WRITING = [
    ("1440×900, everything open", (1440, 900), 900, 28.0),
    ("720×450", (720, 450), 450, 45.0),
    ("683×425", (683, 425), 425, 45.0),
    ("640×360", (640, 360), 360, 45.0),
    ("390×844, keyboard of 336", (390, 508), 844, 45.0),
]


async def _opened(world: World, windows: Windows, **options: Any) -> Page:
    amy = await windows.desk("amy", **options)
    await actions.set_presence(amy, "available")
    nora = world.writer("Nora Lind", "The oak lamp flickers", _TEXT)
    await world.mail(nora)
    await actions.accept(amy, "flickers when it is dimmed")
    return amy


async def _box(page: Page, name: str) -> FloatRect:
    box = await page.get_by_test_id(name).bounding_box()
    assert box, name
    return box


async def _share(page: Page, screen: int) -> float:
    """The message area's share of a screen so high, in percent."""
    await _inside(page, "messages")
    box = await _box(page, "messages")
    return 100 * box["width"] * box["height"] / (await page.evaluate("innerWidth") * screen)


async def _inside(page: Page, name: str) -> None:
    """It is on the screen, and not below its edge."""
    box = await _box(page, name)
    width, height = await page.evaluate("[innerWidth, innerHeight]")
    assert 0 <= box["y"] <= height - box["height"], name
    assert 0 <= box["x"] <= width - box["width"], name


async def _to(page: Page, window: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": window[0], "height": window[1]})
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await page.wait_for_timeout(150)  # columns follow the width in the next frame


async def test_messages_have_most_of_the_screen_while_they_are_read(world: World, windows: Windows) -> None:
    amy = await _opened(world, windows, width=1440, height=900)
    await expect(amy.get_by_test_id("contact-panel")).to_be_visible()
    for name, window, screen, least in _READING:
        await _to(amy, window)
        share = await _share(amy, screen)
        await shot(amy, f"reading-{window[0]}x{window[1]}")
        assert share >= least, f"{name}: {share:.1f} %"
        for part in ("more-actions", "composer-text"):
            await _inside(amy, part)
    await _to(amy, (1440, 900))
    await amy.get_by_test_id("toggle-contact").click()
    await expect(amy.get_by_test_id("contact-panel")).to_have_count(0)
    share = await _share(amy, 900)
    assert share >= 55


async def test_messages_stay_in_sight_while_an_answer_is_written_and_send_is_never_below_the_edge(
    world: World, windows: Windows
) -> None:
    amy = await _opened(world, windows, width=1440, height=900)
    text = amy.get_by_test_id("composer-text")
    await text.fill(_FIVE_LINES)
    for name, window, screen, least in _WRITING:
        await _to(amy, window)
        await text.focus()
        share = await _share(amy, screen)
        await shot(amy, f"writing-{window[0]}x{window[1]}")
        assert share >= least, f"{name}: {share:.1f} %"
        await _inside(amy, "send")
    await text.fill(_FIVE_LINES * 20)  # however long it gets
    for _, window, _, _ in _WRITING:
        await _to(amy, window)
        await _inside(amy, "send")
        assert (await _box(amy, "composer"))["height"] <= 0.41 * window[1], window


async def test_answer_is_one_line_until_it_is_used_and_keeps_its_draft(world: World, windows: Windows) -> None:
    amy = await _opened(world, windows)
    composer, text = amy.get_by_test_id("composer"), amy.get_by_test_id("composer-text")
    await expect(composer).to_have_attribute("data-open", "false")
    assert (await _box(amy, "composer"))["height"] <= 49
    for key, label in (("r", "Reply"), ("n", "Note")):
        await amy.keyboard.press(key)
        await expect(composer).to_have_attribute("data-open", "true")
        await expect(text).to_be_focused()
        await expect(text).to_have_attribute("aria-label", label)
        await amy.keyboard.press("Escape")
        await expect(composer).to_have_attribute("data-open", "false")
        await expect(amy.get_by_test_id("messages")).to_be_focused()
    await amy.get_by_test_id("tab-note").click()
    await amy.keyboard.type("Ask the workshop")
    await amy.keyboard.press("Escape")
    await expect(composer).to_have_attribute("data-open", "false")
    await expect(text).to_have_value("Ask the workshop")
    await text.click()
    await amy.get_by_test_id("tab-reply").click()
    await text.fill("It is the bulb.")
    await amy.get_by_test_id("fold").click()
    await expect(composer).to_have_attribute("data-open", "false")
    await expect(text).to_have_value("It is the bulb.")
    await amy.reload()  # what was begun lies open
    await expect(composer).to_have_attribute("data-open", "true")
    await expect(text).to_have_value("It is the bulb.")
    await amy.keyboard.press("r")
    await amy.keyboard.press("Control+Enter")
    await expect(amy.get_by_test_id("undo-send")).to_be_visible()
    await amy.keyboard.press("Escape")
    await expect(composer).to_have_attribute("data-open", "false")
    await _inside(amy, "undo-send")  # it must be seen, however small the answer is
    await amy.get_by_test_id("undo-send").click()
    await expect(composer).to_have_attribute("data-open", "true")
    await expect(text).to_have_value("It is the bulb.")
    await text.fill("")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (683, 425), (844, 390)])
async def test_conversation_on_a_small_screen_is_alone_and_leads_back(
    world: World, windows: Windows, width: int, height: int
) -> None:
    amy = await _opened(world, windows, width=width, height=height)
    for bar in (".topbar", ".bottombar", ".rail", ".inbox > .list"):
        await expect(amy.locator(bar)).to_be_hidden()
    await world.sms(world.number(), "And who answers me?")
    await expect(amy.get_by_test_id("offer-card")).to_be_visible()
    await shot(amy, f"offer-{width}x{height}")
    for part in ("offer-accept", "offer-decline", "resolve"):
        await _inside(amy, part)
    await amy.get_by_test_id("offer-decline").click()
    await actions.customer(amy)
    await expect(amy.get_by_test_id("contact-panel")).to_be_visible()
    await amy.keyboard.press("Escape")
    await expect(amy.get_by_test_id("contact-panel")).to_have_count(0)
    await actions.chosen(amy, "transfer")
    await expect(amy.get_by_test_id("transfer-target")).to_be_visible()
    await amy.keyboard.press("Escape")
    await amy.get_by_test_id("back").click()
    await expect(amy.get_by_test_id("presence-select")).to_be_visible()
    await expect(amy.get_by_test_id("conversation-row").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_faces_in_both_languages(world: World, windows: Windows, scheme: str) -> None:
    """Nothing of the two rows runs over its edge, whatever the language."""
    amy = await _opened(world, windows, width=1440, height=900, color_scheme=scheme)
    for language in ("zh-CN", "en"):
        await _to(amy, (1440, 900))
        await amy.get_by_test_id("profile").click()
        await amy.get_by_test_id(f"language-{language}").click()
        for width, height in ((1440, 900), (1280, 800), (1024, 768), (844, 390), (768, 1024), (683, 425), (390, 844)):
            await _to(amy, (width, height))
            await amy.get_by_test_id("composer-text").focus()
            for state in ("full", "line"):
                await shot(amy, f"{state}-{width}x{height}-{scheme}-{language}")
                over = await amy.evaluate(
                    "[...document.querySelectorAll('.chead, .comp, .comp .foot, .comp .top, .topbar')]"
                    ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"
                )
                assert over == [], (language, width, state)
                if state == "full":
                    await amy.keyboard.press("Escape")
