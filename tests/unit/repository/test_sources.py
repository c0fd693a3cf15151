"""What holds of every source file, whatever is in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST = 400  # lines; what is longer is cut by what it does
GENERATED = {"hub/ui/api/schema.d.ts"}  # by `make api`
FOLDERS = ("hub", "connectors", "routing", "workers", "tests", "tools")
APART = {"node_modules", "dist", "_ui", "__pycache__"}


def sources() -> list[str]:
    found = [*ROOT.glob("*.py")]
    for folder in FOLDERS:
        found += [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".ts", ".tsx", ".sql"}]
    names = [p.relative_to(ROOT) for p in found]
    return sorted(str(n) for n in names if not APART & set(n.parts) and str(n) not in GENERATED)


def lines(name: str) -> int:
    return len((ROOT / name).read_text(encoding="utf-8").splitlines())


def is_migration(name: str) -> bool:
    """A numbered one: it is never edited, so it is not cut either."""
    return re.fullmatch(r"hub/migrations/\d{4}_\w+\.sql", name) is not None


def test_no_file_is_too_long_to_read() -> None:
    names = [n for n in sources() if not is_migration(n)]
    assert len(names) > 500
    assert {n: lines(n) for n in names if lines(n) > MOST} == {}
