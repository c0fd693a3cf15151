"""What the customer wrote, without what they quoted and without their signature.

Cautious on purpose: a quote shown is a nuisance, a customer's sentence hidden is a fault. So a mark counts only where
mail programs put it and when it is certain, an answer below or between the quoted lines keeps everything, and nothing
is ever cut to nothing. The full text stays in the message's `full_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise

from connectors.email.html import to_text
from connectors.email.quote_marks import (
    ARMOUR,
    CARD,
    CARD_MADE,
    CERTAIN,
    DATED,
    DEVICE,
    DIVIDER,
    FIELD,
    FORM,
    FORWARDED,
    FROM,
    HTML_BEGIN,
    HTML_BLOCK,
    HTML_CITED,
    HTML_REST,
    LOGGED,
    MAIL_FIELD,
    ONLY_SAID,
    OPENS,
    QUOTED,
    RULE,
    RUN_ON,
    SEE_BELOW,
    SIGNATURE,
    SPOKEN,
    TIMED,
    WROTE,
)

MAX_LINES = 5000
_MAX_BLOCKS = 60
_MAX_COLONS = 150  # each may be an announcement, and looking costs up to a millisecond
_QUOTING = re.compile(r"^(?:> ?)+", re.MULTILINE)
_SIGNED_LINES = 15  # a signature is not longer
_CARD_LINES = 8  # nor a card made by a telephone


def html_quotes_marked(html: str) -> str:
    """HTML as text in which quoted blocks stand behind `>`, as they would in a plain mail.

    What reaches to the end by the mark of a known program (Outlook, NetEase, QQ, Yahoo) is left out, unless nothing
    would be left or the author says that the answers are below.
    """
    mark = HTML_REST.search(html, 0, 2_000_000)
    if mark is not None:
        above = to_text(html[: mark.start()])
        if above.strip() and not SEE_BELOW.search(above):
            html = html[: mark.start()]
    whole = to_text(html)
    blocks = list(HTML_BLOCK.finditer(html))
    cited = any(not block[1] and HTML_CITED.search(block[2]) for block in blocks)
    if not cited or len(blocks) > _MAX_BLOCKS:
        return whole
    marked = "\n".join(_marked(html, blocks))
    # Broken HTML may fall apart differently in pieces; then no word of it may be missing.
    return marked if len(_QUOTING.sub("", marked).split()) >= len(whole.split()) else whole


def own_html_end(html: str, shown: str) -> int | None:
    """Where the author's own HTML ends, if what stands before says exactly what is shown; None if it is not certain."""
    marks = [*islice(HTML_REST.finditer(html), 2), *islice(HTML_BEGIN.finditer(html), 3)]
    for mark in sorted(marks, key=lambda found: found.start()):
        if _same_words(visible(to_text(html[: mark.start()])), shown):
            return mark.start()
    return None


def _same_words(one: str, other: str) -> bool:
    return one.split() == other.split()


def _marked(html: str, blocks: list[re.Match[str]]) -> Iterator[str]:
    cited: list[bool] = []
    position = 0
    for block in blocks:
        yield from _prefixed(html[position : block.start()], sum(cited))
        if not block[1]:
            cited.append(bool(HTML_CITED.search(block[2])) or any(cited))
        elif cited:
            cited.pop()
        position = block.end()
    yield from _prefixed(html[position:], sum(cited))


def _prefixed(html: str, depth: int) -> Iterator[str]:
    text = to_text(html)
    if text.strip():
        yield "\n".join([("> " * depth + line).rstrip() for line in text.split("\n")] + [""])


def visible(text: str) -> str:
    """What the customer wrote; the whole text if it is all quote, or if they answered between the lines."""
    text = ARMOUR.sub("", text)
    lines = text.split("\n")
    if len(lines) > MAX_LINES or sum(line.rstrip().endswith((":", "：")) for line in lines) > _MAX_COLONS:
        return text
    kept = _without_signature(_without_trailing_quote(_own_lines(lines)))
    return "\n".join(kept).strip("\n").rstrip() or text.strip()


def _is_quoted(line: str) -> bool:
    return bool(QUOTED.match(line)) and not ONLY_SAID.match(line)


def _own_lines(lines: list[str]) -> list[str]:
    """Without the quote that begins somewhere, unless its author answered inside it."""
    found = _first_quote(lines)
    if found is None:
        return lines
    start, length = found
    before, rest = lines[:start], lines[start + length :]
    wrote_above = any(line.strip() for line in before)
    if wrote_above and SEE_BELOW.search("\n".join(before)):
        return lines
    first = next((line for line in rest if line.strip()), "")
    # What follows a divider or a header block is the old message to its end, unless it is marked.
    certain_to_end = not length or (
        length == 1 and bool(DIVIDER.match(lines[start])) and not first.lstrip().startswith(">")
    )
    marked = [] if certain_to_end and wrote_above else [at for at, line in enumerate(rest) if _is_quoted(line)]
    after = [line for line in _before_signature(rest[marked[-1] + 1 :]) if line.strip()] if marked else []
    if marked and _answered_between(rest[marked[0] : marked[-1]]):
        return before + _without_attributions(rest)  # all of it is needed to understand the answer
    if not wrote_above and first and not _is_quoted(first):
        # Announced and then not marked: their own words may be among it, and without a time so is the announcement.
        return _without_attributions(rest) if TIMED.search("\n".join(lines[start : start + length])) else lines
    if after and _first_quote(rest[marked[-1] + 1 :]) is None:
        # The answer stands below the quote; if some stands above too, the quote between belongs to both.
        return before + (rest if wrote_above else rest[marked[-1] + 1 :])
    return before if wrote_above else lines


def _without_attributions(lines: list[str]) -> list[str]:
    """Without the announcements of quotes that follow marked, as the marks say it already."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        length = 0 if _is_quoted(lines[at]) else _attribution(lines, at)
        if length and _is_quoted(next((line for line in lines[at + length :] if line.strip()), "")):
            at += length
            continue
        kept.append(lines[at])
        at += 1
    return kept


def _first_quote(lines: list[str]) -> tuple[int, int] | None:
    """Where the quoted part begins, and how many lines only announce it."""
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        if DIVIDER.match(line) and not _is_forward(lines, at + 1):
            return at, 1
        if RUN_ON.match(line):
            return at, 0
        length = _attribution(lines, at)
        if length:
            return at, length
        if FROM.match(line) and is_header_block(lines, at) and not _is_forward(lines, at):
            begin = _first_field(lines, at)
            if not _introduced(lines, begin):
                return _with_rule(lines, begin), 0
    return None


def _first_field(lines: list[str], at: int) -> int:
    """Where the header block begins: some programs write the time above the sender."""
    while at and FIELD.match(lines[at - 1]):
        at -= 1
    return at


def _introduced(lines: list[str], at: int) -> bool:
    """Whether the customer announces the block themselves: "here is what I got:"."""
    above = next((line for line in reversed(lines[max(0, at - 3) : at]) if line.strip()), "")
    return above.rstrip().endswith((":", "：")) and not RULE.match(above)


def _is_forward(lines: list[str], at: int) -> bool:
    """Whether the header block belongs to a forwarded message: that is what the customer wants to show us."""
    above = [line for line in lines[max(0, at - 4) : at] if line.strip()]
    return bool(above) and bool(FORWARDED.match(above[-1]))


def _with_rule(lines: list[str], at: int) -> int:
    """The line above a header block, if it is a rule; the block's own first line if not."""
    before = at - 1
    while before > 0 and not lines[before].strip():
        before -= 1
    return before if before >= 0 and RULE.match(lines[before]) else at


def _attribution(lines: list[str], at: int) -> int:
    """How many lines "… wrote:" takes here, broken over up to six; 0 if it does not stand here."""
    joined = ""
    for count in range(1, 7):
        if at + count > len(lines):
            return 0
        joined = f"{joined} {lines[at + count - 1].strip()}".strip()
        if len(joined) > 400:
            return 0
        if _announces(joined):
            sure = CERTAIN.search(joined) and not LOGGED.match(joined)
            return count if sure or _quote_follows(lines, at + count) else 0
        if count == 1 and not OPENS.match(joined):
            return 0
    return 0


@lru_cache(maxsize=4096)
def _announces(line: str) -> bool:
    ends = line.rstrip("* \u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return bool(WROTE.match(line) if ends.endswith((":", "：", "--")) else DATED.match(line))


def _quote_follows(lines: list[str], at: int) -> bool:
    return _is_quoted(next((line for line in lines[at : at + 4] if line.strip()), ""))


def is_header_block(lines: list[str], at: int) -> bool:
    """Whether at least three of the next lines are header fields, some of them such as only mail has.

    From, To and Date alone may be a journey that the customer wants to book.
    """
    following = [line for line in lines[at : at + 12] if line.strip()][:7]
    fields = [line for line in following if FIELD.match(line)]
    return len(fields) >= 3 and any("@" in line or MAIL_FIELD.match(line) for line in fields)


def _answered_between(lines: list[str]) -> bool:
    """Whether own words stand free between quoted lines; a quoted line that was wrapped does not stand free."""
    for number, (before, line) in enumerate(pairwise(lines)):
        free = not before.strip() and line.strip() and not _is_quoted(line) and not line.startswith((" ", "\t"))
        if free and not _attribution(lines, number + 1):
            return True
    return False


def _before_signature(lines: list[str]) -> list[str]:
    own: list[str] = []
    for line in lines:
        if SIGNATURE.match(line) or _is_device(line):
            break
        own.append(line)
    return own


def _without_trailing_quote(lines: list[str]) -> list[str]:
    """Quoted lines at the very end go, unless nothing else is there."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _is_quoted(lines[end - 1])):
        end -= 1
    if end == len(lines) or not any(_is_quoted(line) for line in lines[end:]):
        return lines
    kept = lines[:end]
    while kept and not kept[-1].strip():
        kept.pop()
    announced = next((n for n in range(1, 7) if n <= len(kept) and _attribution(lines, len(kept) - n) == n), 0)
    kept = kept[: len(kept) - announced]
    return kept if any(line.strip() for line in kept) else lines


def _without_signature(lines: list[str]) -> list[str]:
    """From the last signature mark on, if a signature is what follows, and phones' advertisements at the end."""
    lines = _without_devices(lines)
    marks = [at for at, line in enumerate(lines) if SIGNATURE.match(line) and at]
    if marks:
        below = [line for line in lines[marks[-1] + 1 :] if line.strip()]
        form = RULE.match(lines[marks[-1]]) and any(FORM.match(line) for line in below)
        spoken = any(line.rstrip().endswith(("?", "？")) or SPOKEN.search(line[:1000]) for line in below)
        if len(below) <= _SIGNED_LINES and not spoken and not form:
            lines = lines[: marks[-1]]
    return _without_devices(lines)


def _is_device(line: str) -> bool:
    return len(line) <= 200 and bool(DEVICE.match(line))


def _without_devices(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and (not lines[end - 1].strip(" \t\xa0\u1427") or _is_device(lines[end - 1])):
        end -= 1
        if CARD_MADE.match(lines[end]):
            end = next((at for at in range(max(0, end - _CARD_LINES), end) if CARD.match(lines[at])), end)
    return lines[:end]
