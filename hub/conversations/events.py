"""What is logged of conversations. Times are UTC."""

from __future__ import annotations

from datetime import datetime

from hub.core.event_kinds import EventData


class ConversationUpdated(EventData):
    """Something about a conversation changed: screens read it anew."""

    event = "conversation.updated"


class ConversationAssigned(EventData):
    """A conversation is on an agent's desk now."""

    event = "conversation.assigned"

    conversation_id: int


class ConversationUnassigned(EventData):
    """A conversation left an agent's desk."""

    event = "conversation.unassigned"

    conversation_id: int


class ConversationReopened(EventData):
    """A resolved or snoozed conversation is open again."""

    event = "conversation.reopened"


class ConversationResolved(EventData):
    """The matter is closed; by the hub itself where there is no actor. `disposition`: what it was about."""

    event = "conversation.resolved"

    disposition: str | None = None


class ConversationSnoozed(EventData):
    """A conversation is out of sight until a moment, or until its customer writes."""

    event = "conversation.snoozed"

    until: datetime


class ChatLeft(EventData):
    """A visitor left while they waited; `ended`: they said goodbye."""

    event = "chat.left"

    ended: bool = False


class WorkRepaired(EventData):
    """A rule of work was broken and has been mended; `fault` is its name in `hub.conversations.invariants`."""

    event = "work.repaired"

    conversation_id: int
    entry_id: int | None
    fault: str
