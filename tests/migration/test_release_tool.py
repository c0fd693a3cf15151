"""`make release`: what it writes, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from hub.core.errors import ConfigError
from hub.core.functions import FOLDER, current, released
from tools.release import archive, release


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n### Added\n\n- This.\n")
    for name in ("hub/a.py", "hub/ui/b.ts", "routing/c.sql"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "tests/migration/releases").mkdir(parents=True)
    shutil.copytree(FOLDER, tmp_path / "migrations")
    (tmp_path / "migrations/released.txt").write_text("")
    for command in (["init", "-q"], ["add", "hub", "routing"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_a_release_is_dated_recorded_and_kept_when_it_is_made(tree: Path) -> None:
    release("9.0.0", tree, tree / "migrations")
    assert 'version = "9.0.0"' in (tree / "pyproject.toml").read_text()
    assert re.search(
        r"## Unreleased\n\n## 9\.0\.0 - \d{4}-\d\d-\d\d\n\n### Added\n\n- This", (tree / "CHANGELOG.md").read_text()
    )
    assert released(tree / "migrations")[-1] == current(tree / "migrations")
    with tarfile.open(archive("9.0.0", tree, tree / "migrations")) as made:
        assert made.getnames() == ["hub/a.py", "routing/c.sql"]


def test_programs_go_when_they_may_not_run_beside_the_next_release(tree: Path) -> None:
    (tree / "tests/migration/releases/0.1.0.tar.xz").write_bytes(b"")
    (tree / "tests/migration/releases/0.1.0.entry_points.txt").write_text("")
    (tree / "migrations/released.txt").write_text("")
    left: list[list[str]] = []
    for version in ("9.0.0", "9.1.0", "9.2.0"):
        (tree / "migrations/functions/more.sql").write_text(f"select '{version}'")
        release(version, tree, tree / "migrations")
        archive(version, tree, tree / "migrations")
        left.append(sorted(file.name for file in (tree / "tests/migration/releases").iterdir()))
    kept = [("0.1.0", "9.0.0"), ("9.0.0", "9.1.0"), ("9.1.0", "9.2.0")]
    assert left == [[f"{one}.{what}" for one in two for what in ("entry_points.txt", "tar.xz")] for two in kept]


def test_a_release_without_a_number_or_without_changes_is_refused(tree: Path) -> None:
    for wrong in ("", "1.0", "v1.0.0"):
        with pytest.raises(ConfigError, match="is no version"):
            release(wrong, tree, tree / "migrations")
    (tree / "CHANGELOG.md").write_text("# Changelog\n")
    with pytest.raises(ConfigError, match="nothing unreleased"):
        release("9.0.0", tree, tree / "migrations")
    assert 'version = "0.1.0"' in (tree / "pyproject.toml").read_text()


def test_a_release_that_nobody_has_is_made_again_with_what_came_since(tree: Path) -> None:
    release("9.0.0", tree, tree / "migrations")
    before = released(tree / "migrations")
    changelog = tree / "CHANGELOG.md"
    text = changelog.read_text().replace(
        "## Unreleased\n", "## Unreleased\n\n### Fixed\n\n- That.\n\n### Added\n\n- More.\n", 1
    )
    changelog.write_text(text + "\n## 0.1.0 - 2026-01-01\n\n### Added\n\n- All.\n")
    (tree / "migrations/functions/more.sql").write_text("select 1")
    with pytest.raises(ConfigError, match="released already"):
        release("9.0.0", tree, tree / "migrations")
    release("9.0.0", tree, tree / "migrations", again=True)
    (only,) = released(tree / "migrations")
    assert (only.number, only.release) == (before[0].number, "9.0.0")
    assert only.digest != before[0].digest
    unreleased, again, older = re.split(r"^## ", changelog.read_text(), flags=re.MULTILINE)[1:]
    assert unreleased.strip() == "Unreleased"
    assert again.split("\n", 1)[1].split() == ["###", "Added", "-", "More.", "-", "This.", "###", "Fixed", "-", "That."]
    assert older.endswith("- All.\n")
