"""The words of a text as they are looked for: without case, accents and other ways to write the same, in every script.

Runs of Chinese, Japanese, Korean, Thai and others that set no spaces are pairs of signs, since nothing there says where
a word ends. A telephone number is its digits from the last to the first, so that its end finds it however it is
written; a mail address is found whole, by its name, by parts of that, and by its domain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from hub.search.folding import MARKS, folded, plain, without_marks

MOST = 4_000  # words of one text
LONGEST = 60  # signs of one word
# Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han, Hangul.
_SCRIPTS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003134f"
)
RUN = re.compile(f"[{_SCRIPTS}]+")
MAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_BETWEEN = r" ()./\u2010-\u2015\u2212-"
NUMBER = re.compile(rf"(?<![\w+])\+?\(?\d[\d{_BETWEEN}]{{5,22}}\d(?!\w)")
_ONLY_NUMBER = re.compile(rf"(?:tel:)?[+(]?[\d\s{_BETWEEN}]+")
WORD = re.compile(rf"[^\W_][^\W_{MARKS}]*(?:[{MARKS}]+[^\W_{MARKS}]*)*")
JOINED = re.compile(r"[^\W_]+(?:[-_/.][^\W_]+)+")
_QUOTED = re.compile(
    r'["\u201c\u201e\u201d\u00ab\u00bb]([^"\u201c\u201e\u201d\u00ab\u00bb]+)["\u201c\u201d\u00ab\u00bb]'
)
_TRUNKS = ("80", "8", "06")  # what some countries dial before a number inside the country, beside the 0
_DIAERESES = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
_AS_DIAERESIS = re.compile(r"(?<![aeiouq])([aou])e")


@dataclass(frozen=True, slots=True)
class Term:
    """What one word of a search matches: these words, one of them, or, where they follow each other, all in a row."""

    words: tuple[str, ...]
    prefix: bool = False
    phrase: bool = False

    def as_query(self) -> str:
        """As a part of a `tsquery`."""
        quoted = [quote(word) for word in self.words]
        if self.prefix and self.phrase:
            quoted[-1] += ":*"
        elif self.prefix:
            quoted = [f"{word}:*" for word in quoted]
        joined = (" <-> " if self.phrase else " | ").join(quoted)
        return f"({joined})" if len(quoted) > 1 else joined


def tokens(text: str) -> list[str]:
    """The words of a text in their order, at most `MOST`; those of one place follow each other."""
    found: list[str] = []
    for word in _all(text[:200_000]):
        found.append(word[:LONGEST])
        if len(found) >= MOST:
            break
    return found


def _all(text: str) -> Iterator[str]:
    read = folded(text)
    if "@" in read:
        for mail in MAIL.findall(read):
            yield from _of_mail(mail)
    for number in NUMBER.findall(read):
        digits = digits_of(number)
        if len(digits) >= 6:
            yield "=" + digits[::-1]
    for joined in JOINED.findall(read):
        yield re.sub(r"[\W_]", "", joined)
    for word in WORD.findall(read):
        yield from _of_word(word)


def _of_mail(mail: str) -> Iterator[str]:
    local, _, domain = mail.rpartition("@")
    yield mail
    yield local
    yield domain


def digits_of(number: str) -> str:
    """A telephone number's digits without what stands in place of the country: `+44 (0)20` is `+44 20`."""
    return re.sub(r"\D", "", number.replace("(0)", "")).lstrip("0")


def _of_word(word: str) -> Iterator[str]:
    for piece, run in pieces(word):
        if run:
            yield from (piece[n : n + 2] for n in range(len(piece) - 1))
            yield piece[-1]
        else:
            yield piece


def pieces(word: str) -> Iterator[tuple[str, bool]]:
    """A word cut where a script without spaces begins or ends; whether the piece is in one."""
    end = 0
    for run in RUN.finditer(word):
        if run.start() > end:
            yield word[end : run.start()], False
        yield run[0], True
        end = run.end()
    if end < len(word):
        yield word[end:], False


def terms(q: str) -> list[Term]:
    """What a search asks for: every term must be there, in any order. Empty where it has no words at all."""
    address = parseaddr(q)[1] if "<" in q else ""
    if "@" in address:  # pasted out of a mail's header: the address says it all
        return [Term((folded(address),))]
    found: list[Term] = []
    for said in _QUOTED.findall(q):
        found += _in_a_row(said)
    rest = plain(_QUOTED.sub(" ", q))
    for mail in MAIL.findall(rest):
        found.append(Term((without_marks(mail),), prefix=True))
        rest = rest.replace(mail, " ")
    if _ONLY_NUMBER.fullmatch(rest.strip()) and len(re.sub(r"\D", "", rest)) >= 4:
        return [*found, _number(rest)]
    for joined in JOINED.findall(rest):
        found.append(Term((without_marks(re.sub(r"[\W_]", "", joined)),), prefix=True))
        rest = rest.replace(joined, " ", 1)
    for word in WORD.findall(rest):
        found += _terms_of(word)
    return found[:12]


def _in_a_row(said: str) -> list[Term]:
    """Words in quotation marks follow each other."""
    words = [word[:LONGEST] for one in WORD.findall(folded(said)) for word in _of_word(one)]
    return [Term(tuple(words), phrase=True)] if len(words) > 1 else [Term((word,)) for word in words]


def _number(text: str) -> Term:
    """Digits as the end of a telephone number, or as a number that stands in a text."""
    digits = re.sub(r"\D", "", text)
    dialled = re.sub(r"\D", "", text.replace("(0)", ""))
    spelled = [dialled, *(dialled.removeprefix(trunk) for trunk in _TRUNKS if len(dialled) > 8)]
    ends = dict.fromkeys("=" + number.lstrip("0")[::-1] for number in spelled)
    return Term((digits, *ends), prefix=True)


def _terms_of(word: str) -> Iterator[Term]:
    for piece, run in pieces(word):
        if not run:
            yield Term(_spellings(piece), prefix=len(piece) > 2)
            continue
        signs = without_marks(piece)
        pairs = tuple(signs[n : n + 2] for n in range(len(signs) - 1))
        yield Term(pairs, phrase=True) if pairs else Term((signs,), prefix=True)


def _spellings(word: str) -> tuple[str, ...]:
    """A word as it is kept, and as it may stand in the text of somebody whose keyboard has no ä, ö, ü."""
    long = "".join(_DIAERESES.get(sign, sign) for sign in unicodedata.normalize("NFC", word))
    found = (without_marks(word), without_marks(long), _AS_DIAERESIS.sub(r"\1", without_marks(word)))
    return tuple(dict.fromkeys(one[:LONGEST] for one in found))


def query(q: str) -> str | None:
    """A search as the text of a `tsquery`; None where it has no words."""
    found = terms(q)
    return " & ".join(term.as_query() for term in found) if found else None


def exactly(q: str) -> str | None:
    """The same where each word stands as it was typed, not only begun."""
    found = [Term(term.words, phrase=term.phrase) for term in terms(q)]
    return " & ".join(term.as_query() for term in found) if found else None


def vector(*parts: tuple[Iterable[str], str]) -> str:
    """Words as the text of a `tsvector`, each at its place, with the weight (A to D) of its part."""
    place = 0
    found: list[str] = []
    for words, weight in parts:
        for word in words:
            place += 1
            found.append(f"{quote(word)}:{min(place, 16_383)}{weight}")
        place += 1  # no row of words goes on from one part into the next
    return " ".join(found)


def quote(word: str) -> str:
    """A word as PostgreSQL's parser takes it whole."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
