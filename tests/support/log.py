"""For tests of the log itself, to which kinds mean nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hub.core.db import Database


async def take_any_kind(db: Database) -> None:
    """Let the log take kinds that are in no catalogue."""
    await db.execute("alter table event drop constraint event_kind_known")


def said(kind: str) -> Any:
    """An event of any kind, without facts."""
    return SimpleNamespace(event=kind, facts=dict)
