"""Bounces that keep to no standard, read by flufl.bounce (the one module that knows it) and by what it misses."""

# ruff: noqa: E501 - the pattern is a list of phrases
from __future__ import annotations

import logging
import re
from email import message_from_bytes

from flufl.bounce import all_failures  # pyright: ignore[reportUnknownVariableType] - its argument is untyped

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs each of its detectors that trips
# What the library does not know: small agents, cloud providers, Chinese providers. The first address after the words.
_WORDS = re.compile(
    rb"(?:(?:error|problem) delivering your (?:mail|message) to|(?:could|can) ?not be delivered to|was not delivered to|unable to deliver (?:your )?(?:mail|message) to"
    rb"|deliver(?:y|ing)? (?:of (?:your|the) (?:mail|message) )?to (?:the following recipients?|this address) (?:has )?failed|following (?:address(?:es)?|recipients?) (?:failed|could not|cannot)"
    + "|未能(?:成功)?(?:送达|投递)|无法(?:送达|投递|发送)|投递失败|收件人(?:邮件)?地址|无法到达".encode()
    + rb")[^@]{0,200}?<?([A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})",
    re.IGNORECASE,
)  # fmt: skip


def failures(raw: bytes) -> tuple[list[str], list[str]]:
    """The addresses that failed for good, and those that failed for now; none if nothing can be made of it."""
    try:
        passing, lasting = all_failures(message_from_bytes(raw))
        if lasting or passing:
            return _texts(lasting), _texts(passing)
    except Exception:  # noqa: BLE001 - foreign code on hostile bytes: what it trips over is no bounce
        return [], []
    said = _WORDS.search(raw[:20_000])
    return ([said[1].decode("ascii")] if said else []), []


def _texts(found: frozenset[bytes]) -> list[str]:
    return sorted(one.decode("utf-8", "replace") for one in found)[:100]
