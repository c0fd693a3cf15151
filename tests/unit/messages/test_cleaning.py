from __future__ import annotations

from dataclasses import replace

import pytest

from hub.channels.model import AddressKind, Inbound
from hub.messages.cleaning import tidy

_PLAIN = Inbound(
    1, "k", b"raw", "text/plain", AddressKind.PHONE, "+14155550100", "Grüezi, 你好", meta={"to": "+1", "files": 0}
)


def test_tidy_leaves_a_message_alone_when_everything_can_be_kept() -> None:
    assert tidy(_PLAIN) is _PLAIN


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ({"text": "a\x00b"}, {"text": "a\ufffdb"}),
        ({"text": "a\ud800b"}, {"text": "a?b"}),
        ({"name": "n" * 300}, {"name": "n" * 200}),
        ({"external_id": "\x00"}, {"external_id": "\ufffd"}),
        ({"meta": {"to": "\x00"}}, {"meta": {"to": "\ufffd"}}),
        ({"meta": {"\ud800": 1}}, {"meta": {"?": 1}}),
        ({"meta": {"a": {"b": ["\x00"]}}}, {"meta": {"a": {"b": ["\ufffd"]}}}),
        ({"references": ("\x00",)}, {"references": ("\ufffd",)}),
        ({"address": " +1 (415) 555-0100"}, {"address": "+14155550100"}),
    ],
)
def test_tidy_changes_only_what_cannot_be_kept_when_something_is_odd(
    odd: dict[str, object], kept: dict[str, object]
) -> None:
    assert tidy(replace(_PLAIN, **odd)) == replace(_PLAIN, **kept)
