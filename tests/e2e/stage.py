"""The hub as a newcomer starts it, in a process of its own, and the customers who reach it from outside."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from playwright.async_api import Page

from hub.demo.customers import write, write_back
from hub.demo.mail import Caught
from hub.demo.stories import EMAIL, Story
from hub.demo.wire import deliver

T = TypeVar("T")
_START = 60.0  # seconds; a cold start is to take 8, but the machine may be busy
_STOP = 10.0  # promised by `hub up`
_FACES = Path(__file__).parents[2] / "hub" / "_ui" / "app" / "index.html"


class Process:
    """`hub up --demo --quiet-customers` in a folder of its own."""

    def __init__(self, folder: Path, port: int = 0, **environment: str):
        self.port = port
        self.environment = environment
        self.data = folder / "data"
        self.log = folder / "hub.log"
        self._mark = f"E2E_RUN={secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        """A `hub` command on our data."""
        program = Path(sys.executable).with_name("hub")
        start = [str(program)] if program.exists() else [sys.executable, "-m", "hub.cli"]
        return [*start, *words, "--data", str(self.data)]

    async def start(self) -> dict[str, Any]:
        """Start it, wait until it is ready; what it left in demo.json."""
        assert _FACES.exists(), "The browser faces are not built: `pip install -e .` builds them."
        name, _, value = self._mark.partition("=")
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it outlives the loop if we fail, and `end_all` finds it
                self.command("up", "--demo", "--quiet-customers", "--port", str(self.port)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
                | {name: value, **self.environment},
                start_new_session=True,
            )
        demo = await eventually(self._demo, timeout=_START)
        async with aiohttp.ClientSession() as http:

            async def ready() -> bool:
                async with http.get(f"{demo['base_url']}/health/ready") as answer:
                    return answer.status == 200

            await eventually(ready, timeout=_START)
        return demo

    async def _demo(self) -> dict[str, Any] | None:
        assert self._process is not None
        assert self._process.poll() is None, f"hub up ended at once:\n{self.log.read_text()}"
        file = self.data / "demo.json"
        return json.loads(file.read_text()) if file.exists() else None

    async def stop(self) -> None:
        """Ctrl-C; it must be gone within ten seconds and leave no process behind."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            code = await asyncio.to_thread(process.wait, _STOP)
        except subprocess.TimeoutExpired:
            self.end_all()
            raise AssertionError(f"hub up was still there {_STOP:.0f} s after Ctrl-C:\n{self.tail()}") from None
        left = self.processes()
        self.end_all()
        assert code == 0, f"hub up ended with {code}:\n{self.tail()}"
        assert not left, f"hub up left processes behind: {left}"

    def processes(self) -> dict[int, str]:
        """Every process of this run that is alive, by what it was started with."""
        found: dict[int, str] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue  # ended meanwhile, or not ours to look at
            if words and (self._mark.encode() in environment or str(self.data).encode() in words):
                found[int(entry.name)] = words.replace(b"\0", b" ").decode()
        return found

    def end_all(self) -> None:
        """After a failure: leave nothing behind ourselves."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOP)

    def tail(self) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


@dataclass(slots=True)
class World:
    """The hub from outside: mail, text messages, the stand-ins' knobs, and the API with the demo's token."""

    demo: dict[str, Any]
    http: aiohttp.ClientSession
    hub: Process
    signed_in: dict[str, Any] = field(default_factory=dict[str, Any])  # browser state, by first name

    @property
    def url(self) -> str:
        """Where the hub is."""
        return self.demo["base_url"]

    def password(self, name: str) -> tuple[str, str]:
        """Address and password of somebody who works here, by first name."""
        user = next(u for u in self.demo["users"] if u["email"].startswith(f"{name}@"))
        return user["email"], user["password"]

    # -- mail --------------------------------------------------------------------------------------------------------
    def writer(self, name: str, subject: str = "", text: str = "") -> Story:
        """Somebody who writes mail, as nobody else in this run."""
        local = name.lower().replace(" ", ".")
        return Story(EMAIL, name, f"{local}.{secrets.token_hex(3)}@customer.example", text, subject=subject)

    async def mail(self, story: Story) -> None:
        """They write to the shop, over SMTP."""
        smtp = self.demo["smtp"]
        raw = write(story, smtp["mailbox"]).as_bytes()
        await deliver(smtp["host"], smtp["port"], story.address, [smtp["mailbox"]], raw)

    async def mail_back(self, story: Story, text: str, answered: Caught) -> None:
        """They answer a mail of ours as a mail program would: to its Reply-To, threaded, quoting it."""
        message = answered.message()
        smtp, to = self.demo["smtp"], str(message["Reply-To"] or message["From"])
        raw = write_back(story, text, message, answered.text()).as_bytes()
        await deliver(smtp["host"], smtp["port"], story.address, [to.partition("<")[2].rstrip(">") or to], raw)

    async def caught(self, address: str, *, after: int = 0) -> Caught:
        """The next mail that a person has written to this customer."""

        async def look() -> Caught | None:
            found = await self._get(self.demo["mail_catcher"]["api"], to=address, after=str(after))
            for mail in reversed(found):
                if not mail["auto_submitted"]:
                    return await self._whole(mail)
            return None

        return await eventually(look, timeout=20)

    async def _whole(self, mail: dict[str, Any]) -> Caught:
        async with self.http.get(f"{self.demo['mail_catcher']['api']}/{mail['id']}/raw") as answer:
            at = datetime.fromisoformat(mail["at"])
            return Caught(mail["id"], at, mail["mail_from"], tuple(mail["rcpt_to"]), await answer.read())

    async def mail_fault(self, fault: str, count: int = 1) -> None:
        """The customer's mail server misbehaves."""
        await self._post(f"{self.demo['mail_catcher']['url']}/api/faults", fault=fault, count=count)

    # -- text messages -----------------------------------------------------------------------------------------------
    def number(self) -> str:
        """A telephone number nobody else has in this run."""
        return f"+1415555{secrets.randbelow(9000) + 1000}"

    async def sms(self, number: str, text: str, *files: tuple[str, bytes]) -> None:
        """Somebody sends a text message, perhaps with files (their type and content); the hub must take it."""
        await self._sends(number, text, list(files), {})

    async def whatsapp(self, number: str, text: str, name: str = "", **fields: str) -> None:
        """Somebody writes on WhatsApp; `fields` are further ones of Twilio's webhook."""
        known = {"ProfileName": name, "WaId": number.lstrip("+"), **fields}
        await self._sends(f"whatsapp:{number}", text, [], known)

    async def _sends(self, sender: str, text: str, files: list[tuple[str, bytes]], fields: dict[str, str]) -> None:
        media = [{"content_type": kind, "body": base64.b64encode(body).decode()} for kind, body in files]
        asked = {"from": sender, "body": text, "media": media, "fields": fields}
        answer = await self._post(self.demo["twilio"]["inbound"], **asked)
        assert answer["webhook_status"] == 200, answer

    async def sms_thread(self, number: str) -> list[dict[str, Any]]:
        """What the telephone network knows of one number, oldest first."""
        found = await self._get(f"{self.demo['twilio']['url']}/standin/messages", **{"with": number})
        return found["messages"]

    async def texted(self, number: str) -> list[str]:
        """What we wrote to a number, once there is something."""

        async def look() -> list[str]:
            return [m["body"] for m in await self.sms_thread(number) if m["direction"] != "inbound"]

        return await eventually(look)

    # -- the API -----------------------------------------------------------------------------------------------------
    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call with the demo's token; the JSON of a good answer, or the problem of a bad one."""
        headers = {"Authorization": f"Bearer {self.demo['api_token']}"}
        async with self.http.request(method, f"{self.url}/api/v1{path}", json=body, headers=headers) as answer:
            return await answer.json() if answer.content_length else None

    async def apply(self, center: str) -> None:
        """Change the center while it runs, as its administrator does: `hub apply`."""
        file = self.hub.data.parent / "change.toml"
        await asyncio.to_thread(file.write_text, center)
        command = self.hub.command("apply", str(file))
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, said.decode()

    async def clear(self) -> None:
        """Close whatever is open, so that the next test begins with an empty queue."""
        queue = (await self.api("GET", "/queues"))["items"][0]["id"]
        for one in (await self.api("GET", "/conversations?view=all&limit=100"))["items"]:
            if one["status"] != "resolved":
                # Taken from its agent first: nobody is left in wrap-up.
                await self.api("POST", f"/conversations/{one['id']}/transfer", {"queue_id": queue})
                await self.api("POST", f"/conversations/{one['id']}/resolve", {})

    async def _get(self, url: str, **query: str) -> Any:
        async with self.http.get(url, params=query) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def _post(self, url: str, **body: Any) -> Any:
        async with self.http.post(url, json=body) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.content_type == "application/json" else None


async def eventually(look: Callable[[], Awaitable[T | None]], *, timeout: float = 30.0) -> T:
    """What `look` finds, asked again until it finds something."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                if found := await look():
                    return found
            except (aiohttp.ClientError, OSError):
                pass  # not there yet
            await asyncio.sleep(0.1)


async def shot(page: Page, name: str) -> None:
    """A picture of what is seen, where `SHOTS` names a folder for them."""
    if folder := os.environ.get("SHOTS"):
        await page.wait_for_timeout(400)
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))
