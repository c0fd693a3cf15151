"""The queues that accounts name: what they deliver into, and what the menus in their settings lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel

from hub.core.db import Connection, fetch_dicts
from hub.core.errors import ConfigError
from hub.core.sql import Queries

sql = Queries.beside(__file__, "named_queues.sql")
Named = tuple[str, str]  # where a queue is named, and the queue


def in_settings(settings: BaseModel, place: str) -> Iterator[Named]:
    """Each queue that a connector's settings name, as the choices of a telephone's menu do."""
    yield from _below({name: getattr(settings, name) for name in type(settings).model_fields}, f"{place}, settings")


def _below(value: object, place: str) -> Iterator[Named]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        for name, one in cast("Mapping[Any, object]", value).items():
            if name == "queue" and isinstance(one, str):
                yield f"{place}.queue", one
            else:
                yield from _below(one, f"{place}.{name}")


async def check(conn: Connection, named: Iterable[Named]) -> list[str]:
    """`ConfigError` for a queue that is not there or archived; what is to be said of those that nobody serves."""
    found = {row["key"]: row for row in await fetch_dicts(conn, sql["queues"])}
    wanted = list(named)
    if missing := [f"{place}: there is no queue {key!r} that takes work" for place, key in wanted if key not in found]:
        raise ConfigError("\n".join(missing), remedy="Correct these and apply again; nothing was changed.")
    return [
        f"{place}: nobody serves {key!r} yet; what comes in waits there"
        for place, key in wanted
        if not found[key]["served"]
    ]
