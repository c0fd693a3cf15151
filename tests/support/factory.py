"""A small factory in the database, for tests of queues, offers and the router."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from hub.agents.presence import set_presence
from hub.core import events
from hub.core.service import Core
from hub.queues import entries


@dataclass(frozen=True, slots=True)
class Factory:
    """Makes what a test needs, and says its id."""

    core: Core

    async def queue(self, key: str = "support", **columns: int) -> int:
        queue = await self.core.db.value(
            "insert into queue (key, name) values (%s, %s) returning id", [key, key.title()]
        )
        for column, value in columns.items():
            await self._set("update queue set {} = %s where id = %s", column, value, queue)
        return queue

    async def agent(
        self,
        name: str,
        *queues: int,
        skills: dict[str, int] | None = None,
        state: str = "available",
        capacity: int = 100,
    ) -> int:
        db = self.core.db
        agent = await db.value(
            "insert into agent (email, name, capacity) values (%s, %s, %s) returning id",
            [f"{name.lower()}@example.com", name, capacity],
        )
        for queue in queues:
            await db.execute("insert into agent_queue (agent_id, queue_id) values (%s, %s)", [agent, queue])
        for key, level in (skills or {}).items():
            await db.execute("insert into skill (key, name) values (%s, %s) on conflict do nothing", [key, key])
            await db.execute("insert into agent_skill select %s, id, %s from skill where key = %s", [agent, level, key])
        await self.presence(agent, state)
        return agent

    async def presence(self, agent: int, state: str, reason: str | None = None) -> None:
        async with events.unit(self.core.db, self.core.feed) as unit:
            await set_presence(unit, agent, state, reason)

    async def contact(self, name: str = "Ada") -> int:
        return await self.core.db.value(
            "insert into contact (id, root_id, name) overriding system value "
            "select n, n, %s from nextval('contact_id_seq') n returning id",
            [name],
        )

    async def conversation(self, channel: str = "chat", contact: int | None = None) -> int:
        return await self.core.db.value(
            "insert into conversation (contact_id, channel) values (%s, %s) returning id",
            [contact or await self.contact(), channel],
        )

    async def on_line(self, conversation: int) -> int:
        """A caller who is about to wait in a conversation, as the record has it; nothing rings for them."""
        return await self.core.db.value(
            "insert into call (account_id, conversation_id, interaction_id, direction, number, our_number, state)"
            " values (0, %s, 0, 'in', '+14155550100', '+15550100100', 'queued') returning id",
            [conversation],
        )

    async def waiting(
        self, queue: int, channel: str = "chat", requirements: list[dict[str, Any]] | None = None, **how: Any
    ) -> tuple[int, int]:
        """A conversation that waits: (conversation, entry)."""
        conversation = await self.conversation(channel)
        if channel == "voice":
            await self.on_line(conversation)
        async with events.unit(self.core.db, self.core.feed) as unit:
            entry = await entries.enqueue(unit, conversation, queue, channel=channel, requirements=requirements, **how)
        assert entry is not None
        return conversation, entry

    async def entry(self, conversation: int) -> dict[str, Any]:
        rows = await self.core.db.dicts(
            "select * from queue_entry where conversation_id = %s order by id desc limit 1", [conversation]
        )
        return rows[0]

    async def offer(self, entry: int, agent: int, seconds: float = 30) -> int:
        """An offer as the router commits it."""
        offer = await self.core.db.value(
            "insert into offer (entry_id, agent_id, expires_at, epoch) "
            "values (%s, %s, clock_timestamp() + make_interval(secs => %s), 1) returning id",
            [entry, agent, seconds],
        )
        await self.core.db.execute(
            "update queue_entry set state = 'offered', agent_id = %s, offer_id = %s where id = %s",
            [agent, offer, entry],
        )
        return offer

    async def events(self, kind: str) -> list[dict[str, Any]]:
        return await self.core.db.dicts("select * from event where kind = %s order by id", [kind])

    async def account(self, channel: str = "email", queue: int | None = None) -> int:
        return await self.core.db.value(
            "insert into account (key, connector, channel, name, address, queue_id) "
            "values (%s, %s, %s, %s, %s, %s) returning id",
            [channel, channel, channel, channel, "support@example.com", queue],
        )

    async def hours(self, week: dict[str, Any], timezone: str = "UTC", holidays: list[Any] | None = None) -> int:
        return await self.core.db.value(
            "insert into hours (key, timezone, week, holidays) values ('h', %s, %s, %s) returning id",
            [timezone, Jsonb(week), Jsonb(holidays or [])],
        )

    async def set_time(self, conversation: int, column: str, at: datetime) -> None:
        await self._set("update queue_entry set {} = %s where conversation_id = %s", column, at, conversation)

    async def _set(self, statement: LiteralString, column: str, value: object, row: int) -> None:
        async with self.core.db.connection() as conn:
            await conn.execute(SQL(statement).format(Identifier(column)), [value, row])
