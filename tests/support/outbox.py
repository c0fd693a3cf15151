"""An outbox with accounts of any kind, and messages in it, without a desk to write them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from psycopg.types.json import Jsonb

from hub.channels.accounts import Accounts
from hub.channels.model import Account, Connector, Outbound, Wire
from hub.core.clock import iso, now
from hub.core.service import Core
from hub.core.tasks import end
from hub.messages.outbox import Outbox
from tests.integration.connectors.harness import eventually
from tests.integration.messages.test_intake import Fake
from workers.context import JobContext
from workers.deliver import Delivery


class Phones(Fake):
    """A provider of messages that takes all of them at once, or `waits`, or fails."""

    def __init__(self) -> None:
        self.arrived: list[Outbound] = []
        self.fail: Exception | None = None
        self.fail_after_wire: Exception | None = None
        self.waits = 0.0
        self.waits_before = 0.0

    async def send(self, account: Account, outbound: Outbound, wire: Wire) -> str:
        await asyncio.sleep(self.waits_before)
        if self.fail:
            raise self.fail
        await wire()
        self.arrived.append(outbound)
        await asyncio.sleep(self.waits)
        if self.fail_after_wire:
            raise self.fail_after_wire
        return f"P{outbound.id}"

    async def close(self) -> None:
        pass


class Post:
    """Accounts and what is to leave by them."""

    def __init__(self, core: Core, connectors: dict[str, Any]):
        self.core = core
        self.connectors: dict[str, Connector] = connectors
        self.accounts = Accounts(core.db, core.vault, self.connectors)
        self.outbox = Outbox(core)
        self.numbers: dict[str, int] = {}

    def delivery(self) -> Delivery:
        return Delivery(JobContext(self.core, self.connectors, self.accounts))

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[Delivery]:
        """A courier at work, which is told to stop at the end."""
        delivery, stopping = self.delivery(), asyncio.Event()
        task = asyncio.create_task(delivery.run(stopping))
        try:
            yield delivery
        finally:
            stopping.set()
            await asyncio.wait({task}, timeout=60)
            await end([task])

    async def account(self, key: str, connector: str, channel: str, settings: dict[str, Any] | None = None) -> int:
        """A new account."""
        row = await self.core.db.value(
            "insert into account (key, connector, channel, name, address, settings) values (%s, %s, %s, %s, %s, %s) returning id",
            [key, connector, channel, key, f"{key}@hub.example", Jsonb(settings or {})],
        )
        return int(row)

    async def mailbox(self, key: str, port: int, **smtp: Any) -> int:
        """An account that sends by a mail server on this machine."""
        settings = {"smtp": {"host": "127.0.0.1", "port": port, "tls": "none", **smtp}}
        return await self.account(key, "email", "email", settings)

    async def write(self, account: int, to: str, conversation: int | None = None, text: str = "On its way.") -> int:
        """A message that is due; the send's id."""
        db = self.core.db
        channel = await db.value("select channel from account where id = %s", [account])
        if conversation is None:
            contact = await db.value(
                "insert into contact (id, root_id, name) overriding system value "
                "select n, n, 'Ada' from nextval('contact_id_seq') n returning id"
            )
            conversation = int(
                await db.value(
                    "insert into conversation (contact_id, channel, account_id) values (%s, %s, %s) returning id",
                    [contact, channel, account],
                )
            )
        seq = self.numbers[str(conversation)] = self.numbers.get(str(conversation), 0) + 1
        interaction = await db.value(
            "insert into interaction (conversation_id, contact_id, seq, kind, direction, channel, account_id, text, status) "
            "select %s, contact_id, %s, 'message', 'out', %s, %s, %s, 'pending' from conversation where id = %s returning id",
            [conversation, seq, channel, account, text, conversation],
        )
        payload = {
            "channel": channel, "to": to, "to_name": "", "subject": "Your lamp", "text": text, "html": None,
            "message_id": f"<m{interaction}@hub.example>", "date": iso(now()), "in_reply_to": None, "references": [],
            "automatic": False,
        }  # fmt: skip
        return int(
            await db.value(
                "insert into outbound (interaction_id, conversation_id, account_id, connector, payload) "
                "select %s, %s, id, connector, %s from account where id = %s returning id",
                [interaction, conversation, Jsonb(payload), account],
            )
        )

    async def states(self, account: int | None = None) -> dict[str, int]:
        """How many sends are in which state."""
        rows = await self.core.db.dicts(
            "select state from outbound where %s::bigint is null or account_id = %s", [account, account]
        )
        return dict(Counter(row["state"] for row in rows))

    async def row(self, send: int) -> dict[str, Any]:
        """One send, with what people see of it."""
        rows = await self.core.db.dicts(
            "select o.*, i.status, i.error as shown from outbound o join interaction i on i.id = o.interaction_id where o.id = %s",
            [send],
        )
        return rows[0]

    async def until(self, states: dict[str, int], account: int | None = None, seconds: float = 30) -> None:
        """Wait until the sends are in these states."""

        async def there() -> bool:
            return await self.states(account) == states

        try:
            await eventually(there, seconds)
        except TimeoutError:
            raise AssertionError(f"still {await self.states(account)}, not {states}") from None
