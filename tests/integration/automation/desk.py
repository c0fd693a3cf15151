"""A center with one customer who has written, for tests of what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hub.automation.overdue import note_late
from hub.automation.plans import plan_next
from hub.conversations import actions
from hub.core import events
from hub.core.clock import now
from hub.messages import replies
from hub.messages.events import InteractionCreated
from tests.support.factory import Factory
from workers.followups import run_due


class Desk(Factory):
    """A center with one customer who has written."""

    async def customer(self, channel: str = "email", queue: int | None = None, name: str = "Ada") -> tuple[int, int]:
        """(contact, conversation)."""
        db = self.core.db
        account = await db.value("select id from account where channel = %s", [channel])
        account = account or await self.account(channel, queue)
        contact = await self.contact(name)
        await db.execute("update contact set root_id = id where id = %s", [contact])
        kind, value = {
            "email": ("email", f"{name}@example.com"),
            "chat": ("visitor", f"v-{name}"),
            "sms": ("phone", "+15550100"),
        }[channel]
        address = await db.value(
            "insert into address (contact_id, kind, value, verified_at) values (%s, %s, %s, now()) returning id",
            [contact, kind, value],
        )
        conversation = await db.value(
            "insert into conversation (contact_id, account_id, channel, queue_id) values (%s, %s, %s, %s) returning id",
            [contact, account, channel, queue],
        )
        await plan_next(self.core.db)  # the reader begins here
        await self.writes(contact, conversation, "Hello", channel, address, account)
        return contact, conversation

    async def writes(
        self,
        contact: int,
        conversation: int,
        text: str,
        channel: str = "email",
        address: int | None = None,
        account: int | None = None,
        automatic: bool = False,
    ) -> None:
        async with events.unit(self.core.db, self.core.feed) as unit:
            interaction = await self.core.db.value("select nextval('interaction_id_seq')")
            event = await unit.log(
                InteractionCreated(interaction_id=interaction, direction="in", channel=channel, automatic=automatic),
                conversation_id=conversation,
                contact_id=contact,
            )
            await unit.conn.execute(
                "insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, "
                "text, address_id, "
                "account_id, automatic) "
                "overriding system value values (%s, %s, %s, %s, 'message', 'in', %s, %s, %s, %s, %s)",
                [
                    interaction,
                    conversation,
                    contact,
                    event.conversation_seq,
                    channel,
                    text,
                    address,
                    account,
                    automatic,
                ],
            )
            if not automatic:
                await unit.conn.execute(
                    "update conversation set waiting_since = coalesce(waiting_since, now()), status = 'open' "
                    "where id = %s",
                    [conversation],
                )

    async def answers(self, conversation: int, text: str = "Done.") -> None:
        agent = await self.core.db.value("select id from agent limit 1") or await self.agent(
            "Ann", await self.queue("a")
        )
        async with events.unit(self.core.db, self.core.feed) as unit:
            reply = replies.Reply(text, f"c-{now().timestamp()}")
            await replies.reply(unit, self.core.vault, conversation, reply, actor_id=agent)

    async def resolves(self, conversation: int) -> None:
        agent = await self.core.db.value("select id from agent limit 1")
        async with events.unit(self.core.db, self.core.feed) as unit:
            await actions.resolve(unit, conversation, actor_id=agent)

    async def tick(self, hours: float = 0) -> None:
        """Plan, let time pass by moving what is due, fire."""
        while await plan_next(self.core.db):
            pass
        if hours:
            await self.core.db.execute(
                "update follow_up set due_at = due_at - %s where state = 'scheduled'", [timedelta(hours=hours)]
            )
            await self.core.db.execute(
                "update conversation set waiting_since = waiting_since - %s", [timedelta(hours=hours)]
            )
        await note_late(self.core.db)
        await run_due(self.core)
        while await plan_next(self.core.db):
            pass

    async def counted(self) -> int | None:
        return await self.core.db.value("select sum(entered) from stat_bucket")

    async def follow_ups(self, kind: str) -> list[dict[str, Any]]:
        return await self.core.db.dicts("select * from follow_up where kind = %s order by id", [kind])

    async def sent(self, conversation: int) -> list[str]:
        rows = await self.core.db.dicts(
            "select i.text from interaction i join outbound o on o.interaction_id = i.id "
            "where i.conversation_id = %s order by i.id",
            [conversation],
        )
        return [row["text"] for row in rows]
