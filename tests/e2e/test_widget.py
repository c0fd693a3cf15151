"""The widget on pages as they are: plain http, from right to left, changing without loading; files and links both ways."""

from __future__ import annotations

import re

from playwright.async_api import FilePayload, FrameLocator, Page, Route, expect

from tests.e2e import actions
from tests.e2e.conftest import INSECURE, Windows
from tests.e2e.stage import World, shot

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
PICTURE = FilePayload(name="lamp.png", mimeType="image/png", buffer=PNG)
PASTED = "".join(f"line {n:04d}\n" for n in range(800))[:7_012].strip()


async def _drop(frame: FrameLocator, kind: str, name: str) -> None:
    """Drop or paste a file onto the field, as the browser tells of it."""
    await frame.get_by_test_id("widget-text").evaluate(
        """(field, [kind, name]) => {
            const carried = new DataTransfer()
            carried.items.add(new File([name], name, { type: 'text/plain' }))
            const init = { bubbles: true, cancelable: true }
            field.dispatchEvent(kind === 'drop' ? new DragEvent('drop', { ...init, dataTransfer: carried })
                : new ClipboardEvent('paste', { ...init, clipboardData: carried }))
        }""",
        [kind, name],
    )


async def _shows(picture: FrameLocator | Page) -> None:
    await expect(picture.locator("img").last).to_have_js_property("naturalWidth", 1)


async def test_files_and_long_texts_reach_the_other_side_whole(world: World, windows: Windows) -> None:
    shop = await windows.open("/demo")
    widget = await actions.open_widget(shop, "Ida Roth", "ida@home.example")
    field, send = widget.get_by_test_id("widget-text"), widget.get_by_test_id("widget-send")
    await field.fill("x" * 20_001)
    await expect(widget.get_by_test_id("widget-room")).to_contain_text("1 character too many")
    await field.press("Enter")
    await expect(send).to_be_disabled()
    await expect(field).to_have_value("x" * 20_001)
    await field.fill(PASTED)
    await send.click()
    await expect(actions.said(widget, "customer", "line 0700")).to_have_text(re.compile(re.escape(PASTED[-20:])))
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    await actions.accept(amy, "line 0001")
    assert PASTED in (await amy.get_by_test_id("messages").inner_text())

    await widget.get_by_test_id("widget-files").set_input_files(PICTURE)
    await _drop(widget, "drop", "dropped.txt")
    await _drop(widget, "paste", "pasted.txt")
    await expect(widget.locator("[data-testid=widget-upload][data-state=here]")).to_have_count(3)
    await field.fill("Three files")
    await send.click()
    await expect(widget.get_by_test_id("widget-upload")).to_have_count(0)
    await expect(actions.said(widget, "customer", "Three files").get_by_test_id("widget-file")).to_have_count(3)
    await _shows(widget)
    theirs = actions.message(amy, "Three files")
    await expect(theirs.get_by_test_id("file")).to_have_count(2)
    await expect(theirs.locator("img")).to_have_js_property("naturalWidth", 1)

    await amy.get_by_test_id("file-input").set_input_files(
        FilePayload(name="invoice\u202efdp.png", mimeType="image/png", buffer=PNG)
    )
    await expect(amy.get_by_test_id("composer").locator(".file")).to_have_count(1)
    await actions.answer(amy, "See https://shop.example/a(b). or \u202ehttps://\u0430pple.com")
    answer = actions.said(widget, "agent", "See https")
    for page in (shop, await windows.reopened(shop)):
        answer = actions.said(page.frame_locator("iframe"), "agent", "See https")
        await expect(answer.get_by_test_id("widget-file")).to_contain_text("invoicefdp.png")
        await expect(answer.locator("img")).to_have_js_property("naturalWidth", 1)
        log = page.frame_locator("iframe").get_by_test_id("widget-log")
        below = "e => new Promise(r => setTimeout(() => r(e.scrollHeight - e.scrollTop - e.clientHeight), 200))"
        assert await log.evaluate(below) < 60  # pictures came late, and the end is on the screen
    links = answer.locator("p a")
    await expect(actions.message(amy, "See https").locator(".body a")).to_have_count(2)
    await actions.chat(shop.frame_locator("iframe"), "مرحبا 4711, https://shop.example")
    arabic = actions.message(amy, "مرحبا").locator(".body")
    assert await arabic.evaluate("e => getComputedStyle(e).direction") == "rtl"
    await expect(links).to_have_text(["https://shop.example/a(b)", "https://\u0430pple.com"])
    await expect(links.first).to_have_attribute("rel", re.compile("noopener noreferrer"))
    await expect(answer.locator(".host")).to_contain_text("xn--pple-43d.com")
    async with shop.expect_download() as saved:
        await (
            actions.said(shop.frame_locator("iframe"), "customer", "Three files")
            .get_by_test_id("widget-file")
            .last.click()
        )
    assert (await saved.value).suggested_filename == "pasted.txt"
    size = await widget.get_by_test_id("widget-text").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert size >= 16  # smaller ones make an iPhone zoom


async def test_pages_that_change_without_loading_keep_the_chat_as_it_is(windows: Windows) -> None:
    page = await windows.open("/demo")
    widget = await actions.open_widget(page, "Ida Roth", "ida@home.example")
    await actions.chat(widget, "Hello")
    await widget.get_by_test_id("widget-text").fill("half of a sen")
    await widget.locator("html").evaluate("e => { e.mark = 1 }")
    again = """() => {  // what Turbo does: another body, whose scripts run
        const script = document.querySelector('script[data-site]').cloneNode()
        const body = document.createElement('body')
        document.documentElement.replaceChild(body, document.body)
        window.Hub = [['on', 'unread', () => {}]]
        body.append(Object.assign(document.createElement('script'), { src: script.src }))
        body.lastChild.dataset.site = script.dataset.site
    }"""
    for _ in range(2):
        await page.evaluate(again)
        await page.wait_for_function("window.Hub && !Array.isArray(window.Hub)")
        await expect(page.locator("iframe")).to_have_count(1)
        await expect(widget.get_by_test_id("widget-text")).to_have_value("half of a sen")
    assert await widget.locator("html").evaluate("e => e.mark") == 1  # not even loaded again
    await page.evaluate("() => { document.documentElement.innerHTML = '<body></body>' }")
    await expect(page.locator("iframe")).to_have_count(1)
    await expect(page.frame_locator("iframe").get_by_test_id("widget-text")).to_have_value("half of a sen")
    await page.reload()
    widget = page.frame_locator("iframe")
    await expect(widget.get_by_test_id("widget-text")).to_have_value("half of a sen")
    await expect(actions.said(widget, "customer", "Hello")).to_have_count(1)


async def test_plain_http_and_writing_from_right_to_left(windows: Windows) -> None:
    windows.forgive("Cross-Origin-Opener-Policy header has been ignored")  # on plain http
    page = await windows.open()
    await page.goto(windows.world.url.replace("127.0.0.1", INSECURE) + "/demo")
    assert not await page.evaluate("isSecureContext")
    widget = await actions.open_widget(page, "Ida Roth", "ida@home.example")
    await actions.chat(widget, "Hello")
    await expect(widget.locator("html")).to_have_attribute("dir", "ltr")

    arabic = await windows.open()
    await arabic.route("**/demo", _arabic)
    await arabic.goto(f"{windows.world.url}/demo")
    widget = await actions.open_widget(arabic, "ليلى", "leila@home.example")
    await expect(widget.locator("html")).to_have_attribute("dir", "rtl")
    for text, runs in (("مرحبا، أين طلبي رقم 4711?", "rtl"), ("Where is it?", "ltr")):
        await actions.chat(widget, text)
        line = actions.said(widget, "customer", text).locator("p")
        await expect(line).to_have_css("direction", runs)
    box = await arabic.locator("iframe").bounding_box()
    assert box is not None
    assert box["x"] < 100


async def _arabic(route: Route) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, body=(await answer.text()).replace('lang="en"', 'lang="ar"'))


async def test_form_of_the_chat_says_at_each_field_what_it_lacks(windows: Windows) -> None:
    page = await windows.open("/demo", width=390, height=780)
    await page.get_by_role("button", name="Open the chat").click()
    frame = page.frame_locator("iframe")
    await frame.locator("input[name=name]").fill("   ")
    await frame.locator("input[name=email]").fill("nobody")
    await frame.locator("button[type=submit]").click()
    await expect(frame.get_by_test_id("name-wrong")).to_have_text("Please enter your name.")
    await expect(frame.get_by_test_id("email-wrong")).to_have_text("Please enter a valid email address.")
    await expect(frame.locator("input[name=name]")).to_be_focused()
    await shot(page, "widget-form-wrong")
    await frame.locator("input[name=name]").fill("Ana")
    await expect(frame.get_by_test_id("name-wrong")).to_have_count(0)
    await frame.locator("input[name=email]").fill("ana@home.example")
    await frame.locator("input[name=email]").press("Enter")
    await expect(frame.get_by_test_id("widget-text")).to_be_visible()
