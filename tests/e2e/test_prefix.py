"""The whole hub below a path of its host's, behind a real nginx that passes that path on, or takes it away."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import Process, World
from tests.integration.connectors.harness import free_port
from tests.support.nginx import nginx

pytestmark = pytest.mark.slow
PREFIX = "/contact/hub"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(browser: Browser) -> AsyncGenerator[World]:
    with tempfile.TemporaryDirectory(prefix="hub-e2e-") as name:
        folder = Path(name)
        port, kept, stripped = free_port(), free_port(), free_port()
        hub = Process(
            folder, port, HUB_WEB__PUBLIC_URL=f"http://127.0.0.1:{kept}{PREFIX}/", HUB_WEB__TRUSTED_PROXIES="1"
        )
        with nginx(folder, prefix=PREFIX, hub=port, kept=kept, stripped=stripped):
            try:
                demo = await hub.start()
                demo["stripped"] = f"http://127.0.0.1:{stripped}{PREFIX}"
                async with aiohttp.ClientSession() as http:
                    yield World(demo, http, hub)
                await hub.stop()
            finally:
                hub.end_all()


@pytest.fixture(params=["kept", "stripped"])
def behind(request: pytest.FixtureRequest, windows: Windows) -> Windows:
    """The windows, by the one proxy or the other."""
    if request.param == "stripped":
        demo = {**windows.world.demo, "base_url": windows.world.demo["stripped"]}
        windows.world = replace(windows.world, demo=demo, signed_in={})
    return windows


async def test_an_agent_signs_in_works_and_signs_out_below_a_path(behind: Windows, world: World) -> None:
    amy = await behind.desk("amy", "/app/")
    cookies = {c.get("name"): c.get("path") for c in await amy.context.cookies()}
    assert cookies["hub_session"] == PREFIX
    await actions.set_presence(amy, "available")
    number = world.number()
    await world.sms(number, "Is the shop open?")  # by a webhook whose signature holds the prefix
    await actions.accept(amy, "Is the shop open?")
    assert urlsplit(amy.url).path.startswith(f"{PREFIX}/app/")
    bubble = await actions.answer(amy, "It is, until six.")
    await expect(bubble).to_have_attribute("data-status", "delivered")  # by a status report, and over the socket
    assert await world.texted(number) == ["It is, until six."]
    await amy.reload()  # a page deep inside, with everything it loads
    await expect(actions.message(amy, "It is, until six.")).to_be_visible()


async def test_a_page_that_wants_a_sign_in_comes_back_after_it(behind: Windows) -> None:
    page = await behind.open("/app/contacts")
    await expect(page.get_by_test_id("signin-email")).to_be_visible()
    email, password = behind.world.password("amy")
    await page.get_by_test_id("signin-email").fill(email)
    await page.get_by_test_id("signin-password").fill(password)
    await page.get_by_test_id("signin-submit").click()
    await expect(page.get_by_test_id("presence-select")).to_be_visible()
    assert urlsplit(page.url).path == f"{PREFIX}/app/contacts"


async def test_a_customer_chats_from_a_page_below_a_path(behind: Windows) -> None:
    amy = await behind.desk("amy")
    await actions.set_presence(amy, "available")
    shop = await behind.open("/demo")
    widget = await actions.open_widget(shop, "Nora Reed", "nora@home.example")
    await actions.chat(widget, "Do you ship to Norway?")
    await actions.accept(amy, "Do you ship to Norway?")
    await actions.answer(amy, "We do.")
    await expect(widget.get_by_text("We do.")).to_be_visible()
    await shop.reload()
    assert (await shop.locator("a.logo").get_attribute("href")) == f"{PREFIX}/demo"


async def test_everything_that_names_an_address_names_the_prefix(behind: Windows, world: World) -> None:
    base = behind.world.url
    async with world.http.get(f"{base}/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{PREFIX}/app/")
    async with world.http.get(f"{base}/api/openapi.json") as answer:
        assert [server["url"] for server in (await answer.json())["servers"]] == [PREFIX]
    for path, status in (("/health/ready", 200), ("/api/v1/config", 200), ("/u/nonsense", 404), ("/nowhere", 404)):
        async with world.http.get(f"{base}{path}") as answer:
            assert answer.status == status, path
            if path.startswith("/api/"):
                assert answer.headers["Cache-Control"] == "no-store"
    async with world.http.put(f"{base}/api/v1/config") as answer:
        assert answer.status == 405
    # The hub itself answers below the prefix and without it: a health check need not pass the proxy.
    port = world.hub.port
    for url in (f"http://127.0.0.1:{port}/health/live", f"http://127.0.0.1:{port}{PREFIX}/health/live"):
        async with world.http.get(url) as answer:
            assert answer.status == 200
