"""What is logged of what follows by itself."""

from __future__ import annotations

from hub.core.event_kinds import EventData


class ReplyMissed(EventData):
    """An agent did not answer in time: the conversation goes back to the queue."""

    event = "reply.missed"


class ConversationRated(EventData):
    """A customer said how it was, from 1 to 5."""

    event = "conversation.rated"

    score: int
