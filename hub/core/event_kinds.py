"""What events say: one typed record for each kind, registered when its class is made.

A domain keeps its kinds in its `events.py`. A record's fields are the event's `data`; which conversation, agent, queue,
contact and actor it is about stand beside it in the log's columns. `tools.event_catalogue` has all of them: the table
of `docs/develop/events.md` and the database's own check (`event_kind_known`) are written out of it, so that nothing
else can be logged, by Python or by SQL.

Fields are only added, with a default: whoever reads a kind goes on reading what was logged before. What changes its
meaning gets a new kind, or a higher `version` and a migration of what was logged.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class EventData(BaseModel):
    """The facts of one kind of event. Its docstring says what happened."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: ClassVar[str]
    version: ClassVar[int] = 1

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "event" not in vars(cls):
            return  # a shared part of several
        if known := KINDS.get(cls.event):
            raise TypeError(f"{cls.event!r} is a kind already: {known.__module__}.{known.__qualname__}")
        KINDS[cls.event] = cls

    def facts(self) -> dict[str, Any]:
        """What is stored: the fields that were given, as JSON has them."""
        return self.model_dump(mode="json", exclude_unset=True)


KINDS: dict[str, type[EventData]] = {}
