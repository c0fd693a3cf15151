"""Mail: bytes to commit on a mixed corpus, and how well it is understood.

`MAIL_CORPUS` may name a folder of messages (see `mail_scores`); without it our own fixtures are read, over and over.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.email.accept import receive
from connectors.email.parse import Envelope, parse
from connectors.email.settings import Settings
from hub.channels.accounts import Accounts
from hub.channels.registry import load_connectors
from hub.core.sandbox import CONFINED
from hub.core.service import Core
from hub.messages.html import page
from hub.messages.intake import Intake
from tests.bench.mail_scores import scores
from tests.bench.stage import Figure, core, servers, show, sized

MAILS = sized(2000, 30)
TOGETHER = 25  # as many as a fetched batch holds
OWN = Path(__file__).parents[1] / "unit" / "connectors" / "mails"
ENDINGS = {".eml", ".box", ".msg", ".txt"}


def corpus() -> tuple[Path, list[bytes]]:
    """The folder, and every message below it that is one."""
    named = os.environ.get("MAIL_CORPUS")
    folder = Path(named) if named else OWN
    asides = {"trimmed", "elided", "embedded", "before"}
    found = [p for p in sorted(folder.rglob("*")) if p.suffix in ENDINGS and p.parent.name not in asides]
    return folder, [p.read_bytes() for p in found]


def different(raw: bytes, number: int) -> bytes:
    """The same message once more, as another one."""
    start = raw.find(b"\n") + 1 if raw.startswith((b"From ", b">From ")) else 0
    return raw[:start] + b"X-Bench-Number: %d\r\n" % number + raw[start:]


def reading(raws: Sequence[bytes]) -> tuple[float, float]:
    """Mails per second of parsing alone, in this process; the longest one's seconds."""
    slowest, began = 0.0, time.process_time()
    for raw in raws:
        one = time.perf_counter()
        parse(raw, account_id=1)
        slowest = max(slowest, time.perf_counter() - one)
    return len(raws) / (time.process_time() - began), slowest


def heavy(number: int) -> bytes:
    """A newsletter as they are: tables in tables around every line, some 70 KB and no plain text beside it."""

    def cell(depth: int) -> str:
        if not depth:
            return (
                "<p style='font-family:Arial;color:#333'>Your order <b>4711</b> is on its way &ndash; "
                "<a href='https://shop.example/t?i=1'>track it</a></p>"
            )
        row = f"<tr><td style='padding:3px'>{cell(depth - 1)}</td><td>&nbsp;</td></tr>"
        return f"<table width='100%' cellpadding=0>{row}</table>" * 4

    head = f"From: news{number}@shop.example\r\nSubject: News {number}\r\nMessage-ID: <{number}@shop.example>\r\n"
    return f"{head}Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{cell(4)}</body></html>\r\n".encode()


def reading_heavy(raws: Sequence[bytes]) -> float:
    """Newsletters per second of one core: read, and their HTML made safe."""
    began = time.process_time()
    for raw in raws:
        mail = parse(raw, account_id=1)
        assert page(mail.inbound.html or "").own
    return len(raws) / (time.process_time() - began)


def processor_seconds() -> float:
    """What this process, its readers and its servers have used of the processors so far."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        pid = int(entry.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(int(field) for field in fields[11:15])
    return sum(t for pid, t in ticks.items() if _ours(pid, parents)) / os.sysconf("SC_CLK_TCK")


def _ours(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parents.get(pid, 0)
    return False


async def storing(hub: Core, raws: Sequence[bytes]) -> tuple[float, float, int, int]:
    """Mails per second from bytes to commit, and per processor second; how many are stored, and how many unreadable."""
    await hub.db.execute("insert into queue (key, name) values ('q', 'Q')")
    await hub.db.execute(
        "insert into account (key, connector, channel, name, queue_id, address) "
        "values ('mail', 'email', 'email', 'Mail', 1, 'support@hub.example')"
    )
    connectors: Any = load_connectors(hub, frozenset({"email"}))
    intake = Intake(hub, Accounts(hub.db, hub.vault, connectors), connectors)
    [account] = await intake.accounts("email")
    assert isinstance(account.settings, Settings)
    await receive(intake, hub.vault, account, b"From: warm@up.example\n\nx\n", Envelope())
    waiting = iter(enumerate(raws))

    async def one() -> None:
        for number, raw in waiting:
            await receive(intake, hub.vault, account, different(raw, number), Envelope("a@b.example"))

    began, used = time.perf_counter(), processor_seconds()
    await asyncio.gather(*(one() for _ in range(TOGETHER)))
    rate, per_core = len(raws) / (time.perf_counter() - began), len(raws) / (processor_seconds() - used)
    stored = int(await hub.db.value("select count(*) from interaction where direction = 'in'") or 0) - 1
    unreadable = int(await hub.db.value("select count(*) from interaction where meta ? 'unreadable'") or 0)
    await asyncio.to_thread(CONFINED.close)
    return rate, per_core, stored, unreadable


async def run() -> list[Figure]:
    folder, messages = corpus()
    raws = [messages[n % len(messages)] for n in range(max(MAILS, len(messages)))]
    alone, slowest = reading(messages)
    newsletters = reading_heavy([heavy(n) for n in range(sized(100, 3))])
    with servers() as found:
        async with core(found) as hub:
            rate, per_core, stored, unreadable = await storing(hub, raws)
    return [
        Figure(f"messages in the corpus ({'given' if folder != OWN else 'our own'})", str(len(messages))),
        Figure("read, in one process", f"{alone:,.0f}/s of one core"),
        Figure(
            "newsletters of 70 KB, read and made safe",
            f"{newsletters:,.0f}/s of one core",
            ">= 60/s",
            newsletters >= 60,
        ),
        Figure("the longest of them", f"{slowest * 1000:,.0f} ms", "<= 2000 ms", slowest <= 2),
        Figure("bytes to commit", f"{rate:,.0f}/s"),
        Figure(
            "and per core: PostgreSQL's share and the readers' counted",
            f"{per_core:,.0f}/s",
            ">= 100/s",
            per_core >= 100,
        ),
        Figure("stored of what came", f"{stored}/{len(raws)}", "all", stored == len(raws)),
        Figure("of those unreadable", str(unreadable), "0", unreadable == 0),
        *scores(folder),
    ]


if __name__ == "__main__":
    show("Mail", asyncio.run(run()))
