"""Times and numbers as a caller hears them: by the rules of the language that is spoken."""

from __future__ import annotations

import re
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.units import format_unit

_PLACE = re.compile(r"\{(\w+)\}")
_HOUR, _STEP = 60, 5  # minutes: an estimate of more than an hour is told by steps
_TIGHT = frozenset({"zh", "ja", "th", "lo", "km", "my"})  # written without spaces between words
_ABOUT = {"en": "about {0}", "zh": "大约{0}"}
_SHORT = {"en": "less than a minute", "zh": "不到一分钟"}


def fill(text: str, locale: str, seconds: float | None = None, **values: Any) -> str:
    """A configured text with its places filled; what is no place of ours stays as it is written.

    `seconds` fills `{wait}` ("about 2 minutes", "less than a minute"), `{duration}` ("2 minutes") and `{minutes}`: a
    text that has the word for minutes behind that number gets the right word ("1 minute").
    """
    if seconds is not None:
        text = _with_word(text, locale)
        minutes = max(1, -(-int(seconds) // 60))
        values |= {"minutes": minutes, "duration": duration(seconds, locale), "wait": wait(seconds, locale)}
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text)


def tells_time(text: str) -> bool:
    """Whether a configured text has a place for a time."""
    return not {"wait", "duration", "minutes"}.isdisjoint(_PLACE.findall(text))


def duration(seconds: float, locale: str) -> str:
    """Whole minutes, at least one, and hours: "1 minute", "2 hours 5 minutes", "1小时30分钟"."""
    minutes = max(1, -(-int(seconds) // 60))
    if minutes > _HOUR:
        minutes = -(-minutes // _STEP) * _STEP
    hours, rest = divmod(minutes, _HOUR)
    found = _locale(locale)
    parts = [(hours, "duration-hour"), (rest, "duration-minute")]
    said = [format_unit(n, unit, length="long", locale=found).replace("\xa0", " ") for n, unit in parts if n]
    return ("" if found.language in _TIGHT else " ").join(said)


def wait(seconds: float, locale: str) -> str:
    """An estimate in words; where the language is not one of ours, the bare time."""
    language = _locale(locale).language
    if seconds < 30 and language in _SHORT:
        return _SHORT[language]
    return _ABOUT.get(language, "{0}").replace("{0}", duration(seconds, locale))


def _with_word(text: str, locale: str) -> str:
    """`{minutes} minutes` is one thing: the word follows the number."""
    found = _locale(locale)
    ends = "" if found.language in _TIGHT else r"(?!\w)"
    for count in (2, 5, 1):
        words = format_unit(count, "duration-minute", length="long", locale=found).replace(str(count), "").strip()
        text = re.sub(rf"\{{minutes\}}\s*{re.escape(words)}{ends}", "{duration}", text)
    return text


def _locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")
