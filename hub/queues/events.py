"""What is logged of the way of conversations through a queue. Times are UTC."""

from __future__ import annotations

from datetime import datetime

from hub.core.event_kinds import EventData


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
