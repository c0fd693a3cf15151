"""Things that administrators keep (queues, roles, …): one way to list, make, change and archive them, with an audit.

A domain describes its kind as `Records`: the noun, and the file with its statements `records`, `record`, `by_key`,
`lock_record`, `same_name`, `name_taken`, `add_record`, `change_record` and `archive_record`. Every row has three
columns for this:

- `source`: who owns it. `file`: the file that `hub apply` reads; pages do not change it, so that the next apply undoes
  nobody's work. `page`: pages do, and the file leaves it alone. `built-in`: nobody. `adopt` moves a row to the pages.
- `version`: how often it was changed. Whoever changes it names the one they saw; another has been faster otherwise.
- `archived_at`: no longer used, and kept for what refers to it.

People choose by name: no two in use are called the same, but for case and spaces. Doubles from before that was so stay
until somebody renames one; nothing can make a new one.

Each change is one `config.record` event with what was and what is, in the same transaction: the log is the audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb
from pydantic import Field

from hub.core.db import Connection, Database, execute, fetch_dicts, fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.event_kinds import EventData
from hub.core.events import Unit
from hub.core.field_errors import FieldError, wrong
from hub.core.sql import Queries

own = Queries.beside(__file__, "records.sql")
Row = dict[str, Any]
Change = Literal["created", "changed", "archived", "restored", "adopted"]
_KEPT = {"id", "version", "source", "archived_at"}  # columns that the kit keeps, not the form


class RecordChanged(EventData):
    """An administrator made, changed or archived something; `before` and `after` hold what differs."""

    event = "config.record"

    noun: str
    record_id: str
    name: str
    change: Change
    before: dict[str, Any] = Field(default_factory=dict[str, Any])
    after: dict[str, Any] = Field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Records:
    """One kind of thing. `noun`: what it is called in errors and in the log, as `queue`."""

    noun: str
    sql: Queries

    async def listed(self, db: Database) -> list[Row]:
        """All of them, archived ones last."""
        return await db.dicts(self.sql["records"])

    async def one(self, db: Database, record_id: int) -> Row:
        """One; `NotFound`."""
        return self._found(await db.dicts(self.sql["record"], {"id": record_id}))

    async def in_transaction(self, unit: Unit, record_id: int) -> Row:
        """One, as the transaction sees it; `NotFound`."""
        return self._found(await fetch_dicts(unit.conn, self.sql["record"], {"id": record_id}))

    async def called(self, conn: Connection, key: str) -> Row:
        """The `id`, `name` and `archived_at` of what files call so; `NotFound`."""
        return self._found(await fetch_dicts(conn, self.sql["by_key"], {"key": key}))

    async def taken(self, conn: Connection, values: Row, record_id: int | None = None) -> dict[str, FieldError]:
        """Which of a form's key and name another one has; `record_id`: whose form it is."""
        found: dict[str, FieldError] = {}
        key, name = values.get("key"), values.get("name")
        if record_id is None and key and await fetch_dicts(conn, self.sql["by_key"], {"key": key}):
            found["key"] = wrong("taken", value=key)
        if name and await fetch_value(conn, self.sql["name_taken"], {"name": name, "id": record_id}):
            found["name"] = wrong("taken", value=name)
        return found

    async def create(self, unit: Unit, values: Row, *, actor_id: int | None) -> Row:
        """A new one, owned by the pages; `Conflict` when its key or name is taken."""
        [added] = await self._written(unit, "add_record", values)
        row = await self.in_transaction(unit, added["id"])
        await self._require_own_name(unit, row)
        await self._log(unit, row, "created", {}, _fields(row), actor_id=actor_id)
        return row

    async def change(self, unit: Unit, record_id: int, values: Row, *, version: int, actor_id: int | None) -> Row:
        """Change what `values` names; `Conflict` when somebody was faster than `version`, or when a file owns it."""
        row = await self._locked(unit, record_id, version=version)
        self._require_page(row)
        if unknown := set(values) - set(row):
            raise Invalid(f"A {self.noun} has no {min(unknown)!r}.", fields=dict.fromkeys(unknown, "is unknown"))
        changed = {key: value for key, value in values.items() if row[key] != value}
        if not changed:
            return row
        await self._written(unit, "change_record", {**row, **changed})
        after = await self.in_transaction(unit, record_id)
        if "name" in changed:
            await self._require_own_name(unit, after)
        await self._log(unit, after, "changed", {k: row[k] for k in changed}, changed, actor_id=actor_id)
        return after

    async def archive(self, unit: Unit, record_id: int, archived: bool, *, version: int, actor_id: int | None) -> Row:
        """Archive it, or take it up again. Nothing happens when it is so already."""
        row = await self._locked(unit, record_id, version=version)
        self._require_page(row)
        if (row["archived_at"] is not None) == archived:
            return row
        await execute(unit.conn, self.sql["archive_record"], {"id": record_id, "archived": archived})
        after = await self.in_transaction(unit, record_id)
        await self._require_own_name(unit, after)
        await self._log(unit, after, "archived" if archived else "restored", {}, {}, actor_id=actor_id)
        return after

    async def adopt(self, unit: Unit, record_id: int, *, version: int, actor_id: int | None) -> Row:
        """Let the pages own what a file owned: the file's next apply leaves it alone."""
        row = await self._locked(unit, record_id, version=version)
        if row["source"] == "built-in":
            raise Conflict(
                f"This {self.noun} is built in.", remedy=f"Make a {self.noun} of your own.", code="record.built_in"
            )
        if row["source"] == "page":
            return row
        await self._written(unit, "change_record", {**row, "source": "page"})
        after = await self.in_transaction(unit, record_id)
        await self._log(unit, after, "adopted", {"source": "file"}, {"source": "page"}, actor_id=actor_id)
        return after

    async def history(self, db: Database, record_id: int, *, limit: int = 100) -> list[Row]:
        """What was done to it and by whom, the latest first."""
        values = {"noun": self.noun, "record_id": str(record_id), "limit": limit}
        return await db.dicts(own["history"], values)

    async def _locked(self, unit: Unit, record_id: int, *, version: int) -> Row:
        await execute(unit.conn, self.sql["lock_record"], {"id": record_id})
        row = await self.in_transaction(unit, record_id)
        if row["version"] != version:
            raise Conflict(
                f"Somebody changed this {self.noun} meanwhile.",
                remedy="Look at it again, then repeat your change.",
                code="record.changed",
            )
        return row

    async def doubles(self, conn: Connection) -> list[Row]:
        """Two of one name each (`id`, `key`, `name`, `other_id`, `other_key`); nobody makes another until the end."""
        await execute(conn, own["lock_names"], {"noun": self.noun})
        return await fetch_dicts(conn, self.sql["same_name"])

    async def _require_own_name(self, unit: Unit, row: Row) -> None:
        if any(row["id"] in (two["id"], two["other_id"]) for two in await self.doubles(unit.conn)):
            raise Conflict(
                f"Another {self.noun} is called {row['name']!r}.",
                remedy="Choose another name.",
                code="record.name_taken",
                params={"name": row["name"]},
                fields={"name": wrong("taken", value=row["name"])},
            )

    async def _written(self, unit: Unit, statement: str, values: Row) -> list[Row]:
        try:
            written = {k: Jsonb(v) if isinstance(v, (dict, list)) else v for k, v in values.items()}
            return await fetch_dicts(unit.conn, self.sql[statement], written)
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(
                f"There is a {self.noun} with the key {values['key']!r} already.",
                remedy="Choose another, or restore that one.",
                code="record.key_taken",
                params={"key": values["key"]},
                fields={"key": wrong("taken", value=values["key"])},
            ) from error
        except psycopg.errors.ForeignKeyViolation as error:
            raise Invalid(f"The {self.noun} names something that is not there.") from error

    def _found(self, rows: list[Row]) -> Row:
        if not rows:
            raise NotFound(f"There is no such {self.noun}.", code="record.unknown")
        return rows[0]

    def _require_page(self, row: Row) -> None:
        if row["source"] == "file":
            raise Conflict(
                f"This {self.noun} is kept in the configuration file.",
                remedy="Change it there and run `hub apply`, or let the pages keep it from now on.",
                code="record.of_file",
            )
        if row["source"] == "built-in":
            raise Conflict(
                f"This {self.noun} is built in.", remedy=f"Make a {self.noun} of your own.", code="record.built_in"
            )

    def entry(self, row: Row, change: Change, before: Row, after: Row) -> RecordChanged:
        """What the log is told of a change; the file's are told by who applies it."""
        return RecordChanged(
            noun=self.noun, record_id=str(row["id"]), name=str(row["name"]), change=change, before=before, after=after
        )

    async def _log(
        self, unit: Unit, row: Row, change: Change, before: Row, after: Row, *, actor_id: int | None
    ) -> None:
        await unit.log(self.entry(row, change, before, after), actor_id=actor_id)
        unit.notify("router")


def _fields(row: Row) -> Row:
    """What a form holds of a row."""
    return {key: value for key, value in row.items() if key not in _KEPT}
