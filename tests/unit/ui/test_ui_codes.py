"""The browser words what the server says by its code, and reads no English to find out what it means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

UI = Path(__file__).parents[3] / "hub" / "ui"
FACES = ("api", "desk", "realtime", "text", "widget")
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\\])//[^\n]*", re.DOTALL)
_PATTERN = re.compile(
    r"(?:^|[(,\[=:!&|?{]|return) *\n? */((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+)/[dgimsuvy]*", re.MULTILINE
)
_MADE = re.compile(r"""(?:RegExp\(\s*|\.(?:includes|startsWith|endsWith|match|search)\(\s*|[=!]==? )([`'"])(.*?)\1""")
_SENTENCE = re.compile(r"[A-Za-z]{2,},? +(?:\\?[(\"'“])?[A-Za-z]{2,}")


def english(source: str) -> list[str]:
    """Patterns and comparisons in a source that two English words stand in, one beside the other."""
    source = _COMMENT.sub("", source)
    found = [m[1] for m in _PATTERN.finditer(source)] + [m[2] for m in _MADE.finditer(source)]
    return [one for one in found if _SENTENCE.search(one)]


def sources() -> list[Path]:
    files = [file for face in FACES for file in (UI / face).rglob("*.ts*") if "node_modules" not in file.parts]
    return [file for file in files if ".test." not in file.name and file.name != "schema.d.ts"]


def test_no_face_reads_the_servers_english() -> None:
    assert len(sources()) > 80
    reading = {str(file.relative_to(UI)): found for file in sources() if (found := english(file.read_text("utf-8")))}
    assert reading == {"desk/shell/Shell.tsx": ["missed offers"]}  # a code, as 0.1.0 has stored it


@pytest.mark.parametrize(
    "source",
    [
        "const x = /^The customer has opted out/.test(text)",
        "[/^Messages to (\\S+) are not allowed from this number/, 1],",
        "new RegExp(`^\\\\(An empty message\\\\)$`)",
        "text.startsWith('Twilio error')",
        "if (error.detail === 'Somebody else has it') gone()",
        "/^Twilio answers (403|404)\\.$/",
    ],
)
def test_reading_english_is_found(source: str) -> None:
    assert english(source)


@pytest.mark.parametrize(
    "source",
    [
        "const words = 'Two words'",
        "a / b + some words / 2",
        "// it is / was in two words / here",
        "/^q-(\\d+)$/.exec(view)",
        "text.split(/[\\s,;]+/)",
        "state === 'away'",
    ],
)
def test_what_reads_no_sentence_is_left_alone(source: str) -> None:
    assert english(source) == []
