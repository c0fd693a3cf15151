from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.twilio.webhook import parse_form

_PIECES = st.sampled_from(
    ["Body", "From", "=", "&", "+", "%", "%2B", "%C3%A9", "%E4%BD", "%zz", "é", "你", ";", " ", "\x00"]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_form_reads_as_the_standard_library_when_anything_is_posted(said: str) -> None:
    body = said.encode()
    assert list(parse_form(body).items()) == parse_qsl(body.decode(), keep_blank_values=True)


def test_form_is_refused_when_it_has_too_many_fields() -> None:
    assert len(parse_form(b"&".join([b"a=1"] * 1000))) == 1000
    with pytest.raises(ValueError, match="too many"):
        parse_form(b"&".join([b"a=1"] * 1001))
