"""A mail on the desk in a real browser: its own words, nothing run or fetched, and what it asks for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from hub.demo.wire import deliver
from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, eventually, shot

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@dataclass(slots=True)
class Elsewhere:
    """A server in the net that notes who fetched what."""

    url: str
    fetched: list[str] = field(default_factory=list[str])


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere() -> AsyncGenerator[Elsewhere]:
    found = Elsewhere("")

    async def fetch(request: web.Request) -> web.Response:
        found.fetched.append(request.path)
        return web.Response(body=PIXEL, content_type="image/png")

    app = web.Application()
    app.router.add_get("/{name}", fetch)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def arrives(world: World, raw: str, sender: str = "nora.lind@customer.example") -> None:
    smtp = world.demo["smtp"]
    text = f"From: Nora Lind <{sender}>\nTo: {smtp['mailbox']}\n{raw}"
    raw_bytes = text.replace("\n", "\r\n").encode()

    async def taken() -> bool:  # the listener opens a moment after the first page
        await deliver(smtp["host"], smtp["port"], sender, [smtp["mailbox"]], raw_bytes)
        return True

    await eventually(taken, timeout=30)


async def opened(windows: Windows, subject: str, **options: Any) -> Page:
    amy = await windows.desk("amy", **options)
    await actions.set_presence(amy, "available")
    await expect(amy.get_by_test_id("offer-card")).to_contain_text(subject)
    await amy.keyboard.press("Alt+a")
    await expect(amy.get_by_test_id("conversation")).to_be_visible()
    return amy


def letter(elsewhere: Elsewhere) -> str:
    return f"""Subject: Re: The lamp and its bill
MIME-Version: 1.0
Content-Type: multipart/related; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p style="position:fixed;top:0;left:0">The <b>lamp</b> flickers, see <img src="cid:lamp@x" alt="lamp" width="40" height="40"></p>
<img src="{elsewhere.url}/spy.png" alt="logo"><table background="{elsewhere.url}/back.png"><tr><td style="background:url({elsewhere.url}/css.png)">bill</td></tr></table>
<script>top.document.title = 'taken'</script><img src=x onerror="top.document.title = 'taken'">
<svg onload="top.document.title = 'taken'"></svg><iframe src="{elsewhere.url}/frame"></iframe><a href="javascript:top.document.title='taken'">here</a>
<link rel=stylesheet href="{elsewhere.url}/sheet.css"><style>@import url({elsewhere.url}/import.css);</style>
<meta http-equiv=refresh content="0;url={elsewhere.url}/away"><form action="{elsewhere.url}/form"><input name=a></form>
<div class="gmail_quote"><div class="gmail_attr">On Mon, 2 Mar 2026 at 10:00, Support &lt;support@lumen-oak.example&gt; wrote:</div>
<blockquote class="gmail_quote" type="cite">Which lamp is it?</blockquote></div>
--b
Content-Type: image/png; name=lamp.png
Content-ID: <lamp@x>
Content-Disposition: inline
Content-Transfer-Encoding: base64

{base64.b64encode(PIXEL).decode()}
--b--
"""


async def test_html_mail_runs_and_fetches_nothing_until_asked(
    world: World, windows: Windows, elsewhere: Elsewhere
) -> None:
    await arrives(world, letter(elsewhere))
    amy = await opened(windows, "The lamp and its bill")
    frame = amy.frame_locator("[data-testid=mail-frame]")
    await expect(frame.locator("b")).to_have_text("lamp")
    own = frame.locator("img[alt=lamp]")
    await expect(own).to_be_visible()
    assert await own.evaluate("(img) => img.complete && img.naturalWidth") == 1  # our own, through the session
    assert await frame.locator("p").first.evaluate("(p) => getComputedStyle(p).position") == "static"
    for gone in ("script", "svg", "iframe", "form", "link", "meta[http-equiv]", "[onerror]", "[href^=javascript]"):
        await expect(frame.locator(gone)).to_have_count(0)
    assert (elsewhere.fetched, "taken" in await amy.title()) == ([], False)
    await shot(amy, "mail-desktop-light")
    await amy.get_by_test_id("show-images").click()
    await expect(frame.locator("img[alt=logo]")).to_be_visible()
    await expect(amy.get_by_test_id("images-blocked")).to_have_count(0)
    await amy.wait_for_function(
        "() => [...document.querySelector('[data-testid=mail-frame]').contentDocument.images].every((i) => i.complete)"
    )
    assert set(elsewhere.fetched) == {"/spy.png"}


async def test_quote_is_one_click_away(world: World, windows: Windows, elsewhere: Elsewhere) -> None:
    await arrives(world, letter(elsewhere))
    amy = await opened(windows, "The lamp and its bill")
    frame = amy.frame_locator("[data-testid=mail-frame]")
    await expect(frame.locator("b")).to_have_text("lamp")
    await expect(frame.locator("body")).not_to_contain_text("Which lamp is it?")
    await amy.get_by_test_id("show-whole").click()
    await expect(frame.locator("body")).to_contain_text("Which lamp is it?")
    await amy.get_by_test_id("show-whole").click()
    await expect(frame.locator("body")).not_to_contain_text("Which lamp is it?")


async def test_quote_of_a_plain_mail_is_one_click_away(world: World, windows: Windows) -> None:
    await arrives(
        world,
        "Subject: Re: Plain\n\nIt is the green one.\n\nOn Mon, 2 Mar 2026 at 10:00, Support <support@lumen-oak.example> wrote:\n> Which lamp is it?\n",
    )
    amy = await opened(windows, "Plain")
    said = amy.get_by_test_id("message").filter(has_text="the green one")
    await expect(said).not_to_contain_text("Which lamp")
    await amy.get_by_test_id("show-whole").click()
    await expect(said).to_contain_text("> Which lamp is it?")
    await shot(amy, "mail-plain")
    async with amy.expect_download() as download:
        await amy.get_by_test_id("original").click()
    original = await asyncio.to_thread(Path(await (await download.value).path()).read_bytes)
    assert b"> Which lamp is it?" in original
    # What is not there any more is said on the page: a download that fails would not say why.
    gone = {"status": 404, "title": "Not Found", "detail": "-", "code": "file.missing", "params": {}, "errors": []}
    windows.forgive(r"404.*/original")
    await amy.route("**/original", lambda route: route.fulfill(status=404, json=gone))
    await amy.get_by_test_id("original").click()
    await expect(amy.get_by_role("alert").filter(has_text="missing from where files are kept")).to_be_visible()


INVITATION = """Subject: Visit to the workshop
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b

Please come.
--b
Content-Type: text/calendar; method=REQUEST; charset=utf-8

BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
METHOD:REQUEST
BEGIN:VEVENT
UID:visit-1
SEQUENCE:3
DTSTAMP:20260302T100000Z
DTSTART:20300304T100000Z
DTEND:20300304T113000Z
SUMMARY:Visit to the workshop
LOCATION:Mill Street 5
ORGANIZER;CN=Nora Lind:mailto:{sender}
ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{mailbox}
END:VEVENT
END:VCALENDAR
--b--
"""


async def test_invitation_is_a_card_and_its_answer_reaches_the_organizer(world: World, windows: Windows) -> None:
    sender = world.writer("Nora Lind").address
    await arrives(world, INVITATION.format(sender=sender, mailbox=world.demo["smtp"]["mailbox"]), sender)
    amy = await opened(windows, "Visit to the workshop")
    card = amy.get_by_test_id("invitation")
    await expect(card).to_contain_text("Mill Street 5")
    await expect(card).to_contain_text("2030")
    await shot(amy, "invitation-desktop-light")
    await card.get_by_test_id("invitation-accepted").click()
    await expect(card.get_by_test_id("invitation-answer")).to_have_text("Accepted")
    caught = await world.caught(sender)
    part = next(p for p in caught.message().walk() if p.get_content_type() == "text/calendar")
    answer = part.get_content()
    assert part.get_param("method") == "REPLY"
    for line in ("METHOD:REPLY", "UID:visit-1", "SEQUENCE:3", "PARTSTAT=ACCEPTED", f"ORGANIZER:mailto:{sender}"):
        assert line in answer.replace("\r\n ", "")
    await shot(amy, "invitation-answered")


async def test_mail_fits_a_phone_and_the_dark(world: World, windows: Windows, elsewhere: Elsewhere) -> None:
    sender = world.writer("Nora Lind").address
    await arrives(world, INVITATION.format(sender=sender, mailbox=world.demo["smtp"]["mailbox"]), sender)
    amy = await opened(windows, "Visit to the workshop", width=390, height=844, color_scheme="dark")
    await expect(amy.get_by_test_id("invitation")).to_be_visible()
    assert await amy.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shot(amy, "invitation-phone-dark")
    await amy.goto(f"{world.url}/app/inbox/mine")  # a phone has the state above its lists
    await actions.set_presence(amy, "away")
    await arrives(world, letter(elsewhere), world.writer("Ole Dahl").address)
    ben = await windows.desk("ben", width=390, height=844, color_scheme="dark")
    await actions.set_presence(ben, "available")
    await expect(ben.get_by_test_id("offer-card")).to_contain_text("The lamp and its bill")
    await ben.keyboard.press("Alt+a")
    await expect(ben.frame_locator("[data-testid=mail-frame]").locator("b")).to_have_text("lamp")
    assert await ben.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shot(ben, "mail-phone-dark")
