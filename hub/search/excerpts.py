"""Where in a text the words of a search stand: a line of it, in pieces, those that were looked for marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile
from typing import Literal

from hub.core.db import Database, fetch_all
from hub.core.sql import Queries
from hub.search.find import Hit
from hub.search.folding import folded
from hub.search.tokens import JOINED, MAIL, NUMBER, RUN, WORD, Term, digits_of, terms

sql = Queries.beside(__file__)
Where = Literal["subject", "text", "file", "customer"]
_SHOWN = 160  # signs of a line
_BEFORE = 20  # of them before the first word
_MOST = 4_000  # times that one word is marked in one text, before the line is chosen


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a line; `hit`: it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The line of a message, or of who the customer is, that shows why a conversation was found."""

    interaction_id: int | None
    where: Where
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    id: int
    interaction_id: int | None
    subject: str
    text: str
    files: str
    customer: str | None


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    term: int
    whole: bool = True  # the word itself, not only its beginning


async def excerpts(db: Database, q: str, hits: Sequence[Hit]) -> dict[int, Excerpt]:
    """Of conversations that were found, by id; none where only their number was looked for."""
    wanted = terms(q)
    if not wanted or not hits:
        return {}
    values = {"ids": [one.id for one in hits], "hits": [one.hit if one.best is None else one.best for one in hits]}
    async with db.lists.connection() as conn:
        rows = await fetch_all(conn, _Shown, sql["shown"], values)
    theirs = {one.id for one in hits if one.theirs}
    found = {row.id: _best(row, wanted, theirs=row.id in theirs) for row in rows}
    return {number: one for number, one in found.items() if one is not None}


def _best(row: _Shown, wanted: Sequence[Term], *, theirs: bool) -> Excerpt | None:
    """The field that has most of the words; of two that have as many, the earlier."""
    fields: list[tuple[Where, str]] = [("subject", row.subject), ("text", row.text), ("file", row.files)]
    fields = [("customer", row.customer or ""), *fields] if theirs else [*fields, ("customer", row.customer or "")]
    best: tuple[int, Where, str, list[_Span]] = (0, "text", "", [])
    for where, text in fields:
        marked = spans(text, wanted)
        had = len({span.term for span in marked})
        if had > best[0]:
            best = (had, where, text, marked)
        if had == len(wanted):
            break
    if not best[0]:
        return None
    return Excerpt(row.interaction_id, best[1], line(best[2], best[3]))


def line(text: str, marked: Sequence[_Span]) -> tuple[Piece, ...]:
    """The part of the text that has most of the words, whole ones before begun ones, and close together; in pieces."""
    start = marked[max(range(len(marked)), key=lambda n: _worth(_from(marked, n)))].start
    begin = max(0, start - _BEFORE)
    if begin and (space := re.search(r"\s", text[begin:start])):
        begin += space.end()
    end = min(len(text), begin + _SHOWN)
    pieces = [Piece("…", hit=False)] if begin else []
    at = begin
    for span in marked:
        if span.start >= end or span.start < at:
            continue
        pieces += [Piece(text[at : span.start], hit=False), Piece(text[span.start : span.end], hit=True)]
        at = span.end
    pieces.append(Piece(text[at:end] + ("…" if end < len(text) else ""), hit=False))
    said = [Piece(re.sub(r"\s+", " ", piece.text), piece.hit) for piece in pieces]
    return tuple(piece for piece in said if piece.text)


def _from(marked: Sequence[_Span], n: int) -> list[_Span]:
    """What a line surely shows that begins a little before the `n`th."""
    reach = marked[n].start + _SHOWN - _BEFORE
    return [marked[n], *takewhile(lambda span: span.end <= reach, islice(marked, n + 1, None))]


def _worth(shown: Sequence[_Span]) -> tuple[int, int, int, int]:
    """How many of the words it has, how many of them whole, how close together, and how early in the text."""
    whole = {span.term for span in shown if span.whole}
    first: dict[int, _Span] = {}
    for span in shown:
        known = first.get(span.term)
        if known is None or (span.whole and not known.whole):
            first[span.term] = span
    return len(first), len(whole), shown[0].start - max(one.end for one in first.values()), -shown[0].start


def spans(text: str, wanted: Sequence[Term]) -> list[_Span]:
    """Where the words stand, in order, none over another."""
    found: list[_Span] = []
    for span in sorted(_all(text, wanted), key=lambda one: (one.start, -one.end, not one.whole)):
        if not found or span.start >= found[-1].end:
            found.append(span)
    return found


def _all(text: str, wanted: Sequence[Term]) -> Iterator[_Span]:
    left = dict.fromkeys(range(len(wanted)), _MOST)
    for span in _everything(text, wanted):
        if left[span.term]:
            left[span.term] -= 1
            yield span
            if not any(left.values()):
                return


def _everything(text: str, wanted: Sequence[Term]) -> Iterator[_Span]:
    words = [(n, term) for n, term in enumerate(wanted)]
    numbers = [(n, word[1:]) for n, term in words for word in term.words if word.startswith("=")]
    if any("@" in word for _, term in words for word in term.words):
        for mail in MAIL.finditer(text):
            yield from _matching(mail, folded(mail[0]), words)
    for number in NUMBER.finditer(text) if numbers else ():
        ending = digits_of(folded(number[0]))[::-1]
        yield from (_Span(number.start(), number.end(), n) for n, end in numbers if ending.startswith(end))
    for joined in JOINED.finditer(text):
        yield from _matching(joined, re.sub(r"[\W_]", "", folded(joined[0])), words)
    for word in WORD.finditer(text):
        plain = _folded(word[0])
        yield from _matching(word, plain, words)
        for run in RUN.finditer(word[0]):
            yield from _in_run(run, word.start(), words)


_folded = lru_cache(maxsize=20_000)(folded)


def _matching(found: re.Match[str], plain: str, words: Sequence[tuple[int, Term]]) -> Iterator[_Span]:
    for n, term in words:
        for word in term.words:
            if plain == word or (term.prefix and not term.phrase and plain.startswith(word)):
                yield _Span(found.start(), found.end(), n, plain == word)


def _in_run(run: re.Match[str], start: int, words: Sequence[tuple[int, Term]]) -> Iterator[_Span]:
    """Of a run without spaces only the part that was looked for, if each of its signs is one when it is folded, too."""
    plain = _folded(run[0])
    for n, term in words:
        sought = "".join(word[0] for word in term.words) + term.words[-1][1:] if term.phrase else term.words[0]
        at = plain.find(sought)
        while at >= 0 and RUN.fullmatch(sought):
            first, last = (at, at + len(sought)) if len(plain) == len(run[0]) else (0, len(run[0]))
            yield _Span(start + run.start() + first, start + run.start() + last, n)
            at = plain.find(sought, at + len(sought))
