"""Where an address leads, what the bars mark there, and what keeps running on a page that stays open."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import Page, Route, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World

_ROUTER = Path(__file__).parents[2] / "hub" / "ui" / "desk" / "router.tsx"


def _prefixes() -> list[str]:
    """Every path of the desk up to its first variable part, and all that lead there."""
    paths = re.findall(r"getParentRoute: \(\) => (shell|adminPage),\s+path: '([^']*)'", _ROUTER.read_text())
    found: set[str] = set()
    for parent, path in paths:
        parts = f"{'/admin' if parent == 'adminPage' else ''}{path}".partition("$")[0].strip("/").split("/")
        found |= {"/".join(parts[: n + 1]) for n in range(len(parts))}
    assert {"inbox", "admin", "admin/queues", "settings"} <= found
    return sorted(found)


async def test_each_beginning_of_an_address_leads_to_a_page_one_may_see(world: World, windows: Windows) -> None:
    amy, admin = await windows.desk("amy"), await windows.desk("admin")
    for path in _prefixes():
        await admin.goto(f"{world.url}/app/{path}")
        await expect(admin.locator("main, .inbox").first).to_be_visible()
        await expect(admin.get_by_text("There is no such page.")).to_have_count(0)
    await admin.goto(f"{world.url}/app/settings")
    await expect(admin).to_have_url(re.compile(r"/app/admin/queues$"))
    await admin.goto(f"{world.url}/app/settings/roles")
    await expect(admin).to_have_url(re.compile(r"/app/admin/roles$"))
    await amy.goto(f"{world.url}/app/inbox")
    await expect(amy).to_have_url(re.compile(r"/app/inbox/mine$"))
    await amy.goto(f"{world.url}/app/settings")
    await expect(amy.get_by_test_id("not-allowed")).to_be_visible()
    await amy.get_by_role("link", name="Back to the desk").click()
    await expect(amy).to_have_url(re.compile(r"/app/inbox/mine$"))


async def test_address_that_leads_on_keeps_nobody_who_goes_elsewhere_before_its_page_is_here(
    world: World, windows: Windows
) -> None:
    """The screen still holds what led there, which led there again and again."""
    amy, admin = await windows.desk("amy"), await windows.desk("admin")
    loaded = asyncio.Event()

    async def held(route: Route) -> None:
        await loaded.wait()
        await route.continue_()

    for page in (amy, admin):
        await page.route(re.compile(r"/assets/(Admin|Queues)-[^/]*\.js$"), held)
    for path in ("settings", "settings/queues"):
        await amy.goto(f"{world.url}/app/{path}", wait_until="commit")
        await amy.get_by_role("link", name="Back to the desk").click()
        await expect(amy).to_have_url(re.compile(r"/app/inbox/mine$"))
        await expect(amy.locator(".inbox")).to_be_visible()
        await admin.goto(f"{world.url}/app/{path}", wait_until="commit")
        await expect(admin).to_have_url(re.compile(r"/app/admin(/queues)?$"))
        await admin.get_by_test_id("nav-contacts").click()
        await expect(admin).to_have_url(re.compile(r"/app/contacts$"))
    loaded.set()
    await admin.get_by_test_id("nav-admin").click()
    await expect(admin).to_have_url(re.compile(r"/app/admin/queues$"))
    await expect(admin.get_by_test_id("admin")).to_be_visible()
    await expect(amy).to_have_url(re.compile(r"/app/inbox/mine$"))


async def test_address_that_is_none_says_so_and_leads_back(world: World, windows: Windows) -> None:
    admin = await windows.desk("admin")
    for path in ("nowhere", "admin/nowhere", "settings/nowhere", "inbox/nowhere", "contacts/1/2/3", "boards"):
        await admin.goto(f"{world.url}/app/{path}")
        await expect(admin.get_by_text("There is no such page.")).to_be_visible()
        await admin.get_by_role("link", name="Back to the desk").click()
        await expect(admin).to_have_url(re.compile(r"/app/inbox/\w+$"))


async def _shown(page: Page, view: str) -> None:
    """The bar of a telephone, the title and the list say the same."""
    await expect(page.locator(".list h2")).to_have_text(view)
    await expect(page).to_have_title(re.compile(rf"^(\(\d+\) )?{view} · Desk$"))
    marked = page.locator(".bottombar [aria-current=page]")
    await expect(marked).to_have_count(1)
    await expect(marked).to_contain_text("Inbox" if view == "Assigned to me" else view)


async def test_bar_of_a_telephone_marks_the_view_that_the_list_shows(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy", "/app/inbox/mine", width=390, height=844)
    await _shown(amy, "Assigned to me")
    await amy.get_by_test_id("bar-view").click()
    await _shown(amy, "Waiting")
    for view, words in (("all", "All"), ("snoozed", "Snoozed"), ("resolved", "Resolved")):
        await actions.view(amy, view)
        await _shown(amy, words)
    await amy.goto(f"{world.url}/app/contacts")
    await expect(amy.get_by_test_id("bar-view")).to_contain_text("Waiting")
    await expect(amy.locator(".bottombar [aria-current=page]")).to_contain_text("Contacts")


async def test_wait_on_an_offer_runs_on_while_the_card_stays_open(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    await world.sms(world.number(), "Is the lamp in stock?")
    card = amy.get_by_test_id("offer-card")
    await expect(card).to_contain_text("Is the lamp in stock?")
    asked: list[str] = []
    amy.on("request", lambda request: asked.append(request.url))
    first = await card.locator(".meta").filter(has_text="Waited").text_content() or ""
    seconds = int(re.findall(r"Waited 00:(\d\d)", first)[0])
    await expect(card).to_contain_text(f"Waited 00:{seconds + 3:02d}")
    assert len([url for url in asked if "/offers" in url]) <= 1  # it counts by itself
    await amy.keyboard.press("Alt+d")
    await actions.set_presence(amy, "offline")
