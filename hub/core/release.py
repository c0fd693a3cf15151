"""Which release this is, and of which commit it was made."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]  # hub
UNKNOWN = "unknown"


def hub_version() -> str:
    """The installed version."""
    try:
        return version("omnihub")
    except PackageNotFoundError:
        return "0"


def hub_commit(package: Path = _PACKAGE) -> str:
    """The commit: of the checkout that is running (with `-dirty` when it was changed), or what the build wrote down.

    `unknown` where there was no git when it was built, as from an archive of the sources.
    """
    root = package.parent
    if (root / ".git").exists() and (root / "hatch_build.py").is_file():  # not a repository that only lies around us
        return checked_out(root) or UNKNOWN
    kept = package / "_commit"
    return (kept.read_text(encoding="ascii").strip() if kept.is_file() else "") or UNKNOWN


def checked_out(root: Path) -> str | None:
    """What git says about the checkout `root`; None without git, or when git refuses."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
