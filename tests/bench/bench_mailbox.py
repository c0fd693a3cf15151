"""From a mailbox to the agent's screen: how long after the server's own push, and how many a second from a full one.

The server decides when it tells of a new mail (Dovecot: about half a second after it came). A tap in the line notes that
moment: what the hub adds is the time from this push to the frame on the desk's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from hub.access import signin
from hub.channels.registry import load_connectors
from hub.core.embedded import Servers
from hub.provisioning.apply import apply
from hub.provisioning.model import Center
from tests.bench.bench_live import hub_serve
from tests.bench.stage import Figure, core, servers, show, sized
from tests.integration.connectors.dovecot import PASSWORD, Dovecot, running

MAILS = sized(40, 4)
BACKLOG = sized(3000, 40)
USER = "support"


def center(port: int, **more: Any) -> Center:
    imap = {"host": "127.0.0.1", "port": port, "tls": "none", "user": USER, "first_run": "all", **more}
    account = {
        "key": "mail", "connector": "email", "channel": "email", "name": "Mail", "address": "support@hub.example",
        "queue": "q", "settings": {"imap": imap, "imap_password": PASSWORD},
    }  # fmt: skip
    people = [{"email": "a@hub.example", "name": "A", "role": "admin", "queues": ["q"]}]
    return Center.model_validate({"queue": [{"key": "q", "name": "Q"}], "agent": people, "account": [account]})


def mail(number: int) -> bytes:
    answers = "In-Reply-To: <0@customer.example>\r\n" if number else ""
    return (
        f"From: Ann <ann@customer.example>\r\nTo: support@hub.example\r\nMessage-ID: <{number}@customer.example>\r\n"
        f"{answers}Subject: My order\r\n\r\nMessage {number}\r\n"
    ).encode()


class Tap:
    """A line between the hub and the server that notes when each new mail is told of."""

    def __init__(self, target: int):
        self.pushed: dict[int, float] = {}
        self.port = 0
        self._target = target

    async def __aenter__(self) -> Tap:
        self._server = await asyncio.start_server(self._line, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for found in re.finditer(rb"\* (\d+) EXISTS", data):
                    self.pushed.setdefault(int(found[1]), time.perf_counter())
                writer.write(data)
        writer.close()


async def arrivals(
    server: Dovecot, tap: Tap, url: str, token: str, conversation: int
) -> tuple[list[float], list[float]]:
    """Milliseconds after the push, and after the delivery began, for each mail."""
    after_push: list[float] = []
    whole: list[float] = []
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.ws_connect(f"{url}/ws") as desk,
    ):
        await desk.send_json({"t": "hello", "topics": {f"c:{conversation}": 0}})
        for number in range(1, MAILS + 1):
            began = time.perf_counter()
            await asyncio.to_thread(server.append, USER, mail(number))
            seen = await _shown(desk, f"Message {number}")
            after_push.append((seen - tap.pushed[number + 1]) * 1000)
            whole.append((seen - began) * 1000)
    return after_push, whole


async def _shown(desk: aiohttp.ClientWebSocketResponse, text: str) -> float:
    async with asyncio.timeout(20):
        while True:
            frames = (await desk.receive()).json()
            now = time.perf_counter()
            for frame in frames if isinstance(frames, list) else [frames]:
                if frame.get("type") == "interaction.created" and text in str(frame["data"]):
                    return now


async def measure(found: Servers, server: Dovecot) -> list[Figure]:
    async with core(found) as hub, Tap(server.port) as tap:
        await apply(hub.db, hub.vault, load_connectors(hub), center(tap.port))
        agent = int(await hub.db.value("select id from agent"))
        _, token = await signin.new_api_token(hub.db, agent, "bench")
        server.append(USER, mail(0))
        async with hub_serve(found) as url:
            async with asyncio.timeout(60):
                while not (conversation := await hub.db.value("select id from conversation")):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
            await asyncio.sleep(2)  # until it waits in IDLE
            after_push, whole = await arrivals(server, tap, url, token, int(conversation))
        backlog = await _backlog(hub, server, found)
    p50, p95 = statistics.median(after_push), statistics.quantiles(after_push, n=20)[-1]
    return [
        Figure("IDLE push to the desk, p50", f"{p50:.0f} ms", "<= 50 ms", p50 <= 50),
        Figure("IDLE push to the desk, p95", f"{p95:.0f} ms"),
        Figure(
            "delivery to the desk, the push included, worst", f"{max(whole):.0f} ms", "<= 1,000 ms", max(whole) <= 1000
        ),
        Figure(
            f"a mailbox of {BACKLOG} small mails, fetched and stored", f"{backlog:,.0f}/s", ">= 100/s", backlog >= 100
        ),
    ]


async def _backlog(hub: Any, server: Dovecot, found: Servers) -> float:
    """Mails a second out of a full mailbox."""
    with server.session(USER) as client:
        client.create("Backlog")
        for number in range(BACKLOG):
            client.append("Backlog", "", "", mail(10_000 + number).replace(b"In-Reply-To: <0@", b"X-Other: <0@"))
    await apply(hub.db, hub.vault, load_connectors(hub), center(server.port, folder="Backlog"))
    before = int(await hub.db.value("select count(*) from interaction"))
    async with hub_serve(found), asyncio.timeout(180):
        while (first := int(await hub.db.value("select count(*) from interaction"))) == before:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        started = time.perf_counter()
        while (now := int(await hub.db.value("select count(*) from interaction"))) < before + BACKLOG:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        return (now - first) / (time.perf_counter() - started)


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server, servers() as found:
        return await measure(found, server)


if __name__ == "__main__":
    show("Mailboxes", asyncio.run(run()))
