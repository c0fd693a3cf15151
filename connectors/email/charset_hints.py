"""What a mail's header says of the language it is in, for text whose charset nobody named."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.email.charset import codec
from connectors.email.mime import Headers

_MAX_FIELD = 2000  # bytes of a field that are looked at
_WORD = re.compile(rb"=\?([A-Za-z0-9_.:-]{2,40})(?:\*([A-Za-z]{2,3}))?[^?]{0,20}\?[bq]\?", re.IGNORECASE)
_COUNTRY = re.compile(rb"@[A-Za-z0-9.-]{1,200}\.([A-Za-z]{2})\b")
_FIELDS = ("subject", "from", "to", "thread-topic", "organization")
_SPOKEN = {
    "ru": "ru", "by": "ru", "kz": "ru", "su": "ru", "ua": "uk", "bg": "bg", "rs": "sr", "mk": "mk",
    "gr": "el", "il": "he", "tr": "tr",
    "pl": "pl", "cz": "cs", "sk": "sk", "hu": "hu", "ro": "ro", "si": "sl", "hr": "hr", "lt": "lt",
    "lv": "lv", "ee": "et",
    "cn": "zh", "tw": "zh", "hk": "zh", "jp": "ja", "kr": "ko", "th": "th", "vn": "vi", "ir": "fa",
    "sa": "ar", "ae": "ar", "eg": "ar",
    "fr": "fr", "de": "de", "at": "de", "es": "es", "mx": "es", "ar": "es", "pt": "pt", "br": "pt",
    "it": "it", "nl": "nl",
    "se": "sv", "dk": "da", "no": "nb", "fi": "fi", "is": "is",
}  # fmt: skip


def hints(headers: Headers, languages: Iterable[str] = ()) -> tuple[str, ...]:
    """Charsets and languages that are likely: of encoded words, Content-Language, the sender's country.

    `languages` are those that the account serves; they count only if the mail itself says nothing.
    """
    found: list[str] = []
    for name in _FIELDS:
        for charset, language in _WORD.findall(headers.get(name)[:_MAX_FIELD]):
            found += [known for known in (codec(charset.decode("ascii", "replace")), language.decode()) if known]
    said = headers.get("content-language")[:200].decode("ascii", "replace")
    found += [part.strip()[:2] for part in said.split(",") if part.strip()]
    found += [
        _SPOKEN[country]
        for value in headers.all("from")[:3]
        for country in (one.decode().lower() for one in _COUNTRY.findall(value[:_MAX_FIELD]))
        if country in _SPOKEN
    ]
    return tuple(dict.fromkeys(one for one in found if one not in {"utf-8", "cp1252"})) or tuple(languages)
