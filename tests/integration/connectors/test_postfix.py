"""Through a real Postfix: what cannot be delivered comes back as a report and marks exactly that send failed."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hub.core import events
from hub.core.db import Database
from hub.core.feed import Feed
from hub.core.secrets import Vault
from hub.demo import deliver
from hub.messages import replies
from tests.integration.connectors import postfix
from tests.integration.connectors.harness import MAILBOX, Hub, eventually
from workers.context import JobContext
from workers.deliver import Delivery

KNOWN, UNKNOWN = "ann@customer.example", "nobody@customer.example"


async def test_report_about_a_missing_mailbox_marks_exactly_that_send_failed(
    db: Database, feed: Feed, vault: Vault
) -> None:
    postfix.available()
    async with Hub(db, feed, vault) as hub:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            port = await asyncio.to_thread(
                lambda: stack.enter_context(postfix.running(Path(folder), lmtp_port=hub.lmtp_port))
            )
            await hub.configure("mail", "smtp", {"host": "127.0.0.1", "port": port, "tls": "none"})
            for sender in (KNOWN, UNKNOWN):
                raw = f"From: <{sender}>\r\nTo: {MAILBOX}\r\nSubject: {sender}\r\n\r\nHello\r\n".encode()
                await deliver("127.0.0.1", hub.lmtp_port, sender, [MAILBOX], raw, lmtp=True)
            conversations = [row["id"] for row in await db.dicts("select id from conversation order by id")]
            for number in conversations:
                async with events.unit(db, feed) as unit:
                    await replies.reply(unit, vault, number, replies.Reply("An answer", f"k{number}"), actor_id=None)
            delivery = Delivery(JobContext(hub.core, hub.connectors, hub.accounts))
            assert await delivery.drain() == 2

            async def reported() -> bool:
                return bool(await db.value("select exists (select from outbound where state = 'failed')"))

            await eventually(reported, 60)
            await hub.email.close()
    rows = await db.dicts(
        "select o.payload ->> 'to' as to, o.state, o.error, i.status, v.failed from outbound o "
        "join interaction i on i.id = o.interaction_id join conversation v on v.id = o.conversation_id order by o.id"
    )
    assert [(row["to"], row["state"], row["status"], row["failed"]) for row in rows] == [
        (KNOWN, "sent", "sent", False),
        (UNKNOWN, "failed", "failed", True),
    ]
    assert "nobody@customer.example" in rows[1]["error"]
    assert "5.1.1" in rows[1]["error"] or "unknown" in rows[1]["error"].lower()
