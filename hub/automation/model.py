"""What follows by itself, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The follow-ups there are."""

    ACKNOWLEDGEMENT = "acknowledgement"  # we are closed, but it has arrived
    REMINDER = "reminder"  # the customer has not answered
    CLOSE = "close"  # nor after the reminder
    SATISFACTION = "satisfaction"  # how was it?
    MISSED_CHAT = "missed_chat"  # left before anyone answered
    MISSED_CALL = "missed_call"  # hung up before anyone answered
    MISSED_REPLY = "missed_reply"  # the customer waits for an agent's answer
    WAKE = "wake"  # a snooze is over
    RATING = "rating"  # perhaps the answer to how it was
    UNSENT = "unsent"  # an answer that will never arrive was none
    ABANDON = "abandon"  # nobody waits at the other end any more


# Those that write to the customer: they stand while nothing may leave.
WRITES = (Kind.ACKNOWLEDGEMENT, Kind.REMINDER, Kind.SATISFACTION, Kind.MISSED_CHAT, Kind.MISSED_CALL)

# Those that happen only while the queue works: nobody is there to answer what they bring about.
IN_HOURS = (Kind.REMINDER, Kind.CLOSE)


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds until something follows; overridden by the row `automation` of `meta`. 0 turns a kind off."""

    reminder: int = 48 * 3600
    close: int = 72 * 3600
    satisfaction: int = 300
    missed_chat: int = 60
    missed_call: int = 60
    missed_reply: int = 1800

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Delays:
        """The stored seconds over the defaults."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: int(value) for name, value in (stored or {}).items() if name in known})


@dataclass(frozen=True, slots=True)
class Plan:
    """A follow-up to write down; the same key again is the same one.

    `payload.after` is the last interaction known then: a customer's later message stops what stops on replies.
    """

    key: str
    kind: Kind
    conversation_id: int
    due_at: datetime
    stops_on_reply: bool = True
    payload: dict[str, Any] = field(default_factory=dict[str, Any])

    def row(self) -> dict[str, Any]:
        """As `schedule` reads it."""
        return {
            "key": self.key,
            "kind": self.kind,
            "conversation_id": self.conversation_id,
            "due_at": self.due_at,
            "stops_on_reply": self.stops_on_reply,
            "payload": self.payload,
        }


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A follow-up whose time has come, held by its runner."""

    id: int
    key: str
    kind: str
    conversation_id: int
    stops_on_reply: bool
    payload: dict[str, Any]
