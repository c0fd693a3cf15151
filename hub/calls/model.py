"""A call, its legs and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call's row; see migrations/0006_voice.sql."""

    id: int
    account_id: int
    conversation_id: int
    interaction_id: int
    direction: str
    kind: str
    external_id: str | None
    number: str
    our_number: str
    state: str
    locale: str
    tries: int
    queue_id: int | None
    entry_id: int | None
    agent_id: int | None
    outcome: str | None
    recording: str
    started_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None

    @property
    def room(self) -> str:
        """The name of its conference: says nothing about anybody."""
        return room_of(self.id)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state == "ended"


@dataclass(frozen=True, slots=True)
class Leg:
    """One telephone in a call."""

    id: int
    call_id: int
    role: str
    agent_id: int | None
    offer_id: int | None
    consult: bool
    mode: str
    endpoint: str
    external_id: str | None
    ringing_at: datetime | None
    answered_at: datetime | None
    joined_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    present: bool
    held: bool
    muted: bool
    leaving: bool  # we have asked the provider to end it

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def offered(self) -> bool:
        """Whether it rings for an offer that its agent has not taken: the call is not theirs."""
        return self.live and self.offer_id is not None and self.joined_at is None

    @property
    def asked(self) -> bool:
        """Whether somebody is being asked, or is to take the call over, and still may."""
        return self.live and not self.leaving and (self.consult or self.mode == "takeover")

    @property
    def heir(self) -> bool:
        """Whether the call was handed to it unasked, and it has not answered: it may ring still."""
        return self.mode == "takeover" and self.joined_at is None

    @property
    def label(self) -> str:
        """Its name in the room."""
        return label_of(self.id)


@dataclass(frozen=True, slots=True)
class Fact:
    """A stored report."""

    leg_id: int | None
    kind: str
    seq: int | None
    at: datetime
    data: dict[str, Any]


def room_of(call_id: int) -> str:
    """The name of a call's room."""
    return f"call-{call_id}"


def call_of_room(name: str) -> int | None:
    """The call whose room it is; None for a stranger's."""
    prefix, _, number = name.partition("-")
    return int(number) if prefix == "call" and number.isdecimal() and len(number) < 19 else None


def label_of(leg_id: int) -> str:
    """A leg's name in the room."""
    return f"leg-{leg_id}"
