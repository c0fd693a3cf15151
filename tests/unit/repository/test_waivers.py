"""No rule is waived without a reason beside the waiver."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A waiver of a line has its reason behind it, one of a file in the comment below it.
OF_A_LINE = re.compile(
    r"(?:# (?:ruff: )?noqa(?:: [A-Z]+\d+(?:, [A-Z]+\d+)*)?|# type: ignore(?:\[[\w, -]+\])?|# pyright: ?ignore(?:\[[\w, ]+\])?"
    r"|# pragma: no cover|# fmt: off|(?://|/\*) ?eslint-disable[\w-]*(?: [\w/-]+)?"
    r"|(?://|/\*) ?@ts-(?:ignore|expect-error|nocheck)|(?://|/\*) ?biome-ignore[\w-]* [\w/]+)(?P<why>.*)"
)
OF_A_FILE = re.compile(r"# pyright: (?:\w+=\w+(?:, )?)+\s*")
WHY = re.compile(r"(?: -|:|\s*--) ?\S.*\w{2}")
SETTING = re.compile(r'^(?:"[^"]+" = \[|ignore_imports = |report\w+ = false)')


def files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    made = {"hub/ui/api/schema.d.ts"}
    return [
        ROOT / name
        for name in listed
        if Path(name).suffix in {".py", ".ts", ".tsx", ".js"} and name not in made and (ROOT / name) != Path(__file__)
    ]


def bare(text: str) -> Iterator[int]:
    """The lines on which something is waived without a reason."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = OF_A_LINE.search(line)
        if found is not None and not WHY.match(found["why"]):
            yield number + 1
        elif OF_A_FILE.fullmatch(line):
            below = next((one for one in lines[number + 1 :] if not OF_A_FILE.fullmatch(one)), "")
            if not re.match(r"# \w\S* \w", below):
                yield number + 1


def test_every_waiver_in_the_sources_says_why() -> None:
    sources = files()
    assert len(sources) > 600
    texts = {file: file.read_text(encoding="utf-8") for file in sources}
    assert sum(len(OF_A_LINE.findall(text)) for text in texts.values()) > 100
    assert [f"{file.relative_to(ROOT)}:{line}" for file, text in texts.items() for line in bare(text)] == []


def test_every_waiver_in_the_settings_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "per-file-ignores" in tomllib.loads(text)["tool"]["ruff"]["lint"]
    part = ""
    without: list[str] = []
    found = 0
    for line in text.split("\n"):
        if line.startswith("["):
            part = line
        waives = part == "[tool.ruff.lint.per-file-ignores]" or line.startswith(("ignore_imports", "report"))
        if waives and SETTING.match(line):
            found += 1
            if not re.search(r"# \w\S* \w+", line):
                without.append(line)
    assert found > 10
    assert without == []


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("x = 1  # noqa: S101", False),
        ("x = 1  # noqa: S101, E501 - it was asked for", True),
        ("x = 1  # noqa", False),
        ("x = y  # type: ignore[arg-type]", False),
        ("x = y  # type: ignore[arg-type] - broken on purpose", True),
        ("x = y  # pyright: ignore[reportAny, reportFoo]", False),
        ("# pyright: reportAny=false, reportFoo=false\nimport x", False),
        ("# pyright: reportAny=false\n# pyright: reportFoo=false\n# it has no types", True),
        ("// biome-ignore lint/a11y: the reader chose it", True),
        ("// biome-ignore lint/a11y", False),
        ("// @ts-expect-error", False),
        ("// eslint-disable-next-line react-hooks/exhaustive-deps", False),
    ],
)
def test_a_reason_is_recognised(line: str, right: bool) -> None:
    assert (list(bare(line)) == []) is right
