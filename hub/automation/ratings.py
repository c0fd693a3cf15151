"""Satisfaction: one rating from 1 to 5 per conversation, also as a plain reply to the question."""

from __future__ import annotations

import re

from hub.conversations import actions
from hub.core.db import execute, fetch_value
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.core.sql import Queries

sql = Queries.beside(__file__)
_SCORE = re.compile(r"([1-5])(?:\s*(?:/\s*5|分|stars?|[.,:;!。，！：-].*|$))", re.IGNORECASE)


def score_of(text: str) -> tuple[int, str] | None:
    """The score and the words after it, if a message begins with one: "5", "4/5", "3 - slow", "5分"."""
    first, _, rest = text.strip().partition("\n")
    found = _SCORE.match(first.strip())
    if found is None or len(first) > 200:
        return None
    comment = first.strip()[1:].lstrip(" /5分.,:;!。，！：-") if len(first.strip()) > 1 else ""
    words = [comment, *[line for line in rest.splitlines() if line.strip() and not line.startswith(">")][:3]]
    return int(found[1]), "\n".join(w for w in words if w)[:500]


async def rate(unit: Unit, conversation_id: int, score: int, comment: str = "") -> None:
    """Keep a rating; `Invalid` unless it is from 1 to 5."""
    if not 1 <= score <= 5:
        raise Invalid("A rating is a whole number from 1 to 5.", fields={"score": "1 to 5"})
    await execute(unit.conn, sql["rate"], {"conversation_id": conversation_id, "score": score, "comment": comment})
    await unit.log("conversation.rated", conversation_id=conversation_id, data={"score": score})


async def take_reply(unit: Unit, conversation_id: int, interaction_id: int) -> bool:
    """Take a message as the answer to our question if it is one; then the matter, reopened by it, is closed again."""
    text = await fetch_value(unit.conn, sql["rating_asked"], {"interaction_id": interaction_id})
    found = None if text is None else score_of(str(text))
    if found is None:
        return False
    await rate(unit, conversation_id, *found)
    await actions.resolve(unit, conversation_id, actor_id=None)
    return True
