"""What is logged of conversations, of what is said in them, and of their way through the queue. Times are UTC."""

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


class InteractionCreated(EventData):
    """Something was said or written, by the customer (`in`), to them (`out`) or among us (`internal`).

    `automatic`: by no person. `new`: it began the conversation. `quiet`: it asks nothing of anybody (a reaction, a
    rating). `kind` of what is internal: `note` or `system`.
    """

    event = "interaction.created"

    interaction_id: int
    direction: str
    channel: str | None = None
    automatic: bool | None = None
    new: bool | None = None
    quiet: bool | None = None
    kind: str | None = None


class InteractionUpdated(EventData):
    """What was said looks different now: its state, its files, what is known of it.

    `status`, `error` and `outbound_id` of a send; `decision` and `by` where somebody settled one of unknown outcome;
    `media`: the file that has come or is lost.
    """

    event = "interaction.updated"

    interaction_id: int
    status: str | None = None
    error: str | None = None
    outbound_id: int | None = None
    media: int | None = None
    decision: str | None = None
    by: str | None = None


class EntryQueued(EventData):
    """A conversation waits in a queue."""

    event = "entry.queued"

    entry_id: int
    channel: str
    queued_at: datetime


class _Waited(EventData):
    """The end of a wait of `wait_seconds`. `again`: its customer had been answered before in this entry."""

    entry_id: int
    channel: str
    queued_at: datetime
    wait_seconds: float
    again: bool = False


class EntryAnswered(_Waited):
    """An agent took what waited; `in_target`: within the queue's service level."""

    event = "entry.answered"

    in_target: bool


class EntryAbandoned(_Waited):
    """The customer left while they waited; `short`: so soon that nobody could have answered."""

    event = "entry.abandoned"

    outcome: str
    short: bool


class EntryFlowedOut(_Waited):
    """A wait ended otherwise, unanswered: resolved, snoozed, transferred, called back."""

    event = "entry.flowed_out"

    outcome: str


class EntryClosed(EventData):
    """An entry is over. `handle_seconds` since an agent had it, null where nobody did."""

    event = "entry.closed"

    entry_id: int
    channel: str
    outcome: str
    handle_seconds: float | None


class EntryReleased(EventData):
    """What an agent had waits again, its place kept."""

    event = "entry.released"

    entry_id: int
    reason: str


class EntryWrapping(EventData):
    """The conversation is over; its agent writes it up until a moment at the latest."""

    event = "entry.wrapping"

    entry_id: int
    until: datetime


class EntryResumed(EventData):
    """What rested or was being wrapped up is work again."""

    event = "entry.resumed"

    entry_id: int


class EntryResting(EventData):
    """Its customer is silent, so that it weighs nothing on its agent."""

    event = "entry.resting"

    entry_id: int


class WorkRepaired(EventData):
    """A rule of work was broken and has been mended; `fault` is its name in `hub.conversations.invariants`."""

    event = "work.repaired"

    conversation_id: int
    entry_id: int | None
    fault: str


class SendingFrozen(EventData):
    """Nothing leaves until somebody has looked."""

    event = "sending.frozen"

    reason: str


class SendingThawed(EventData):
    """Messages leave again; of `unsure` sends it was not known whether they had left, `sent`: they were sent."""

    event = "sending.thawed"

    unsure: int
    sent: bool
