"""The shapes of things that administrators keep; see `hub.core.records`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from hub.web.shapes import In, Ref


class KeptRecord(BaseModel):
    """What all have: who owns it (`source`), how often it was changed, and since when it is archived."""

    id: int
    key: str
    name: str
    source: Literal["built-in", "file", "page"]
    version: int
    archived_at: datetime | None


class RecordVersion(In):
    """Which version somebody saw whose change this is. Null is as good as left out, but for what can be cleared."""

    clearable: ClassVar[frozenset[str]] = frozenset()
    version: Annotated[int, Field(ge=1)]

    def changes(self) -> dict[str, Any]:
        """The fields that the body names, but the version."""
        given = self.model_dump(exclude={"version"}, exclude_unset=True)
        return {key: value for key, value in given.items() if value is not None or key in self.clearable}


class Archiving(RecordVersion):
    archived: bool


class RecordChange(BaseModel):
    """One change: the fields that differ, as they were and as they became."""

    id: int
    at: datetime
    change: Literal["created", "changed", "archived", "restored", "adopted"]
    before: dict[str, Any]
    after: dict[str, Any]
    actor: Ref | None


class RecordHistory(BaseModel):
    items: list[RecordChange]
