"""What the customer wrote, without what they quoted and without their signature.

Cautious on purpose: a quote shown is a nuisance, a customer's sentence hidden is a fault. Five rules keep it so:

* A mail that answers nothing, or passes something on, hides nothing: there is no earlier message of ours in it.
* A quote counts only where it is announced as mail programs do it, or marked line by line (`announcements.py`).
* Words between quoted lines keep everything, since the answer cannot be read without the questions.
* What is not marked reaches to the end of the mail, so it must be certain, and nobody may have said "my answers below".
* Nothing is ever cut to nothing.

The full text stays in the message's `full_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from connectors.email.announcements import (
    Quote,
    attribution,
    first_quote,
    is_by_others,
    is_forwarded,
    is_quoted,
    may_end_announcement,
)
from connectors.email.answers_below import says_below
from connectors.email.context import Context
from connectors.email.quote_marks import ARMOUR, FIELD, WITH_DAY
from connectors.email.signatures import without_signature

MAX_LINES = 5000  # lines in which an answer between quoted ones is looked for
_COMPARED = 400  # lines of a quote that are held against what was said, and characters of a line that are looked at
_WRAPPED = 66  # characters from which a quoted line may have been broken by a mail program

_ANSWER = Context()


def visible(text: str, context: Context = _ANSWER) -> str:
    """What the customer wrote; the whole text if it is all quote, or if they answered between the lines."""
    text = ARMOUR.sub("", text)
    lines = text.split("\n")
    own = _without_trailing_quote(_own_lines(lines, context), context) if context.answers else lines
    kept = without_signature(own, context.author)
    return "\n".join(kept).strip("\n").rstrip() or text.strip()


def quoted(text: str, context: Context = _ANSWER) -> str:
    """What is quoted in a mail, as far as its beginning is certain, without announcements and their fields."""
    lines = ARMOUR.sub("", text).split("\n")
    quote = first_quote(lines, context) if context.answers else None
    if quote is None:
        return ""
    kept: list[str] = []
    for line in lines[quote.start + quote.length :][:_COMPARED]:
        if may_end_announcement(line):
            if kept and WITH_DAY.search(kept[-1][:_COMPARED]):
                kept.pop()  # it was broken over two lines
        elif not FIELD.match(line.lstrip("> \t")):
            kept.append(line)
    return "\n".join(kept)


def _own_lines(lines: list[str], context: Context) -> list[str]:
    """Without the quote that begins somewhere, unless its author answered inside it or below."""
    quote = first_quote(lines, context)
    if quote is None:
        return lines
    parts = _Parts.of(lines, quote)
    if parts.wrote_above and says_below("\n".join(parts.above)):
        return lines
    if not parts.marked:
        return parts.above if parts.wrote_above else lines
    if _answered_between(parts.quoted):
        return parts.above + _without_attributions(parts.quoted + parts.below)  # all of it is needed to understand
    if _says_something(without_signature(parts.below, context.author)):
        below = _own_lines(parts.below, context)
        # The answer stands below the quote; if some stands above too, the quote between belongs to both.
        return parts.above + parts.quoted + below if parts.wrote_above else below
    return parts.above if parts.wrote_above else lines


@dataclass(frozen=True, slots=True)
class _Parts:
    """A mail cut at its first quote: the lines above, the quoted ones (to the last one marked), and those below."""

    above: list[str]
    quoted: list[str]
    below: list[str]
    marked: bool
    wrote_above: bool

    @classmethod
    def of(cls, lines: list[str], quote: Quote) -> _Parts:
        above, rest = lines[: quote.start], lines[quote.start + quote.length :]
        marked = quote.may_be_marked and is_quoted(_first(rest))
        last = max((at for at, line in enumerate(rest[:MAX_LINES]) if is_quoted(line)), default=-1) if marked else -1
        return cls(above, rest[: last + 1], rest[last + 1 :], marked, _says_something(above))


def _first(lines: list[str]) -> str:
    return next((line for line in islice(lines, 60) if line.strip()), "")


def _says_something(lines: list[str]) -> bool:
    return any(line.strip() for line in lines)


def _without_attributions(lines: list[str]) -> list[str]:
    """Without the announcements of quotes that follow marked, as the marks say it already."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        length = 0 if is_quoted(lines[at]) else attribution(lines, at)
        if length and is_quoted(_first(lines[at + length :])):
            at += length
            continue
        kept.append(lines[at])
        at += 1
    return kept


def _answered_between(lines: list[str]) -> bool:
    """Whether own words stand between quoted lines, directly or with blank lines around."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or is_quoted(line) or _is_wrapped_rest(lines, at):
            at += 1
        elif length := attribution(lines, at):
            at += length
        else:
            return True
    return False


def _is_wrapped_rest(lines: list[str], at: int) -> bool:
    """Whether a line is the end of a long quoted one that a program broke without marking it again.

    Only if it is certain: the quoted line is long and no sentence ends with it, and the next goes on in small letters,
    as does this one.
    """
    before, line = lines[at - 1] if at else "", lines[at]
    after = lines[at + 1].lstrip("> \t") if at + 1 < len(lines) and is_quoted(lines[at + 1]) else ""
    return (
        is_quoted(before)
        and len(before) >= _WRAPPED
        and before.rstrip()[-1:] not in ".!?:;…。？！"
        and line[:1].islower()
        and after[:1].islower()
    )


def _without_trailing_quote(lines: list[str], context: Context) -> list[str]:
    """Marked lines at the very end go, unless nothing else is there or the author wants to show them."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or is_quoted(lines[end - 1])):
        end -= 1
    if end == len(lines) or not any(is_quoted(line) for line in lines[end:]):
        return lines
    kept = lines[:end]
    announced = next((n for n in range(1, 7) if n <= len(kept) and attribution(lines, len(kept) - n) == n), 0)
    if not announced and (_leads_on(_last(kept)) or is_forwarded(kept)):
        return lines
    if announced and is_by_others(kept[-announced:], context):
        return lines
    kept = kept[: len(kept) - announced]
    return kept if _says_something(kept) and not says_below("\n".join(kept)) else lines


def _last(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _leads_on(line: str) -> bool:
    """Whether a line of the author's announces what they quote themselves: "I get this error:"."""
    return line.rstrip().endswith((":", "："))
