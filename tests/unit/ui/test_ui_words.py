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
    "leaving": (UI / "locales" / "leaving.en.json", UI / "locales" / "leaving.zh-CN.json"),
    "mailboxes": (UI / "locales" / "mailboxes.en.json", UI / "locales" / "mailboxes.zh-CN.json"),
    "widget": (UI / "widget" / "src" / "en.json", UI / "widget" / "src" / "zh-CN.json"),
}

OF_THE_DESK = ("desk", "admin", "leaving", "mailboxes", "fields")


def words(path: Path) -> dict[str, str]:
    return json.loads(path.read_text(encoding="utf-8"))


def variables(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def counts(english: dict[str, str], key: str) -> set[str]:
    """What a text with words for one is given beside its variables: the number by which it is chosen."""
    return {"count"} if f"{key}_one" in english else set()


@pytest.mark.parametrize("face", PAIRS)
def test_catalogues_have_the_same_keys_and_none_is_empty(face: str) -> None:
    english, chinese = (words(path) for path in PAIRS[face])
    assert {key for key in english if not re.search(r"(_one|One)$", key)} == chinese.keys()
    assert [key for key, text in [*english.items(), *chinese.items()] if not text.strip()] == []


@pytest.mark.parametrize("face", OF_THE_DESK)
def test_catalogues_of_the_desk_use_the_same_variables(face: str) -> None:
    english, chinese = (words(path) for path in PAIRS[face])
    assert {key for key, said in chinese.items() if variables(english[key]) != variables(said)} == set()


# A noun that counts, behind a number; verbs that follow a name are none.
COUNTED = re.compile(r"\{(\w+)\}+ (people|(?!is |has |was |does |makes |refuses |turns |unless )[a-z]+s\b)")
# What is counted here is never one: limits of ours, a choice of days, and files beside a first.
NEVER_ONE = {
    "problem.message.too_long", "unsent.message.too_long", "unsent.message.too_many_files", "welcome.hint",
    "welcome.short", "boxes.lastDays", "said.files", "tooMany",
}  # fmt: skip


@pytest.mark.parametrize("face", PAIRS)
def test_a_message_that_counts_has_words_for_one(face: str) -> None:
    english = words(PAIRS[face][0])
    counting = {key for key, text in english.items() if COUNTED.search(text)}
    without = {key for key in counting - NEVER_ONE if not {f"{key}_one", f"{key}One"} & english.keys()}
    assert without == set(), "add KEY_one, and give the number as `count`"
    for key in {key for key in english if re.search(r"(_one|One)$", key)}:
        base = re.sub(r"(_one|One)$", "", key)
        assert variables(english[key]) == variables(english[base]), key
        assert not COUNTED.search(english[key]), key
    plain = {key for key, text in english.items() if "{{count}}" in text and not key.endswith("_one")}
    assert plain <= {key.removesuffix("_one") for key in english if key.endswith("_one")}


def test_a_count_is_recognised() -> None:
    for text in ("{{n}} conversations", "{{count}} people have it", "more than {minutes} minutes."):
        assert COUNTED.search(text)
    for text in ("{{name}} is busy", "{{host}} does not", "{{n}} waiting to leave", "{{name}} has left"):
        assert not COUNTED.search(text)


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
        if variables(english[key]) | counts(english, key) != set(re.findall(r"(?:^|, )(\w+)(?=:|,|$)", given))
    }
    assert wrong == set()
