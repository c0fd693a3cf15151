"""Writing mail in a real browser: copies, taking back, sending later; and the mailboxes page of an administrator."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, shot
from tests.integration.connectors.harness import free_port


async def opened(world: World, windows: Windows, name: str, **options: Any) -> Page:
    """Amy's desk with somebody's mail on it."""
    writer = world.writer(name, f"{name} asks", f"{name} asks: where is my lamp?")
    amy = await windows.desk("amy", **options)
    await actions.set_presence(amy, "available")
    await world.mail(writer)
    await actions.accept(amy, f"{name} asks")
    return amy


async def test_mail_is_taken_back_with_its_copies_and_sent_again(world: World, windows: Windows) -> None:
    amy = await opened(world, windows, "Ida Berg")
    await actions.unfolded(amy)
    await amy.get_by_test_id("show-copies").click()
    await amy.get_by_test_id("cc").fill("bob@customer.example")
    await amy.keyboard.press("Enter")
    await amy.get_by_test_id("composer-text").fill("It left yesterdya")
    await amy.keyboard.press("Control+Enter")
    undo = amy.get_by_test_id("undo-send")
    await expect(undo).to_be_visible()
    await expect(actions.message(amy, "It left yesterdya")).to_have_count(1)
    await shot(amy, "undo")
    await undo.click()
    await expect(amy.get_by_test_id("composer-text")).to_have_value("It left yesterdya")
    await expect(actions.message(amy, "It left yesterdya")).to_have_count(0)
    await expect(amy.get_by_text("bob@customer.example")).to_be_visible()
    await amy.get_by_test_id("composer-text").fill("It left yesterday")
    await amy.keyboard.press("Control+Enter")
    caught = await world.caught("bob@customer.example")
    assert caught.text().startswith("It left yesterday")
    assert caught.message()["Cc"] == "bob@customer.example"
    await expect(actions.message(amy, "It left yesterday")).to_have_attribute("data-status", "sent", timeout=20_000)


async def test_mail_for_later_waits_in_sight_and_can_be_taken_back(world: World, windows: Windows) -> None:
    amy = await opened(world, windows, "Olga Vik")
    await amy.get_by_test_id("composer-text").fill("We shall call on Monday")
    await amy.get_by_test_id("send-later").click()
    await shot(amy, "later")
    await amy.get_by_role("menuitem").first.click()
    await expect(amy.get_by_test_id("scheduled")).to_contain_text("We shall call on Monday")
    await shot(amy, "scheduled")
    await amy.get_by_test_id("cancel-scheduled").click()
    await expect(amy.get_by_test_id("scheduled")).to_have_count(0)
    await expect(amy.get_by_test_id("composer-text")).to_have_value("We shall call on Monday")


async def test_answer_that_is_refused_turns_the_conversation_red_with_the_servers_words(
    world: World, windows: Windows
) -> None:
    await world.mail_fault("refuse_recipient")
    amy = await opened(world, windows, "Una Falk")
    await actions.answer(amy, "On its way")
    await expect(amy.get_by_test_id("failed")).to_contain_text("550 5.1.1 No such mailbox", timeout=25_000)
    await expect(actions.message(amy, "On its way")).to_have_attribute("data-status", "failed")
    await expect(amy.get_by_text("Not delivered").first).to_be_visible()  # in the list, too
    await shot(amy, "failed")


async def test_administrator_finds_tries_and_keeps_a_mailbox(world: World, windows: Windows) -> None:
    windows.forgive(r"/api/v1/mailboxes")  # a server that is not there is what this is about
    admin = await windows.desk("admin", "/app/mailboxes")
    await expect(admin.get_by_test_id("mailbox").first).to_be_visible()
    await admin.get_by_test_id("add-mailbox").click()
    await admin.get_by_test_id("box-address").fill("shop@gmail.com")
    await admin.get_by_test_id("box-find").click()
    await expect(admin.get_by_test_id("box-found")).to_contain_text("application password")
    await expect(admin.get_by_test_id("imap-host")).to_have_value("imap.gmail.com")
    await shot(admin, "mailbox-form")
    await admin.get_by_test_id("imap-host").fill("127.0.0.1")
    await admin.get_by_test_id("imap-port").fill(str(free_port()))
    await admin.get_by_test_id("smtp-host").fill("")
    await admin.get_by_test_id("box-name").fill("Shop")
    await admin.get_by_test_id("box-password").fill("secret")
    await admin.get_by_test_id("box-forms").fill("no-reply@shop.example; @forms.example")
    await admin.get_by_test_id("box-test").click()
    await expect(admin.get_by_test_id("checks")).to_contain_text("Nobody listens on this port.")
    await shot(admin, "mailbox-test")
    await admin.get_by_test_id("box-save").click()
    box = admin.get_by_test_id("mailbox").filter(has_text="shop@gmail.com")
    await expect(box).to_be_visible()
    await expect(box.get_by_test_id("mailbox-error")).to_be_visible(timeout=20_000)
    await shot(admin, "mailboxes")
    await box.get_by_test_id("edit-mailbox").click()
    await expect(admin.get_by_test_id("box-forms")).to_have_value("no-reply@shop.example, @forms.example")


async def test_agents_do_not_see_the_mailboxes(windows: Windows) -> None:
    amy = await windows.desk("amy")
    await expect(amy.get_by_test_id("nav-mailboxes")).to_have_count(0)
    await amy.goto(amy.url.split("/app/")[0] + "/app/mailboxes")
    await expect(amy.get_by_text("Your role has no right to this page")).to_be_visible()


_FACES = [(w, h, scheme) for w, h in ((390, 844), (1280, 800)) for scheme in ("dark", "light")]


@pytest.mark.parametrize(
    ("width", "height", "scheme"), _FACES if os.environ.get("SHOTS") else _FACES[:1]
)  # the others are for pictures
async def test_each_face_of_the_mail_pages_fits_its_window(
    world: World, windows: Windows, width: int, height: int, scheme: str
) -> None:
    options = {"width": width, "height": height, "color_scheme": scheme}
    amy = await opened(world, windows, "Ida Berg", **options)
    await actions.unfolded(amy)
    await amy.get_by_test_id("show-copies").click()
    await amy.get_by_test_id("cc").fill("bob@customer.example")
    await amy.keyboard.press("Enter")
    await amy.get_by_test_id("composer-text").fill("It left yesterday.")
    await shot(amy, f"composer-{width}-{scheme}")
    await amy.keyboard.press("Control+Enter")
    await expect(amy.get_by_test_id("undo-send")).to_be_visible()
    await shot(amy, f"undo-{width}-{scheme}")
    admin = await windows.desk("admin", "/app/mailboxes", **options)
    await expect(admin.get_by_test_id("mailbox").first).to_be_visible()
    await shot(admin, f"mailboxes-{width}-{scheme}")
    await admin.get_by_test_id("add-mailbox").click()
    await admin.get_by_test_id("box-address").fill("shop@qq.com")
    await admin.get_by_test_id("box-find").click()
    await expect(admin.get_by_test_id("imap-host")).to_have_value("imap.qq.com")
    await shot(admin, f"form-{width}-{scheme}")
    for page in (amy, admin):
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
