"""Answers to visitors who have left: by mail where there is a way, and said to the agent either way.

Each answer is noted as it is sent. A while later it is clear whether its visitor was there: then the note goes. Who
has left gets all they have not seen in one mail, once, where they gave an address and the site has a mailbox; else
the agent reads that they have left, and when they are back.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import cast

import psycopg

from connectors.chat.settings import Settings
from hub.automation.texts import language
from hub.channels.model import Accept, Account
from hub.core import events, log
from hub.core.db import execute, fetch_all, fetch_one
from hub.core.errors import HubError, Unavailable
from hub.core.events import Unit
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import mailing

logger = log.get(__name__)
sql = Queries.beside(__file__, "offline_replies.sql")
PUT_OFF = 600.0  # seconds until what broke is tried again
AGAIN = 5.0  # seconds between looks at a visitor who may be gone and may only have turned a page
_QUOTED = 600  # characters of what the visitor wrote last
_WORDS = {
    "en": (
        "Your chat with {site}",
        "You wrote to us in the chat and had left when we answered. You can reply to this mail.",
    ),
    "zh-CN": ("您与{site}的在线咨询", "您在网页上咨询了我们，我们回复时您已离开。您可以直接回复此邮件。"),
}


@dataclass(frozen=True, slots=True)
class _Due:
    interaction_id: int
    address_id: int
    account_id: int
    seen: bool
    gone: bool


@dataclass(frozen=True, slots=True)
class _Unseen:
    interaction_id: int
    conversation_id: int
    queue_id: int | None
    agent_id: int
    text: str


@dataclass(frozen=True, slots=True)
class _Visitor:
    email: str | None
    name: str
    locale: str | None
    last: str


class Absent:
    """What visitors have not seen."""

    def __init__(self, core: Core):
        self._core = core

    async def note(self, interaction_id: int, settings: Settings) -> None:
        """An agent's answer is on its way: see in a while whether its visitor was there."""
        values = {"id": interaction_id, "after": settings.mail_after_seconds}
        await self._core.db.execute(sql["note"], values)

    async def look(self, accept: Accept) -> int:
        """Settle the answers whose time has come; how many were looked at."""
        due = await self._core.db.all(_Due, sql["due"], {"limit": 100})
        if not due:
            return 0
        accounts = {a.id: a for a in await accept.accounts("chat")}
        seen = [one.interaction_id for one in due if one.seen]
        there = [one.interaction_id for one in due if not one.seen and not one.gone]
        if seen:
            await self._core.db.execute(sql["seen"], {"ids": seen})
        if there:
            await self._core.db.execute(sql["later"], {"ids": there, "again": AGAIN})
        left = {one.address_id: one.account_id for one in due if not one.seen and one.gone}
        for address_id, account_id in left.items():
            await self._settle(address_id, accounts.get(account_id))
        return len(due)

    async def _settle(self, address_id: int, account: Account | None) -> None:
        """One visitor who has left; whatever is wrong with one keeps nobody else waiting."""
        try:
            async with events.unit(self._core.db, self._core.feed) as unit:
                await self._notify(unit, address_id, account)
        except Unavailable:
            raise
        except (HubError, psycopg.Error) as error:
            logger.warning("chat_answer_not_mailed", address=address_id, error=str(error))
            await self._core.db.execute(sql["put_off"], {"address_id": address_id, "again": PUT_OFF})

    async def back(self, address_id: int) -> None:
        """The visitor is here again, and sees what waited for them."""
        if not await self._core.db.value(sql["waits"], {"address_id": address_id}):
            return
        async with events.unit(self._core.db, self._core.feed) as unit:
            for one in await fetch_all(unit.conn, _Id, sql["returned"], {"address_id": address_id}):
                await mailing.mark(unit, one.interaction_id, "back")

    async def _notify(self, unit: Unit, address_id: int, account: Account | None) -> None:
        found = await fetch_all(unit.conn, _Unseen, sql["unseen"], {"address_id": address_id})
        visitor = await fetch_one(unit.conn, _Visitor, sql["visitor"], {"address_id": address_id})
        for conversation_id, group in groupby(found, key=lambda one: one.conversation_id):
            unseen = tuple(group)
            sent = await self._mailed(unit, conversation_id, unseen, visitor, account) if visitor and account else None
            for one in unseen:
                if sent:
                    await mailing.mark(unit, one.interaction_id, "mailed", *sent)
                else:
                    await mailing.mark(unit, one.interaction_id, "left")
            ids = {"ids": [one.interaction_id for one in unseen]}
            await execute(unit.conn, sql["seen"] if sent else sql["left"], ids)

    async def _mailed(
        self, unit: Unit, conversation_id: int, unseen: tuple[_Unseen, ...], visitor: _Visitor, site: Account
    ) -> tuple[str, int] | None:
        """Mail what was not seen; to whom, and the mail. None when there is no way."""
        settings = cast("Settings", site.settings)
        to = await mailing.usable(unit, visitor.email) if settings.mail_when_left else None
        last = unseen[-1]
        account = (
            await mailing.mail_account(unit, settings.mail_account, last.queue_id or site.queue_id) if to else None
        )
        if to is None or account is None:
            return None
        subject, below = _WORDS[language(visitor.locale or site.locale or "en")]
        quoted = "\n".join(f"> {line}" for line in visitor.last[:_QUOTED].strip().splitlines())
        said = "\n\n".join(one.text for one in unseen if one.text.strip())
        words = mailing.Words(
            text="\n\n".join(part for part in (said, below, quoted) if part),
            subject=subject.format(site=account.from_name),
            interactions=tuple(one.interaction_id for one in unseen),
            agent_id=last.agent_id,
            name=visitor.name,
        )
        return to, await mailing.mail(unit, self._core.vault, conversation_id, words, account, to)


@dataclass(frozen=True, slots=True)
class _Id:
    interaction_id: int
