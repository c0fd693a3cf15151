"""Named queries out of `.sql` files.

A file holds blocks that start with `-- name: purpose in one line`. A missing name fails when the module that
asks for it is imported, not when a customer first needs it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

_HEAD = re.compile(r"^-- ([a-z][a-z0-9_]*): (.+)$", re.MULTILINE)


class Queries:
    """The queries of one `.sql` file, by name."""

    def __init__(self, path: Path):
        self.path = path
        text = path.read_text(encoding="utf-8")
        heads = list(_HEAD.finditer(text))
        ends = [h.start() for h in heads[1:]] + [len(text)]
        self._by_name = {h[1]: text[h.end() : end].strip().rstrip(";") for h, end in zip(heads, ends, strict=True)}

    @classmethod
    def beside(cls, module_file: str, name: str = "queries.sql") -> Queries:
        """The `queries.sql` that lies beside a module: `Queries.beside(__file__)`."""
        return cls(Path(module_file).with_name(name))

    def __getitem__(self, name: str) -> LiteralString:
        try:
            # The text ships with the program, so it is as literal as a string in the source.
            return cast("LiteralString", self._by_name[name])
        except KeyError:
            raise KeyError(f"{self.path} has no query named {name!r}") from None
