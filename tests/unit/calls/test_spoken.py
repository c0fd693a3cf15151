"""What callers hear of times: right in number and word, in each language, whatever the text is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.calls.ivr_settings import CallFlow, worded
from hub.calls.spoken import duration, fill, wait


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "less than a minute", "不到一分钟"),
        (29, "less than a minute", "不到一分钟"),
        (30, "about 1 minute", "大约1分钟"),
        (60, "about 1 minute", "大约1分钟"),
        (61, "about 2 minutes", "大约2分钟"),
        (3600, "about 1 hour", "大约1小时"),
        (3601, "about 1 hour 5 minutes", "大约1小时5分钟"),
        (7200, "about 2 hours", "大约2小时"),
        (7500, "about 2 hours 5 minutes", "大约2小时5分钟"),
    ],
)
def test_a_wait_is_told_in_the_callers_language(seconds: int, english: str, chinese: str) -> None:
    assert wait(seconds, "en") == english
    assert wait(seconds, "zh-CN") == chinese
    for locale, said in (("en", english), ("zh-CN", chinese)):
        text, language = worded(CallFlow(), "waiting", locale)
        assert said in fill(text, language, position=1, seconds=seconds)


@pytest.mark.parametrize(
    ("text", "locale", "one", "two"),
    [
        ("about {minutes} minutes", "en-GB", "about 1 minute", "about 2 minutes"),
        ("about {minutes} minutes.", "en", "about 1 minute.", "about 2 minutes."),
        ("noch {minutes} Minuten", "de", "noch 1 Minute", "noch 2 Minuten"),
        ("unos {minutes} minutos", "es", "unos 1 minuto", "unos 2 minutos"),
        ("{minutes} minut", "pl", "1 minuta", "2 minuty"),
        ("预计等待{minutes}分钟。", "zh-CN", "预计等待1分钟。", "预计等待2分钟。"),
        ("in {minutes} minutely", "en", "in 1 minutely", "in 2 minutely"),
        ("{minutes}", "fr", "1", "2"),
    ],
)
def test_the_word_follows_the_number_when_a_text_has_both(text: str, locale: str, one: str, two: str) -> None:
    assert (fill(text, locale, 45), fill(text, locale, 120)) == (one, two)


@given(st.text(), st.sampled_from(["en", "zh-CN", "de", "xx", "not a language"]), st.floats(0, 1e6))
def test_any_text_is_spoken_when_its_places_are_odd(text: str, locale: str, seconds: float) -> None:
    assert isinstance(fill(text, locale, seconds, position=1), str)
    assert not duration(seconds, locale).startswith("0")


def test_a_text_is_spoken_in_its_own_language_when_there_is_none_for_the_caller() -> None:
    assert worded(CallFlow(locale="zh-CN"), "waiting", "fr")[1] == "zh-CN"
    assert worded(CallFlow(waiting={"de": "Noch {wait}."}), "waiting", "de-AT") == ("Noch {wait}.", "de-AT")
    assert worded(CallFlow(), "waiting", "en-GB")[1] == "en-GB"
