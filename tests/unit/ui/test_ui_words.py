"""Both languages say everything, with the same variables, and the sources ask for nothing that is missing."""

import json
import re
from pathlib import Path

import pytest

UI = Path(__file__).parents[3] / "hub" / "ui"
PAIRS = {
    "admin": (UI / "locales" / "admin.en.json", UI / "locales" / "admin.zh-CN.json"),
    "desk": (UI / "locales" / "desk.en.json", UI / "locales" / "desk.zh-CN.json"),
    "fields": (UI / "locales" / "fields.en.json", UI / "locales" / "fields.zh-CN.json"),
    "mailboxes": (UI / "locales" / "mailboxes.en.json", UI / "locales" / "mailboxes.zh-CN.json"),
    "widget": (UI / "widget" / "src" / "en.json", UI / "widget" / "src" / "zh-CN.json"),
}

OF_THE_DESK = ("desk", "admin", "mailboxes", "fields")


def words(path: Path) -> dict[str, str]:
    return json.loads(path.read_text(encoding="utf-8"))


def variables(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("face", PAIRS)
def test_catalogues_have_the_same_keys_and_none_is_empty(face: str) -> None:
    english, chinese = (words(path) for path in PAIRS[face])
    assert english.keys() == chinese.keys()
    assert [key for key, text in [*english.items(), *chinese.items()] if not text.strip()] == []


@pytest.mark.parametrize("face", OF_THE_DESK)
def test_catalogues_of_the_desk_use_the_same_variables(face: str) -> None:
    english, chinese = (words(path) for path in PAIRS[face])
    assert {key for key in english if variables(english[key]) != variables(chinese[key])} == set()


@pytest.mark.parametrize("face", PAIRS)
def test_chinese_is_chinese_except_for_names(face: str) -> None:
    chinese = words(PAIRS[face][1])
    latin = {key for key, text in chinese.items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert latin <= {"channel.whatsapp", "kind.whatsapp", "load.whatsapp"}


def test_every_key_the_desk_asks_for_exists() -> None:
    english = {key: text for face in OF_THE_DESK for key, text in words(PAIRS[face][0]).items()}
    asked = {
        key
        for path in (UI / "desk").rglob("*.ts*")
        for key in re.findall(r"\bt\(\s*'([A-Za-z]+\.[A-Za-z]+)'", path.read_text(encoding="utf-8"))
    }
    assert len(asked) > 100
    assert asked - english.keys() == set()


def test_the_desk_fills_in_the_variables_that_its_texts_have() -> None:
    english = {key: text for face in OF_THE_DESK for key, text in words(PAIRS[face][0]).items()}
    calls = re.compile(r"\bt\('([A-Za-z]+\.[A-Za-z]+)'(?:, \{ ?([^{}]*?(?:\{[^{}]*\}[^{}]*?)*) ?\})?\)")
    wrong = {
        key
        for path in (UI / "desk").rglob("*.tsx")
        for key, given in calls.findall(path.read_text(encoding="utf-8"))
        if variables(english[key]) != set(re.findall(r"(?:^|, )(\w+)(?=:|,|$)", given))
    }
    assert wrong == set()
