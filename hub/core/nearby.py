"""Two kinds of words that mean something together: one near another, found in time that grows with the text alone."""

from __future__ import annotations

import re


def nearby(one: re.Pattern[str], other: re.Pattern[str], text: str, *, within: int) -> tuple[int, int] | None:
    """From where to where a word of each kind stands, at most `within` characters apart, in whichever order; or None.

    The same place is not both. A single pattern for it would try every pair.
    """
    found = [match.span() for match in one.finditer(text)]
    at = 0
    for match in other.finditer(text):
        start, end = match.span()
        while at < len(found) and found[at][1] < start - within:
            at += 1
        candidate = found[at] if at < len(found) else None
        if candidate == (start, end):
            candidate = found[at + 1] if at + 1 < len(found) else None
        if candidate is not None and candidate[0] <= end + within:
            return min(start, candidate[0]), max(end, candidate[1])
    return None
