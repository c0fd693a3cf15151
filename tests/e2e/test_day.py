"""One day on five channels, with what goes wrong on any day, and at its end the books agree with a plain list."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e import actions
from tests.e2e.conftest import Windows
from tests.e2e.stage import Process, World, eventually

QUICK = "[automation]\nsatisfaction = 1\n"
Json = dict[str, Any]


@dataclass
class Person:
    """Somebody who works here, by the API, with a session of their own."""

    world: World
    name: str
    http: aiohttp.ClientSession
    id: int = 0

    async def enter(self) -> None:
        email, password = self.world.password(self.name)
        me = await self.call("POST", "/session", {"email": email, "password": password})
        self.id = me["agent"]["id"] if "agent" in me else (await self.call("GET", "/me"))["agent"]["id"]

    async def call(self, method: str, path: str, body: Json | None = None) -> Any:
        url = f"{self.world.url}/api/v1{path}"
        async with self.http.request(method, url, json=body, headers={"X-Hub-Request": "1"}) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{self.name}: {method} {path}: {answer.status} {text}"
            return await answer.json() if text else None

    async def does(self, what: str, conversation: int, **body: Any) -> Any:
        return await self.call("POST", f"/conversations/{conversation}/{what}", body)

    async def answers(self, conversation: int, text: str) -> None:
        await self.does("replies", conversation, client_id=secrets.token_hex(8), text=text)


@dataclass
class Line:
    """What a plain list says of one matter at the end of the day."""

    channel: str
    status: str
    agent: str | None
    entry: str | None
    waits: bool
    came: list[str] = field(default_factory=list[str])  # the customer's words, in order
    went: list[str] = field(default_factory=list[str])  # ours, in order


@pytest_asyncio.fixture(loop_scope="session")
async def staff(world: World) -> AsyncGenerator[tuple[Person, Person]]:
    sessions = [aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) for _ in range(2)]
    amy, ben = Person(world, "amy", sessions[0]), Person(world, "ben", sessions[1])
    await amy.enter()
    await ben.enter()
    yield amy, ben
    for session in sessions:
        await session.close()


async def found(world: World, text: str) -> int:
    """The conversation in which somebody wrote this last."""

    async def look() -> int | None:
        items = (await world.api("GET", "/conversations?view=all&limit=100"))["items"]
        return next((c["id"] for c in items if text in c["preview"]), None)

    return await eventually(look)


async def shown(world: World, conversation: int) -> Json:
    return await world.api("GET", f"/conversations/{conversation}")


async def words(world: World, conversation: int, direction: str) -> list[str]:
    items = (await world.api("GET", f"/conversations/{conversation}/interactions"))["items"]
    return [
        i["text"].strip()
        for i in items
        if i["direction"] == direction and i["kind"] == "message" and not i["automatic"]
    ]


async def becomes(world: World, conversation: int, *, within: float = 30.0, **wanted: Any) -> Json:
    async def look() -> Json | None:
        one = await shown(world, conversation)
        return one if all(one[key] == value for key, value in wanted.items()) else None

    return await eventually(look, timeout=within)


async def by_mail(world: World, amy: Person, ben: Person) -> tuple[int, Line]:
    """Answered, written back, handed over, answered by another, resolved, resolved once more."""
    nora = world.writer("Nora Lind", "My invoice", "The invoice is wrong.")
    await world.mail(nora)
    matter = await found(world, "The invoice is wrong.")
    await amy.does("pull", matter)
    await amy.answers(matter, "Which one?")
    await world.mail_back(nora, "The one of May.", await world.caught(nora.address))
    await becomes(world, matter, preview="The one of May.")
    billing = next(q["id"] for q in (await world.api("GET", "/queues"))["items"] if q["key"] == "billing")
    await amy.does("transfer", matter, queue_id=billing)
    await ben.does("pull", matter)
    await ben.answers(matter, "It is corrected.")
    await ben.does("resolve", matter)
    await ben.does("resolve", matter)
    return matter, Line("email", "resolved", "ben", None, False, ["The invoice is wrong.", "The one of May."], ["Which one?", "It is corrected."])  # fmt: skip


async def by_sms(world: World, amy: Person, ben: Person) -> tuple[int, Line]:
    """Asked how it was, the customer complains: that is a message, and somebody's work."""
    number = world.number()
    await world.sms(number, "Where is my parcel?")
    matter = await found(world, "Where is my parcel?")
    await amy.does("pull", matter)
    await amy.answers(matter, "It comes tomorrow.")
    await amy.does("resolve", matter)
    await amy.does("wrap-up", matter)

    async def asked() -> bool:
        return len(await world.texted(number)) == 2

    await eventually(asked)
    await world.sms(number, "4, but where is my parcel?")
    await becomes(world, matter, status="open", entry_state="waiting")
    assert (await shown(world, matter))["rating"] is None
    await ben.answers(matter, "At the neighbour's.")  # without taking it first
    return matter, Line("sms", "open", "ben", "assigned", False, ["Where is my parcel?", "4, but where is my parcel?"], ["It comes tomorrow.", "At the neighbour's."])  # fmt: skip


async def by_whatsapp(world: World, amy: Person, ben: Person) -> tuple[int, Line]:
    """Snoozed, woken by the clock, taken by another, resolved by mistake and reopened, written to in wrap-up."""
    number = world.number()
    await world.whatsapp(number, "Do you ship to Malta?", "Lu")
    matter = await found(world, "Do you ship to Malta?")
    await amy.does("pull", matter)
    until = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    await amy.does("snooze", matter, until=until)
    await becomes(world, matter, status="open", entry_state="waiting")
    await ben.does("pull", matter)
    await ben.answers(matter, "We do.")
    await ben.does("resolve", matter)
    await ben.does("reopen", matter)  # by mistake
    assert (await shown(world, matter))["entry_state"] == "assigned"
    await ben.does("resolve", matter)
    await world.whatsapp(number, "How long does it take?", "Lu")
    await becomes(world, matter, status="open", entry_state="assigned")
    return matter, Line("whatsapp", "open", "ben", "assigned", True, ["Do you ship to Malta?", "How long does it take?"], ["We do."])  # fmt: skip


async def by_telephone(world: World, windows: Windows) -> tuple[int, Line]:
    """Nobody takes the call; the caller waits on as a missed call."""
    customer = await actions.calling(world, windows, world.number())
    matter = await found(world, "Incoming call")
    await becomes(world, matter, entry_state="waiting")
    await customer.get_by_role("button", name="Hang up").click()
    await becomes(world, matter, preview="Incoming call, the caller hung up while waiting")
    return matter, Line("voice", "open", None, "waiting", True, ["Incoming call, the caller hung up while waiting"], [])


async def by_chat(world: World, windows: Windows, amy: Person) -> tuple[int, Line]:
    """The visitor is answered in the window; when their agent has gone, they wait for another."""
    shop = await windows.open("/demo")
    widget = await actions.open_widget(shop, "Kim Berg", "kim@home.example")
    await actions.chat(widget, "Is it in stock?")
    matter = await found(world, "Is it in stock?")
    await amy.does("pull", matter)
    await amy.answers(matter, "Twelve are left.")
    await expect(actions.said(widget, "agent", "Twelve are left.")).to_have_count(1)
    return matter, Line("chat", "open", None, "waiting", False, ["Is it in stock?"], ["Twelve are left."])


async def test_books_agree_with_a_plain_list_at_the_end_of_a_day(
    world: World, windows: Windows, staff: tuple[Person, Person]
) -> None:
    amy, ben = staff
    await world.apply(QUICK)
    lines = dict(
        [
            await by_mail(world, amy, ben),
            await by_sms(world, amy, ben),
            await by_whatsapp(world, amy, ben),
            await by_chat(world, windows, amy),
            await by_telephone(world, windows),
        ]
    )
    await amy.call("DELETE", "/session")  # with a chat at her desk, which is not to wait for her
    for matter, line in lines.items():  # the wrap-ups end, and the chat goes back half a minute after she took it
        await becomes(world, matter, within=90, entry_state=line.entry)

    for matter, line in lines.items():
        one = await shown(world, matter)
        agent = one["agent"]["name"].split()[0].lower() if one["agent"] else None
        state = (one["channel"], one["status"], agent, one["entry_state"], one["waiting_since"] is not None)
        assert state == (line.channel, line.status, line.agent, line.entry, line.waits), (matter, line)
        assert await words(world, matter, "in") == line.came
        assert await words(world, matter, "out") == line.went
    everything = (await world.api("GET", "/conversations?view=all&limit=100"))["items"]
    assert {c["id"] for c in everything} == set(lines)  # nobody stands in the books twice

    await the_numbers_agree(world)
    assert await mended(world.hub) == "nothing had to be put right in the last day"


async def the_numbers_agree(world: World) -> None:
    """Entered = answered + left + still there, in each queue and channel; and what happened, in all."""
    since = (datetime.now(UTC) - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    path = f"/reports/queues?since={since:%Y-%m-%dT%H:%M:%SZ}&until={since + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"

    async def counted() -> dict[str, list[int]] | None:
        sums: dict[str, list[int]] = {}
        for row in (await world.api("GET", f"{path}&seconds=86400"))["items"]:
            assert row["entered"] == row["answered"] + row["abandoned"] + row["short_abandoned"] + row["flowed_out"] + row["open"], row  # fmt: skip
            total = sums.setdefault(row["channel"], [0, 0, 0, 0])
            for n, key in enumerate(("entered", "answered", "abandoned", "open")):
                total[n] += row[key] + (row["short_abandoned"] if key == "abandoned" else 0)
        return sums if sums == EXPECTED else None

    await eventually(counted)


# entered, answered, abandoned, open. Mail: at first, when written back, handed over; a text: at first and the complaint;
# WhatsApp: at first and when it woke.
EXPECTED = {
    "email": [3, 2, 0, 0],
    "sms": [2, 2, 0, 0],
    "whatsapp": [2, 2, 0, 0],
    "chat": [1, 1, 0, 0],
    "voice": [1, 0, 1, 0],
    "missed_call": [1, 0, 0, 1],
}


async def mended(hub: Process) -> str:
    """What `hub doctor` says of the rules of work."""
    process = await asyncio.create_subprocess_exec(
        *hub.command("doctor"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    line = next(line for line in said.decode().splitlines() if "Rules of work" in line)
    return line.rpartition("Rules of work")[2].strip(" :.-")
