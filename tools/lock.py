"""The locks: every version with its hashes, for each platform and each Python that the project supports (`make lock`).

`requirements.lock` is what the hub needs to run, `requirements-dev.lock` that and the tools of its tests. Both begin
with a digest of what pyproject.toml asks for, so that one which is not made anew after a change of it is seen.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS: dict[str, tuple[str, ...]] = {"requirements.lock": (), "requirements-dev.lock": ("dev",)}  # with which groups
OLDEST = "3.11"
HEAD = "# Made by `make lock` from pyproject.toml, for {name}. Do not edit.\n# asked for: {digest}\n"


def asked_for(groups: tuple[str, ...], root: Path = ROOT) -> str:
    """A digest of what goes into a lock: the Python versions, the dependencies, and those of `groups`."""
    pyproject: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project, more = pyproject["project"], pyproject["dependency-groups"]
    asked = [project["requires-python"], sorted(project["dependencies"]), [sorted(more[group]) for group in groups]]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def head(name: str, root: Path = ROOT) -> str:
    """What a lock begins with."""
    return HEAD.format(name=name, digest=asked_for(LOCKS[name], root))


def stale(root: Path = ROOT) -> list[str]:
    """The locks that are missing, or made of another pyproject.toml."""
    files = {name: root / name for name in LOCKS}
    return [n for n, f in files.items() if not (f.is_file() and f.read_text().startswith(head(n, root)))]


def write(root: Path = ROOT) -> None:
    """Make both anew, with the newest versions that fit."""
    for name, groups in LOCKS.items():
        words = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        words += ["--python-version", OLDEST, "--no-header", "--no-annotate", "--no-emit-index-url"]
        words += [word for group in groups for word in ("--group", group)]
        done = subprocess.run([*words, "pyproject.toml"], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
        (root / name).write_text(head(name, root) + done.stdout)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(f"{', '.join(stale())}: not what pyproject.toml asks for; run `make lock`." if stale() else 0)
    write()
