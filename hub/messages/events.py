"""What is logged of what is said, and of whether anything leaves."""

from __future__ import annotations

from hub.core.event_kinds import EventData


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


class SendingFrozen(EventData):
    """Nothing leaves until somebody has looked."""

    event = "sending.frozen"

    reason: str


class SendingThawed(EventData):
    """Messages leave again; of `unsure` sends it was not known whether they had left, `sent`: they were sent."""

    event = "sending.thawed"

    unsure: int
    sent: bool
