"""What has not left, as people see it: on the message, on the mailbox, and settled by a supervisor."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import World, eventually, shot
from tests.integration.connectors.certificates import make
from tests.integration.connectors.harness import free_port
from tests.support.smtp import Behavior, HostileSmtp


@pytest_asyncio.fixture(loop_scope="session")
async def box(world: World) -> AsyncGenerator[int]:
    """The demo's mailbox, whose outgoing server is as it was in the end."""
    [mailbox] = [one for one in (await world.api("GET", "/mailboxes"))["items"] if one["settings"].get("smtp")]
    yield int(mailbox["id"])
    smtp = mailbox["settings"]["smtp"]
    await sends_by(world, int(mailbox["id"]), smtp.pop("port"), **smtp)


async def sends_by(world: World, box: int, port: int, secret: str | None = None, **smtp: Any) -> None:
    settings = {"smtp": {"host": "127.0.0.1", "port": port, "tls": "none", "user": None, "ca_file": None, **smtp}}
    change = {"settings": settings, "secrets": {"smtp_password": secret}}
    done = await world.api("PATCH", f"/mailboxes/{box}", change)
    assert done["settings"]["smtp"]["port"] == port, done


@pytest.mark.timeout(360)  # it waits for four tries of a send, each later than the last
async def test_a_message_says_why_it_has_not_left_and_when_it_is_tried_next(
    world: World, windows: Windows, box: int, tmp_path: Path
) -> None:
    port = free_port()
    await sends_by(world, box, port)
    nora = world.writer("Nora Lind", "It flickers", "It flickers, the lamp.")
    await world.mail(nora)
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    await actions.accept(amy, "It flickers")
    bubble = await actions.answer(amy, "Here is a new one.")
    waiting = bubble.get_by_test_id("delivery")
    await expect(waiting).to_have_attribute("data-code", "smtp.unreachable")
    await expect(waiting).to_contain_text("not yet sent")
    await expect(waiting).to_contain_text(f"127.0.0.1:{port} cannot be reached")
    await shot(amy, "unsent-unreachable")
    admin = await windows.desk("admin", "/app/mailboxes")
    silent = admin.get_by_test_id("silent")
    await expect(silent).to_contain_text("cannot be reached")
    await expect(silent).to_contain_text("Waiting: 1")
    await expect(admin.get_by_test_id("mailbox-state").first).to_contain_text("Cannot send")
    await shot(admin, "unsent-mailbox")
    phone = await windows.desk("amy", f"/app/inbox/mine/{await _open(amy)}", width=390, height=844, color_scheme="dark")
    await expect(phone.get_by_test_id("delivery").last).to_contain_text("not yet sent")
    await shot(phone, "unsent-phone-dark")

    async with HostileSmtp() as refusing:
        refusing.behavior = Behavior(says={"ehlo": "250-x\r\n250 AUTH PLAIN LOGIN", "auth": "535 5.7.8 wrong"})
        await sends_by(world, box, refusing.port, "old", user="support")
        await expect(waiting).to_have_attribute("data-code", "smtp.sign_in", timeout=90_000)
        await expect(waiting).to_contain_text("refuses our user name or password")
        await shot(amy, "unsent-sign-in")

    files = make(tmp_path, valid=(-30, -2))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    async with HostileSmtp(context=context) as expired:
        await sends_by(world, box, expired.port, tls="tls", ca_file=files.ca)
        await expect(waiting).to_have_attribute("data-code", "smtp.certificate", timeout=90_000)
        await expect(waiting).to_contain_text("has expired")
        await shot(amy, "unsent-certificate")

    async with HostileSmtp() as good:
        await sends_by(world, box, good.port)
        await expect(waiting).to_have_attribute("data-status", "sent", timeout=90_000)
        assert len(good.taken) == 1


async def _open(page: Page) -> str:
    return await page.get_by_test_id("conversation").get_attribute("data-id") or ""


async def test_a_supervisor_settles_many_sends_of_unknown_outcome_at_once(world: World, windows: Windows) -> None:
    amy = await windows.desk("amy")
    await actions.set_presence(amy, "available")
    numbers = [world.number() for _ in range(2)]
    faults = f"{world.demo['twilio']['url']}/standin/faults"
    for n, number in enumerate(numbers):
        await world.sms(number, f"Where is order {n}?")
        await actions.accept(amy, f"Where is order {n}?")
        async with world.http.post(faults, json={"fail": 1}) as answer:
            assert answer.status < 300, await answer.text()
        bubble = await actions.answer(amy, f"On its way {n}.")
        await expect(bubble).to_have_attribute("data-status", "unknown", timeout=90_000)
        await expect(bubble.get_by_test_id("delivery-error")).to_contain_text("the provider failed (500)")
        await expect(bubble.get_by_test_id("settle-again")).to_have_count(0)  # an agent's is not to settle
    eva = await windows.desk("eva", "/app/unsettled")
    await expect(eva.get_by_test_id("unsettled-send")).to_have_count(2)
    await shot(eva, "unsettled")
    phone = await windows.desk("eva", "/app/unsettled", width=390, height=844, color_scheme="dark")
    await expect(phone.get_by_test_id("unsettled-send")).to_have_count(2)
    await phone.get_by_test_id("mark-all").check()
    await shot(phone, "unsettled-phone-dark")
    await eva.get_by_test_id("mark-all").check()
    await eva.get_by_test_id("all-again").dblclick()
    await expect(eva.get_by_test_id("unsettled-send")).to_have_count(0)
    await phone.get_by_test_id("all-arrived").click()  # too late: they are settled already
    await expect(phone.get_by_test_id("unsettled-send")).to_have_count(0)
    for n, number in enumerate(numbers):

        async def sent(number: str = number) -> list[str]:
            return [m["body"] for m in await world.sms_thread(number) if m["direction"] != "inbound"]

        assert await eventually(sent, timeout=90) == [f"On its way {n}."], json.dumps(await world.sms_thread(number))
