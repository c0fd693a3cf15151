"""Named SQL: what is asked for is there, what is there is asked for, and SQL stands in `.sql` files alone."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRODUCT = ("hub", "routing", "workers", "connectors")
SQL = re.compile(
    r"\s*(select\s+\S|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s|truncate\s|vacuum\b"
    r"|(create|drop|alter)\s+(table|index|database|function|schema|type|role)\s|set\s+\w+\s*=)",
    re.IGNORECASE,
)
FOR_A_PERSON = {"hub/core/readers.py": "what somebody may type to end a transaction"}  # not run by the hub
KEPT: set[Path] = set()  # of things that administrators keep: hub.core.records asks for these
OF_THE_KIT = {
    "records",
    "record",
    "by_key",
    "lock_record",
    "same_name",
    "name_taken",
    "add_record",
    "change_record",
    "archive_record",
}


@dataclass
class Module:
    """What a module reads of `.sql` files, under which names, and what it asks for."""

    path: str
    tree: ast.Module
    files: dict[str, Path] = field(default_factory=dict[str, Path])
    imported: dict[str, str] = field(default_factory=dict[str, str])  # local name -> dotted name


def sources() -> Iterator[Path]:
    for top in PRODUCT:
        yield from (p for p in (ROOT / top).rglob("*.py") if not {"node_modules", "_ui"} & set(p.parts))


def read(path: Path) -> Module:
    module = Module(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8")))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            if ast.unparse(node.value.func) == "Queries.beside":
                given = node.value.args[1:]
                name = given[0].value if given and isinstance(given[0], ast.Constant) else "queries.sql"
                module.files[node.targets[0].id] = path.with_name(str(name))
            if ast.unparse(node.value.func) == "Records" and isinstance(beside := node.value.args[1], ast.Call):
                name = beside.args[1].value if isinstance(beside.args[1], ast.Constant) else ""
                module.files[f"{node.targets[0].id}.sql"] = path.with_name(str(name))
                KEPT.add(path.with_name(str(name)))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return module


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {dotted(module.path): module for module in map(read, sources())}


def file_of(module: Module, value: ast.expr) -> Path | None:
    """Which `.sql` file an expression like `sql` or `store.sql` stands for."""
    if isinstance(value, ast.Name):
        if value.id in module.files:
            return module.files[value.id]
        origin, _, name = module.imported.get(value.id, "").rpartition(".")
        return MODULES[origin].files.get(name) if origin in MODULES else None
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        kept = f"{value.value.id}.{value.attr}"
        home, _, _ = module.imported.get(value.value.id, "").rpartition(".")
        for place in (module, MODULES.get(home)):
            if place is not None and kept in place.files:
                return place.files[kept]
        origin = module.imported.get(value.value.id, "")
        return MODULES[origin].files.get(value.attr) if origin in MODULES else None
    return None


def asked() -> Iterator[tuple[str, Path, ast.expr]]:
    """Every `sql[...]`: where, of which file, and the name."""
    for module in MODULES.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Subscript) and (file := file_of(module, node.value)) is not None:
                yield f"{module.path}:{node.lineno}", file, node.slice


def names(file: Path) -> list[str]:
    return re.findall(r"^-- ([a-z][a-z0-9_]*): .+$", file.read_text(encoding="utf-8"), re.MULTILINE)


def wrong_names() -> list[str]:
    found: list[str] = []
    used: dict[Path, set[str]] = defaultdict(set)
    for file in KEPT:
        used[file] |= OF_THE_KIT
    for place, file, name in asked():
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            found.append(f"{place}: the name of a query is written out, so that it can be found: {ast.unparse(name)}")
        elif name.value not in names(file):
            found.append(f"{place}: {file.name} has no query named {name.value!r}")
        else:
            used[file].add(name.value)
    for file in sorted({file for module in MODULES.values() for file in module.files.values()}):
        every = names(file)
        found += [
            f"{file.relative_to(ROOT)}: {name!r} is there twice" for name in {n for n in every if every.count(n) > 1}
        ]
        found += [f"{file.relative_to(ROOT)}: nobody asks for {name!r}" for name in every if name not in used[file]]
    return found


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """String constants but docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(n.body[0].value)
        for n in ast.walk(tree)
        if isinstance(n, documented) and n.body and isinstance(n.body[0], ast.Expr)
    }
    yield from (
        n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs
    )


def sql_in(tree: ast.Module) -> list[int]:
    """Lines on which SQL is written inside Python."""
    return [node.lineno for node in texts(tree) if SQL.match(str(node.value))]


def test_every_query_asked_for_is_there_and_every_query_is_asked_for() -> None:
    assert wrong_names() == []


def test_every_sql_file_is_read_by_somebody() -> None:
    read_by_somebody = {file for module in MODULES.values() for file in module.files.values()}
    there = {
        f for top in PRODUCT for f in (ROOT / top).rglob("*.sql") if not {"node_modules", "migrations"} & set(f.parts)
    }
    assert there == read_by_somebody


def test_sql_stands_in_sql_files() -> None:
    found = [f"{m.path}:{line}" for m in MODULES.values() if m.path not in FOR_A_PERSON for line in sql_in(m.tree)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "insert into x values (1)",
        "update x set y = 1",
        "delete from x",
        "\n  with x as (select 1)",
        "drop index x",
    ],
)
def test_sql_inside_python_is_recognised(text: str) -> None:
    assert sql_in(ast.parse(f"run({text!r})")) == [1]


@pytest.mark.parametrize("text", ["select", "Update the record.", "set", "with love", "create an account first"])
def test_words_of_a_sentence_are_no_sql(text: str) -> None:
    assert sql_in(ast.parse(f"run({text!r})")) == []
