"""The locks fit pyproject.toml, hold everything by its hash, and name no place that they came from."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.ui.test_ui_build import hatch_build
from tools import lock

ROOT = lock.ROOT
PINNED = re.compile(
    r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)((?: ; .*?)?) \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def pinned(name: str) -> dict[str, str]:
    return {canonicalize_name(m[1]): m[2] for m in PINNED.finditer((ROOT / name).read_text())}


def test_locks_are_made_of_this_pyproject() -> None:
    assert lock.stale() == [], "run `make lock` and commit what it writes"


@pytest.mark.parametrize("name", lock.LOCKS)
def test_everything_in_a_lock_is_held_by_its_hash_and_nothing_else_is_in_it(name: str) -> None:
    text = (ROOT / name).read_text().removeprefix(lock.head(name))
    assert len(pinned(name)) > 30
    assert PINNED.sub("", text) == ""  # no place of a registry, no path, no line without a hash


@pytest.mark.parametrize(("name", "groups"), lock.LOCKS.items())
def test_lock_holds_what_is_asked_for_in_a_version_that_fits(name: str, groups: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = list(project["project"]["dependencies"])
    for group in groups:
        asked += project["dependency-groups"][group]
    versions = pinned(name)
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_both_locks_agree() -> None:
    run, dev = (pinned(name) for name in lock.LOCKS)
    assert run.items() <= dev.items()


def test_faces_are_built_with_the_node_of_the_lock() -> None:
    name, version = hatch_build.NODE.split("==")
    assert pinned("requirements-dev.lock")[name] == version


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"aiohttp>=', '"aiohttp>=9', ["requirements.lock", "requirements-dev.lock"]),
        ('"pytest>=', '"pytest>=9', ["requirements-dev.lock"]),
        ('requires-python = ">=3.11', 'requires-python = ">=3.12', ["requirements.lock", "requirements-dev.lock"]),
        ('description = "', 'description = "Another ', []),
    ],
)
def test_lock_is_stale_when_what_is_asked_for_has_changed(
    tmp_path: Path, before: str, after: str, told: list[str]
) -> None:
    for name in ("pyproject.toml", *lock.LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    project = tmp_path / "pyproject.toml"
    text = project.read_text()
    assert before in text
    project.write_text(text.replace(before, after, 1))
    assert lock.stale(tmp_path) == told
