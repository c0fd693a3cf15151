"""The administrator's pages, and what changes on a colleague's open desk when their role does."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World
from tests.e2e.test_letters import shot


async def test_queue_is_taken_over_changed_and_its_history_says_who(world: World, windows: Windows) -> None:
    admin = await windows.desk("admin")
    await admin.get_by_test_id("nav-admin").click()
    await admin.locator('[data-testid="admin-record"][data-key="billing"]').click()
    await expect(admin.get_by_test_id("queue-name")).to_be_disabled()
    await admin.get_by_test_id("admin-adopt").click()
    await admin.get_by_test_id("queue-name").fill("Billing and refunds")
    await admin.get_by_test_id("queue-wrap_up_seconds").fill("45")
    await expect(admin.get_by_role("status").filter(has_text="Changes, not saved: 2")).to_be_visible()
    await admin.get_by_test_id("admin-save").click()
    history = admin.get_by_test_id("admin-history")
    await expect(history.get_by_role("listitem").first).to_contain_text(re.compile("Alex Admin.*changed it"))
    await expect(history).to_contain_text("Billing and refunds")


async def test_role_that_contradicts_itself_is_refused_at_the_field(world: World, windows: Windows) -> None:
    windows.forgive(r"status of 422 .*/api/v1/roles")
    admin = await windows.desk("admin", "/app/admin/roles")
    await admin.get_by_test_id("admin-new").click()
    await admin.get_by_test_id("role-name").fill("Night shift")
    await admin.get_by_test_id("role-key").fill("night")
    await admin.get_by_test_id("perm-conversation.reply").select_option("queue")
    await admin.get_by_test_id("admin-save").click()
    await expect(admin.get_by_test_id("admin-problem")).to_be_visible()
    await admin.get_by_test_id("perm-conversation.read").select_option("queue")
    await admin.get_by_test_id("admin-save").click()
    await expect(admin.locator('[data-testid="admin-record"][data-key="night"]')).to_have_attribute(
        "aria-current", "true"
    )


async def test_open_desk_of_who_loses_a_right_shows_no_conversations_any_more(world: World, windows: Windows) -> None:
    ben, admin = await windows.desk("ben"), await windows.desk("admin", "/app/admin/roles")
    await expect(ben.get_by_test_id("nav-inbox")).to_be_visible()
    windows.forgive(r"status of 403 .*/api/v1/conversations")  # what was under way as the right went is refused
    await admin.get_by_label("Ben Carter").select_option("analyst")
    try:
        await expect(ben.get_by_test_id("not-allowed")).to_be_visible()
        await expect(ben.get_by_test_id("nav-inbox")).to_have_count(0)
        await ben.get_by_test_id("nav-board").click()
        await expect(ben.get_by_test_id("nav-board")).to_have_attribute("aria-current", "page")
    finally:
        await admin.get_by_label("Ben Carter").select_option("agent")
    await expect(ben.get_by_test_id("nav-inbox")).to_be_visible()


async def test_offer_leaves_the_screen_of_who_loses_the_right_to_it_at_once(world: World, windows: Windows) -> None:
    ben, admin = await windows.desk("ben"), await windows.desk("admin", "/app/admin/roles")
    await actions.set_presence(ben, "available")
    await world.sms(world.number(), "My card was charged twice.")
    card = ben.get_by_test_id("offer-card")
    await expect(card).to_contain_text("My card was charged twice.")
    windows.forgive(r"status of 40[39] .*/api/v1/")  # what ben was asking as the right went, and the question
    role = admin.get_by_label("Ben Carter")
    await role.select_option("analyst")
    try:
        confirm = admin.get_by_test_id("admin-confirm")
        await expect(confirm.or_(admin.get_by_text("Saved."))).to_be_visible()
        if await confirm.is_visible():
            await confirm.click()
        await expect(card).to_have_count(0, timeout=5_000)  # its clock has most of a minute left
        await expect(ben.get_by_text("My card was charged twice.")).to_have_count(0)
    finally:
        await expect(role).to_have_value("analyst")
        await role.select_option("agent")
        await expect(role).to_have_value("agent")


async def test_administrator_is_told_what_goes_back_before_and_after_a_right_to_answer_is_taken(
    world: World, windows: Windows
) -> None:
    ben, admin = await windows.desk("ben", "/app/inbox/waiting"), await windows.desk("admin", "/app/admin/roles")
    await world.sms(world.number(), "Does it dim?")
    await ben.get_by_test_id("conversation-row").filter(has_text="Does it dim?").click()
    await ben.get_by_test_id("pull").click()
    await expect(ben.get_by_test_id("pull")).to_have_count(0)
    windows.forgive(r"status of 409 .*/role$")  # the question
    windows.forgive(r"status of 403 .*/api/v1/")  # what ben was asking as the right went
    role, dialog = admin.get_by_label("Ben Carter"), admin.get_by_role("dialog")
    await role.select_option("analyst")
    await expect(dialog).to_contain_text("go back to their queues: 1; customers waiting for an answer among them: 1.")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(role).to_have_value("agent")
    await role.select_option("analyst")
    try:
        await dialog.get_by_test_id("admin-confirm").click()
        await expect(admin.get_by_text("Conversations that went back to their queues: 1.")).to_be_visible()
        await expect(role).to_have_value("analyst")
        await admin.goto(f"{world.url}/app/inbox/waiting")
        await expect(admin.get_by_test_id("conversation-row").filter(has_text="Does it dim?")).to_be_visible()
    finally:
        await admin.goto(f"{world.url}/app/admin/roles")
        await role.select_option("agent")
        await expect(admin.get_by_text("Saved.")).to_be_visible()


async def test_queue_that_nobody_serves_takes_no_transfer_until_its_page_puts_somebody_there(
    world: World, windows: Windows
) -> None:
    admin = await windows.desk("admin", "/app/admin/queues")
    await admin.get_by_test_id("admin-new").click()
    await admin.get_by_test_id("queue-name").fill("Repairs")
    await admin.get_by_test_id("queue-key").fill("repairs")
    await expect(admin.get_by_test_id("queue-unserved")).to_be_visible()
    await admin.get_by_test_id("admin-save").click()
    line = admin.locator('[data-testid="admin-record"][data-key="repairs"]')
    await expect(line).to_contain_text("nobody serves it")

    await world.sms(world.number(), "It rattles.")
    row = admin.get_by_test_id("conversation-row").filter(has_text="It rattles.")
    await admin.goto(f"{world.url}/app/inbox/waiting")
    await row.click()
    await admin.get_by_test_id("transfer").click()
    choice = admin.get_by_test_id("transfer-dialog").locator("option", has_text="Repairs")
    await expect(choice).to_have_text("Repairs · nobody works here")
    await expect(choice).to_be_disabled()

    await admin.goto(f"{world.url}/app/admin/queues")
    await line.click()
    await admin.get_by_test_id("queue-members").click()
    await admin.get_by_role("option", name=re.compile("Amy Chen")).click()
    await expect(admin.get_by_test_id("queue-unserved")).to_have_count(0)
    await admin.keyboard.press("Escape")
    await expect(admin.get_by_role("status").filter(has_text="Changes, not saved: 1")).to_be_visible()
    await admin.get_by_test_id("admin-save").click()
    await expect(admin.get_by_test_id("admin-history")).to_contain_text(re.compile("nobody → Amy Chen"))
    await expect(line).to_contain_text("of 1 here now")

    await admin.goto(f"{world.url}/app/inbox/waiting")
    await row.click()
    await admin.get_by_test_id("transfer").click()
    await expect(choice).to_be_enabled()
    await admin.get_by_test_id("transfer-target").select_option(value=await choice.get_attribute("value"))
    await admin.get_by_test_id("dialog-submit").click()
    await expect(admin.get_by_test_id("transfer-dialog")).to_have_count(0)
    await expect(row).to_contain_text("Repairs")


async def test_number_that_does_not_fit_is_refused_in_words_and_stays_as_typed(world: World, windows: Windows) -> None:
    admin = await windows.desk("admin")
    await admin.get_by_test_id("nav-admin").click()
    await admin.get_by_test_id("admin-new").click()
    await admin.get_by_test_id("queue-name").fill("Returns")
    await admin.get_by_test_id("queue-key").fill("Returns!")
    seconds = admin.get_by_test_id("queue-target_seconds")
    form = admin.get_by_test_id("admin-form")
    for typed, words in (("-5", "At least 0."), ("1.5", "A whole number."), ("", "A whole number.")):
        await seconds.fill(typed)
        await seconds.blur()
        await expect(form.get_by_text(words)).to_be_visible()
        await expect(seconds).to_have_value(re.compile(f"^{re.escape(typed)}( s)?$"))
        await admin.get_by_test_id("admin-save").click()
        await expect(admin.locator('[data-testid="admin-record"][data-key="returns"]')).to_have_count(0)
    await seconds.fill("90")
    windows.forgive(r"status of 422 .*/api/v1/admin/queues")
    await admin.get_by_test_id("admin-save").click()
    await expect(form).to_contain_text("Small letters, digits, - and _, with a letter first")
    await admin.get_by_test_id("queue-key").fill("returns")
    await admin.get_by_test_id("admin-save").click()
    record = admin.locator('[data-testid="admin-record"][data-key="returns"]')
    await expect(record).to_have_attribute("aria-current", "true")


async def test_form_with_several_wrong_fields_says_so_at_each(world: World, windows: Windows) -> None:
    windows.forgive(r"status of 422 .*/api/v1/(admin/queues|mailboxes)")
    admin = await windows.desk("admin", "/app/admin/queues")
    await admin.get_by_test_id("admin-new").click()
    await admin.get_by_test_id("queue-key").fill("billing")
    await admin.get_by_test_id("admin-save").click()
    form = admin.get_by_test_id("admin-form")
    await expect(form.locator("[aria-invalid=true]")).to_have_count(2)
    await expect(form).to_contain_text("Fill this in.")
    await expect(form).to_contain_text("“billing” is taken.")
    await shot(admin, "queue-form-faults")

    await admin.goto(f"{world.url}/app/mailboxes")
    await admin.get_by_test_id("add-mailbox").click()
    form = admin.get_by_test_id("mailbox-form")
    await form.get_by_test_id("box-address").fill("nobody")
    await form.get_by_test_id("imap-host").fill("no host!")
    await form.get_by_test_id("box-save").click()
    for field in ("box-address", "box-name", "imap-host"):
        await expect(form.get_by_test_id(field)).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_role("alert")).to_have_text("Please correct the fields that are marked.")
    await shot(admin, "mailbox-form-faults")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 720)])
async def test_whoever_sends_a_form_is_led_to_its_first_wrong_field(
    world: World, windows: Windows, width: int, height: int
) -> None:
    windows.forgive(r"status of (422|401) .*/api/v1/")
    admin = await windows.desk("admin", "/app/admin/queues", width=width, height=height)
    for page, field in (("queues", "queue-name"), ("roles", "role-name")):
        await admin.goto(f"{world.url}/app/admin/{page}")
        await admin.get_by_test_id("admin-new").click()
        await admin.get_by_test_id("admin-save").click()
        await _led(admin, field)
    await admin.get_by_test_id("role-name").fill("Late shift")
    await admin.get_by_test_id("admin-save").click()
    await _led(admin, "role-key")  # the next one that is wrong
    await admin.goto(f"{world.url}/app/mailboxes")
    await admin.get_by_test_id("add-mailbox").click()
    for button in ("box-save", "box-test"):
        await admin.get_by_test_id(button).click()
        await _led(admin, "box-address")
    await admin.get_by_test_id("box-address").fill("shop@lumen.example")
    await admin.get_by_test_id("box-name").fill("Shop")
    await admin.get_by_test_id("imap-host").fill("no host!")
    await admin.get_by_test_id("box-save").click()
    await _led(admin, "imap-host")
    gate = await windows.open("/app/sign-in", width=width, height=height)
    await gate.get_by_test_id("signin-email").fill("amy@lumen-oak.example")
    await gate.get_by_test_id("signin-password").fill("not this one")
    await gate.get_by_test_id("signin-submit").click()
    await expect(gate.get_by_role("alert")).to_be_visible()
    await expect(gate.get_by_test_id("signin-submit")).to_be_focused()  # and not nowhere


async def _led(page: Page, field: str) -> None:
    """The field has the focus, and it and what is wrong with it are in sight."""
    one = page.get_by_test_id(field)
    await expect(one).to_have_attribute("aria-invalid", "true")
    await expect(one).to_be_focused()
    await expect(
        page.locator(".mantine-InputWrapper-root", has=one).locator(".mantine-InputWrapper-error")
    ).to_be_in_viewport()
    await expect(one).to_be_in_viewport()


async def test_mailbox_that_delivers_where_nobody_works_says_so_at_the_field(world: World, windows: Windows) -> None:
    await world.api("POST", "/admin/queues", {"key": "attic", "name": "Attic"})
    admin = await windows.desk("admin", "/app/mailboxes")
    await admin.get_by_test_id("add-mailbox").click()
    await expect(admin.get_by_test_id("box-unstaffed")).to_have_count(0)
    await admin.get_by_test_id("box-queue").select_option(label="Attic · nobody works here")
    await expect(admin.get_by_test_id("box-unstaffed")).to_contain_text("Nobody works in Attic yet")


async def test_queue_is_given_a_mailbox_on_its_page_and_leads_to_its_form(world: World, windows: Windows) -> None:
    await world.api("POST", "/admin/queues", {"key": "cellar", "name": "Cellar"})
    admin = await windows.desk("admin", "/app/admin/queues")
    await admin.locator('[data-testid="admin-record"][data-key="cellar"]').click()
    accounts = admin.get_by_test_id("queue-accounts")
    await expect(accounts).to_contain_text("No account delivers into this queue.")
    choice = accounts.get_by_test_id("queue-add-mailbox")
    label = await choice.locator("option:not([disabled])").first.text_content() or ""
    name, before = label.split(" · now in ")
    await choice.select_option(label=label)
    await expect(admin.get_by_text(f"Delivering here now: {name}.")).to_be_visible()
    await accounts.get_by_role("link", name=name).click()
    form = admin.get_by_test_id("mailbox-form")
    queue = form.get_by_test_id("box-queue")
    await expect(queue.locator("option:checked")).to_contain_text("Cellar")
    there = await queue.locator("option", has_text=before).first.get_attribute("value")
    await queue.select_option(there)
    await form.get_by_test_id("box-save").click()
    await expect(form).to_have_count(0)
    await expect(admin).to_have_url(re.compile(r"/app/mailboxes$"))
    await expect(admin.get_by_test_id("mailbox").filter(has_text=name)).to_contain_text(before)
