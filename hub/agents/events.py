"""What is logged of people at work and of what they are asked."""

from __future__ import annotations

from typing import Any

from hub.core.event_kinds import EventData


class PresenceChanged(EventData):
    """An agent came, left, or set themselves to another state; `presence` and `load` as the screens show them."""

    event = "presence.changed"

    presence: dict[str, Any]
    load: dict[str, Any]


class OfferCreated(EventData):
    """The router asks an agent whether they take a conversation."""

    event = "offer.created"

    offer_id: int
    entry_id: int
    conversation_id: int


class OfferEnded(EventData):
    """An offer is over; `state` says how: `accepted`, `declined`, `timed_out` or `rescinded`."""

    event = "offer.ended"

    offer_id: int
    entry_id: int
    conversation_id: int
    state: str


class AgentQueuesChanged(EventData):
    """An administrator let somebody work in a queue (the event's), or no longer."""

    event = "agent.queues_changed"
