"""What PostgreSQL really does for a request: the rows that its statements read, and the shape of their plans."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from hub.core.db import Connection, Database, Lists, Searches

_SETTINGS: dict[LiteralString, str] = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}


def explain_everything(database_url: str, *, on: bool = True) -> None:
    """Let every new session of this database say what it does; needs a superuser."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        name = conn.info.dbname
        for setting, value in _SETTINGS.items():
            change = SQL("set {} = {}").format(SQL(setting), value) if on else SQL("reset {}").format(SQL(setting))
            conn.execute(SQL("alter database {} {}").format(Identifier(name), change))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it ran: `read` counts rows and index entries that its scans looked at."""

    text: str
    read: int
    plan: dict[str, Any]

    @property
    def shape(self) -> str:
        """The scans that read most, as `Index Scan conversation_live 51`."""
        scans = sorted(_scans(self.plan), key=_read_by, reverse=True)[:3]
        return ", ".join(f"{_name(scan)} {_read_by(scan):,}" for scan in scans if _read_by(scan) > 20) or "by key"


class _Heard(Database):
    """Connections whose statements are kept as they ran."""

    statements: list[Statement]

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        async with super().connection() as conn:
            conn.add_notice_handler(self._heard)
            try:
                yield conn
            finally:
                conn.remove_notice_handler(self._heard)

    def _heard(self, notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:\n" in text:
            found = json.loads(text.split("plan:\n", 1)[1])
            plan = found["Plan"]
            read = sum(_read_by(scan) for scan in _scans(plan))
            self.statements.append(Statement(" ".join(str(found.get("Query Text", "")).split()), read, plan))


class _HeardLists(_Heard, Lists):
    pass


class _HeardSearches(_Heard, Searches):
    pass


class Watched(_Heard):
    """A database whose statements are kept as they ran, where `explain_everything` is on."""

    def __init__(self, url: str, *, size: int = 8):
        super().__init__(url, size=size)
        self.statements = []

    @property
    def lists(self) -> Lists:
        if self._lists is None:
            self._lists = lists = _HeardLists(self.url, wait=5, name="lists")
            lists.statements = self.statements
        return self._lists

    @property
    def searches(self) -> Searches:
        if self._searches is None:
            self._searches = searches = _HeardSearches(self.url, wait=5, name="searches")
            searches.statements = self.statements
        return self._searches

    def take(self) -> list[Statement]:
        """What ran since the last time."""
        found = list(self.statements)
        self.statements.clear()
        return found


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in plan["Node Type"] and plan["Node Type"] not in ("Subquery Scan", "CTE Scan", "Function Scan"):
        yield plan
    for child in plan.get("Plans", ()):
        yield from _scans(child)


def _read_by(scan: dict[str, Any]) -> int:
    loops = scan.get("Actual Loops", 0)
    rows = (
        scan.get("Actual Rows", 0)
        + scan.get("Rows Removed by Filter", 0)
        + scan.get("Rows Removed by Index Recheck", 0)
    )
    return round(rows * loops)


def _name(scan: dict[str, Any]) -> str:
    return f"{scan['Node Type']} {scan.get('Index Name') or scan.get('Relation Name', '')}"
