"""docs/develop/data-model.md, made from the database itself (`make api`), so that it cannot say what is not so."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from hub.core.embedded import Embedded
from hub.core.migrate import migrate

PAGE = Path(__file__).parents[1] / "docs" / "develop" / "data-model.md"
_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(i.indisprimary, false)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_index i on i.indrelid = c.oid and i.indisprimary and a.attnum = any(i.indkey)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by c.relname, a.attnum
"""
_REFERENCES = """
select k.conrelid::regclass::text, a.attname, k.confrelid::regclass::text
from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.conparentid = 0
order by 1, 2
"""
_HEAD = """# Data model

Made from the database by `make api`, after every migration; do not edit. It is held to what the migrations make by
`tests/integration/core/test_data_model.py`. What the tables mean is beside their columns in `hub/migrations/*.sql`;
who writes which is in the [architecture](architecture.md).

A solid line is a foreign key. A dotted one is a column that names the other table without one, as on the
[hot path](../decisions/0006-foreign-keys.md). What points at agents and accounts, as nearly everything does, is in the
table only.

"""
_EVERYWHERE = {"agent", "account"}  # nearly everything points at them


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it."""

    name: str
    kind: str
    required: bool
    key: bool


@dataclass(frozen=True, slots=True)
class Model:
    """Every table with its columns, and which other a column points at, and whether by a foreign key."""

    tables: dict[str, list[Column]]
    points: dict[tuple[str, str], tuple[str, bool]]


def model(url: str) -> Model:
    """Read it from a migrated database."""
    tables: dict[str, list[Column]] = {}
    with psycopg.connect(url) as conn:
        for table, name, kind, required, key in conn.execute(_COLUMNS):
            tables.setdefault(table, []).append(Column(name, kind, required, key))
        declared = {(table, column): (other, True) for table, column, other in conn.execute(_REFERENCES)}
    named = {
        (table, column.name): (other, False)
        for table, columns in tables.items()
        for column in columns
        if (other := column.name.removesuffix("_id")) != column.name and other in tables and other != table
    }
    return Model(tables, {**named, **declared})


def page(found: Model) -> str:
    """The whole page."""
    return _HEAD + _picture(found) + "\n## Tables\n\n" + _table(found)


def _picture(found: Model) -> str:
    lines = ["```mermaid", "erDiagram"]
    for (table, column), (other, declared) in sorted(found.points.items()):
        if other not in _EVERYWHERE:
            lines.append(f'    {other} ||{"--" if declared else ".."}o{{ {table} : "{column}"')
    return "\n".join([*lines, "```"]) + "\n"


def _table(found: Model) -> str:
    lines = ["| table | columns (key in bold, *may be empty*) | points at |", "|---|---|---|"]
    for table, columns in sorted(found.tables.items()):
        shown = ", ".join(_shown(column) for column in columns)
        others = sorted({other for (of, _), (other, _) in found.points.items() if of == table})
        lines.append(f"| `{table}` | {shown} | {', '.join(f'`{o}`' for o in others)} |")
    return "\n".join(lines) + "\n"


def _shown(column: Column) -> str:
    name = f"**{column.name}**" if column.key else column.name if column.required else f"*{column.name}*"
    return f"{name} {column.kind}"


def main() -> None:
    """Write the page, out of a database made for it."""
    with tempfile.TemporaryDirectory() as folder:
        server = Embedded(Path(folder) / "data", durable=False)
        url = server.start().database_url
        try:
            migrate(url)
            PAGE.write_text(page(model(url)), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
