"""`make release VERSION=0.3.0`: the version, a dated heading in `CHANGELOG.md`, and the set of functions recorded."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from hub.core.errors import ConfigError
from hub.core.functions import FOLDER, record

ROOT = Path(__file__).parents[1]
_UNRELEASED = "## Unreleased\n"


def release(version: str, root: Path = ROOT, folder: Path = FOLDER) -> None:
    """Make the working tree that of a release; a `ConfigError` when it cannot be one."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigError(f"{version!r} is no version.", remedy="Write three numbers, as in 0.3.0.")
    changelog, project = root / "CHANGELOG.md", root / "pyproject.toml"
    text = changelog.read_text(encoding="utf-8")
    if _UNRELEASED not in text:
        raise ConfigError("CHANGELOG.md has nothing unreleased.", remedy="Say what changed, under *Unreleased*.")
    record(version, folder)
    heading = f"{_UNRELEASED}\n## {version} - {datetime.now(UTC):%Y-%m-%d}\n"
    changelog.write_text(text.replace(_UNRELEASED, heading, 1), encoding="utf-8")
    lines = project.read_text(encoding="utf-8")
    lines = re.sub(r'^version = ".*"$', f'version = "{version}"', lines, count=1, flags=re.MULTILINE)
    project.write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    try:
        release("".join(sys.argv[1:]))
    except ConfigError as error:
        sys.exit(f"{error} {error.remedy}")
