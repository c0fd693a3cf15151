"""The words of a text as they are looked for: without case and accents, in every script.

Chinese, Japanese and Korean runs are pairs of signs, since nothing there says where a word ends. A telephone number is
its digits from the last to the first, so that its end finds it however it is written; a mail address is found whole,
by its name, by parts of that, and by its domain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr

MOST = 4_000  # words of one text
_LONGEST = 60  # signs of one word
_SCRIPTS = r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f"
_CJK = re.compile(f"[{_SCRIPTS}]+")
_MAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w+])\+?\(?\d[\d ()./\u2010-\u2015-]{5,22}\d(?!\w)")
_WORD = re.compile(r"\w+")
_JOINED = re.compile(r"[^\W_]+(?:[-_/.][^\W_]+)+")
_FOLDED = str.maketrans(
    {
        "ё": "е",
        "ß": "ss",
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ـ": None,
        "ı": "i",
        "ø": "o",
        "ł": "l",
        "đ": "d",
    }
)


@dataclass(frozen=True, slots=True)
class Term:
    """What one word of a search matches: these words, one of them, or, where they follow each other, all in a row."""

    words: tuple[str, ...]
    prefix: bool = False
    phrase: bool = False

    def as_query(self) -> str:
        """As a part of a `tsquery`."""
        quoted = [quote(word) for word in self.words]
        if self.prefix:
            quoted[-1] += ":*"
        joined = (" <-> " if self.phrase else " | ").join(quoted)
        return f"({joined})" if len(quoted) > 1 else joined


def folded(text: str) -> str:
    """Without case, accents and forms of compatibility. Marks stay where they are letters, as in Hindi and Thai."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_FOLDED)
    return unicodedata.normalize("NFC", _without_marks(unicodedata.normalize("NFD", plain)))


def _without_marks(text: str) -> str:
    """Accents go where they stand on Latin, Greek and Cyrillic letters; Arabic and Hebrew lose their vowels."""
    if text.isascii():
        return text
    kept: list[str] = []
    base = ""
    for sign in text:
        if not unicodedata.combining(sign):
            base = sign
        elif base < "\u0900" and not (base == "и" and sign == "\u0306"):
            continue  # on Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic
        kept.append(sign)
    return "".join(kept)


def tokens(text: str) -> list[str]:
    """The words of a text in their order, at most `MOST`; those of one place follow each other."""
    found: list[str] = []
    for word in _all(text[:200_000]):
        found.append(word[:_LONGEST])
        if len(found) >= MOST:
            break
    return found


def _all(text: str) -> Iterator[str]:
    plain = folded(text)
    for mail in _MAIL.findall(plain):
        yield from _of_mail(mail)
    for number in _NUMBER.findall(plain):
        yield from _of_number(number)
    for joined in _JOINED.findall(plain):
        yield re.sub(r"[\W_]", "", joined)
    for word in _WORD.findall(plain):
        yield from _of_word(word)


def _of_mail(mail: str) -> Iterator[str]:
    local, _, domain = mail.rpartition("@")
    yield mail
    yield local
    yield domain


def _of_number(number: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", number).lstrip("0")
    if len(digits) >= 6:
        yield "=" + digits[::-1]


def _of_word(word: str) -> Iterator[str]:
    end = 0
    for run in _CJK.finditer(word):
        if run.start() > end:
            yield word[end : run.start()]
        signs = run[0]
        yield from (signs[n : n + 2] for n in range(len(signs) - 1))
        yield signs[-1]
        end = run.end()
    if end < len(word):
        yield word[end:]


def terms(q: str) -> list[Term]:
    """What a search asks for: every term must be there, in any order. Empty where it has no words at all."""
    address = parseaddr(q)[1] if "<" in q else ""
    if "@" in address:  # pasted out of a mail's header: the address says it all
        return [Term((folded(address),))]
    plain = folded(q)
    found: list[Term] = []
    for mail in _MAIL.findall(plain):
        found.append(Term((mail,), prefix=True))
        plain = plain.replace(mail, " ")
    if re.fullmatch(r"[+(]?[\d\s()./\u2010-\u2015-]+", plain.strip()) and len(re.sub(r"\D", "", plain)) >= 4:
        return [*found, _number(plain)]
    for joined in _JOINED.findall(plain):
        found.append(Term((re.sub(r"[\W_]", "", joined),), prefix=True))
        plain = plain.replace(joined, " ", 1)
    for word in _WORD.findall(plain):
        found += _terms_of(word)
    return found[:12]


def _number(text: str) -> Term:
    """Digits as the end of a telephone number, or as a number that stands in a text."""
    digits = re.sub(r"\D", "", text)
    return Term((digits, "=" + digits.lstrip("0")[::-1]), prefix=True)


def _terms_of(word: str) -> Iterator[Term]:
    end = 0
    for run in _CJK.finditer(word):
        if run.start() > end:
            yield Term((word[end : run.start()],))
        signs = run[0]
        pairs = tuple(signs[n : n + 2] for n in range(len(signs) - 1))
        yield Term(pairs, phrase=True) if pairs else Term((signs,), prefix=True)
        end = run.end()
    if end < len(word):
        rest = word[end:]
        yield Term((rest[:_LONGEST],), prefix=len(rest) > 2)


def query(q: str) -> str | None:
    """A search as the text of a `tsquery`; None where it has no words."""
    found = terms(q)
    return " & ".join(term.as_query() for term in found) if found else None


def vector(words: Iterable[str]) -> str:
    """Words as the text of a `tsvector`, each at its place."""
    return " ".join(f"{quote(word)}:{min(place, 16_383)}" for place, word in enumerate(words, 1))


def quote(word: str) -> str:
    """A word as PostgreSQL's parser takes it whole."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
