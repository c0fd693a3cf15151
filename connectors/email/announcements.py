"""Where a mail program says that an earlier message follows, and how far that can be believed.

An announcement never reaches across a blank line or the end of a sentence; an earlier line belongs to it only if the
date stands there and the lines touch. Without marks on the lines below it must be one that programs write: an address
and a time, and not a sentence about what somebody wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from connectors.email.context import Context, same_subject
from connectors.email.quote_marks import (
    ALONE,
    DATED,
    DIVIDER,
    FIELD,
    FORWARDED,
    FROM,
    LOGGED,
    MAIL_FIELD,
    NARRATIVE,
    ONLY_SAID,
    OPENER,
    OPENS,
    QUOTED,
    RULE,
    RUN_ON,
    SPEECH,
    SUBJECT,
    TIMED,
    WITH_ADDRESS,
    WITH_DAY,
    WROTE,
)

_MAX_ENDS = 150  # lines that may end an announcement; looking at one costs up to a millisecond
_MAX_PARTS = 6  # lines over which one is broken
_MAX_LENGTH = 400
_MAX_LOOKED = 20_000  # lines in which a quote begins, or the mail has none
_BLOCK = 12  # lines of a header block
_AROUND = "* \u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_DIGITS = {
    ord(digit): str(n)
    for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯")
    for n, digit in enumerate(digits)
}
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SENTENCE_END = re.compile(r"(?:[!?…。！？]|[^\W\d_]{4,}\.)[\"'”»)]*$")


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a quote begins, and how many lines only announce it.

    `may_be_marked`: whether the lines below may stand behind `>`; if not, the quote reaches to the end as it is.
    """

    start: int
    length: int
    may_be_marked: bool = True


def is_quoted(line: str) -> bool:
    """Whether a line is marked as quoted."""
    return bool(QUOTED.match(line)) and not ONLY_SAID.match(line)


def is_forwarded(lines: list[str]) -> bool:
    """Whether one of the lines says that a message is passed on: what follows is what the customer wants to show."""
    return any(FORWARDED.match(line) for line in lines[:_MAX_LOOKED])


def first_quote(lines: list[str], context: Context) -> Quote | None:
    """The first quote of earlier mail; None if there is none, or if something passed on comes before it."""
    ends = 0
    for at, line in enumerate(lines[:_MAX_LOOKED]):
        if not line.strip():
            continue
        if FORWARDED.match(line):
            return None
        if found := _divided(lines, at, context):
            return found
        if RUN_ON.match(line):
            return Quote(at, 0, may_be_marked=False)
        if may_end_announcement(line) and ends < _MAX_ENDS:
            ends += 1
            start = _announced(lines, at)
            if start is not None and _believable(lines, start, at):
                return None if is_by_others(lines[start : at + 1], context) else Quote(start, at - start + 1)
    return None


def is_by_others(announcement: list[str], context: Context) -> bool:
    """Whether what is announced was written by somebody we never wrote with, and so is new to us.

    By the addresses that stand there: none is ours, the author's, or of a domain of either (their colleague's mail in
    this thread). Where none stands, or ours are not known, it is taken for ours.
    """
    named = [one.lower() for line in announcement for one in WITH_ADDRESS.findall(_DIRECTIONS.sub("", line))]
    known = {one.rpartition("@")[2].strip("<>") for one in (*context.ours, context.author.lower().split(" ")[-1])}
    return bool(context.ours and named) and known.isdisjoint(one.rpartition("@")[2].rstrip(".:>]") for one in named)


def attribution(lines: list[str], at: int) -> int:
    """How many lines an announcement takes that begins here; 0 if none does."""
    for end in range(at, min(at + _MAX_PARTS, len(lines))):
        if not lines[end].strip():
            return 0
        if may_end_announcement(lines[end]):
            return end - at + 1 if _announced(lines, end) == at and _believable(lines, at, end) else 0
    return 0


def _divided(lines: list[str], at: int, context: Context) -> Quote | None:
    """A line that says "original message", or the header block of one."""
    if DIVIDER.match(lines[at]):
        return Quote(at, 1) if _is_of_this_matter(lines, at + 1, context) else None
    if FROM.match(lines[at]) and is_header_block(lines, at):
        begin = _first_field(lines, at)
        if not _introduced(lines, begin) and _is_of_this_matter(lines, begin, context):
            return Quote(_with_rule(lines, begin), 0, may_be_marked=False)
    return None


def _is_of_this_matter(lines: list[str], at: int, context: Context) -> bool:
    """Whether the header block here is of a mail in this thread, and not of one that the customer pasted to show it.

    By an address of ours in it, by who wrote it, and by its subject; a block that has none of these is believed.
    """
    block = [line for line in lines[at : at + _BLOCK] if FIELD.match(line)]
    if any(own in line.lower() for line in block for own in context.ours):
        return True
    if is_by_others([line for line in block if FROM.match(line)], context):
        return False
    subject = next((line for line in block if SUBJECT.match(line)), None)
    return subject is None or same_subject(re.split("[:：|]", subject, maxsplit=1)[1].strip(" *_|"), context.subject)


def is_header_block(lines: list[str], at: int) -> bool:
    """Whether at least three of the next lines are header fields, some of them such as only mail has.

    From, To and Date alone may be a journey that the customer wants to book; and what has another From below it is a
    line of the customer's that looks like one.
    """
    following = [line for line in lines[at : at + _BLOCK] if line.strip()][:7]
    if len(following) > 3 and "@" in following[1] and not FIELD.match(following[1]):
        del following[1]  # a long sender went on there
    if len(following) < 3 or not FIELD.match(following[1]) or FROM.match(following[1]):
        return False
    fields = [line for line in following if FIELD.match(line)]
    return len(fields) >= 3 and any("@" in line or MAIL_FIELD.match(line) for line in fields)


def _first_field(lines: list[str], at: int) -> int:
    """Where the header block begins: some programs write the time above the sender."""
    above = lines[at - 1] if at else ""
    return at - 1 if FIELD.match(above) and not FROM.match(above) and WITH_DAY.search(above) else at


def _introduced(lines: list[str], at: int) -> bool:
    """Whether the customer announces the block themselves: "here is what I got:"."""
    while at and FIELD.match(lines[at - 1]):
        at -= 1
    above = next((line for line in reversed(lines[max(0, at - 3) : at]) if line.strip()), "")
    return above.rstrip().endswith((":", "：")) and not RULE.match(above)


def _with_rule(lines: list[str], at: int) -> int:
    """The line above a header block, if it is a rule; the block's own first line if not."""
    before = at - 1
    while before > 0 and not lines[before].strip():
        before -= 1
    return before if before >= 0 and RULE.match(lines[before]) else at


def may_end_announcement(line: str) -> bool:
    """Whether an announcement may end with this line."""
    return line.rstrip(_AROUND + "\t").endswith((":", "：", "--")) or bool(DATED.match(line))


@lru_cache(maxsize=4096)
def _announces(line: str) -> bool:
    ends = line.rstrip(_AROUND)
    return bool(WROTE.match(line) if ends.endswith((":", "：", "--")) else DATED.match(line))


def _announced(lines: list[str], end: int) -> int | None:
    """Where the announcement that ends here begins, as late as can be; None if none does."""
    start = next((at for at, joined in _reaching(lines, end) if _announces(joined)), None)
    if start is None:
        return None
    own = _joined(lines, start, end)
    if not (WITH_DAY.search(own) and TIMED.search(own)):
        dated = (at for at, joined in _reaching(lines, end) if at < start and _opens(lines[at]) and _announces(joined))
        return next(dated, start)
    # "On Mon," alone above it: a program broke the line at its first comma.
    return start - 1 if start and OPENER.match(lines[start - 1]) else start


def _reaching(lines: list[str], end: int) -> list[tuple[int, str]]:
    """The stretches of lines that end here, each one line longer, as far as one announcement can reach."""
    found: list[tuple[int, str]] = []
    for at in range(end, max(-1, end - _MAX_PARTS), -1):
        if not lines[at].strip() or (at < end and _SENTENCE_END.search(lines[at].rstrip())):
            break
        joined = _joined(lines, at, end)
        if len(joined) > _MAX_LENGTH:
            break
        found.append((at, joined))
    return found


def _joined(lines: list[str], start: int, end: int) -> str:
    return " ".join(line.strip() for line in lines[start : end + 1]).translate(_DIGITS)


def _opens(line: str) -> bool:
    """Whether a line begins an announcement and has its date."""
    line = line.translate(_DIGITS)
    return bool(OPENS.match(line) and WITH_DAY.search(line) and TIMED.search(line))


def _believable(lines: list[str], start: int, end: int) -> bool:
    """Whether an announcement is a program's: with marks below, unless it tells a story; without, only if certain."""
    joined = _joined(lines, start, end)
    addressed = WITH_ADDRESS.search(joined)
    below = next((line for line in lines[end + 1 : end + 5] if line.strip()), "")
    if is_quoted(below):
        return bool(addressed) or not NARRATIVE.search(joined)
    if SPEECH.match(below) or NARRATIVE.search(joined):
        return False
    if ALONE.match(joined) and not LOGGED.match(joined):
        return True
    return bool(addressed and TIMED.search(joined)) and not LOGGED.match(joined)
