"""What can be said of a mail that could not be read: its headers at a glance, and that the original is kept.

Only the first kilobytes are looked at, so that nothing further down can do harm a second time.
"""

from __future__ import annotations

import re
from dataclasses import replace

from connectors.email.parse import Envelope, Mail, dedup_key, parse

_HEAD = 16 * 1024  # bytes of headers looked at
_SHOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|in-reply-to|auto-submitted|return-path)[ \t]*:", re.IGNORECASE
)
UNREADABLE = "unreadable"


def remains(raw: bytes, *, account_id: int, envelope: Envelope, reason: str) -> Mail:
    """A message without a body whose meta says `unreadable` and why; never marked as proved to be its sender's."""
    lines = raw[:_HEAD].split(b"\n")
    kept: list[bytes] = []
    wanted = False
    for line in lines[:400]:
        if not line.strip():
            break
        wanted = bool(_SHOWN.match(line)) if line[:1] not in (b" ", b"\t") else wanted
        if wanted:
            kept.append(line[:1000])
    glance = parse(b"\n".join(kept)[:8192] + b"\nX-Nothing: \n\n", account_id=account_id, envelope=envelope)
    inbound = replace(
        glance.inbound,
        raw=raw,
        dedup_key=dedup_key(raw),
        text="",
        meta={**glance.inbound.meta, UNREADABLE: reason},
    )
    return Mail(inbound, None, [*glance.notes, reason])
