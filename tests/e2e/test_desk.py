"""What an agent does all day, and what must not go wrong while they do it."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, WebSocketRoute, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows, sign_in
from tests.e2e.stage import World

_SHORT = """
[channel.chat]
weight = 25
max_per_agent = 4
offer_timeout_seconds = {seconds}
"""


async def _texting(world: World, windows: Windows, text: str = "Is the shop open on Sunday?") -> tuple[Page, str]:
    """Amy, with a text message of a customer accepted."""
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    number = world.number()
    await world.sms(number, text)
    await actions.accept(amy, text)
    return amy, number


async def test_an_offer_goes_back_when_nobody_answers_in_time(world: World, windows: Windows) -> None:
    await world.apply(_SHORT.format(seconds=3))
    try:
        amy = await windows.desk("amy")
        await actions.set_presence(amy, "available")
        shop = await windows.open("/demo")
        widget = await actions.open_widget(shop, "Tim Holt", "tim@home.example")
        await actions.chat(widget, "Anybody there?")
        await expect(amy.get_by_test_id("offer-card")).to_contain_text("Anybody there?")
        await expect(amy.get_by_test_id("offer-card").get_by_role("timer")).to_have_text(re.compile("00:0[0-2]"))
        await expect(amy.get_by_test_id("offer-card")).to_have_count(0)
        await actions.view(amy, "waiting")
        await expect(amy.get_by_test_id("conversation-row").filter(has_text="Anybody there?")).to_be_visible()
    finally:
        await world.apply(_SHORT.format(seconds=30))
    # The next who comes gets it, with the place kept.
    ben = await windows.desk("ben")
    await actions.set_presence(ben, "available")
    await actions.accept(ben, "Anybody there?")
    await expect(widget.locator("header")).to_contain_text("Ben Carter")


async def test_a_declined_offer_goes_to_a_colleague(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    await world.sms(world.number(), "Do you repair old lamps?")
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("old lamps")
    await amy.keyboard.press("Alt+d")
    await expect(amy.get_by_test_id("offer-card")).to_have_count(0)
    ben = await windows.desk("ben")
    await actions.set_presence(ben, "available")
    await actions.accept(ben, "Do you repair old lamps?")
    await expect(amy.get_by_test_id("offer-card")).to_have_count(0)


async def test_a_note_stays_inside(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows)
    await amy.get_by_test_id("tab-note").click()
    await amy.get_by_test_id("composer-text").fill("Asked the workshop: closed on Sundays.")
    await amy.get_by_test_id("send").click()
    await expect(actions.message(amy, "Asked the workshop")).to_have_attribute("data-kind", "note")
    await amy.get_by_test_id("tab-reply").click()
    bubble = await actions.answer(amy, "Sorry, we are closed on Sundays.")
    await expect(bubble).to_have_attribute("data-status", "delivered")
    assert await world.texted(number) == ["Sorry, we are closed on Sundays."]


async def test_a_snoozed_conversation_comes_back_when_the_customer_writes(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows, "I will measure the room and write again.")
    await actions.chosen(amy, "snooze")
    await amy.get_by_test_id("snooze-hour").click()
    row = amy.get_by_test_id("conversation-row").filter(has_text=number)
    await expect(row).to_have_count(0)
    await actions.view(amy, "snoozed")
    await expect(row).to_be_visible()
    await world.sms(number, "It is 3 by 4 metres.")
    await expect(row).to_have_count(0)
    await actions.accept(amy, "It is 3 by 4 metres.")
    await expect(actions.message(amy, "I will measure the room")).to_be_visible()


async def test_a_refused_mail_is_shown_with_the_servers_words(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    writer = world.writer("Lea Brandt", "A question", "Which bulb fits the reading lamp?")
    await world.mail(writer)
    await actions.accept(amy, "Which bulb fits")
    await world.mail_fault("refuse_recipient")
    bubble = await actions.answer(amy, "E14, at most 40 W.")
    await expect(bubble).to_have_attribute("data-status", "failed", timeout=30_000)  # it could be taken back till then
    await expect(bubble.get_by_test_id("delivery-error")).to_contain_text("No such mailbox")
    await expect(amy.get_by_test_id("conversation-row").filter(has_text="Not delivered")).to_be_visible()


async def test_a_customer_who_opted_out_is_not_reached_and_the_agent_sees_why(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows, "Please take me off your list.")
    await amy.get_by_test_id("composer-text").fill("Of course, it will be")
    await world.sms(number, "STOP")
    stop = actions.message(amy, "STOP").filter(has=amy.get_by_test_id("consent-mark"))
    await expect(stop).to_contain_text("Wants no more messages")
    lines = amy.locator("[data-testid=message][data-kind=system]")
    await expect(lines.first).to_contain_text("may mean that the customer wants no more messages")  # a question
    await expect(lines.last).to_contain_text("The customer wants no more messages (STOP).")
    # The way is closed before anything is sent: no SMS to choose, nothing to write into, and why.
    await expect(amy.get_by_test_id("opted-out")).to_contain_text(f"Wants no more messages by SMS ({number}): STOP")
    await expect(amy.get_by_test_id("send-by")).to_have_count(0)
    await expect(amy.get_by_test_id("composer-text")).to_be_disabled()
    await expect(amy.get_by_test_id("send")).to_be_disabled()
    assert [m["body"] for m in await world.sms_thread(number) if m["direction"] != "inbound"] == []
    # A note still can be left; and the customer can come back.
    await amy.get_by_test_id("tab-note").click()
    await actions.answer(amy, "Asked to be taken off the list.")
    await amy.get_by_test_id("tab-reply").click()
    await world.sms(number, "START")
    await expect(amy.get_by_test_id("opted-out")).to_have_count(0)
    await expect(await actions.answer(amy, "Good to have you back.")).to_have_attribute("data-status", "delivered")


async def test_nothing_is_lost_or_doubled_when_the_line_breaks(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows, "Message 0 of 20.")
    lines: list[WebSocketRoute] = []
    cut = False

    async def through(line: WebSocketRoute) -> None:
        if cut:
            await line.close()
            return
        line.connect_to_server()
        lines.append(line)

    await amy.route_web_socket(re.compile("/ws$"), through)
    await amy.reload()
    await expect(actions.message(amy, "Message 0 of 20.")).to_be_visible()
    for n in range(1, 21):
        if n == 5:
            cut = True
            await lines[-1].close()
        if n == 15:
            cut = False
        await world.sms(number, f"Message {n} of 20.")
    await expect(actions.message(amy, "Message 20 of 20.")).to_be_visible(timeout=30_000)
    shown = await amy.get_by_test_id("message").locator(".body").all_inner_texts()
    assert [int(m.split()[1]) for m in shown] == list(range(21))
    # And the line is alive again: what comes now is shown without a reload.
    await world.sms(number, "One more after the break.")
    await expect(actions.message(amy, "One more after the break.")).to_have_count(1)


async def test_an_answer_written_offline_is_kept_and_sent_once(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows)
    windows.forgive("ERR_INTERNET_DISCONNECTED")
    await amy.context.set_offline(True)
    bubble = await actions.answer(amy, "Yes, from ten to four.")
    await expect(bubble).to_have_attribute("data-status", "unsent")
    await amy.context.set_offline(False)
    await bubble.get_by_test_id("retry").click()
    await expect(bubble).to_have_attribute("data-status", "delivered", timeout=20_000)
    assert await world.texted(number) == ["Yes, from ten to four."]


async def test_two_agents_see_that_they_write_to_the_same_customer(world: World, windows: Windows) -> None:
    amy, _ = await _texting(world, windows, "Who is there?")
    conversation = await amy.get_by_test_id("conversation").get_attribute("data-id")
    ben = await windows.desk("ben", f"/app/inbox/all/{conversation}")
    await expect(actions.message(ben, "Who is there?")).to_be_visible()
    await expect(amy.get_by_test_id("collision")).to_contain_text("Ben Carter")
    await ben.get_by_test_id("composer-text").press_sequentially("I am")
    await expect(amy.get_by_text("Ben Carter is typing")).to_be_visible()


async def test_a_reload_of_the_shops_page_resumes_the_chat(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    shop = await windows.open("/demo")
    widget = await actions.open_widget(shop, "Rosa Klein", "rosa@home.example")
    await actions.chat(widget, "Do you ship to Norway?")
    await actions.accept(amy, "Do you ship to Norway?")
    await actions.answer(amy, "We do, within a week.")
    await expect(actions.said(widget, "agent", "within a week")).to_be_visible()
    await shop.goto("about:blank")
    await actions.answer(amy, "It costs 29 euros.")
    await shop.goto(f"{world.url}/demo")
    widget = shop.frame_locator("iframe")
    await expect(actions.said(widget, "agent", "It costs 29 euros.")).to_have_count(1)
    await expect(actions.said(widget, "customer", "Do you ship to Norway?")).to_have_count(1)
    await actions.chat(widget, "Thank you!")
    await expect(actions.message(amy, "Thank you!")).to_have_count(1)


async def test_a_transferred_conversation_waits_in_the_other_queue(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows, "I was charged twice.")
    await actions.chosen(amy, "transfer")
    windows.forgive("status of 404 .*/api/v1/conversations/")  # no longer hers to read
    dialog = amy.get_by_test_id("transfer-dialog")
    await dialog.get_by_test_id("transfer-target").select_option(
        value=await dialog.locator("option", has_text="Billing").get_attribute("value")
    )
    await amy.get_by_test_id("dialog-submit").click()
    await expect(amy.get_by_test_id("conversation-row").filter(has_text=number)).to_have_count(0)
    await expect(amy.get_by_test_id("conversation")).to_have_count(0)
    chiara = await windows.desk("chiara")
    await actions.set_presence(chiara, "available")
    await actions.accept(chiara, "I was charged twice.")
    await asyncio.gather(
        expect(chiara.get_by_test_id("assignee")).to_have_text("You"),
        expect(actions.message(chiara, "I was charged twice.")).to_be_visible(),
    )


async def test_who_signs_out_with_a_customer_is_asked_and_hands_them_back_with_the_keys(
    world: World, windows: Windows
) -> None:
    amy, _ = await _texting(world, windows, "Are you still there?")
    conversation = await amy.get_by_test_id("conversation").get_attribute("data-id")
    await amy.get_by_test_id("profile").click()
    await amy.get_by_test_id("sign-out").click()
    dialog = amy.get_by_test_id("sign-out-dialog")
    await expect(dialog).to_contain_text("1 customer is with you")
    await expect(dialog.get_by_test_id("sign-out-customer")).to_contain_text("waits for your answer")
    await expect(dialog.get_by_test_id("sign-out-stay")).to_be_focused()
    await amy.keyboard.press("Enter")  # stay
    await expect(dialog).to_have_count(0)
    await expect(amy.get_by_test_id("presence-select")).to_have_attribute("data-state", "available")
    await amy.get_by_test_id("profile").click()
    await amy.get_by_test_id("sign-out").click()
    await expect(dialog.get_by_test_id("sign-out-stay")).to_be_focused()
    world.signed_in.pop("amy")  # the session it knows ends here
    windows.forgive("401")  # what was being asked for meanwhile
    await amy.keyboard.press("Tab")
    await amy.keyboard.press("Tab")
    await expect(dialog.get_by_test_id("sign-out-back")).to_be_focused()
    await amy.keyboard.press("Enter")
    await expect(amy.get_by_test_id("signin-form")).to_be_visible()
    found = await world.api("GET", f"/conversations/{conversation}")
    assert (found["entry_state"] in ("waiting", "offered"), found["agent"]) == (True, None)


async def test_the_next_person_at_the_browser_sees_nothing_of_the_one_before(world: World, windows: Windows) -> None:
    page, _ = await _texting(world, windows, "Can you keep a secret?")
    number = await page.get_by_test_id("conversation").get_attribute("data-id")
    await page.get_by_test_id("composer-text").fill("Words for nobody else.")
    page = await windows.reopened(page)
    await expect(page.get_by_test_id("composer-text")).to_have_value("Words for nobody else.")
    world.signed_in.pop("amy")  # the session it knows ends here
    windows.forgive("401")  # what was being asked for meanwhile
    await page.get_by_test_id("profile").click()
    await page.get_by_test_id("sign-out").click()
    await page.get_by_test_id("sign-out-anyway").click()
    await expect(page.get_by_test_id("signin-form")).to_be_visible()
    # The socket may say that the session is over before the hub has answered, and the desk has forgotten.
    await page.wait_for_function(
        "() => [localStorage, sessionStorage].flatMap(Object.keys).filter(k => k.startsWith('hub.desk.'))"
        ".every(k => k === 'hub.desk.language')"
    )
    await sign_in(page, *world.password("ben"))
    await page.goto(f"{world.url}/app/inbox/all/{number}")
    await expect(actions.message(page, "Can you keep a secret?")).to_be_visible()
    await expect(page.get_by_test_id("composer-text")).to_have_value("")


_COVERED = """() => {
    const card = document.querySelector('[data-testid=offer-card]').getBoundingClientRect()
    return [...document.querySelectorAll('.conv button, .conv select, .conv textarea, .side button, .callbar button')].filter(one => {
        const b = one.getBoundingClientRect()
        return b.width && b.left < card.right && b.right > card.left && b.top < card.bottom && b.bottom > card.top
    }).map(one => one.textContent)
}"""


async def test_an_offer_covers_no_button_of_the_open_conversation_when_it_arrives(
    world: World, windows: Windows
) -> None:
    amy, _ = await _texting(world, windows, "Do you have this lamp in green?")
    await world.sms(world.number(), "And in red?")
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("And in red?")
    for width, height in ((1440, 900), (1280, 800), (1024, 768), (390, 844)):
        await amy.set_viewport_size({"width": width, "height": height})
        await expect(amy.get_by_test_id("resolve")).to_be_visible()
        assert await amy.evaluate(_COVERED) == [], width
    await amy.set_viewport_size({"width": 1280, "height": 800})
    await expect(amy.get_by_test_id("load")).to_contain_text("2/")  # what is on offer counts


async def test_search_box_shows_the_line_that_has_the_words_and_opens_it(world: World, windows: Windows) -> None:
    amy, number = await _texting(world, windows, "My lamp is here.")
    await world.sms(number, "The shade 灯罩破损 came broken yesterday.")
    await world.sms(number, "Never mind the box.")
    await expect(amy.get_by_test_id("conversation")).to_contain_text("Never mind the box.")
    await amy.keyboard.press("Control+k")
    hit = amy.locator(".mantine-Spotlight-action").filter(has_text="came broken")
    async with asyncio.timeout(30):  # the message is read for the search a moment after it came
        while not await hit.count():
            for words in ("", "灯罩破损"):
                await amy.get_by_placeholder("Search or jump to").fill(words)
                await asyncio.sleep(1)
    await expect(hit.locator("mark")).to_have_text("灯罩破损")
    await hit.click()
    await expect(amy.get_by_role("dialog")).to_have_count(0)
    await expect(amy.get_by_test_id("conversation")).to_contain_text("Never mind the box.")
