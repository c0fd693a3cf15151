"""Mail that somebody passed on: whose it was first, and what it said.

Only found here; whether it counts is the hub's to decide, since only there it is known who works for us. A message
attached whole is trusted before a block of text (RFC 5322 §3.6.6 knows resending, which nobody does).
"""

from __future__ import annotations

from typing import Any

import connectors.email.header as header
import connectors.email.mime as mime
from connectors.email.announcements import is_header_block
from connectors.email.quote_marks import FORWARDED, FROM

_LOOKED_AT = 400  # lines of text
_NEAR = 6  # lines between the words "forwarded message" and its From


def forwarded(root: mime.Part, text: str) -> dict[str, Any] | None:
    """`address`, `name`, `text` and, where known, `message_id` of the mail inside; None if there is none."""
    return _attached(root) or _written(text)


def _attached(root: mime.Part) -> dict[str, Any] | None:
    part = next((p for p in root.leaves() if p.content_type == "message/rfc822"), None)
    if part is None or root.content_type == "multipart/report":
        return None
    headers, _ = mime.split_headers(part.content()[: mime.MAX_HEADER * 2].lstrip(b"\r\n"))
    found = header.addresses(headers.get("from"))
    if not found:
        return None
    ids = header.ids(headers.get("message-id"))
    facts = {"address": found[0].address, "name": found[0].name, "message_id": ids[0] if ids else None}
    return {key: value for key, value in facts.items() if value}


def _written(text: str) -> dict[str, Any] | None:
    lines = [line.removeprefix("> ").removeprefix(">") for line in text.split("\n")[:_LOOKED_AT]]
    for at, line in enumerate(lines):
        if FORWARDED.match(line):
            return _block(lines, at + 1)
    return None


def _block(lines: list[str], start: int) -> dict[str, Any] | None:
    """The sender in the header block that follows closely."""
    for at in range(start, min(start + _NEAR, len(lines))):
        if FROM.match(lines[at]) and is_header_block(lines, at):
            value = lines[at].replace("：", ":").partition(":")[2].strip(" *_\t")
            found = header.addresses(value.replace("[mailto:", "<").replace("]", ">").encode())
            return {"address": found[0].address, "name": found[0].name} if found else None
    return None
