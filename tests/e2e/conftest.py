"""A real Chromium against a hub that was started as a newcomer starts it; every complaint of the browser is a failure."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.e2e.stage import Process, World

INSECURE = "shop.insecure.test"  # this machine under a name that no browser trusts without https
_FLAGS = [
    f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1",
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ASKING = re.compile(r"status of 401 .*/api/v1/session$")  # "am I signed in?" answered with no, before signing in
_REPORT_CSP = """addEventListener('securitypolicyviolation',
    (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))"""
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _chromium(own: str) -> str:
    """Debian's Chromium, else the one that Playwright brought."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if Path(own).exists():
        return own
    missing = "There is no Chromium. Install one: `apt-get install chromium`, or `playwright install chromium`."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        program = _chromium(playwright.chromium.executable_path)
        started = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(browser: Browser) -> AsyncGenerator[World]:
    """A hub for each file, so that no story meets another one's customers.

    `browser` comes first, so that nothing is started for tests that will be skipped.
    """
    with tempfile.TemporaryDirectory(prefix="hub-e2e-") as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - once; as root, PostgreSQL runs as somebody else
        hub = Process(Path(folder))
        try:
            demo = await hub.start()
            async with aiohttp.ClientSession() as http:
                yield World(demo, http, hub)
            await hub.stop()
        finally:
            hub.end_all()


@dataclass(slots=True)
class Windows:
    """The browser windows of one test. Whatever they complain about fails it, unless `forgive` expects it."""

    browser: Browser
    world: World
    contexts: list[BrowserContext] = field(default_factory=list[BrowserContext])
    complaints: list[str] = field(default_factory=list[str])
    forgiven: list[re.Pattern[str]] = field(default_factory=lambda: [_ASKING])

    async def open(self, path: str = "", *, width: int = 1280, height: int = 800, **options: Any) -> Page:
        """A window of somebody new."""
        context = await self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        await context.add_init_script(_REPORT_CSP)
        page = await context.new_page()
        page.on("console", lambda message: self._console(message))  # playwright marks what it is given: not us
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        if path:
            await page.goto(f"{self.world.url}{path}")
        return page

    async def desk(self, name: str, path: str = "/app/", **options: Any) -> Page:
        """Somebody's desk, signed in through the form the first time."""
        known = self.world.signed_in
        if name not in known:
            page = await self.open("/app/sign-in", **options)
            await sign_in(page, *self.world.password(name))
            known[name] = await page.context.storage_state()
        else:
            page = await self.open(**options, storage_state=known[name])
        await page.goto(f"{self.world.url}{path}")
        # On a small screen an open conversation is alone, without the bar.
        there = page.get_by_test_id("presence-select").or_(page.get_by_test_id("back"))
        await expect(there.filter(visible=True).first).to_be_visible()
        return page

    async def reopened(self, page: Page) -> Page:
        """The same window after a reload."""
        await page.reload()
        return page

    def forgive(self, pattern: str) -> None:
        """This complaint is what the test is about."""
        self.forgiven.append(re.compile(pattern))

    def _console(self, message: ConsoleMessage) -> None:
        said = f"{message.text} {message.location.get('url', '')}".strip()
        if message.type == "error":
            self.complaints.append(said)

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()
        real = [c for c in self.complaints if not any(p.search(c) for p in self.forgiven)]
        assert not real, "The browser complained:\n" + "\n".join(real)


@pytest_asyncio.fixture(loop_scope="session")
async def world(running: World) -> AsyncGenerator[World]:
    """The hub with empty queues and everybody offline."""
    yield running
    await running.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser, world: World) -> AsyncGenerator[Windows]:
    here = Windows(browser, world)
    yield here
    await everybody_offline(here)
    await here.close()


async def everybody_offline(windows: Windows) -> None:
    for context in windows.contexts:
        await context.set_offline(False)
        await context.unroute_all(behavior="ignoreErrors")
        cookies = {c.get("name") for c in await context.cookies()}
        if "hub_session" in cookies:
            await context.request.put(
                f"{windows.world.url}/api/v1/me/presence",
                data={"state": "offline"},
                headers={"X-Hub-Request": "1", "Origin": windows.world.url},
            )


async def sign_in(page: Page, email: str, password: str) -> None:
    await page.get_by_test_id("signin-email").fill(email)
    await page.get_by_test_id("signin-password").fill(password)
    await page.get_by_test_id("signin-submit").click()
    await expect(page.get_by_test_id("presence-select")).to_be_visible()
