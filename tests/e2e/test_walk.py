"""The whole job once, as the README shows it: one customer by mail, by text message and by chat, one agent, one timeline.

With HUB_WALK_SCREENSHOTS=1 the pictures of docs/user/walk.md are taken on the way.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.async_api import FloatRect, Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows, sign_in
from tests.e2e.stage import World

_PICTURES = Path(__file__).parents[2] / "docs" / "user" / "walk"


async def _picture(page: Page, name: str, clip: FloatRect | None = None) -> None:
    if os.environ.get("HUB_WALK_SCREENSHOTS") == "1":
        for notice in await page.locator(".mantine-Notification-closeButton").all():
            await notice.click()
        await page.wait_for_timeout(500)  # let what slides arrive, or go
        await page.screenshot(path=_PICTURES / f"{name}.png", clip=clip)


async def test_one_customer_is_served_on_three_channels_by_one_agent(world: World, windows: Windows) -> None:
    # The supervisor's board before anything happens.
    board = await windows.desk("eva", "/app/board")
    await expect(board.get_by_test_id("value-waiting")).to_have_text("0")
    answered, in_time = await _numbers(world)

    # Amy comes to work.
    amy = await windows.open("/app/")
    await _picture(amy, "01-sign-in", {"x": 320, "y": 150, "width": 640, "height": 500})
    await sign_in(amy, *world.password("amy"))
    await actions.set_presence(amy, "available")

    # Nora writes by e-mail; it is offered to Amy, who takes it and answers.
    nora = world.writer(
        "Nora Lind",
        "The oak lamp flickers",
        "Hello,\n\nthe reading lamp from order LO-2041 flickers when I dim it. What can I do?\n\nNora Lind",
    )
    await world.mail(nora)
    await expect(amy.get_by_test_id("offer-card")).to_contain_text("Nora Lind")
    await _picture(amy, "02-offer")
    first = await actions.accept(amy, "flickers when I dim it")
    bubble = await actions.answer(amy, "Hello Nora, is it the bulb that came with the lamp, or another one?")
    await expect(bubble).to_have_attribute(
        "data-status", "sent", timeout=25_000
    )  # after the ten seconds in which it can be taken back
    caught = await world.caught(nora.address)
    assert "the bulb that came with the lamp" in caught.text()
    assert caught.message()["Subject"] == "Re: The oak lamp flickers"

    # She replies in her mail program; it appears while Amy looks, in the same conversation.
    await world.mail_back(nora, "It is the one that came with it.", caught)
    await expect(actions.message(amy, "It is the one that came with it.")).to_have_attribute("data-direction", "in")
    await expect(amy.get_by_test_id("messages")).not_to_contain_text("wrote:")  # what she quoted is folded away
    await _picture(amy, "03-email-conversation")

    # The same customer, in a hurry, by text message.
    number = world.number()
    await world.sms(number, "Nora Lind here. Could you send the new bulb to my office instead?")
    await expect(amy.get_by_test_id("offer-card")).to_contain_text(number)
    second = await actions.accept(amy, "to my office instead")
    assert second != first
    bubble = await actions.answer(amy, "Of course. Which address, please?")
    await expect(bubble).to_have_attribute("data-status", "delivered")
    sent = (await world.sms_thread(number))[-1]
    assert (sent["body"], sent["status"], sent["to"]) == ("Of course. Which address, please?", "delivered", number)
    await _picture(amy, "04-sms")

    # And by chat, on the shop's page, in a browser of her own.
    shop = await windows.open("/demo")
    widget = await actions.open_widget(shop, "Nora Lind", "nora@home.example")
    await actions.chat(widget, "Hi, it's Nora again. 12 Mill Street is the office.")
    third = await actions.accept(amy, "12 Mill Street is the office")
    await actions.answer(amy, "Thank you, Nora. The bulb leaves today.")
    await expect(actions.said(widget, "agent", "The bulb leaves today.")).to_be_visible()
    await actions.chat(widget, "Wonderful, thank you!")
    await expect(actions.message(amy, "Wonderful, thank you!")).to_be_visible()
    await _picture(shop, "05-widget")
    await _picture(amy, "06-chat")

    # Three records, one person: Amy links them and sees everything on one timeline.
    await amy.get_by_test_id("conversation-row").and_(amy.locator(f"[data-id='{first}']")).click()
    await expect(amy.get_by_test_id("conversation")).to_have_attribute("data-id", str(first))
    await actions.link(amy, number)
    await actions.link(amy, "Nora Lind")
    panel = amy.get_by_test_id("contact-panel")
    for channel in ("email", "sms", "chat"):
        await expect(panel.locator(f"[data-testid=timeline-item][data-channel={channel}]").first).to_be_visible()
    timeline = panel.get_by_test_id("timeline-item")
    await expect(timeline.first).to_contain_text("Wonderful, thank you!")
    await expect(timeline.last).to_contain_text("flickers when I dim it")
    await _picture(amy, "07-one-timeline")

    # Done: every conversation is resolved with its outcome.
    for conversation in (third, second, first):
        await amy.get_by_test_id("conversation-row").and_(amy.locator(f"[data-id='{conversation}']")).click()
        await expect(amy.get_by_test_id("conversation")).to_have_attribute("data-id", str(conversation))
        await actions.resolve(amy, "solved")
        await expect(amy.get_by_test_id("status")).to_be_visible()
        kept = await world.api("GET", f"/conversations/{conversation}")
        assert (kept["status"], kept["disposition"]) == ("resolved", "solved")

    # Eva has seen the numbers move, without touching anything.
    await expect(board.get_by_test_id("tile-abandoned")).to_contain_text(f"{answered + 3} answered")
    assert await _numbers(world) == (answered + 3, in_time + 3)
    await expect(board.get_by_test_id("tile-service-level")).to_contain_text(f"{in_time + 3}/")
    await expect(board.get_by_test_id("data-age")).to_have_attribute("data-stale", "false")
    await _picture(board, "08-board")


async def _numbers(world: World) -> tuple[int, int]:
    """How many were answered, and how many of them in time."""
    board = await world.api("GET", "/board")
    return board["answered"], board["service_level"]["answered_in_target"]
