"""Text messages at the desk: what they cost, what comes with them, when they may be sent, and who wants none."""

from __future__ import annotations

import re
import struct
import zlib

from playwright.async_api import Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, eventually


async def _at_desk(world: World, windows: Windows, text: str, *files: tuple[str, bytes]) -> tuple[Page, str]:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    number = world.number()
    await world.sms(number, text, *files)
    await actions.accept(amy, text)
    return amy, number


def _picture(width: int = 24, height: int = 16) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x18\x64\xab" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_the_composer_counts_segments_and_what_they_cost(world: World, windows: Windows) -> None:
    amy, _ = await _at_desk(world, windows, "How long does it take?")
    area, counter = amy.get_by_test_id("composer-text"), amy.get_by_test_id("counter")
    for text, count, encoding, cost in (
        ("a" * 160, "1", "GSM-7", "$0.0083"),
        ("a" * 161, "2", "GSM-7", "$0.0166"),
        ("a" * 307, "3", "GSM-7", "$0.0249"),
        ("中" * 70, "1", "UCS-2", "$0.0083"),
        ("中" * 71, "2", "UCS-2", "$0.0166"),
        ("€" * 81, "2", "GSM-7", "$0.0166"),
    ):
        await area.fill(text)
        await expect(counter).to_have_attribute("data-segments", count)
        await expect(counter).to_have_attribute("data-encoding", encoding)
        await expect(amy.get_by_test_id("cost")).to_have_text(f"about {cost}")
    # A quote from a word processor makes every message shorter; one key press makes it plain.
    await area.fill("It is “on its way”.")
    await expect(amy.get_by_test_id("unicode")).to_contain_text("“ ” make it Unicode")
    await amy.get_by_test_id("plain-signs").click()
    await expect(area).to_have_value('It is "on its way".')
    await expect(counter).to_have_attribute("data-encoding", "GSM-7")
    # What is too long is not sent, and says so.
    await area.fill("a" * 1601)
    await expect(amy.get_by_test_id("too-long")).to_contain_text("1 character too many: at most 1,600 can be sent.")
    await expect(amy.get_by_test_id("send")).to_be_disabled()
    await area.fill("")


async def test_a_picture_comes_by_mms_and_is_shown_once_it_is_here(world: World, windows: Windows) -> None:
    amy, number = await _at_desk(
        world, windows, "This is the broken one.", ("image/png", _picture()), ("application/pdf", b"%PDF-1.4\n%%EOF")
    )
    bubble = actions.message(amy, "This is the broken one.")
    image = bubble.get_by_test_id("picture").locator("img")
    await expect(image).to_be_visible(timeout=20_000)
    assert await image.evaluate("e => e.decode().then(() => [e.naturalWidth, e.naturalHeight])") == [24, 16]
    await expect(bubble.get_by_test_id("file")).to_contain_text(".pdf")
    await expect(bubble.get_by_test_id("file-coming")).to_have_count(0)
    # A picture without a word; the second one arrives while the conversation is open.
    await world.sms(number, "", ("image/png", _picture(32, 32)))
    await expect(amy.get_by_test_id("picture")).to_have_count(2, timeout=20_000)


async def test_whatsapp_takes_free_text_for_a_day_and_then_only_templates(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    number = world.number()
    # Writing first takes a template, filled in and seen before it leaves.
    await amy.get_by_test_id("new-conversation").click()
    await amy.get_by_test_id("new-channel").select_option("whatsapp")
    await amy.get_by_test_id("new-to").fill(number)
    await expect(amy.get_by_test_id("template")).not_to_have_count(0)
    await amy.get_by_test_id("template-search").fill("order")
    await amy.keyboard.press("Enter")
    await expect(amy.get_by_test_id("new-send")).to_be_disabled()
    await amy.keyboard.type("Ana")
    await amy.keyboard.press("Tab")
    await amy.keyboard.type("LO-7")
    await expect(amy.get_by_test_id("template-preview")).to_have_text(
        "Hello Ana, there is news about your order LO-7. May we tell you more?"
    )
    await amy.get_by_test_id("new-send").click()
    first = actions.message(amy, "Hello Ana, there is news about your order LO-7.")
    await expect(first).to_have_attribute("data-status", "read", timeout=20_000)
    await expect(first.get_by_test_id("template-mark")).to_have_text("Template order_update")
    # She has not written yet: the text area has given way to the templates, by keys alone.
    await expect(amy.get_by_test_id("window")).to_have_attribute("data-open", "false")
    await expect(amy.get_by_test_id("composer-text")).to_have_count(0)
    await amy.get_by_test_id("template-search").focus()
    await amy.keyboard.type("thank")
    await expect(amy.get_by_test_id("template")).to_have_count(1)
    await amy.keyboard.press("Enter")
    await expect(amy.get_by_test_id("template-preview")).to_be_focused()
    await amy.keyboard.press("Escape")
    await expect(amy.get_by_test_id("template-search")).to_be_focused()
    await amy.keyboard.press("ArrowDown")
    await amy.keyboard.press("ArrowUp")
    await amy.keyboard.press("Enter")
    await amy.keyboard.type("Ana")
    await amy.keyboard.press("Tab")
    await amy.keyboard.type("LO-8")
    await amy.keyboard.press("Control+Enter")
    second = actions.message(amy, "your order LO-8")
    await expect(second).to_have_attribute("data-status", "read", timeout=20_000)
    # Once she writes, anything may be said; and her place is a place.
    await world.whatsapp(number, "Yes, please.", "Ana")
    await expect(amy.get_by_test_id("window")).to_have_attribute("data-open", "true")
    await expect(amy.get_by_test_id("window")).to_contain_text(re.compile(r"Free text for (24 hr|23 hr 5\d min) more"))
    await expect(await actions.answer(amy, "It comes on Friday.")).to_have_attribute(
        "data-status", "read", timeout=20_000
    )
    await world.whatsapp(number, "", "Ana", Latitude="51.5", Longitude="-0.12", Label="My door")
    await expect(amy.get_by_test_id("location")).to_contain_text("My door")
    sent = await world.sms_thread(f"whatsapp:{number}")
    assert [m["body"] for m in sent if m["direction"] != "inbound"] == [
        "Hello Ana, there is news about your order LO-7. May we tell you more?",
        "Hello Ana, there is news about your order LO-8. May we tell you more?",
        "It comes on Friday.",
    ]


async def test_what_a_customer_tells_an_agent_is_written_down_and_holds(world: World, windows: Windows) -> None:
    amy, number = await _at_desk(world, windows, "Stop ringing me in the evening.")
    panel = amy.get_by_test_id("contact-panel")
    await panel.get_by_test_id("customer-told-me").click()
    await expect(amy.get_by_test_id("consent-no")).to_be_checked()
    await expect(amy.get_by_test_id("consent-save")).to_be_disabled()
    await amy.get_by_test_id("consent-detail").fill("By telephone: no more texts.")
    await amy.get_by_test_id("consent-save").click()
    await expect(amy.get_by_test_id("opted-out")).to_contain_text("told Amy Chen")
    await expect(amy.get_by_test_id("composer-text")).to_be_disabled()
    entry = panel.get_by_test_id("consent-entry")
    await expect(entry).to_have_attribute("data-source", "agent")
    await expect(entry).to_contain_text("By telephone: no more texts.")
    # Changed one's mind: what was said before stays in the ledger.
    await amy.get_by_test_id("consent-change").click()
    await expect(amy.get_by_test_id("consent-yes")).to_be_checked()
    await amy.get_by_test_id("consent-detail").fill("Called again: texts are fine.")
    await amy.get_by_test_id("consent-save").click()
    await expect(amy.get_by_test_id("opted-out")).to_have_count(0)
    await expect(panel.get_by_test_id("consent-entry")).to_have_count(2)
    await expect(await actions.answer(amy, "Noted.")).to_have_attribute("data-status", "delivered")
    await world.sms(number, "STOP")
    await expect(panel.get_by_test_id("consent-entry").first).to_contain_text("STOP")
    await expect(panel.get_by_test_id("consent-entry").first).to_have_attribute("data-source", "provider")


async def test_a_text_message_goes_to_a_new_number_from_the_desk(world: World, windows: Windows) -> None:
    windows.forgive("status of 422")
    amy = await windows.desk("amy")
    number = world.number()
    await amy.keyboard.press("c")
    await amy.get_by_test_id("new-channel").select_option("sms")
    await expect(amy.get_by_test_id("new-from")).to_contain_text("SMS +1 555 010 0100")
    await amy.get_by_test_id("new-to").fill("415 555 0100")
    await amy.get_by_test_id("new-text").fill("Your lamp is ready – come and get it.")
    await expect(amy.get_by_test_id("counter")).to_have_attribute("data-encoding", "UCS-2")
    await amy.get_by_test_id("new-send").click()
    await expect(amy.get_by_text("Write the number in full, with + and the country code")).to_be_visible()
    await amy.get_by_test_id("new-to").fill("+1 415 555")
    await amy.get_by_test_id("new-send").click()
    await expect(amy.get_by_test_id("new-error")).to_contain_text("phone number")
    await amy.get_by_test_id("new-to").fill(f"{number[:2]} {number[2:5]}-{number[5:8]}-{number[8:]}")
    await amy.get_by_test_id("new-send").click()
    await expect(actions.message(amy, "Your lamp is ready")).to_have_attribute(
        "data-status", "delivered", timeout=20_000
    )
    assert await world.texted(number) == ["Your lamp is ready – come and get it."]
    await world.sms(number, "Coming!")
    await expect(actions.message(amy, "Coming!")).to_be_visible()


async def test_an_address_said_in_the_chat_is_no_address_until_somebody_proves_it(
    world: World, windows: Windows
) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    shop = await windows.open("/demo")
    widget = await actions.open_widget(shop, "Ida Roth", "ida.roth@home.example")
    await actions.chat(widget, "Is the lamp in stock?")
    await actions.accept(amy, "Is the lamp in stock?")
    said = amy.get_by_test_id("contact-panel").get_by_test_id("said")
    await expect(said).to_contain_text("ida.roth@home.example")
    await expect(said).to_contain_text("said in chat")
    await said.get_by_test_id("said-search").click()
    await expect(amy.get_by_test_id("link-search")).to_have_value("ida.roth@home.example")


async def test_a_number_of_another_country_is_refused_in_words(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await amy.keyboard.press("c")
    await amy.get_by_test_id("new-channel").select_option("sms")
    await amy.get_by_test_id("new-to").fill("+49 30 123456")
    await amy.get_by_test_id("new-text").fill("Hello!")
    await amy.get_by_test_id("new-send").click()
    bubble = actions.message(amy, "Hello!")
    await expect(bubble).to_have_attribute("data-status", "failed")
    await expect(bubble.get_by_test_id("delivery-error")).to_contain_text("list of destinations")


async def test_supervisors_see_what_the_numbers_have_sent(world: World, windows: Windows) -> None:
    amy, _ = await _at_desk(world, windows, "Are you there?")
    await expect(await actions.answer(amy, "We are.")).to_have_attribute("data-status", "delivered")
    eva = await windows.desk("eva", "/app/numbers")
    number = eva.locator("[data-testid=number][data-channel=sms]")
    await expect(number.get_by_test_id("measure-segments")).to_contain_text(re.compile(r"[1-9]\d* of 1,923"))
    await expect(number.get_by_test_id("measure-spent")).to_contain_text("of $100.00")
    await expect(number.get_by_test_id("destinations")).to_have_text("Writes to +1, +44, +86")
    await expect(number.get_by_test_id("number-state")).to_have_text("Well")
    await expect(eva.get_by_test_id("nav-numbers")).to_have_attribute("aria-current", "page")
    # Not for everybody.
    await expect(amy.get_by_test_id("nav-numbers")).to_have_count(0)

    async def compared() -> bool:
        shown = (await world.api("GET", "/messaging/accounts"))["items"]
        return all(a["last_reconciled"] for a in shown if a["channel"] == "sms")

    await eventually(compared)
