"""The commit that `hub --version` names: git's in a checkout, what the build wrote down elsewhere, else `unknown`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from hub.cli.main import main
from hub.core.release import UNKNOWN, hub_commit, hub_version
from tests.unit.ui.test_ui_build import hatch_build


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Amy", "-c", "user.email=amy@example.com"]
    return subprocess.run(
        ["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone with one commit in it, shaped as ours."""
    root = tmp_path / "clone"
    (root / "hub").mkdir(parents=True)
    (root / "hatch_build.py").write_text("# builds")
    (root / ".gitignore").write_text("hub/_commit\n")
    git(tmp_path, "init", "-q", str(root))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    git(root, "tag", "-a", "v9", "-m", "a tag names no commit")
    return root


def test_checkout_names_its_commit_and_says_when_it_was_changed(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    assert hub_commit(checkout / "hub") == commit
    (checkout / "hatch_build.py").write_text("# builds otherwise")
    assert hub_commit(checkout / "hub") == f"{commit}-dirty"


def test_wheel_built_from_a_clone_keeps_its_commit(checkout: Path, tmp_path: Path) -> None:
    hatch_build.keep_commit(checkout)
    installed = tmp_path / "site-packages" / "hub"
    installed.mkdir(parents=True)
    (installed / "_commit").write_bytes((checkout / "hub" / "_commit").read_bytes())
    assert hub_commit(installed) == git(checkout, "rev-parse", "HEAD")[:12]


def test_what_an_sdist_brought_stays_where_there_is_no_git(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "_commit").write_text("c0ffee123456\n")
    hatch_build.keep_commit(tmp_path)
    assert hub_commit(tmp_path / "hub") == "c0ffee123456"


def test_commit_is_unknown_outside_git(tmp_path: Path) -> None:
    assert hub_commit(tmp_path / "hub") == UNKNOWN


def test_commit_of_a_repository_that_only_lies_around_the_install_is_not_ours(checkout: Path) -> None:
    installed = checkout / "venv" / "site-packages" / "hub"
    installed.mkdir(parents=True)
    (checkout / "venv" / "site-packages" / ".git").mkdir()  # and even there: ours has a build hook beside it
    assert hub_commit(installed) == UNKNOWN


@pytest.mark.parametrize("head", ["", "ref: refs/heads/nowhere\n"])
def test_commit_is_unknown_when_git_refuses(checkout: Path, head: str) -> None:
    (checkout / ".git" / "HEAD").write_text(head)
    assert hub_commit(checkout / "hub") == UNKNOWN
    hatch_build.keep_commit(checkout)
    assert (checkout / "hub" / "_commit").read_text() == ""


def test_version_names_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"hub {re.escape(hub_version())} \(commit ([0-9a-f]{{7,}}(-dirty)?|unknown)\)\n", said)
