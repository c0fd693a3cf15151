"""`make release VERSION=0.3.0`: the version, a dated heading in `CHANGELOG.md`, and what later versions are tried with.

That is the number of its set of functions (`hub/migrations/released.txt`), and its programs
(`tests/migration/releases`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from hub.core.errors import ConfigError
from hub.core.functions import FOLDER, record, released

ROOT = Path(__file__).parents[1]
_PROGRAMS = ("hub", "connectors", "routing", "workers", ":!hub/ui")
_SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_UNRELEASED = "## Unreleased\n"


def release(version: str, root: Path = ROOT, folder: Path = FOLDER, *, again: bool = False) -> None:
    """Make the working tree that of a release; a `ConfigError` when it cannot be one.

    `again`: the last release, which nobody has been given yet, is made anew with what has come since.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigError(f"{version!r} is no version.", remedy="Write three numbers, as in 0.3.0.")
    changelog, project = root / "CHANGELOG.md", root / "pyproject.toml"
    text = changelog.read_text(encoding="utf-8")
    if _UNRELEASED not in text:
        raise ConfigError("CHANGELOG.md has nothing unreleased.", remedy="Say what changed, under *Unreleased*.")
    record(version, folder, again=again)
    changelog.write_text(dated(text, version), encoding="utf-8")
    lines = project.read_text(encoding="utf-8")
    lines = re.sub(r'^version = ".*"$', f'version = "{version}"', lines, count=1, flags=re.MULTILINE)
    project.write_text(lines, encoding="utf-8")


def dated(changelog: str, version: str) -> str:
    """The changelog with what was unreleased under a version's heading, beside what stands there already."""
    head, rest = changelog.split(_UNRELEASED, 1)
    fresh, *older = re.split(r"^(?=## )", rest, flags=re.MULTILINE)
    if older and older[0].startswith(f"## {version} - "):
        fresh += older.pop(0).split("\n", 1)[1]
    sections: dict[str, str] = {}
    for part in re.split(r"^### ", fresh, flags=re.MULTILINE)[1:]:
        name, text = part.split("\n", 1)
        sections[name] = sections.get(name, "") + text.strip("\n") + "\n"
    shown = "".join(f"\n### {name}\n\n{sections[name]}" for name in sorted(sections, key=_order))
    return f"{head}{_UNRELEASED}\n## {version} - {datetime.now(UTC):%Y-%m-%d}\n{shown}\n{''.join(older)}"


def _order(section: str) -> int:
    return _SECTIONS.index(section) if section in _SECTIONS else len(_SECTIONS)


def archive(version: str, root: Path = ROOT, folder: Path = FOLDER) -> Path:
    """The programs of the working tree, for `tests/migration`; those that may not run beside the next release go."""
    kept = root / "tests" / "migration" / "releases"
    command = ["git", "-C", str(root), "ls-files", *_PROGRAMS]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    with tarfile.open(kept / f"{version}.tar.xz", "w:xz", preset=9) as made:
        for name in names:
            made.add(root / name, name)
    (kept / f"{version}.entry_points.txt").write_text(_parts(root), encoding="utf-8")
    sets = {one.release: one.number for one in released(folder)}
    for file in kept.glob("*.tar.xz"):
        name = file.name.removesuffix(".tar.xz")
        if sets.get(name, 0) < max(sets.values()) - 1:
            file.unlink()
            (kept / f"{name}.entry_points.txt").unlink(missing_ok=True)
    return kept / f"{version}.tar.xz"


def _parts(root: Path) -> str:
    """Where a release's own services, senders and connectors lie, as installers write it down."""
    groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("entry-points", {})
    return "\n".join(
        "\n".join([f"[{group}]", *[f"{name} = {place}" for name, place in parts.items()], ""])
        for group, parts in groups.items()
    )


if __name__ == "__main__":
    named = "".join(word for word in sys.argv[1:] if word != "--again")
    try:
        release(named, again="--again" in sys.argv)
        archive(named)
    except ConfigError as error:
        sys.exit(f"{error} {error.remedy}")
