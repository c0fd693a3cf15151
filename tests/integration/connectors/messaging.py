"""A hub on the stand-in with everything that messages need: what a desk writes, and a worker that sends it."""

from __future__ import annotations

import uuid
from typing import Any

from hub.channels.model import FilledTemplate
from hub.core import events
from hub.core.service import Core
from hub.messages import replies
from tests.integration.connectors.harness import Hub
from workers.context import JobContext
from workers.deliver import Delivery

PHONE = "+14155550101"


def core(hub: Hub) -> Core:
    return Core(hub.db, hub.feed, hub.vault, hub.url)


def worker(hub: Hub) -> Delivery:
    """What a job would be: it sends what is due."""
    hub.forget_accounts()
    return Delivery(JobContext(core(hub), hub.connectors, hub.accounts))


async def write(
    hub: Hub, text: str, *, conversation: int = 1, template: FilledTemplate | None = None, **more: Any
) -> int:
    """An answer of the desk's; its interaction."""
    answer = replies.Reply(text, uuid.uuid4().hex, template=template, **more)
    async with events.unit(hub.db, hub.feed) as unit:
        return (await replies.reply(unit, hub.vault, conversation, answer, actor_id=None)).interaction_id


async def shown(hub: Hub, interaction_id: int) -> tuple[str, str | None]:
    """Status and words of a message on its conversation."""
    [row] = await hub.db.dicts("select status, error from interaction where id = %s", [interaction_id])
    return row["status"], row["error"]


async def said(hub: Hub) -> list[tuple[str, str]]:
    """The conversation as (direction, text), in order."""
    rows = await hub.db.dicts("select direction, text from interaction order by id")
    return [(row["direction"], row["text"]) for row in rows]
