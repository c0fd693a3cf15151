"""What is logged of how the hub is set up."""

from __future__ import annotations

from hub.core.event_kinds import EventData


class ConfigApplied(EventData):
    """The set-up changed: `changes` lines of a file, or one `account` (`change`: created, changed)."""

    event = "config.applied"

    changes: int | None = None
    account: str | None = None
    change: str | None = None
