"""Words near each other, against trying every pair."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from hub.core.nearby import nearby

ONE, OTHER = re.compile("[ab]+"), re.compile("[bc]+")


@given(text=st.text(alphabet="abc.", max_size=40), within=st.integers(0, 6))
def test_what_is_found_is_near_and_what_is_near_is_found(text: str, within: int) -> None:
    pairs = [
        (min(a.start(), b.start()), max(a.end(), b.end()))
        for a in ONE.finditer(text)
        for b in OTHER.finditer(text)
        if a.span() != b.span() and b.start() - a.end() <= within and a.start() - b.end() <= within
    ]
    found = nearby(ONE, OTHER, text, within=within)
    assert (found in pairs) if pairs else found is None
