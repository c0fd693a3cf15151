"""Satisfaction: one rating from 1 to 5 per conversation, given in the chat, by a number as reply, or on a page.

A rating is the customer's word about whoever answered them last. A low one is a complaint: it is recorded, and a
person looks at the conversation, with a note that says so; whoever is offered it reads the score and their words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.automation.events import ConversationRated
from hub.channels.quiet import CONTENT, score_of
from hub.conversations import conversation, lifecycle
from hub.core.db import Database, execute, fetch_one
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.core.sql import Queries
from hub.messages import replies
from hub.messages.lines import Line

sql = Queries.beside(__file__)
OPEN_DAYS = 14  # how long a question may be answered, and an answer changed
MOST_WORDS = 1000  # characters of a comment


@dataclass(frozen=True, slots=True)
class Rating:
    """What a customer said."""

    score: int
    comment: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation as the page of its question knows it. `rating` is what was said there before."""

    locale: str
    score: int | None
    comment: str | None

    @property
    def rating(self) -> Rating | None:
        """What was said before, if anything was."""
        return None if self.score is None else Rating(self.score, self.comment or "")


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str


def link_ends(asked_at: datetime) -> datetime:
    """Until when the page of a question takes an answer."""
    return asked_at + timedelta(days=OPEN_DAYS)


async def asked(db: Database, conversation_id: int) -> Asked | None:
    """A conversation as the page of its question shows it; None when there is none."""
    return await db.one(Asked, sql["asked"], {"conversation_id": conversation_id})


async def rate(unit: Unit, conversation_id: int, score: int, comment: str | None = None) -> bool:
    """Keep a rating; whether it says anything new. A comment of None leaves the one there is.

    `Invalid` unless the score is from 1 to 5 and the comment not too long. Each low one leaves a note.
    """
    if not 1 <= score <= 5:
        raise Invalid("A rating is a whole number from 1 to 5.", code="rating.range", fields={"score": "1 to 5"})
    if comment is not None and len(comment) > MOST_WORDS:
        raise Invalid("The comment is too long.", fields={"comment": f"at most {MOST_WORDS:,} characters"})
    await conversation.lock(unit.conn, conversation_id)
    values = {"conversation_id": conversation_id, "score": score, "comment": comment}
    if not await execute(unit.conn, sql["rate"], values):
        return False
    event = await unit.log(ConversationRated(score=score), conversation_id=conversation_id)
    last = Line("score", {"score": score}, comment or "")
    await conversation.rated(unit.conn, conversation_id, last.said(), low=score < CONTENT)
    if score < CONTENT:
        words = Line("rated", {"score": score}, comment or "")
        await replies.note(unit, conversation_id, words, f"rating-{event.id}", actor_id=None)
    return True


async def take_reply(unit: Unit, conversation_id: int, interaction_id: int) -> bool:
    """Take a message as the answer to our question if it is one, and nothing else.

    A good score never opened the matter (`functions/intake.sql`); with a low one it waits in its queue, and stays.
    """
    values = {"interaction_id": interaction_id, "days": OPEN_DAYS}
    answer = await fetch_one(unit.conn, _Answer, sql["rating_asked"], values)
    score = None if answer is None else score_of(answer.text)
    if score is None:
        return False
    await rate(unit, conversation_id, score)
    return True


async def take_page(unit: Unit, conversation_id: int, score: int, comment: str) -> None:
    """Take what a customer said on the page of our question; who is not content is looked after by a person."""
    held = await conversation.lock(unit.conn, conversation_id)
    before = await fetch_one(unit.conn, Rating, sql["rated"], {"conversation_id": conversation_id})
    if not await rate(unit, conversation_id, score, comment) or score >= CONTENT:
        return
    grew_worse = before is None or score < before.score or comment not in ("", before.comment)
    if grew_worse and held.status == "resolved":
        await lifecycle.reopen(unit, conversation_id, actor_id=None)
        await conversation.start_waiting(unit.conn, conversation_id)
